#include "api/reply.h"
#include "tests/unit/api/fake.h"

static struct fake fake;

static int reply_setup(void **state UNUSED)
{
    fake_open(&fake);
    return 0;
}
static int reply_teardown(void **state UNUSED)
{
    fake_close(&fake);
    fake.ex = NULL;
    return 0;
}

/* An exchange whose handler is the test itself. */
static void reply_wait(struct exchange *ex UNUSED) {}
static struct exchange *reply_begun(const char *head)
{
    for (size_t i = 0; i < ROUTE_COUNT; i++)
        fake_handlers[i] = reply_wait;
    struct exchange *ex = fake_run(&fake, str_from_c(head), STR_NONE);
    assert_int_equal(ex->state, EX_HANDLING);
    return ex;
}

static void test_json_answer_is_complete_when_sent(void **state UNUSED)
{
    struct exchange *ex = reply_begun("GET /chat/app/groups\nBearer\n");
    struct json_out *out = reply_json_begin(ex);
    json_out_object(out, NULL);
    json_out_int(out, "a", 1);
    json_out_close_object(out);
    reply_json(ex, 201);
    assert_int_equal(fake.replies, 1);
    assert_int_equal(ex->state, EX_REPLYING);
    assert_int_equal(ex->reply.status, 201);
    assert_string_equal(ex->reply.content_type, "application/json");
    assert_str(buf_str(&ex->reply.body), "{\"a\":1}");
    assert_false(ex->reply.must_close);
}

static void test_answer_that_passes_its_cap_is_our_failure(void **state UNUSED)
{
    struct exchange *ex = reply_begun("GET /chat/app/groups\nBearer\n");
    ex->reply.body.len_max = 1024;
    char *big = memory_alloc(2000);
    memset(big, 'x', 2000);
    struct json_out *out = reply_json_begin(ex);
    json_out_object(out, NULL);
    json_out_str(out, "a", str_of(big, 2000));
    json_out_close_object(out);
    reply_json(ex, 200);
    assert_problem(ex, ERR_INTERNAL);
    assert_int_equal(fake.replies, 1);
    free(big);
}

static void test_error_replaces_what_was_begun(void **state UNUSED)
{
    struct exchange *ex = reply_begun("GET /chat/app/groups\nBearer\n");
    json_out_object(reply_json_begin(ex), NULL);
    reply_error(ex, ERR_NOT_MEMBER);
    assert_problem(ex, ERR_NOT_MEMBER);
    assert_int_equal(ex->reply.body.bytes[0], '{');
    assert_true(str_starts(buf_str(&ex->reply.body), STR("{\"type\":")));
}

static void test_empty_answer_has_no_body_and_no_type(void **state UNUSED)
{
    struct exchange *ex = reply_begun("DELETE /chat/app/devices/x\nBearer\n");
    reply_empty(ex, 204);
    assert_int_equal(ex->reply.status, 204);
    assert_null(ex->reply.content_type);
    assert_int_equal(ex->reply.body.len, 0);
}

static void test_text_is_sent_as_it_is(void **state UNUSED)
{
    struct exchange *ex = reply_begun("GET /chat/app/groups\nBearer\n");
    reply_text(ex, 200, "text/plain; charset=utf-8", STR("ok\n"));
    assert_string_equal(ex->reply.content_type, "text/plain; charset=utf-8");
    assert_str(buf_str(&ex->reply.body), "ok\n");
}

static void test_stream_opens_with_its_head(void **state UNUSED)
{
    struct exchange *ex = reply_begun("GET /chat/app/stream\nBearer\n");
    reply_stream(ex, "text/event-stream");
    assert_int_equal(fake.opens, 1);
    assert_int_equal(fake.replies, 0);
    assert_int_equal(ex->state, EX_STREAMING);
    assert_int_equal(ex->reply.status, 200);
    assert_true(reply_has_field(ex, STR("X-Request-Id")));
}

