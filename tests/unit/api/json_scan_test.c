#include "api/json_scan.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* The classes of the well-known suites of JSON parsing tests, in our own words: what a strict
 * parser takes, and what it refuses though many a lenient one does not. Each stands as the value of
 * a member, or as a whole text. */
static const struct str values_taken[] = {
    STR("0"),
    STR("-0"),
    STR("1"),
    STR("-1"),
    STR("123.456789"),
    STR("1e1"),
    STR("1E+2"),
    STR("1e-2"),
    STR("0e1"),
    STR("0.5e+10"),
    STR("-0.0"),
    STR("20e1"),
    STR("1E22"),
    STR("123123e100000"),
    STR("-123123123123123123123123123123"),
    STR("-0.000000000000000000000000000000000000000000000000000000000000000000000000000001"),
    STR("true"),
    STR("false"),
    STR("null"),
    STR("\"\""),
    STR("\" \""),
    STR("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
    STR("\"\\u0060\\u012a\\u12AB\""),
    STR("\"\\u0000\""),
    STR("\"\\ud801\\udc37\""),
    STR("\"\\uD834\\uDd1e\""),
    STR("\"\\uFFFF\\uFDD0\\uFFFE\""),
    STR("\"\\uDBFF\\uDFFE\""),
    STR("\"\\\\u0000\""),
    STR("\"\x7f\""),
    STR("\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\""),
    STR("\"\xe2\x80\xa8\xe2\x80\xa9\xef\xbb\xbf\""),
    STR("\"/*comment*/\""),
    STR("[]"),
    STR("[ ]"),
    STR("[[],[[]],{}]"),
    STR("[1,null,\"a\",true]"),
    STR("{\"\":0}"),
    STR("{\"a\":{\"a\":{\"a\":1}},\"b\":{\"a\":1}}"),
    STR("[{\"a\":1},{\"a\":1}]"),
    STR("\t\n\r 1 \t\n\r "),
};
static const struct str values_refused[] = {
    STR(""),
    STR("01"),
    STR("-01"),
    STR("-012"),
    STR("+1"),
    STR("++1"),
    STR("-"),
    STR("--1"),
    STR("- 1"),
    STR(".1"),
    STR("-.1"),
    STR("1."),
    STR("0.e1"),
    STR("1.e1"),
    STR("0.1.2"),
    STR("1e"),
    STR("1e+"),
    STR("1E-"),
    STR("1eE2"),
    STR("1 000"),
    STR("1_0"),
    STR("0x42"),
    STR("1a"),
    STR("1]"),
    STR("NaN"),
    STR("Inf"),
    STR("-Infinity"),
    STR("nan"),
    STR("infinity"),
    STR("tru"),
    STR("True"),
    STR("TRUE"),
    STR("nul"),
    STR("truefalse"),
    STR("undefined"),
    STR("'a'"),
    STR("a"),
    STR("\"a"),
    STR("\""),
    STR("\"\\"),
    STR("\"\\\""),
    STR("\"\\x00\""),
    STR("\"\\a\""),
    STR("\"\\0\""),
    STR("\"\\\xc3\xa9\""),
    STR("\"\\u\""),
    STR("\"\\u00\""),
    STR("\"\\u00A\""),
    STR("\"\\u00G0\""),
    STR("\"\\U0041\""),
    STR("\"\\ud800\""),
    STR("\"\\ud800a\""),
    STR("\"\\ud800\\n\""),
    STR("\"\\ud800\\u\""),
    STR("\"\\ud800\\ud800\""),
    STR("\"\\ud800\\u0041\""),
    STR("\"\\udc00\""),
    STR("\"\\udc00\\ud800\""),
    STR("\"\n\""),
    STR("\"\t\""),
    STR("\"\x1f\""),
    STR("\"a\0b\""),
    STR("\"\xff\""),
    STR("\"\x80\""),
    STR("\"\xc0\x80\""),
    STR("\"\xc0\xaf\""),
    STR("\"\xe0\x80\xaf\""),
    STR("\"\xed\xa0\x80\""),
    STR("\"\xf4\x90\x80\x80\""),
    STR("\"\xf8\x88\x80\x80\x80\""),
    STR("\"\xc3\""),
    STR("\"\xe2\x82\""),
    STR("["),
    STR("]"),
    STR("[1"),
    STR("[1,"),
    STR("[1,]"),
    STR("[,1]"),
    STR("[1,,2]"),
    STR("[1 2]"),
    STR("[1}"),
    STR("[\"a\":1]"),
    STR("[1]]"),
    STR("{"),
    STR("{\"a\"}"),
    STR("{\"a\":}"),
    STR("{\"a\" 1}"),
    STR("{\"a\"::1}"),
    STR("{\"a\":1,}"),
    STR("{\"a\":1,,\"b\":2}"),
    STR("{,\"a\":1}"),
    STR("{\"a\":1 \"b\":2}"),
    STR("{a:1}"),
    STR("{'a':1}"),
    STR("{1:1}"),
    STR("{null:1}"),
    STR("{\"a\":1]"),
    STR("{\"a\":1,\"a\":2}"),
    STR("{\"a\":1,\"\\u0061\":2}"),
    STR("{\"\\u00e9\":1,\"\xc3\xa9\":2}"),
    STR("{\"\\/\":1,\"/\":2}"),
    STR("{\"\":1,\"\":2}"),
    STR("{\"a\\u0000\":1,\"a\\u0000\":2}"),
    STR("{\"a\":1,\"b\":{\"c\":1,\"c\":1}}"),
    STR("1 /* c */"),
    STR("1 // c"),
    STR("\v1"),
    STR("\f1"),
    STR("\xc2\xa0 1"),
    STR("1\0"),
};
static const struct str texts_refused[] = {
    STR(""),
    STR(" "),
    STR("\xef\xbb\xbf{}"),
    STR("\xff\xfe{\0}\0"),
    STR("{}{}"),
    STR("{} x"),
    STR("{}]"),
    STR("{}\0"),
    STR("{}#"),
    STR("[]"),
    STR("1"),
    STR("\"a\""),
    STR("null"),
    STR("true"),
    STR("{"),
    STR("{\"a\":1"),
    STR("{}}"),
    STR("*"),
};

static enum err scan(struct str text)
{
    struct json_scan result;
    char *copy = malloc(MAX(text.len, 1)); /* no longer, so that a sanitizer sees its end */
    if (text.len) memcpy(copy, text.ptr, text.len);
    enum err err = json_scan(str_of(copy, text.len), &result);
    if (err != OK) {
        assert_non_null(result.why);
        assert_true(result.at <= text.len);
    }
    json_scan_done(&result);
    free(copy);
    return err;
}

static enum err scan_value(struct str value)
{
    struct buf text;
    buf_init(&text, 4096);
    assert_int_equal(buf_printf(&text, "{\"x\":[%s", ""), OK);
    assert_int_equal(buf_add(&text, value), OK);
    assert_int_equal(buf_add(&text, STR("]}")), OK);
    enum err err = scan(buf_str(&text));
    buf_done(&text);
    return err;
}

static void test_whatever_the_grammar_has_is_taken(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(values_taken); i++)
        if (scan_value(values_taken[i]) != OK) fail_msg("refused: %s", values_taken[i].ptr);
    assert_int_equal(scan(STR("{}")), OK);
    assert_int_equal(scan(STR(" \t\r\n{ } \n")), OK);
}

