#include "api/json_in.h"
#include "base/buf.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct json *parse(struct str text)
{
    struct json *root = NULL;
    const char *why = "";
    size_t at = 0;
    if (json_parse(text, &root, &why, &at) != OK) fail_msg("%s at %zu", why, at);
    return root;
}

static void test_members_are_told_by_kind(void **state UNUSED)
{
    struct json *root =
        parse(STR("{\"n\":1.5,\"s\":\"x\",\"a\":[1],\"o\":{},\"t\":true,\"f\":false}"));
    assert_int_equal(json_kind(root), JSON_OBJECT);
    assert_int_equal(json_kind(json_member(root, "n")), JSON_NUMBER);
    assert_int_equal(json_kind(json_member(root, "s")), JSON_STRING);
    assert_int_equal(json_kind(json_member(root, "a")), JSON_ARRAY);
    assert_int_equal(json_kind(json_member(root, "o")), JSON_OBJECT);
    assert_int_equal(json_kind(json_member(root, "t")), JSON_BOOL);
    assert_int_equal(json_kind(json_member(root, "f")), JSON_BOOL);
    json_free(root);
}

static void test_null_member_counts_as_absent(void **state UNUSED)
{
    struct json *root = parse(STR("{\"a\":null,\"b\":[null]}"));
    assert_null(json_member(root, "a"));
    assert_null(json_member(root, "c"));
    assert_null(json_member(root, "B")); /* names are told apart by case */
    assert_int_equal(json_kind(json_first(json_member(root, "b"))), JSON_NULL);
    json_free(root);
}

static void test_arrays_are_walked_in_order(void **state UNUSED)
{
    struct json *root = parse(STR("{\"a\":[\"x\",\"y\",\"z\"],\"e\":[]}"));
    const struct json *array = json_member(root, "a"), *item = json_first(array);
    assert_int_equal(json_count(array), 3);
    for (const char *want = "xyz"; *want; want++, item = json_next(item)) {
        assert_int_equal(json_str(item).len, 1);
        assert_int_equal(json_str(item).ptr[0], *want);
    }
    assert_null(item);
    assert_int_equal(json_count(json_member(root, "e")), 0);
    assert_null(json_first(json_member(root, "e")));
    json_free(root);
}

static void test_escapes_become_what_they_say(void **state UNUSED)
{
    struct json *root = parse(STR("{\"s\":\"\\u00e9\\ud83d\\ude00\\n\\/\\\"\"}"));
    assert_true(str_equal(json_str(json_member(root, "s")), STR("\xc3\xa9\xf0\x9f\x98\x80\n/\"")));
    json_free(root);
}

static void test_nul_in_a_string_is_remembered(void **state UNUSED)
{
    struct json *root = parse(STR("{\"a\":\"x\\u0000y\",\"b\":\"xy\",\"c\":[\"\",\"\\u0000\"]}"));
    assert_true(json_has_nul(json_member(root, "a")));
    assert_true(str_equal(json_str(json_member(root, "a")), STR("x")));
    assert_false(json_has_nul(json_member(root, "b")));
    const struct json *first = json_first(json_member(root, "c"));
    assert_false(json_has_nul(first));
    assert_true(json_has_nul(json_next(first)));
    json_free(root);
}

static void test_name_with_nul_is_no_other_name(void **state UNUSED)
{
    struct json *root = parse(STR("{\"userId\\u0000x\":\"eve\",\"userId\":\"ann\"}"));
    assert_true(str_equal(json_str(json_member(root, "userId")), STR("ann")));
    json_free(root);
    root = parse(STR("{\"userId\\u0000\":\"eve\"}"));
    assert_null(json_member(root, "userId"));
    json_free(root);
}

