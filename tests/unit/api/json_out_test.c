#include "api/json_out.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_written(const struct buf *buf, const char *want)
{
    assert_int_equal(buf->len, strlen(want));
    assert_memory_equal(buf->bytes, want, buf->len);
}

static void test_commas_stand_where_they_belong(void **state UNUSED)
{
    struct buf buf;
    struct json_out out;
    buf_init(&buf, 1024);
    json_out_begin(&out, &buf);
    json_out_object(&out, NULL);
    json_out_str(&out, "a", STR("x"));
    json_out_int(&out, "b", -5);
    json_out_array(&out, "c");
    json_out_int(&out, NULL, 1);
    json_out_object(&out, NULL);
    json_out_close_object(&out);
    json_out_array(&out, NULL);
    json_out_close_array(&out);
    json_out_null(&out, NULL);
    json_out_close_array(&out);
    json_out_bool(&out, "d", true);
    json_out_bool(&out, "e", false);
    json_out_close_object(&out);
    assert_int_equal(json_out_end(&out), OK);
    assert_written(&buf, "{\"a\":\"x\",\"b\":-5,\"c\":[1,{},[],null],\"d\":true,\"e\":false}");
    buf_done(&buf);
}

static void test_control_bytes_quote_and_backslash_are_escaped(void **state UNUSED)
{
    struct buf buf;
    struct json_out out;
    buf_init(&buf, 1024);
    json_out_begin(&out, &buf);
    json_out_str(&out, NULL, STR("a\"b\\c/\n\r\t\0\x01\x1f\x7f\xc3\xa9\xe2\x80\xa8"));
    assert_int_equal(json_out_end(&out), OK);
    assert_written(&buf, "\"a\\\"b\\\\c/\\n\\r\\t\\u0000\\u0001\\u001f\x7f\xc3\xa9\xe2\x80\xa8\"");
    buf_done(&buf);
}

static void test_integers_reach_both_ends(void **state UNUSED)
{
    struct buf buf;
    struct json_out out;
    buf_init(&buf, 1024);
    json_out_begin(&out, &buf);
    json_out_array(&out, NULL);
    json_out_int(&out, NULL, INT64_MIN);
    json_out_int(&out, NULL, INT64_MAX);
    json_out_close_array(&out);
    assert_int_equal(json_out_end(&out), OK);
    assert_written(&buf, "[-9223372036854775808,9223372036854775807]");
    buf_done(&buf);
}

static void test_ready_made_json_goes_in_unchanged(void **state UNUSED)
{
    struct buf buf;
    struct json_out out;
    buf_init(&buf, 1024);
    json_out_begin(&out, &buf);
    json_out_object(&out, NULL);
    json_out_members(&out, STR("\"a\":1,\"b\":[2]"));
    json_out_members(&out, STR_NONE);
    json_out_raw(&out, "c", STR("{\"d\":3}"));
    json_out_close_object(&out);
    assert_int_equal(json_out_end(&out), OK);
    assert_written(&buf, "{\"a\":1,\"b\":[2],\"c\":{\"d\":3}}");
    buf_done(&buf);
}

static void test_what_passes_the_cap_is_told_at_the_end(void **state UNUSED)
{
    for (size_t cap = 0; cap < 17; cap++) {
        struct buf buf;
        struct json_out out;
        buf_init(&buf, cap);
        json_out_begin(&out, &buf);
        json_out_object(&out, NULL);
        json_out_str(&out, "name", STR("\n\n"));
        json_out_close_object(&out);
        assert_int_equal(json_out_end(&out), cap < 15 ? ERR_TOO_LARGE : OK);
        assert_true(buf.len <= cap);
        buf_done(&buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commas_stand_where_they_belong),
        cmocka_unit_test(test_control_bytes_quote_and_backslash_are_escaped),
        cmocka_unit_test(test_integers_reach_both_ends),
        cmocka_unit_test(test_ready_made_json_goes_in_unchanged),
        cmocka_unit_test(test_what_passes_the_cap_is_told_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