static void test_whatever_the_grammar_lacks_is_refused(void **state UNUSED)
{
    for (size_t i = 1; i < ARRAY_LEN(values_refused); i++)
        if (scan_value(values_refused[i]) == OK) fail_msg("taken: %s", values_refused[i].ptr);
    for (size_t i = 0; i < ARRAY_LEN(texts_refused); i++)
        if (scan(texts_refused[i]) == OK) fail_msg("taken: %s", texts_refused[i].ptr);
}

static void test_no_beginning_of_a_text_is_a_text(void **state UNUSED)
{
    struct str whole =
        STR("{\"a\":[1.5e3,true,null,{\"b\":\"\\ud83d\\ude00 \xc3\xa9\"}],\"c\":-0}");
    assert_int_equal(scan(whole), OK);
    for (size_t len = 0; len < whole.len; len++)
        assert_int_equal(scan(str_of(whole.ptr, len)), ERR_BAD_JSON);
}

static enum err scan_nested(size_t depth, const char *open, const char *close)
{
    struct buf text;
    buf_init(&text, 1 << 20);
    for (size_t i = 0; i < depth; i++)
        assert_int_equal(buf_printf(&text, "%s", open), OK);
    for (size_t i = 0; i < depth; i++)
        assert_int_equal(buf_printf(&text, "%s", close), OK);
    enum err err = scan(buf_str(&text));
    buf_done(&text);
    return err;
}

