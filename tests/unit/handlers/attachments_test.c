/* The attachments of a send: which are taken, as what they are kept, how faults are named. */
#include "handlers/attachments.h"
#include "handlers/fields.h"
#include "tests/unit/handlers/lab.h"

static struct exchange *ex;

/* What is kept of {"attachments": list}. */
static struct str attachments_of(const char *list)
{
    struct buf body;
    struct str kept;
    buf_init(&body, 128 * 1024);
    assert_int_equal(buf_printf(&body, "{\"attachments\":%s}", list), OK);
    ex = lab_call_new("POST /chat/app/send", buf_c(&body))->ex;
    buf_done(&body);
    struct json *root = fields_parse(ex);
    assert_non_null(root);
    attachments_read(ex, root, &kept);
    json_free(root);
    return kept;
}

static void test_four_members_are_kept_and_no_others(void **state UNUSED)
{
    static const struct {
        const char *list, *kept;
    } cases[] = {
        {"[{\"url\":\"http://x/\"}]", "[{\"url\":\"http://x/\"}]"},
        {"[{\"size\":0,\"type\":\"image/png\",\"more\":[1],\"url\":\"https://x/"
         "y?z\",\"name\":\"n\"}]",
         "[{\"url\":\"https://x/y?z\",\"name\":\"n\",\"type\":\"image/png\",\"size\":0}]"},
        {"[{\"url\":\"http://x/\",\"name\":null,\"size\":9007199254740991},{\"url\":\"http://y\"}]",
         "[{\"url\":\"http://x/\",\"size\":9007199254740991},{\"url\":\"http://y\"}]"},
        {"[{\"url\":\"http://x/\",\"name\":\"\"}]", "[{\"url\":\"http://x/\",\"name\":\"\"}]"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_str(attachments_of(cases[i].list), cases[i].kept);
        assert_int_equal(ex->fault_count, 0);
    }
}

static void test_none_are_kept_as_nothing(void **state UNUSED)
{
    assert_null(attachments_of("[]").ptr);
    assert_null(attachments_of("null").ptr);
    assert_int_equal(ex->fault_count, 0);
}

static void test_wrong_attachments_are_named(void **state UNUSED)
{
    static const struct {
        const char *list, *pointer;
    } cases[] = {
        {"{}", "/attachments"},
        {"\"http://x/\"", "/attachments"},
        {"[\"http://x/\"]", "/attachments/0"},
        {"[{\"url\":\"http://x/\"},{}]", "/attachments/1/url"},
        {"[{\"url\":1}]", "/attachments/0/url"},
        {"[{\"url\":\"\"}]", "/attachments/0/url"},
        {"[{\"url\":\"ftp://x/\"}]", "/attachments/0/url"},
        {"[{\"url\":\"http://\"}]", "/attachments/0/url"},
        {"[{\"url\":\"http:///x\"}]", "/attachments/0/url"},
        {"[{\"url\":\"http://x/ y\"}]", "/attachments/0/url"},
        {"[{\"url\":\"http://x/\\u007f\"}]", "/attachments/0/url"},
        {"[{\"url\":\"http://x/\\u0000\"}]", "/attachments/0/url"},
        {"[{\"url\":\"http://x/\",\"name\":1}]", "/attachments/0/name"},
        {"[{\"url\":\"http://x/\",\"type\":\"\\u0000\"}]", "/attachments/0/type"},
        {"[{\"url\":\"http://x/\",\"size\":-1}]", "/attachments/0/size"},
        {"[{\"url\":\"http://x/\",\"size\":1.5}]", "/attachments/0/size"},
        {"[{\"url\":\"http://x/\",\"size\":\"1\"}]", "/attachments/0/size"},
        {"[{\"url\":\"http://x/\",\"size\":9007199254740992}]", "/attachments/0/size"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        (void)attachments_of(cases[i].list);
        if (ex->fault_count != 1) fail_msg("taken: %s", cases[i].list);
        assert_str(ex->faults->pointer, cases[i].pointer);
    }
}

static void test_ten_are_taken_and_eleven_are_not(void **state UNUSED)
{
    struct buf list;
    buf_init(&list, 4096);
    assert_int_equal(buf_add(&list, STR("[{\"url\":\"http://x/\"}")), OK);
    for (int i = 1; i < ATTACHMENTS_MAX; i++)
        assert_int_equal(buf_add(&list, STR(",{\"url\":\"http://x/\"}")), OK);
    assert_int_equal(buf_add_char(&list, ']'), OK);
    assert_true(attachments_of(buf_c(&list)).len > 0);
    list.len--;
    assert_int_equal(buf_add(&list, STR(",{\"url\":\"http://x/\"}]")), OK);
    assert_null(attachments_of(buf_c(&list)).ptr);
    assert_str(ex->faults->pointer, "/attachments");
    buf_done(&list);
}

static void test_text_that_grows_by_its_escapes_is_kept_whole(void **state UNUSED)
{
    struct buf list;
    buf_init(&list, 64 * 1024);
    assert_int_equal(buf_add(&list, STR("[{\"url\":\"http://x/\",\"name\":\"")), OK);
    for (int i = 0; i < 2000; i++)
        assert_int_equal(buf_add(&list, STR("\\u001f\\n\\\"")), OK);
    assert_int_equal(buf_add(&list, STR("\"}]")), OK);
    struct str kept = attachments_of(buf_c(&list));
    assert_int_equal(ex->fault_count, 0);
    assert_true(kept.len > ATTACHMENTS_LEN_MAX); /* which its caller refuses */
    buf_done(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_CASE(test_four_members_are_kept_and_no_others),
        LAB_CASE(test_none_are_kept_as_nothing),
        LAB_CASE(test_wrong_attachments_are_named),
        LAB_CASE(test_ten_are_taken_and_eleven_are_not),
        LAB_CASE(test_text_that_grows_by_its_escapes_is_kept_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
