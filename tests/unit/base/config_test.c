#include "base/config.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

static struct config config;
static struct buf why;
static char path[64];

static int config_setup(void **state UNUSED)
{
    config_init(&config);
    buf_init(&why, 64 * 1024);
    snprintf(path, sizeof(path), "/tmp/parley-config-test.%d", (int)getpid());
    return 0;
}

static int config_teardown(void **state UNUSED)
{
    config_done(&config);
    buf_done(&why);
    unlink(path);
    return 0;
}

static enum err read_text(struct str text)
{
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text.ptr, text.len), text.len);
    close(fd);
    buf_clear(&why);
    return config_read_file(&config, path, &why);
}

static enum err read_flag(const char *first, const char *second)
{
    char *argv[] = {(char *)(uintptr_t) "parleyd", (char *)(uintptr_t)first,
                    (char *)(uintptr_t)second, NULL};
    buf_clear(&why);
    return config_read_flags(&config, first ? second ? 3 : 2 : 1, argv, &why);
}

static enum err read_variable(const char *variable)
{
    char *env[] = {(char *)(uintptr_t) "HOME=/", (char *)(uintptr_t)variable, NULL};
    buf_clear(&why);
    return config_read_env(&config, env, &why);
}

static void assert_string(struct str s, const char *expected)
{
    assert_string_equal(s.ptr, expected); /* NUL-terminated, as the header says */
    assert_int_equal(s.len, strlen(expected));
}

static void test_defaults_are_those_of_the_table(void **state UNUSED)
{
    assert_string(config.listen, "127.0.0.1:8080");
    assert_string(config.db_socket, "");
    assert_int_equal(config.db_port, 3306);
    assert_true(config.h1_takeover);
    assert_false(config.dev);
}

static void test_a_file_has_keys_values_comments_and_blank_lines(void **state UNUSED)
{
    assert_int_equal(read_text(STR("# a comment\n\n  db_port = 3307 \r\n\tdev=yes\n"
                                   "db_password = with # and = inside\n"
                                   "h1_takeover = off\nlog_level =")),
                     OK);
    assert_int_equal(why.len, 0);
    assert_int_equal(config.db_port, 3307);
    assert_true(config.dev);
    assert_false(config.h1_takeover);
    assert_string(config.db_password, "with # and = inside");
    assert_string(config.log_level, "");
}

static void test_every_fault_of_a_file_is_told_with_its_line(void **state UNUSED)
{
    assert_int_equal(read_text(STR("db_port = 0\ndb_prot = 1\ndev = maybe\nlisten\n"
                                   "db_user = a\ndb_user = b\nDB_HOST = x\nredis = a\x01\n"
                                   "db_lanes = 1 2\n")),
                     ERR_CONFIG);
    char expected[1024];
    snprintf(expected, sizeof(expected),
             "%s:1: db_port: must be a number from 1 to 65535\n%s:2: db_prot: unknown option\n"
             "%s:3: dev: must be true or false\n%s:4: listen: is not followed by = and a value\n"
             "%s:6: db_user: given twice\n%s:7: DB_HOST: unknown option\n"
             "%s:8: redis: holds a control character\n"
             "%s:9: db_lanes: must be a number from 1 to 64\n",
             path, path, path, path, path, path, path, path);
    assert_string_equal(buf_c(&why), expected);
    assert_int_equal(config.db_port, 3306);
    assert_string(config.db_user, "a");
}

static void test_a_file_that_cannot_be_read_is_a_fault(void **state UNUSED)
{
    static char big[65 * 1024];
    memset(big, '#', sizeof(big));
    assert_int_equal(config_read_file(&config, "/nonexistent/parley.conf", &why), ERR_CONFIG);
    assert_string_equal(buf_c(&why),
                        "/nonexistent/parley.conf: config: No such file or directory\n");
    assert_int_equal(read_text(str_of(big, sizeof(big))), ERR_CONFIG);
    assert_non_null(strstr(buf_c(&why), "too large"));
    assert_int_equal(config_read_file(&config, "/", &why), ERR_CONFIG);
}

static void test_the_environment_uses_upper_case_and_a_prefix(void **state UNUSED)
{
    assert_int_equal(read_variable("PARLEY_DB_PORT=3308"), OK);
    assert_int_equal(config.db_port, 3308);
    assert_int_equal(read_variable("PARLEY_DEV=1"), OK);
    assert_true(config.dev);
    assert_int_equal(read_variable("PARLEY_REDIS=unix:/run/a=b"), OK);
    assert_string(config.redis, "unix:/run/a=b");
}

