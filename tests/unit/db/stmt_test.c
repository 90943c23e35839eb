#include "db/stmt.h"
#include "tests/support/mariadb.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct place {
    struct test_db db;
    struct conn *conn;
};

static int setup(void **state)
{
    static struct place place;
    test_db_start(&place.db);
    assert_int_equal(conn_open(&place.db.config, NULL, &place.conn), OK);
    *state = &place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    conn_close(place->conn);
    test_db_stop(&place->db);
    return 0;
}

static int empty(void **state)
{
    struct place *place = *state;
    test_db_execute(&place->db, "DELETE FROM users");
    test_db_execute(&place->db, "DELETE FROM inbox");
    test_db_execute(&place->db, "DELETE FROM messages");
    return 0;
}

static void add_user(struct place *place, struct str user_id)
{
    const struct value values[] = {value_str(user_id), value_int(7), value_int(8)};
    assert_int_equal(stmt_run(place->conn, STMT_USERS_ENSURE, values, ARRAY_LEN(values), NULL), OK);
    assert_int_equal(stmt_affected(place->conn), 1);
}

static void assert_next_seq(struct place *place, struct str user_id, uint64_t want)
{
    struct value key = value_str(user_id);
    struct rows rows;
    assert_int_equal(stmt_run(place->conn, STMT_USER_POSITION, &key, 1, &rows), OK);
    assert_true(rows_next(&rows));
    assert_int_equal(rows_u64(&rows, 0), 7);
    assert_int_equal(rows_u64(&rows, 1), want);
    assert_false(rows_next(&rows));
    rows_done(&rows);
}

static void test_items_are_repeated_as_often_as_values_reach(void **state)
{
    struct place *place = *state;
    add_user(place, STR("ann"));
    add_user(place, STR("bob"));
    const struct value values[] = {value_str(STR("ann")), value_str(STR("bob")),
                                   value_str(STR("cy"))};
    for (size_t count = 1; count <= ARRAY_LEN(values); count++) {
        struct rows rows;
        assert_int_equal(stmt_run(place->conn, STMT_USERS_EXIST, values, count, &rows), OK);
        assert_int_equal(rows_count(&rows), count < 2 ? count : 2);
        rows_done(&rows);
    }
}

static void test_first_list_ends_where_its_values_say(void **state)
{
    struct place *place = *state;
    add_user(place, STR("ann"));
    add_user(place, STR("bob"));
    const struct value values[] = {value_str(STR("bob")), value_int(5), value_list_end(),
                                   value_str(STR("ann")), value_str(STR("bob"))};
    assert_int_equal(
        stmt_run(place->conn, STMT_USERS_ADVANCE_MORE, values, ARRAY_LEN(values), NULL), OK);
    assert_int_equal(stmt_affected(place->conn), 2);
    assert_next_seq(place, STR("ann"), 2);
    assert_next_seq(place, STR("bob"), 6);
}

/* Columns of STMT_INBOX_ADD: the text is the content. */
static void add_row(struct place *place, uint64_t seq, struct str text)
{
    const struct value values[] = {
        value_str(STR("ann")), value_int((int64_t)seq), value_int(1),       value_str(STR("")),
        value_str(STR("")),    value_str(STR("")),      value_str(STR("")), value_int(0),
        value_str(text),       value_str(STR("")),      value_int(-5),      value_int(0),
        value_int(1)};
    assert_int_equal(stmt_run(place->conn, STMT_INBOX_ADD, values, ARRAY_LEN(values), NULL), OK);
}

static void test_text_comes_back_byte_for_byte(void **state)
{
    static const char *const texts[] = {
        "",
        "'",
        "\\",
        "\\'",
        "?",
        "a\"b",
        "\n\r\t\x1a%_",
        "-- x",
        "caf\xc3\xa9",
        "\xf0\x9f\x98\x80",
    };
    struct place *place = *state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        add_row(place, i + 1, str_from_c(texts[i]));
    const struct value values[] = {value_str(STR("ann")), value_int(0), value_int(1),
                                   value_int(100)};
    struct rows rows;
    assert_int_equal(stmt_run(place->conn, STMT_INBOX_PAGE, values, ARRAY_LEN(values), &rows), OK);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_true(rows_next(&rows));
        struct str text = rows_str(&rows, 7);
        assert_int_equal(text.len, strlen(texts[i]));
        assert_memory_equal(text.ptr, texts[i], text.len);
        assert_int_equal(rows_str(&rows, 9).len, 2); /* -5 */
    }
    rows_done(&rows);
}

static void test_bytes_come_back_byte_for_byte(void **state)
{
    struct place *place = *state;
    char fingerprint[16];
    for (size_t i = 0; i < sizeof(fingerprint); i++)
        fingerprint[i] = (char)(i * 17);
    const struct value key[] = {value_str(STR("ann")), value_str(STR("id"))};
    const struct value values[] = {key[0],
                                   key[1],
                                   value_int(INT64_MAX),
                                   value_str(STR("bob")),
                                   value_bytes(str_of(fingerprint, sizeof(fingerprint))),
                                   value_int(INT64_MIN)};
    struct rows rows;
    assert_int_equal(stmt_run(place->conn, STMT_MESSAGES_ADD, values, ARRAY_LEN(values), NULL), OK);
    assert_int_equal(stmt_run(place->conn, STMT_MESSAGES_FIND, key, ARRAY_LEN(key), &rows), OK);
    assert_true(rows_next(&rows));
    assert_int_equal(rows_u64(&rows, 2), INT64_MAX);
    assert_int_equal(rows_str(&rows, 3).len, sizeof(fingerprint));
    assert_memory_equal(rows_str(&rows, 3).ptr, fingerprint, sizeof(fingerprint));
    assert_int_equal(rows_str(&rows, 4).len, 20);
    rows_done(&rows);
}

static void test_null_is_told_from_zero(void **state)
{
    struct place *place = *state;
    add_user(place, STR("ann"));
    const struct value values[] = {value_str(STR("none")), value_str(STR("ann"))};
    struct rows rows;
    assert_int_equal(stmt_run(place->conn, STMT_DEVICE_OPEN, values, ARRAY_LEN(values), &rows), OK);
    assert_true(rows_next(&rows));
    assert_true(rows_is_null(&rows, 2));
    assert_false(rows_is_null(&rows, 1));
    assert_int_equal(rows_u64(&rows, 2), 0);
    assert_null(rows_str(&rows, 2).ptr);
    rows_done(&rows);
    rows_done(&rows); /* twice is fine */
    assert_false(rows_next(&rows));
    assert_int_equal(rows_count(&rows), 0);
}

static void test_huge_statement_passes(void **state)
{
    enum { LEN = 1024 * 1024 };
    struct place *place = *state;
    static char text[LEN];
    memset(text, '\'', sizeof(text));
    add_row(place, 1, str_of(text, sizeof(text)));
    assert_int_equal(
        test_db_count(&place->db, "SELECT 1 FROM inbox WHERE LENGTH(content) = %d", (int)LEN), 1);
    add_row(place, 2, STR("small again"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_items_are_repeated_as_often_as_values_reach, empty),
        cmocka_unit_test_setup(test_first_list_ends_where_its_values_say, empty),
        cmocka_unit_test_setup(test_text_comes_back_byte_for_byte, empty),
        cmocka_unit_test_setup(test_bytes_come_back_byte_for_byte, empty),
        cmocka_unit_test_setup(test_null_is_told_from_zero, empty),
        cmocka_unit_test_setup(test_huge_statement_passes, empty),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
