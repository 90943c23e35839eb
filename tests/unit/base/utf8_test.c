#include "base/utf8.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_every_scalar_value_round_trips(void **state UNUSED)
{
    for (uint32_t code_point = 0; code_point <= 0x10ffff; code_point++) {
        if (code_point == 0xd800) code_point = 0xe000;
        char bytes[4];
        size_t len = utf8_encode(code_point, bytes);
        if (utf8_step(str_of(bytes, len)) != len || !utf8_is_valid(str_of(bytes, len)) ||
            utf8_count(str_of(bytes, len)) != 1 || utf8_step(str_of(bytes, len - 1)) != 0)
            fail_msg("U+%04X", code_point);
    }
}

static void test_ill_formed_sequences_are_refused(void **state UNUSED)
{
    static const struct str cases[] = {
        STR("\x80"),             /* a tail alone */
        STR("\xc0\x80"),         /* overlong NUL */
        STR("\xc1\xbf"),         /* overlong in two */
        STR("\xe0\x9f\xbf"),     /* overlong in three */
        STR("\xf0\x8f\xbf\xbf"), /* overlong in four */
        STR("\xed\xa0\x80"),     /* a surrogate */
        STR("\xed\xbf\xbf"),     /* another */
        STR("\xf4\x90\x80\x80"), /* U+110000 */
        STR("\xf5\x80\x80\x80"),
        STR("\xff"),
        STR("\xfe"),
        STR("\xc3"),         /* cut off */
        STR("\xe2\x82"),     /* cut off */
        STR("\xf0\x9f\x98"), /* cut off */
        STR("\xc3\x28"),     /* no tail */
        STR("\xe2\x28\xa1"),
        STR("\xe2\x82\x28"),
        STR("\xf0\x9f\x98\xc0"),
        STR("eight by\xffte"), /* behind the ASCII stride */
        STR("seven..\xff"),
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_false(utf8_is_valid(cases[i]));
}

static void test_counts_code_points_not_bytes(void **state UNUSED)
{
    assert_int_equal(utf8_count(STR("")), 0);
    assert_int_equal(utf8_count(STR("abc")), 3);
    assert_int_equal(utf8_count(STR("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80x")), 4);
}

static void test_valid_text_of_every_length_passes(void **state UNUSED)
{
    const struct str text = STR("0123456789abcdef\xe2\x82\xacghijklmnop\0q");
    assert_true(utf8_is_valid(text));
    assert_true(utf8_is_valid(STR_NONE));
    for (size_t len = 0; len <= 16; len++)
        assert_true(utf8_is_valid(str_of(text.ptr, len)));
    for (size_t at = 0; at <= 16; at++)
        assert_true(utf8_is_valid(str_from(text, at)));
    assert_false(utf8_is_valid(str_from(text, 17)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_scalar_value_round_trips),
        cmocka_unit_test(test_ill_formed_sequences_are_refused),
        cmocka_unit_test(test_counts_code_points_not_bytes),
        cmocka_unit_test(test_valid_text_of_every_length_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