static void test_nesting_ends_at_32(void **state UNUSED)
{
    assert_int_equal(scan_nested(1, "{\"a\":[", "]}"), OK);
    for (size_t depth = 30; depth < 35; depth++) {
        struct buf text;
        buf_init(&text, 1024);
        assert_int_equal(buf_add(&text, STR("{\"a\":")), OK);
        for (size_t i = 1; i < depth; i++)
            assert_int_equal(buf_add_char(&text, '['), OK);
        for (size_t i = 1; i < depth; i++)
            assert_int_equal(buf_add_char(&text, ']'), OK);
        assert_int_equal(buf_add_char(&text, '}'), OK);
        assert_int_equal(scan(buf_str(&text)), depth <= JSON_DEPTH_MAX ? OK : ERR_BAD_JSON);
        buf_done(&text);
    }
    assert_int_equal(scan_nested(100000, "{\"a\":[", "]}"), ERR_BAD_JSON);
}

static void test_twins_are_found_among_thousands_of_names(void **state UNUSED)
{
    for (int twin = 0; twin < 2; twin++) {
        struct buf text;
        buf_init(&text, 1 << 20);
        assert_int_equal(buf_add(&text, STR("{")), OK);
        for (int i = 0; i < 20000; i++)
            assert_int_equal(buf_printf(&text, "\"n%d\":1,", i), OK);
        assert_int_equal(buf_printf(&text, "\"n%d\":1}", twin ? 7 : 20000), OK);
        assert_int_equal(scan(buf_str(&text)), twin ? ERR_BAD_JSON : OK);
        buf_done(&text);
    }
}

static void test_marks_stand_in_the_order_of_the_text(void **state UNUSED)
{
    static const char expected[] = {JSON_MARK_NONE, JSON_MARK_INTEGER, JSON_MARK_NUL,
                                    JSON_MARK_NONE, JSON_MARK_NUL,     JSON_MARK_INTEGER,
                                    JSON_MARK_NONE, JSON_MARK_NONE};
    struct json_scan result;
    struct str text = STR("{\"a\":1,\"\\u0000\":[1.0,\"\\u0000\",-5,null],\"b\":1e3}");
    assert_int_equal(json_scan(text, &result), OK);
    assert_int_equal(result.marks.len, sizeof(expected));
    assert_memory_equal(result.marks.bytes, expected, sizeof(expected));
    assert_false(result.has_long_numbers);
    json_scan_done(&result);
}

static void test_fault_is_told_with_its_place(void **state UNUSED)
{
    struct json_scan result;
    assert_int_equal(json_scan(STR("{\"a\":1,\"a\":2}"), &result), ERR_BAD_JSON);
    assert_string_equal(result.why, "a name stands twice in one object");
    assert_int_equal(result.at, 7);
    json_scan_done(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whatever_the_grammar_has_is_taken),
        cmocka_unit_test(test_whatever_the_grammar_lacks_is_refused),
        cmocka_unit_test(test_no_beginning_of_a_text_is_a_text),
        cmocka_unit_test(test_nesting_ends_at_32),
        cmocka_unit_test(test_twins_are_found_among_thousands_of_names),
        cmocka_unit_test(test_marks_stand_in_the_order_of_the_text),
        cmocka_unit_test(test_fault_is_told_with_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
