#include "api/cursor.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_only_one_spelling_is_a_cursor(void **state UNUSED)
{
    static const struct {
        struct str text;
        bool is_good;
        uint32_t epoch;
        uint64_t seq;
    } cases[] = {
        {STR("1.0"), true, 1, 0},
        {STR("0.0"), true, 0, 0},
        {STR("7.42"), true, 7, 42},
        {STR("4294967295.18446744073709551615"), true, UINT32_MAX, UINT64_MAX},
        {STR("4294967296.1"), false, 0, 0},
        {STR("1.18446744073709551616"), false, 0, 0},
        {STR(""), false, 0, 0},
        {STR("."), false, 0, 0},
        {STR("1"), false, 0, 0},
        {STR("1."), false, 0, 0},
        {STR(".1"), false, 0, 0},
        {STR("1.2.3"), false, 0, 0},
        {STR("01.2"), false, 0, 0},
        {STR("1.02"), false, 0, 0},
        {STR("00.0"), false, 0, 0},
        {STR("-1.2"), false, 0, 0},
        {STR("+1.2"), false, 0, 0},
        {STR("1.-2"), false, 0, 0},
        {STR(" 1.2"), false, 0, 0},
        {STR("1.2 "), false, 0, 0},
        {STR("1.2\n"), false, 0, 0},
        {STR("1.2\0"), false, 0, 0},
        {STR("a.b"), false, 0, 0},
        {STR("0x1.2"), false, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint32_t epoch = 0;
        uint64_t seq = 0;
        assert_int_equal(cursor_parse(cases[i].text, &epoch, &seq), cases[i].is_good);
        assert_int_equal(epoch, cases[i].epoch);
        assert_true(seq == cases[i].seq);
    }
    uint32_t epoch;
    uint64_t seq;
    assert_false(cursor_parse(STR_NONE, &epoch, &seq));
}

static void test_what_is_written_is_read_back(void **state UNUSED)
{
    static const struct {
        uint32_t epoch;
        uint64_t seq;
        const char *text;
    } cases[] = {{0, 0, "0.0"},
                 {1, 10, "1.10"},
                 {UINT32_MAX, UINT64_MAX, "4294967295.18446744073709551615"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cursor_text text = cursor_format(cases[i].epoch, cases[i].seq);
        uint32_t epoch;
        uint64_t seq;
        assert_string_equal(text.bytes, cases[i].text);
        assert_int_equal(text.len, strlen(cases[i].text));
        assert_true(cursor_parse(str_of(text.bytes, text.len), &epoch, &seq));
        assert_int_equal(epoch, cases[i].epoch);
        assert_true(seq == cases[i].seq);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_one_spelling_is_a_cursor),
        cmocka_unit_test(test_what_is_written_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
