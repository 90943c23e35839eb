#include "base/str.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_equal_compares_bytes_and_lengths(void **state UNUSED)
{
    assert_true(str_equal(STR("ab"), STR("ab")));
    assert_false(str_equal(STR("ab"), STR("abc")));
    assert_false(str_equal(STR("ab"), STR("aB")));
    assert_true(str_equal(STR_NONE, STR("")));
    assert_true(str_equal(str_from_c(NULL), STR_NONE));
}

static void test_nocase_folds_ascii_letters_only(void **state UNUSED)
{
    assert_true(str_equal_nocase(STR("Content-Type"), STR("cONTENT-tYPE")));
    assert_false(str_equal_nocase(STR("@"), STR("`")));
    assert_false(str_equal_nocase(STR("["), STR("{")));
    assert_false(str_equal_nocase(STR("\xc3\x84"), STR("\xc3\xa4")));
    assert_false(str_equal_nocase(STR("a"), STR("ab")));
}

static void test_secrets_are_equal_only_if_every_byte_is(void **state UNUSED)
{
    assert_true(str_equal_secret(STR("secret\0x"), STR("secret\0x")));
    assert_false(str_equal_secret(STR("secret\0x"), STR("secret\0y")));
    assert_false(str_equal_secret(STR("secret"), STR("secre")));
    assert_true(str_equal_secret(STR_NONE, STR("")));
}

static void test_order_is_by_bytes_then_by_length(void **state UNUSED)
{
    assert_true(str_compare(STR("a"), STR("b")) < 0);
    assert_true(str_compare(STR("b"), STR("aa")) > 0);
    assert_true(str_compare(STR("a"), STR("aa")) < 0);
    assert_true(str_compare(STR("\x7f"), STR("\x80")) < 0);
    assert_int_equal(str_compare(STR_NONE, STR("")), 0);
}

static void test_starts_needs_the_whole_prefix(void **state UNUSED)
{
    assert_true(str_starts(STR("Bearer x"), STR("Bearer ")));
    assert_true(str_starts(STR("x"), STR_NONE));
    assert_false(str_starts(STR("Bear"), STR("Bearer")));
}

static void test_trim_takes_spaces_and_tabs_off_both_ends(void **state UNUSED)
{
    assert_true(str_equal(str_trim(STR(" \t a b\t ")), STR("a b")));
    assert_true(str_is_empty(str_trim(STR(" \t "))));
    assert_true(str_equal(str_trim(STR("\na\n")), STR("\na\n")));
    assert_true(str_is_empty(str_trim(STR_NONE)));
}

static void test_from_clamps(void **state UNUSED)
{
    assert_true(str_equal(str_from(STR("abc"), 1), STR("bc")));
    assert_true(str_is_empty(str_from(STR("abc"), 3)));
    assert_true(str_is_empty(str_from(STR("abc"), 99)));
    assert_true(str_is_empty(str_from(STR_NONE, 1)));
}

static void test_cut_walks_all_fields_and_ends(void **state UNUSED)
{
    struct str rest = STR("a,,b,");
    const struct str fields[] = {STR("a"), STR(""), STR("b"), STR("")};
    size_t count = 0;
    while (rest.ptr) {
        assert_true(count < ARRAY_LEN(fields));
        assert_true(str_equal(str_cut(&rest, ','), fields[count++]));
    }
    assert_int_equal(count, ARRAY_LEN(fields));
    assert_true(str_is_empty(str_cut(&rest, ',')));
}

static void test_numbers_are_digits_up_to_the_bound(void **state UNUSED)
{
    static const struct {
        const char *text;
        uint64_t max, value;
        bool is_good;
    } cases[] = {
        {"0", 0, 0, true},
        {"7", 6, 0, false},
        {"65535", 65535, 65535, true},
        {"65536", 65535, 0, false},
        {"007", 10, 7, true},
        {"18446744073709551615", UINT64_MAX, UINT64_MAX, true},
        {"18446744073709551616", UINT64_MAX, 0, false},
        {"99999999999999999999", UINT64_MAX, 0, false},
        {"", 9, 0, false},
        {"-1", 9, 0, false},
        {"+1", 9, 0, false},
        {" 1", 9, 0, false},
        {"1 ", 9, 0, false},
        {"1e3", 9999, 0, false},
        {"0x1", 99, 0, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t value = 4711;
        bool is_good = str_to_u64(str_from_c(cases[i].text), cases[i].max, &value);
        assert_int_equal(is_good, cases[i].is_good);
        assert_true(value == (is_good ? cases[i].value : 4711));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_compares_bytes_and_lengths),
        cmocka_unit_test(test_nocase_folds_ascii_letters_only),
        cmocka_unit_test(test_secrets_are_equal_only_if_every_byte_is),
        cmocka_unit_test(test_order_is_by_bytes_then_by_length),
        cmocka_unit_test(test_starts_needs_the_whole_prefix),
        cmocka_unit_test(test_trim_takes_spaces_and_tabs_off_both_ends),
        cmocka_unit_test(test_from_clamps),
        cmocka_unit_test(test_cut_walks_all_fields_and_ends),
        cmocka_unit_test(test_numbers_are_digits_up_to_the_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
