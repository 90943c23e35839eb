#include "tests/bench/scan.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_names_find_their_values_raw(void **state UNUSED)
{
    struct scan fields[] = {{.name = STR("a")},
                            {.name = STR("n")},
                            {.name = STR("list")},
                            {.name = STR("none")},
                            {.name = STR("b")}};
    assert_true(scan_object(STR("{\"a\":\"x\\\"y\",\"inner\":{\"b\":\"no\"}, \"n\" : -1.5e3,\n"
                                "\"list\":[1,\"]\",{}],\"b\":true}"),
                            fields, ARRAY_LEN(fields)));
    assert_true(str_equal(fields[0].value, STR("x\\\"y")));
    assert_true(str_equal(fields[1].value, STR("-1.5e3")));
    assert_true(str_equal(fields[2].value, STR("[1,\"]\",{}]")));
    assert_null(fields[3].value.ptr);
    assert_true(str_equal(fields[4].value, STR("true")));
}

static void test_an_empty_object_has_no_fields(void **state UNUSED)
{
    struct scan field = {.name = STR("a")};
    assert_true(scan_object(STR(" { } "), &field, 1));
    assert_null(field.value.ptr);
}

static void test_an_empty_string_is_there(void **state UNUSED)
{
    struct scan field = {.name = STR("a")};
    assert_true(scan_object(STR("{\"a\":\"\"}"), &field, 1));
    assert_non_null(field.value.ptr);
    assert_int_equal(field.value.len, 0);
}

static void test_what_is_cut_off_is_refused(void **state UNUSED)
{
    struct str whole = STR("{\"a\":\"x\",\"b\":[{\"c\":1}],\"d\":12}");
    struct scan field = {.name = STR("a")};
    assert_true(scan_object(whole, &field, 1));
    for (size_t len = 0; len < whole.len; len++)
        assert_false(scan_object(str_of(whole.ptr, len), &field, 1));
}

static void test_items_of_an_array_come_one_by_one(void **state UNUSED)
{
    struct str rest = STR("[ {\"a\":1}, \"s\" ,[2,3],4 ]"), item;
    static const char *const items[] = {"{\"a\":1}", "s", "[2,3]", "4"};
    for (size_t i = 0; i < ARRAY_LEN(items); i++) {
        assert_true(scan_item(&rest, &item));
        assert_true(str_equal(item, str_from_c(items[i])));
    }
    assert_false(scan_item(&rest, &item));
}

static void test_an_empty_array_has_no_items(void **state UNUSED)
{
    struct str rest = STR("[]"), none = STR_NONE, item;
    assert_false(scan_item(&rest, &item));
    assert_false(scan_item(&none, &item));
}

#define TEST(name) cmocka_unit_test(name)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_names_find_their_values_raw),       TEST(test_an_empty_object_has_no_fields),
        TEST(test_an_empty_string_is_there),          TEST(test_what_is_cut_off_is_refused),
        TEST(test_items_of_an_array_come_one_by_one), TEST(test_an_empty_array_has_no_items),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