static void test_unknown_variables_are_refused_but_those_of_tests(void **state UNUSED)
{
    static const char *const bad[] = {"PARLEY_NOPE=1",      "PARLEY_db_port=1", "PARLEY_=1",
                                      "PARLEY_DB-PORT=1",   "PARLEY_TEST=1",    "PARLEY_DB_PORT",
                                      "PARLEY_FAULTS=none", "PARLEY_DB_PORT=x"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(read_variable(bad[i]), ERR_CONFIG);
    assert_string_equal(buf_c(&why), "environment: db_port: must be a number from 1 to 65535\n");
    assert_int_equal(read_variable("PARLEY_FAULT=x:kill:1"), OK);
    assert_int_equal(read_variable("PARLEY_TEST_DB=1"), OK);
    assert_int_equal(read_variable("PARLEYX=1"), OK);
}

static void test_flags_take_their_value_in_either_form(void **state UNUSED)
{
    assert_int_equal(read_flag("--db-port", "3309"), OK);
    assert_int_equal(config.db_port, 3309);
    assert_int_equal(read_flag("--db-port=3310", NULL), OK);
    assert_int_equal(config.db_port, 3310);
    assert_int_equal(read_flag("--redis=", "--dev"), OK);
    assert_string(config.redis, "");
    assert_true(config.dev);
    assert_int_equal(read_flag("--no-dev", "--no-h1-takeover"), OK);
    assert_false(config.dev || config.h1_takeover);
    assert_int_equal(read_flag("--dev=true", "--config=ignored"), OK);
    assert_true(config.dev);
    assert_int_equal(read_flag("--config", "ignored"), OK);
    assert_int_equal(read_flag(NULL, NULL), OK);
}

static void test_wrong_flags_are_named(void **state UNUSED)
{
    static const struct {
        const char *first, *second, *why;
    } cases[] = {
        {"--nope", NULL, "flags: --nope: unknown flag\n"},
        {"--db_port", "1", "flags: --db_port: unknown flag\nflags: 1: unexpected argument\n"},
        {"--DEV", NULL, "flags: --DEV: unknown flag\n"},
        {"--db-port", NULL, "flags: --db-port: needs a value\n"},
        {"--config", NULL, "flags: --config: needs a value\n"},
        {"--db-port", "99999", "flags: db_port: must be a number from 1 to 65535\n"},
        {"--no-db-port", NULL, "flags: --no-db-port: unknown flag\n"},
        {"--no-dev=1", NULL, "flags: --no-dev: takes no value\n"},
        {"--dev", "true", "flags: true: unexpected argument\n"},
        {"--", NULL, "flags: --: unknown flag\n"},
        {"-v", NULL, "flags: -v: unexpected argument\n"},
        {"--a-name-that-is-longer-than-any-option-of-the-table-is", NULL,
         "flags: --a-name-that-is-longer-than-any-option-of-the-table-is: unknown flag\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(read_flag(cases[i].first, cases[i].second), ERR_CONFIG);
        assert_string_equal(buf_c(&why), cases[i].why);
    }
}

static void test_the_first_argument_may_be_a_flag_already(void **state UNUSED)
{
    char *argv[] = {(char *)(uintptr_t) "--db-port=3311", (char *)(uintptr_t) "--config",
                    (char *)(uintptr_t) "a.conf", NULL};
    assert_int_equal(config_read_flags(&config, 3, argv, &why), OK);
    assert_int_equal(config.db_port, 3311);
    assert_string_equal(config_file_flag(3, argv), "a.conf");
    assert_null(config_file_flag(2, argv));
    argv[1] = (char *)(uintptr_t) "--config=b.conf";
    assert_string_equal(config_file_flag(2, argv), "b.conf");
}

static void test_what_is_printed_reads_back_and_hides_the_secret(void **state UNUSED)
{
    struct buf text;
    buf_init(&text, 64 * 1024);
    assert_int_equal(read_flag("--db-password=hunter2", "--db-port=3312"), OK);
    config_print(&config, &text);
    assert_null(strstr(buf_c(&text), "hunter2"));
    assert_non_null(strstr(buf_c(&text), "db_password = ***\n"));
    assert_non_null(strstr(buf_c(&text), "h1_takeover = true\n"));
    config_done(&config);
    config_init(&config);
    assert_int_equal(read_text(buf_str(&text)), OK);
    assert_int_equal(config.db_port, 3312);
    buf_done(&text);
}

static void test_help_has_a_line_an_option(void **state UNUSED)
{
    struct buf text;
    buf_init(&text, 64 * 1024);
    config_help(&text);
    assert_non_null(strstr(buf_c(&text), "  --db-port "));
    assert_non_null(strstr(buf_c(&text), "(3306; 1..65535)\n"));
    assert_non_null(strstr(buf_c(&text), "(off)\n"));
    assert_non_null(strstr(buf_c(&text), "(none)\n"));
    buf_done(&text);
}

static void test_a_full_why_is_no_crash(void **state UNUSED)
{
    struct buf small;
    buf_init(&small, 10);
    assert_int_equal(config_read_file(&config, "/nonexistent/parley.conf", &small), ERR_CONFIG);
    config_print(&config, &small);
    config_help(&small);
    assert_true(small.len <= 10);
    buf_done(&small);
}

#define CONFIG_TEST(name) cmocka_unit_test_setup_teardown(name, config_setup, config_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONFIG_TEST(test_defaults_are_those_of_the_table),
        CONFIG_TEST(test_a_file_has_keys_values_comments_and_blank_lines),
        CONFIG_TEST(test_every_fault_of_a_file_is_told_with_its_line),
        CONFIG_TEST(test_a_file_that_cannot_be_read_is_a_fault),
        CONFIG_TEST(test_the_environment_uses_upper_case_and_a_prefix),
        CONFIG_TEST(test_unknown_variables_are_refused_but_those_of_tests),
        CONFIG_TEST(test_flags_take_their_value_in_either_form),
        CONFIG_TEST(test_wrong_flags_are_named),
        CONFIG_TEST(test_the_first_argument_may_be_a_flag_already),
        CONFIG_TEST(test_what_is_printed_reads_back_and_hides_the_secret),
        CONFIG_TEST(test_help_has_a_line_an_option),
        CONFIG_TEST(test_a_full_why_is_no_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
