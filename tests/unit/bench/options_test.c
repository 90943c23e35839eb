#include "tests/bench/options.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define READ(options, why, ...)                                                  \
    read_all((options), (why), (const char *const[]){"bench-load", __VA_ARGS__}, \
             sizeof((const char *const[]){"bench-load", __VA_ARGS__}) / sizeof(char *))

static bool read_all(struct options *options, struct buf *why, const char *const *arguments,
                     size_t count)
{
    char *argv[16];
    assert_true(count <= ARRAY_LEN(argv));
    memcpy(argv, arguments, count * sizeof(char *));
    buf_clear(why);
    return options_read(options, (int)count, argv, why);
}

static void test_values_come_behind_a_blank_or_an_equals_sign(void **state UNUSED)
{
    struct options options;
    struct buf why;
    buf_init(&why, 1000);
    assert_true(READ(&options, &why, "streams", "--users", "15000", "--push-rate=7", "--retry",
                     "--label", "x=y"));
    assert_int_equal(options.mode, MODE_STREAMS);
    assert_int_equal(options.users, 15000);
    assert_int_equal(options.push_rate, 7);
    assert_true(options.retry);
    assert_string_equal(options.label, "x=y");
    assert_int_equal(options.senders, 128);
    buf_done(&why);
}

static void test_what_is_wrong_is_named(void **state UNUSED)
{
    struct options options;
    struct buf why;
    buf_init(&why, 1000);
    assert_false(READ(&options, &why, "dance"));
    assert_non_null(strstr(buf_c(&why), "dance"));
    assert_false(READ(&options, &why, "life", "--user", "3"));
    assert_false(READ(&options, &why, "life", "users", "3"));
    assert_false(READ(&options, &why, "life", "--users"));
    assert_false(READ(&options, &why, "life", "--users", "1"));
    assert_false(READ(&options, &why, "life", "--users", "3x"));
    assert_false(READ(&options, &why, "life", "--retry=yes"));
    assert_false(READ(&options, &why, "life", "--receivers", "pigeon"));
    assert_non_null(strstr(buf_c(&why), "--receivers"));
    assert_false(READ(&options, &why, "life", "--ack", "never"));
    buf_done(&why);
}

static void test_help_names_every_mode_and_option(void **state UNUSED)
{
    struct buf help;
    buf_init(&help, 16 * 1024);
    options_help(&help);
    assert_non_null(strstr(buf_c(&help), "life|sends|streams"));
    assert_non_null(strstr(buf_c(&help), "--sources"));
    buf_done(&help);
}

#define TEST(name) cmocka_unit_test(name)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_values_come_behind_a_blank_or_an_equals_sign),
        TEST(test_what_is_wrong_is_named),
        TEST(test_help_names_every_mode_and_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
