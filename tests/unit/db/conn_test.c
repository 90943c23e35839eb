#include "base/clock.h"
#include "db/conn.h"
#include "db/stmt.h"
#include "tests/support/mariadb.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct conn *connect_to(struct test_db *db)
{
    struct conn *conn = NULL;
    assert_int_equal(conn_open(&db->config, NULL, &conn), OK);
    return conn;
}

static enum err query(struct conn *conn, const char *sql)
{
    return conn_query(conn, str_from_c(sql));
}

static int setup(void **state)
{
    static struct test_db db;
    test_db_start(&db);
    test_db_execute(&db, "CREATE TABLE t (id INT PRIMARY KEY, word VARCHAR(10)) ENGINE=InnoDB");
    *state = &db;
    return 0;
}

static int teardown(void **state)
{
    test_db_stop(*state);
    return 0;
}

static int empty(void **state)
{
    test_db_execute(*state, "DELETE FROM t");
    return 0;
}

static void test_what_is_not_committed_is_not_there(void **state)
{
    struct test_db *db = *state;
    struct conn *conn = connect_to(db);
    conn_begin(conn);
    assert_int_equal(query(conn, "INSERT INTO t VALUES (1, 'a')"), OK);
    conn_rollback(conn);
    assert_int_equal(test_db_count(db, "SELECT 1 FROM t"), 0);
    conn_begin(conn);
    assert_int_equal(query(conn, "INSERT INTO t VALUES (1, 'a')"), OK);
    assert_int_equal(conn_commit(conn), OK);
    assert_int_equal(query(conn, "INSERT INTO t VALUES (2, 'b')"), OK); /* commits by itself */
    assert_int_equal(test_db_count(db, "SELECT 1 FROM t"), 2);
    conn_begin(conn);
    assert_int_equal(query(conn, "INSERT INTO t VALUES (3, 'c')"), OK);
    conn_close(conn);
    assert_int_equal(test_db_count(db, "SELECT 1 FROM t"), 2);
}

static void test_empty_transaction_costs_no_round_trip(void **state)
{
    struct conn *conn = connect_to(*state);
    conn_set_deadline(conn, clock_mono_ms() - 1); /* any wait would lose the connection */
    conn_begin(conn);
    assert_int_equal(conn_commit(conn), OK);
    conn_begin(conn);
    conn_rollback(conn);
    assert_false(conn_is_lost(conn));
    conn_close(conn);
}

static void test_nothing_is_committed_past_an_error(void **state)
{
    struct test_db *db = *state;
    struct conn *conn = connect_to(db);
    conn_begin(conn);
    assert_int_equal(query(conn, "INSERT INTO t VALUES (1, 'a')"), OK);
    assert_int_equal(query(conn, "INSERT INTO t VALUES (2, 'much too long for it')"), ERR_INTERNAL);
    assert_non_null(strstr(conn_error(conn), "1406"));
    assert_int_equal(conn_commit(conn), ERR_RETRY);
    assert_int_equal(test_db_count(db, "SELECT 1 FROM t"), 0);
    conn_close(conn);
}

static void test_errors_say_what_to_do(void **state)
{
    struct conn *conn = connect_to(*state);
    static const struct {
        const char *sql;
        enum err err;
    } cases[] = {
        {"INSERT INTO t VALUES (1, 'a')", OK},
        {"INSERT INTO t VALUES (1, 'a')", ERR_DUPLICATE},
        {"no SQL", ERR_INTERNAL},
        {"SELECT * FROM missing", ERR_INTERNAL},
        {"SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213", ERR_RETRY},
        {"SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1205", ERR_RETRY},
        {"SIGNAL SQLSTATE '70100' SET MYSQL_ERRNO = 1317", ERR_RETRY},
        {"SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1105", ERR_UNAVAILABLE},
        {"SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1290", ERR_UNAVAILABLE},
        {"SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1040", ERR_UNAVAILABLE},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(query(conn, cases[i].sql), cases[i].err);
        assert_false(conn_is_lost(conn));
    }
    assert_int_equal(query(conn, "SIGNAL SQLSTATE '08S01' SET MYSQL_ERRNO = 1053"), ERR_LOST);
    assert_true(conn_is_lost(conn));
    assert_int_equal(query(conn, "INSERT INTO t VALUES (2, 'b')"), ERR_LOST);
    conn_close(conn);
}

static void test_killed_connection_is_lost(void **state)
{
    struct test_db *db = *state;
    struct conn *conn = connect_to(db);
    test_db_kill_connections(db);
    assert_int_equal(query(conn, "INSERT INTO t VALUES (1, 'a')"), ERR_LOST);
    assert_true(conn_is_lost(conn));
    conn_close(conn);
}

static void test_connection_lost_before_commit_leaves_it_uncertain(void **state)
{
    struct test_db *db = *state;
    struct conn *conn = connect_to(db);
    conn_begin(conn);
    assert_int_equal(query(conn, "INSERT INTO t VALUES (1, 'a')"), OK);
    test_db_kill_connections(db);
    assert_int_equal(conn_commit(conn), ERR_UNCERTAIN);
    assert_true(conn_is_lost(conn));
    conn_close(conn);
}

static void test_answer_is_awaited_up_to_the_deadline(void **state)
{
    struct conn *conn = connect_to(*state);
    int64_t start_ms = clock_mono_ms();
    conn_set_deadline(conn, start_ms + 200);
    assert_int_equal(query(conn, "DO SLEEP(10)"), ERR_LOST);
    int64_t took_ms = clock_mono_ms() - start_ms;
    assert_true(took_ms >= 199 && took_ms < 5000);
    assert_true(conn_is_lost(conn));
    assert_non_null(strstr(conn_error(conn), "deadline"));
    conn_close(conn);
}

static void test_refused_connection_says_why(void **state)
{
    struct test_db *db = *state;
    struct config config = db->config;
    struct conn *conn = NULL;
    struct buf why;
    buf_init(&why, 512);
    config.db_user = STR("nobody");
    assert_int_equal(conn_open(&config, &why, &conn), ERR_LOST);
    assert_non_null(strstr(buf_c(&why), "Access denied"));
    assert_null(conn);
    conn_close(conn);
    buf_done(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_what_is_not_committed_is_not_there, empty),
        cmocka_unit_test_setup(test_empty_transaction_costs_no_round_trip, empty),
        cmocka_unit_test_setup(test_nothing_is_committed_past_an_error, empty),
        cmocka_unit_test_setup(test_errors_say_what_to_do, empty),
        cmocka_unit_test_setup(test_killed_connection_is_lost, empty),
        cmocka_unit_test_setup(test_connection_lost_before_commit_leaves_it_uncertain, empty),
        cmocka_unit_test_setup(test_answer_is_awaited_up_to_the_deadline, empty),
        cmocka_unit_test_setup(test_refused_connection_says_why, empty),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