static void test_field_replaces_one_of_the_same_name(void **state UNUSED)
{
    struct exchange *ex = reply_begun("GET /chat/app/groups\nBearer\n");
    reply_field(ex, STR("A"), STR("1"));
    reply_field(ex, STR("Cache-Control"), STR("no-store, no-transform"));
    reply_field_int(ex, STR("a"), -5);
    assert_field(ex, "Cache-Control", "no-store, no-transform");
    assert_field(ex, "A", "-5");
    assert_field(ex, "Vary", "Origin");
    assert_true(reply_has_field(ex, STR("VARY")));
    assert_false(reply_has_field(ex, STR("Var")));
}

static void test_field_with_a_control_byte_is_left_out(void **state UNUSED)
{
    static const struct str values[] = {STR("a\r\nSet-Cookie: x"), STR("a\nb"), STR("a\0b"),
                                        STR("a\x7f"), STR("\x1b")};
    struct exchange *ex = reply_begun("GET /chat/app/groups\nBearer\n");
    size_t before = ex->reply.fields.len;
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        reply_field(ex, STR("X"), values[i]);
    assert_int_equal(ex->reply.fields.len, before);
}

static void test_faults_come_in_the_order_of_the_body_and_100_at_most(void **state UNUSED)
{
    struct exchange *ex = reply_begun("GET /chat/app/groups\nBearer\n");
    for (int i = 0; i < 150; i++)
        reply_fault(ex, arena_printf(&ex->arena, "/a/%d", i), "is wrong");
    reply_error(ex, ERR_FIELD);
    struct str body = buf_str(&ex->reply.body);
    assert_true(str_holds(body, "\"errors\":[{\"pointer\":\"/a/0\",\"reason\":\"is wrong\"},"
                                "{\"pointer\":\"/a/1\","));
    assert_true(str_holds(body, "/a/99\""));
    assert_false(str_holds(body, "/a/100\""));
}

static void test_detail_is_the_given_one_or_the_noted_one(void **state UNUSED)
{
    struct exchange *ex = reply_begun("GET /chat/app/groups\nBearer\n");
    ex->detail = STR("noted");
    reply_error(ex, ERR_FIELD);
    assert_true(str_holds(buf_str(&ex->reply.body), "\"detail\":\"noted\""));
    ex = reply_begun("GET /chat/app/groups\nBearer\n");
    reply_error_detail(ex, ERR_FIELD, STR("said \"so\""));
    assert_true(str_holds(buf_str(&ex->reply.body), "\"detail\":\"said \\\"so\\\"\""));
}

static void test_answers_of_a_server_that_drains_close(void **state UNUSED)
{
    struct exchange *ex = reply_begun("GET /chat/app/groups\nBearer\n");
    fake.api.is_draining = true;
    reply_empty(ex, 204);
    assert_true(ex->reply.must_close);
}

static void test_problem_comes_as_json_where_only_that_is_taken(void **state UNUSED)
{
    struct exchange *ex = reply_begun("GET /chat/app/groups\nBearer\nAccept: application/json\n");
    reply_error(ex, ERR_NOT_MEMBER);
    assert_string_equal(ex->reply.content_type, "application/json");
    ex = reply_begun("GET /chat/app/groups\nBearer\n");
    reply_error(ex, ERR_NOT_MEMBER);
    assert_string_equal(ex->reply.content_type, "application/problem+json");
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, reply_setup, reply_teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_json_answer_is_complete_when_sent),
        CASE(test_answer_that_passes_its_cap_is_our_failure),
        CASE(test_error_replaces_what_was_begun),
        CASE(test_empty_answer_has_no_body_and_no_type),
        CASE(test_text_is_sent_as_it_is),
        CASE(test_stream_opens_with_its_head),
        CASE(test_field_replaces_one_of_the_same_name),
        CASE(test_field_with_a_control_byte_is_left_out),
        CASE(test_faults_come_in_the_order_of_the_body_and_100_at_most),
        CASE(test_detail_is_the_given_one_or_the_noted_one),
        CASE(test_answers_of_a_server_that_drains_close),
        CASE(test_problem_comes_as_json_where_only_that_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
