#include "base/buf.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_grows_up_to_its_cap_and_not_a_byte_further(void **state UNUSED)
{
    struct buf buf;
    buf_init(&buf, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(buf_add_char(&buf, (char)('a' + i % 26)), OK);
    assert_int_equal(buf_add_char(&buf, 'x'), ERR_TOO_LARGE);
    assert_int_equal(buf_add(&buf, STR("x")), ERR_TOO_LARGE);
    assert_int_equal(buf_printf(&buf, "%d", 1), ERR_TOO_LARGE);
    assert_int_equal(buf_add(&buf, STR("")), OK);
    assert_int_equal(buf.len, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(buf.bytes[i], 'a' + i % 26);
    assert_int_equal(strlen(buf_c(&buf)), 1000);
    buf_done(&buf);
}

static void test_a_failed_add_changes_nothing(void **state UNUSED)
{
    struct buf buf;
    buf_init(&buf, 4);
    assert_int_equal(buf_add(&buf, STR("abc")), OK);
    assert_int_equal(buf_add(&buf, STR("de")), ERR_TOO_LARGE);
    assert_int_equal(buf_printf(&buf, "%s", "de"), ERR_TOO_LARGE);
    assert_int_equal(buf_reserve(&buf, SIZE_MAX), ERR_TOO_LARGE);
    assert_true(str_equal(buf_str(&buf), STR("abc")));
    assert_int_equal(buf_add_char(&buf, 'd'), OK);
    assert_true(str_equal(buf_str(&buf), STR("abcd")));
    buf_done(&buf);
}

static void test_printf_appends_whatever_room_was_there(void **state UNUSED)
{
    struct buf buf;
    buf_init(&buf, 10000);
    for (int i = 0; i < 500; i++)
        assert_int_equal(buf_printf(&buf, "%04d,", i), OK);
    assert_int_equal(buf.len, 2500);
    assert_memory_equal(buf.bytes, "0000,0001,", 10);
    assert_memory_equal(buf.bytes + 2495, "0499,", 5);
    buf_done(&buf);
}

static void test_drop_front_and_truncate_keep_what_lies_between(void **state UNUSED)
{
    struct buf buf;
    buf_init(&buf, 100);
    assert_int_equal(buf_add(&buf, STR("0123456789")), OK);
    buf_drop_front(&buf, 0);
    buf_drop_front(&buf, 3);
    assert_true(str_equal(buf_str(&buf), STR("3456789")));
    buf_truncate(&buf, 2);
    assert_string_equal(buf_c(&buf), "34");
    buf_drop_front(&buf, 2);
    assert_int_equal(buf.len, 0);
    buf_done(&buf);
}

static void test_an_empty_one_is_an_empty_c_string(void **state UNUSED)
{
    struct buf buf;
    buf_init(&buf, 0);
    assert_string_equal(buf_c(&buf), "");
    assert_int_equal(buf_add_char(&buf, 'x'), ERR_TOO_LARGE);
    buf_done(&buf);
}

static void test_is_usable_again_after_done(void **state UNUSED)
{
    struct buf buf;
    buf_init(&buf, 3);
    assert_int_equal(buf_add(&buf, STR("abc")), OK);
    buf_done(&buf);
    assert_null(buf.bytes);
    assert_int_equal(buf_add(&buf, STR("def")), OK);
    assert_int_equal(buf_add(&buf, STR("g")), ERR_TOO_LARGE);
    buf_done(&buf);
}

static void test_reserved_room_is_writable(void **state UNUSED)
{
    struct buf buf;
    buf_init(&buf, 8192);
    assert_int_equal(buf_reserve(&buf, 8192), OK);
    memset(buf.bytes, 'x', 8192);
    buf.len = 8192;
    assert_int_equal(strlen(buf_c(&buf)), 8192);
    buf_done(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grows_up_to_its_cap_and_not_a_byte_further),
        cmocka_unit_test(test_a_failed_add_changes_nothing),
        cmocka_unit_test(test_printf_appends_whatever_room_was_there),
        cmocka_unit_test(test_drop_front_and_truncate_keep_what_lies_between),
        cmocka_unit_test(test_an_empty_one_is_an_empty_c_string),
        cmocka_unit_test(test_is_usable_again_after_done),
        cmocka_unit_test(test_reserved_room_is_writable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
