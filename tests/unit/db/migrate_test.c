#include "db/migrate.h"
#include "tests/support/mariadb.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static bool said(struct buf *report, const char *what)
{
    return strstr(buf_c(report), what) != NULL;
}

static enum err run(struct test_db *db, struct buf *report)
{
    buf_clear(report);
    return migrate_run(&db->config, report);
}

static enum err check(struct test_db *db, struct buf *report)
{
    buf_clear(report);
    return migrate_check(&db->config, report);
}

static int setup(void **state)
{
    static struct test_db db;
    test_db_start(&db);
    *state = &db;
    return 0;
}

static int teardown(void **state)
{
    test_db_stop(*state);
    return 0;
}

static void test_second_run_changes_nothing(void **state)
{
    struct test_db *db = *state;
    struct buf report;
    buf_init(&report, 4096);
    assert_int_equal(run(db, &report), OK);
    assert_false(said(&report, "applied"));
    assert_true(said(&report, "the schema has version"));
    assert_int_equal(check(db, &report), OK);
    buf_done(&report);
}

static void test_interrupted_run_is_finished_by_the_next(void **state)
{
    struct test_db *db = *state;
    struct buf report;
    buf_init(&report, 4096);
    test_db_execute(db, "DELETE FROM schema_migrations"); /* the tables are there already */
    assert_int_equal(check(db, &report), ERR_CONFIG);
    assert_int_equal(run(db, &report), OK);
    assert_true(said(&report, "migration 1 applied"));
    assert_int_equal(check(db, &report), OK);
    buf_done(&report);
}

static void test_changed_migration_is_refused(void **state)
{
    struct test_db *db = *state;
    struct buf report;
    buf_init(&report, 4096);
    test_db_execute(db, "UPDATE schema_migrations SET checksum = REVERSE(checksum)");
    assert_int_equal(run(db, &report), ERR_CONFIG);
    assert_true(said(&report, "another content"));
    assert_int_equal(check(db, &report), ERR_CONFIG);
    test_db_execute(db, "UPDATE schema_migrations SET checksum = REVERSE(checksum)");
    assert_int_equal(check(db, &report), OK);
    buf_done(&report);
}

static void test_newer_schema_is_refused(void **state)
{
    struct test_db *db = *state;
    struct buf report;
    buf_init(&report, 4096);
    test_db_execute(db, "INSERT INTO schema_migrations VALUES (1000, 'later', 'x', 0)");
    assert_int_equal(run(db, &report), ERR_CONFIG);
    assert_true(said(&report, "newer than this program"));
    test_db_execute(db, "DELETE FROM schema_migrations WHERE version = 1000");
    buf_done(&report);
}

static void test_unreachable_server_is_said_with_its_reason(void **state)
{
    struct test_db *db = *state;
    struct config config = db->config;
    struct buf report;
    buf_init(&report, 4096);
    config.db_socket = STR("/nonexistent/socket");
    assert_int_equal(migrate_run(&config, &report), ERR_LOST);
    assert_true(said(&report, "/nonexistent/socket"));
    assert_int_equal(migrate_check(&config, &report), ERR_LOST);
    buf_done(&report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_second_run_changes_nothing),
        cmocka_unit_test(test_interrupted_run_is_finished_by_the_next),
        cmocka_unit_test(test_changed_migration_is_refused),
        cmocka_unit_test(test_newer_schema_is_refused),
        cmocka_unit_test(test_unreachable_server_is_said_with_its_reason),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