static void test_only_plain_integers_are_integers(void **state UNUSED)
{
    static const struct {
        struct str text;
        bool is_integer;
        int64_t value;
    } cases[] = {
        {STR("0"), true, 0},
        {STR("-0"), true, 0},
        {STR("101"), true, 101},
        {STR("-7"), true, -7},
        {STR("9007199254740991"), true, 9007199254740991},
        {STR("-9007199254740991"), true, -9007199254740991},
        {STR("9007199254740992"), false, 0},
        {STR("9007199254740993"), false, 0},
        {STR("18446744073709551616"), false, 0},
        {STR("1000000000000000000000000000000000000000000000000000000000000000000000"), false, 0},
        {STR("1.0"), false, 0},
        {STR("1e3"), false, 0},
        {STR("1E0"), false, 0},
        {STR("0.5"), false, 0},
        {STR("\"1\""), false, 0},
        {STR("true"), false, 0},
        {STR("[1]"), false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf text;
        int64_t value = 0;
        buf_init(&text, 256);
        assert_int_equal(buf_printf(&text, "{\"n\":%s}", cases[i].text.ptr), OK);
        struct json *root = parse(buf_str(&text));
        const struct json *number = json_member(root, "n");
        assert_int_equal(json_integer(number, INT64_MIN, INT64_MAX, &value), cases[i].is_integer);
        assert_int_equal(value, cases[i].value);
        json_free(root);
        buf_done(&text);
    }
}

static void test_integer_keeps_to_its_bounds(void **state UNUSED)
{
    int64_t value = 77;
    struct json *root = parse(STR("{\"n\":91}"));
    const struct json *number = json_member(root, "n");
    assert_false(json_integer(number, 0, 90, &value));
    assert_false(json_integer(number, 92, 100, &value));
    assert_int_equal(value, 77);
    assert_true(json_integer(number, 91, 91, &value));
    assert_int_equal(value, 91);
    json_free(root);
}

/* cJSON alone refuses these: it reads 63 bytes of a number. */
static void test_numbers_of_any_length_are_read(void **state UNUSED)
{
    double value;
    struct str text = STR(
        "{\"a\":-0.000000000000000000000000000000000000000000000000000000000000000000000000012,"
        "\"s\":\"\\\"1111111111111111111111111111111111111111111111111111111111111111111111111\","
        "\"b\":[3.14159265358979323846264338327950288419716939937510582097494459230781640628620,"
        "1000000000000000000000000000000000000000000000000000000000000000000000000000000000000],"
        "\"c\":1e00000000000000000000000000000000000000000000000000000000000000000000000000400}");
    struct json *root = parse(text);
    assert_true(json_number(json_member(root, "a"), &value));
    assert_true(value == -1.2e-74);
    assert_int_equal(json_str(json_member(root, "s")).len, 74);
    const struct json *first = json_first(json_member(root, "b"));
    assert_true(json_number(first, &value) && value == 3.14159265358979323846);
    assert_true(json_number(json_next(first), &value) && value == 1e84);
    assert_false(json_number(json_member(root, "c"), &value)); /* beyond what a double holds */
    json_free(root);
}

static void test_what_is_no_object_is_refused_with_a_reason(void **state UNUSED)
{
    static const struct str texts[] = {STR(""), STR("[]"), STR("\"a\""), STR("{\"a\":01}"),
                                       STR("{} {}")};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct json *root = NULL;
        const char *why = NULL;
        size_t at = SIZE_MAX;
        assert_int_equal(json_parse(texts[i], &root, &why, &at), ERR_BAD_JSON);
        assert_null(root);
        assert_non_null(why);
        assert_true(at <= texts[i].len);
    }
    json_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_are_told_by_kind),
        cmocka_unit_test(test_null_member_counts_as_absent),
        cmocka_unit_test(test_arrays_are_walked_in_order),
        cmocka_unit_test(test_escapes_become_what_they_say),
        cmocka_unit_test(test_nul_in_a_string_is_remembered),
        cmocka_unit_test(test_name_with_nul_is_no_other_name),
        cmocka_unit_test(test_only_plain_integers_are_integers),
        cmocka_unit_test(test_integer_keeps_to_its_bounds),
        cmocka_unit_test(test_numbers_of_any_length_are_read),
        cmocka_unit_test(test_what_is_no_object_is_refused_with_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
