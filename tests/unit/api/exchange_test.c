#include "api/exchange.h"
#include "base/metrics.h"
#include "tests/unit/api/fake.h"

static struct fake fake;
static int gone_count;

static int exchange_setup(void **state UNUSED)
{
    fake_open(&fake);
    gone_count = 0;
    return 0;
}
static int exchange_teardown(void **state UNUSED)
{
    fake_close(&fake);
    fake.ex = NULL;
    return 0;
}

static void test_request_id_is_the_callers_if_it_is_one(void **state UNUSED)
{
    static const struct {
        const char *id;
        bool is_taken;
    } cases[] = {
        {"abc", true},  {"A.b_c-9", true},    {"a b", false},      {"", false},
        {"a/b", false}, {"a\xc3\xa9", false}, {"<script>", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf head;
        buf_init(&head, 1024);
        assert_int_equal(
            buf_printf(&head, "GET /chat/app/groups\nBearer\nx-request-id: %s\n", cases[i].id), OK);
        struct exchange *ex = fake_run(&fake, buf_str(&head), STR_NONE);
        assert_true(str_equal(ex->request_id, fake_field(ex, STR("X-Request-Id"))));
        if (cases[i].is_taken) assert_str(ex->request_id, cases[i].id);
        if (!cases[i].is_taken) assert_int_equal(ex->request_id.len, 16);
        buf_done(&head);
    }
}

static void test_request_id_has_128_bytes_at_most(void **state UNUSED)
{
    for (int len = 127; len < 131; len++) {
        struct buf head;
        buf_init(&head, 1024);
        assert_int_equal(buf_printf(&head, "GET /\nX-Request-Id: %0*d\n", len, 7), OK);
        struct exchange *ex = fake_run(&fake, buf_str(&head), STR_NONE);
        assert_int_equal(ex->request_id.len, len <= 128 ? len : 16);
        buf_done(&head);
    }
}

static void test_every_answer_carries_the_common_fields(void **state UNUSED)
{
    static const struct {
        const char *head;
        const char *cache;
    } cases[] = {
        {"GET /chat/app/groups\nBearer\n", "no-store"},
        {"GET /chat/app/groups\n", "no-store"},
        {"OPTIONS /chat/app/groups\n", "no-store"},
        {"HEAD /chat/app/stream\nBearer\n", "no-store"},
        {"GET /chat/app/nothing\n", "no-store"},
        {"GET /elsewhere\n", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct exchange *ex = fake_run(&fake, str_from_c(cases[i].head), STR_NONE);
        assert_int_equal(ex->state, EX_REPLYING);
        assert_field(ex, "Vary", "Origin");
        assert_field(ex, "X-Content-Type-Options", "nosniff");
        assert_field(ex, "Cache-Control", cases[i].cache);
        assert_true(fake_field(ex, STR("X-Request-Id")).len > 0);
    }
}

static const struct str send_head = STR(
    "POST /chat/app/send\nBearer\nContent-Type: application/json\nTransfer-Encoding: chunked\n");

static void test_body_is_collected_up_to_its_cap(void **state UNUSED)
{
    static char bytes[16384];
    struct exchange *ex = fake_new(&fake, send_head);
    exchange_head(ex);
    for (int i = 0; i < 4; i++)
        exchange_body(ex, str_of(bytes, 4096));
    assert_int_equal(ex->state, EX_BODY);
    assert_int_equal(ex->body.len, 16384);
    exchange_run(ex);
    assert_int_equal(ex->reply.status, 200);
}

static void test_byte_too_many_is_answered_once_and_closes(void **state UNUSED)
{
    static char bytes[16384];
    struct exchange *ex = fake_new(&fake, send_head);
    exchange_head(ex);
    exchange_body(ex, str_of(bytes, sizeof(bytes)));
    assert_int_equal(fake.replies, 0);
    exchange_body(ex, STR("x"));
    assert_problem(ex, ERR_TOO_LARGE);
    assert_true(ex->reply.must_close);
    assert_true(str_holds(buf_str(&ex->reply.body), "at most 16384 bytes"));
    exchange_body(ex, STR("more"));
    exchange_run(ex);
    assert_int_equal(fake.replies, 1);
    assert_int_equal(fake_handled, 0);
}

static void test_body_that_nobody_wants_is_read_over(void **state UNUSED)
{
    static char bytes[1025];
    struct str head = STR("GET /chat/app/groups\nBearer\nTransfer-Encoding: chunked\n");
    struct exchange *ex = fake_run(&fake, head, str_of(bytes, 1024));
    assert_int_equal(ex->reply.status, 200);
    assert_int_equal(ex->body.len, 0);
    ex = fake_run(&fake, head, str_of(bytes, 1025));
    assert_problem(ex, ERR_TOO_LARGE);
}

static void test_framing_faults_are_answered_and_close(void **state UNUSED)
{
    static const enum err errs[] = {ERR_BAD_REQUEST,     ERR_CODING,         ERR_EXPECTATION,
                                    ERR_REQUEST_TIMEOUT, ERR_HEAD_TOO_LARGE, ERR_TOO_LARGE};
    for (size_t i = 0; i < ARRAY_LEN(errs); i++) {
        struct exchange *ex = fake_new(&fake, STR("GET /chat/app/groups\nX-Request-Id: seven\n"));
        exchange_refuse(ex, errs[i]);
        assert_problem(ex, errs[i]);
        assert_true(ex->reply.must_close);
        assert_field(ex, "X-Request-Id", "seven");
        exchange_refuse(ex, errs[i]);
        assert_int_equal(fake.replies, 1);
    }
}

static void test_body_that_comes_too_slowly_is_refused(void **state UNUSED)
{
    struct exchange *ex = fake_new(&fake, send_head);
    exchange_head(ex);
    exchange_body(ex, STR("{"));
    exchange_refuse(ex, ERR_REQUEST_TIMEOUT);
    assert_problem(ex, ERR_REQUEST_TIMEOUT);
    exchange_run(ex);
    assert_int_equal(fake.replies, 1);
}

static void test_waiting_routes_ask_for_their_connection(void **state UNUSED)
{
    static const struct {
        const char *head;
        bool is_holding;
    } cases[] = {
        {"GET /chat/app/stream\nBearer\n", true},  {"GET /chat/app/sync\nBearer\n", true},
        {"HEAD /chat/app/sync\nBearer\n", false},  {"GET /chat/app/stream\n", false},
        {"GET /chat/app/groups\nBearer\n", false}, {"GET /nothing\n", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct exchange *ex = fake_new(&fake, str_from_c(cases[i].head));
        exchange_head(ex);
        assert_int_equal(exchange_is_holding(ex), cases[i].is_holding);
    }
}

static void exchange_gone(struct exchange *ex)
{
    assert_true(ex->is_gone);
    gone_count++;
}
static void exchange_wait(struct exchange *ex)
{
    ex->gone = exchange_gone;
}

static void test_client_that_leaves_is_told_once_and_answers_go_nowhere(void **state UNUSED)
{
    fake_handlers[ROUTE_SYNC] = exchange_wait;
    struct exchange *ex = fake_run(&fake, STR("GET /chat/app/sync\nBearer\n"), STR_NONE);
    assert_int_equal(ex->state, EX_HANDLING);
    exchange_client_gone(ex);
    exchange_client_gone(ex);
    assert_int_equal(gone_count, 1);
    assert_int_equal(ex->state, EX_DONE);
    json_out_object(reply_json_begin(ex), NULL);
    json_out_close_object(ex->reply.json);
    reply_json(ex, 200);
    reply_error(ex, ERR_INTERNAL);
    reply_empty(ex, 204);
    reply_text(ex, 200, "text/plain", STR("x"));
    reply_stream(ex, "text/event-stream");
    assert_int_equal(fake.replies + fake.opens, 0);
}

static void test_client_may_leave_after_its_answer(void **state UNUSED)
{
    struct exchange *ex = fake_run(&fake, STR("GET /chat/app/groups\nBearer\n"), STR_NONE);
    exchange_enter(ex, EX_DONE);
    exchange_client_gone(ex);
    assert_int_equal(ex->state, EX_DONE);
}

static void test_last_hold_frees(void **state UNUSED)
{
    struct exchange *ex = fake_run(&fake, STR("GET /chat/app/groups\nBearer\n"), STR_NONE);
    exchange_hold(ex);
    assert_int_equal(ex->holds, 2);
    exchange_release(ex);
    assert_int_equal(ex->holds, 1); /* the sanitizer sees to the rest */
}

static void test_header_fields_are_found_in_any_case(void **state UNUSED)
{
    struct exchange *ex = fake_new(&fake, STR("GET /\nFoo: 1\nbar: 2\nFOO: 3\n"));
    assert_str(exchange_header(ex, STR("foo")), "1");
    assert_int_equal(exchange_header_count(ex, STR("foo")), 2);
    assert_str(exchange_header(ex, STR("Bar")), "2");
    assert_null(exchange_header(ex, STR("baz")).ptr);
    assert_int_equal(exchange_header_count(ex, STR("baz")), 0);
}

static void test_query_parameters_are_read_strictly(void **state UNUSED)
{
    static const struct {
        const char *query;
        enum err err;
        const char *value;
    } cases[] = {
        {"", ERR_NOT_FOUND, ""},
        {"?", ERR_NOT_FOUND, ""},
        {"?x=1", OK, "1"},
        {"?a=0&x=1&b", OK, "1"},
        {"?x", OK, ""},
        {"?x=", OK, ""},
        {"?x=a=b", OK, "a=b"},
        {"?x=a%3db+c%20d", OK, "a=b+c d"},
        {"?%78=1", OK, "1"},
        {"?X=1", ERR_NOT_FOUND, ""},
        {"?xx=1", ERR_NOT_FOUND, ""},
        {"?&&x=1&&", OK, "1"},
        {"?x=1&x=1", ERR_FIELD, ""},
        {"?x=1&%78=2", ERR_FIELD, ""},
        {"?x&x", ERR_FIELD, ""},
        {"?x=%", ERR_FIELD, ""},
        {"?x=%zz", ERR_FIELD, ""},
        {"?x=%ff", ERR_FIELD, ""},
        {"?y=%zz&x=1", OK, "1"},
        {"?%zz=1&x=1", OK, "1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf head;
        struct str value = STR_NONE;
        buf_init(&head, 1024);
        assert_int_equal(buf_printf(&head, "GET /chat/app/sync%s\nBearer\n", cases[i].query), OK);
        struct exchange *ex = fake_new(&fake, buf_str(&head));
        exchange_head(ex);
        if (exchange_query(ex, STR("x"), &value) != cases[i].err) fail_msg("%s", cases[i].query);
        assert_str(value, cases[i].value);
        assert_int_equal(ex->faults != NULL, cases[i].err == ERR_FIELD);
        if (ex->faults) assert_str(ex->faults->pointer, "x");
        buf_done(&head);
    }
}

static void test_requests_are_counted_when_answered(void **state UNUSED)
{
    int64_t before = metrics_value(METRIC_REQUESTS);
    int64_t before_4xx = metrics_value(METRIC_PROBLEMS_4XX);
    fake_run(&fake, STR("GET /chat/app/groups\nBearer\n"), STR_NONE);
    fake_run(&fake, STR("GET /nothing\n"), STR_NONE);
    assert_int_equal(metrics_value(METRIC_REQUESTS) - before, 2);
    assert_int_equal(metrics_value(METRIC_PROBLEMS_4XX) - before_4xx, 1);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, exchange_setup, exchange_teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_request_id_is_the_callers_if_it_is_one),
        CASE(test_request_id_has_128_bytes_at_most),
        CASE(test_every_answer_carries_the_common_fields),
        CASE(test_body_is_collected_up_to_its_cap),
        CASE(test_byte_too_many_is_answered_once_and_closes),
        CASE(test_body_that_nobody_wants_is_read_over),
        CASE(test_framing_faults_are_answered_and_close),
        CASE(test_body_that_comes_too_slowly_is_refused),
        CASE(test_waiting_routes_ask_for_their_connection),
        CASE(test_client_that_leaves_is_told_once_and_answers_go_nowhere),
        CASE(test_client_may_leave_after_its_answer),
        CASE(test_last_hold_frees),
        CASE(test_header_fields_are_found_in_any_case),
        CASE(test_query_parameters_are_read_strictly),
        CASE(test_requests_are_counted_when_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
