#include "api/guard.h"
#include "tests/unit/api/fake.h"

static struct fake fake;

static int guard_setup(void **state UNUSED)
{
    fake_open(&fake);
    return 0;
}
static int guard_teardown(void **state UNUSED)
{
    fake_close(&fake);
    fake.ex = NULL;
    return 0;
}

static struct exchange *run(const char *head)
{
    return fake_run(&fake, str_from_c(head), STR_NONE);
}

/* Each line breaks the rule of its answer and all that come behind it. */
static void test_checks_win_in_their_order(void **state UNUSED)
{
    static const struct {
        const char *head;
        enum err err;
    } cases[] = {
        {"POST /nowhere\nAccept: image/png\nContent-Length: 99999\n", ERR_NOT_FOUND},
        {"GET /chat/app/send\nAccept: image/png\nContent-Length: 99999\n", ERR_METHOD},
        {"POST /chat/app/send\nAccept: image/png\nContent-Length: 99999\n", ERR_UNAUTHENTICATED},
        {"POST /chat/app/send\nBearer\nAccept: image/png\nContent-Length: 99999\n",
         ERR_NOT_ACCEPTABLE},
        {"POST /chat/app/send\nBearer\nContent-Length: 99999\nX-Device-Id: a b\n", ERR_TOO_LARGE},
        {"POST /chat/app/send\nBearer\nContent-Length: 9\nX-Device-Id: a b\n", ERR_MEDIA_TYPE},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct exchange *ex = fake_new(&fake, str_from_c(cases[i].head));
        exchange_head(ex);
        assert_int_equal(fake.replies, 1);
        assert_problem(ex, cases[i].err);
    }
    assert_int_equal(fake_handled, 0);
}

static void test_bad_json_wins_over_a_bad_device_id(void **state UNUSED)
{
    static const struct {
        struct str body;
        enum err err;
    } cases[] = {{STR("{"), ERR_BAD_JSON}, {STR("{}"), ERR_FIELD}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct exchange *ex = fake_run(&fake,
                                       STR("POST /chat/app/send\nBearer\nX-Device-Id: a b\n"
                                           "Content-Type: application/json\nContent-Length: 2\n"),
                                       cases[i].body);
        assert_problem(ex, cases[i].err);
    }
    assert_problem(run("GET /chat/app/groups\nBearer\nX-Device-Id: a b\n"), ERR_FIELD);
    assert_true(str_holds(buf_str(&fake.ex->reply.body), "\"pointer\":\"X-Device-Id\""));
    assert_int_equal(fake_handled, 0);
}

static void test_good_request_reaches_its_handler(void **state UNUSED)
{
    struct exchange *ex = run("GET /chat/app/groups\nBearer\n");
    assert_int_equal(fake_handled, 1);
    assert_int_equal(ex->reply.status, 200);
    assert_str(ex->caller.user_id, "ann");
    assert_str(ex->caller.device_id, "default");
    assert_false(ex->caller.is_device_given);
    assert_int_equal(ex->caller.scopes, SCOPE_SEND | SCOPE_READ);
    assert_int_equal(ex->caller.expires_at_s, FAKE_NOW_S + 600);
}

static void test_allow_tells_what_a_path_knows(void **state UNUSED)
{
    struct exchange *ex = run("DELETE /chat/app/settings\n");
    assert_problem(ex, ERR_METHOD);
    assert_field(ex, "Allow", "GET, HEAD, PUT, OPTIONS");
    ex = run("BREW /chat/app/send\n");
    assert_problem(ex, ERR_METHOD);
    assert_field(ex, "Allow", "POST, OPTIONS");
}

static void test_options_is_answered_without_a_token(void **state UNUSED)
{
    struct exchange *ex = run("OPTIONS /chat/app/groups/7\n");
    assert_int_equal(ex->state, EX_REPLYING);
    assert_int_equal(ex->reply.status, 204);
    assert_field(ex, "Allow", "GET, HEAD, OPTIONS");
    assert_problem(run("OPTIONS /chat/app/nothing\n"), ERR_NOT_FOUND);
    assert_int_equal(fake_handled, 0);
}

static void test_missing_and_bad_tokens_are_told_apart(void **state UNUSED)
{
    static const struct {
        const char *head, *challenge;
        enum err err;
    } cases[] = {
        {"GET /chat/app/groups\n", "Bearer realm=\"parley\"", ERR_UNAUTHENTICATED},
        {"GET /chat/app/groups\nAuthorization: Basic YTpi\n", "Bearer realm=\"parley\"",
         ERR_UNAUTHENTICATED},
        {"GET /chat/app/groups\nAuthorization: \n", "Bearer realm=\"parley\"", ERR_UNAUTHENTICATED},
        {"GET /chat/app/groups\nAuthorization: Bearer\n",
         "Bearer realm=\"parley\", error=\"invalid_token\"", ERR_BAD_TOKEN},
        {"GET /chat/app/groups\nAuthorization: Bearer a.b.c\n",
         "Bearer realm=\"parley\", error=\"invalid_token\"", ERR_BAD_TOKEN},
        {"GET /chat/app/groups\nBearer\nBearer\n",
         "Bearer realm=\"parley\", error=\"invalid_token\"", ERR_BAD_TOKEN},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct exchange *ex = run(cases[i].head);
        assert_problem(ex, cases[i].err);
        assert_field(ex, "WWW-Authenticate", cases[i].challenge);
    }
}

static void test_scheme_is_read_in_any_case(void **state UNUSED)
{
    struct buf head;
    buf_init(&head, 4096);
    assert_int_equal(buf_printf(&head, "GET /chat/app/groups\nAuthorization: bEARER   %.*s\n",
                                STR_FMT(buf_str(&fake.token))),
                     OK);
    assert_int_equal(fake_run(&fake, buf_str(&head), STR_NONE)->reply.status, 200);
    buf_done(&head);
}

static void test_scope_of_the_token_bounds_the_calls(void **state UNUSED)
{
    fake_mint(&fake, STR("ann"), STR_NONE, STR("read"));
    assert_int_equal(run("GET /chat/app/groups\nBearer\n")->reply.status, 200);
    struct exchange *ex = run("POST /chat/app/send\nBearer\n");
    assert_problem(ex, ERR_SCOPE);
    assert_field(ex, "WWW-Authenticate", "Bearer realm=\"parley\", error=\"insufficient_scope\"");
    fake_mint(&fake, STR("ann"), STR_NONE, STR("send"));
    assert_problem(run("GET /chat/app/groups\nBearer\n"), ERR_SCOPE);
}

static void test_device_of_the_token_wins_over_the_header(void **state UNUSED)
{
    struct exchange *ex = run("GET /chat/app/groups\nBearer\nX-Device-Id: phone\n");
    assert_str(ex->caller.device_id, "phone");
    assert_true(ex->caller.is_device_given);
    fake_mint(&fake, STR("ann"), STR("tablet"), STR_NONE);
    ex = run("GET /chat/app/groups\nBearer\nX-Device-Id: phone\n");
    assert_int_equal(ex->reply.status, 200);
    assert_str(ex->caller.device_id, "tablet");
    ex = run("GET /chat/app/groups\nBearer\nX-Device-Id: a b\nX-Device-Id: c\n");
    assert_int_equal(ex->reply.status, 200); /* what is not read is not judged */
}

static void test_device_header_given_twice_is_a_fault(void **state UNUSED)
{
    assert_problem(run("GET /chat/app/groups\nBearer\nX-Device-Id: a\nX-Device-Id: a\n"),
                   ERR_FIELD);
    assert_problem(run("GET /chat/app/groups\nBearer\nX-Device-Id: \n"), ERR_FIELD);
}

static void test_user_over_its_rate_is_told_when_to_come_back(void **state UNUSED)
{
    fake_limits(&fake, false);
    struct exchange *ex = run("GET /chat/app/groups\nBearer\n");
    assert_int_equal(ex->reply.status, 200);
    assert_field(ex, "RateLimit-Policy", "\"default\";q=1;w=1");
    assert_field(ex, "RateLimit", "\"default\";r=0;t=1");
    ex = run("GET /chat/app/groups\nBearer\nAccept: image/png\n");
    assert_problem(ex, ERR_RATE);
    assert_field(ex, "Retry-After", "1");
    assert_field(ex, "RateLimit", "\"default\";r=0;t=1");
}

static void test_guessing_tokens_is_limited_by_address(void **state UNUSED)
{
    fake_limits(&fake, false);
    assert_problem(run("GET /chat/app/groups\nAuthorization: Bearer x\n"), ERR_BAD_TOKEN);
    assert_problem(run("GET /chat/app/groups\nAuthorization: Bearer x\n"), ERR_RATE);
}

static void test_good_tokens_do_not_use_up_their_address(void **state UNUSED)
{
    fake_limits(&fake, false);
    static const char *const users[] = {"a", "b", "c", "d"};
    for (size_t i = 0; i < ARRAY_LEN(users); i++) {
        users_known_add(fake.api.known, str_from_c(users[i]));
        fake_mint(&fake, str_from_c(users[i]), STR_NONE, STR_NONE);
        assert_int_equal(run("GET /chat/app/groups\nBearer\n")->reply.status, 200);
    }
}

static void test_rate_fields_are_on_authenticated_answers_but_streams(void **state UNUSED)
{
    assert_field(run("GET /chat/app/groups\nBearer\n"), "RateLimit-Policy",
                 "\"default\";q=2000;w=2");
    assert_field(run("GET /chat/app/groups\n"), "RateLimit-Policy", NULL);
    assert_field(run("GET /chat/app/stream\nBearer\n"), "RateLimit", NULL);
    assert_true(fake_field(run("GET /chat/app/sync\nBearer\n"), STR("RateLimit")).len > 0);
    fake_handler_err = ERR_NOT_FOUND;
    assert_true(fake_field(run("GET /chat/app/groups\nBearer\n"), STR("RateLimit")).len > 0);
}

static void test_body_cap_counts_the_last_byte(void **state UNUSED)
{
    static const char type[] = "Content-Type: application/json\n";
    static const struct {
        const char *line;
        int64_t len;
        bool fits;
    } cases[] = {
        {"POST /chat/app/send", 16384, true},       {"POST /chat/app/send", 16385, false},
        {"POST /chat/app/add", 98304, true},        {"POST /chat/app/add", 98305, false},
        {"DELETE /chat/app/devices/x", 1024, true}, {"DELETE /chat/app/devices/x", 1025, false},
        {"GET /chat/app/groups", 1024, true},       {"GET /chat/app/sync", 1, false},
        {"GET /chat/app/stream", 1, false},         {"POST /chat/app/send", INT64_MAX, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf head;
        buf_init(&head, 1024);
        assert_int_equal(buf_printf(&head, "%s\nBearer\n%sContent-Length: %lld\n", cases[i].line,
                                    type, (long long)cases[i].len),
                         OK);
        struct exchange *ex = fake_new(&fake, buf_str(&head));
        exchange_head(ex);
        assert_int_equal(fake.replies, cases[i].fits ? 0 : 1);
        if (!cases[i].fits) assert_problem(ex, ERR_TOO_LARGE);
        if (!cases[i].fits) assert_true(ex->reply.must_close);
        buf_done(&head);
    }
    fake_new(&fake, STR("POST /chat/app/send\nBearer\nContent-Length: 16385\n"));
    exchange_head(fake.ex);
    assert_true(str_holds(buf_str(&fake.ex->reply.body), "at most 16384 bytes"));
}

static void test_chunked_body_is_refused_where_connections_are_taken_over(void **state UNUSED)
{
    fake_new(&fake, STR("GET /chat/app/sync\nBearer\nTransfer-Encoding: chunked\n"));
    exchange_head(fake.ex);
    assert_problem(fake.ex, ERR_TOO_LARGE);
    assert_false(exchange_is_holding(fake.ex));
}

static void test_call_without_its_body_needs_no_type(void **state UNUSED)
{
    struct exchange *ex = run("POST /chat/app/send\nBearer\n");
    assert_int_equal(fake_handled, 1); /* where the empty text is no JSON */
    assert_int_equal(ex->body.len, 0);
}

static void test_head_opens_nothing_where_get_would_wait(void **state UNUSED)
{
    struct exchange *ex = run("HEAD /chat/app/stream\nBearer\n");
    assert_int_equal(ex->reply.status, 200);
    assert_string_equal(ex->reply.content_type, "text/event-stream");
    assert_field(ex, "Cache-Control", "no-store");
    ex = run("HEAD /chat/app/sync\nBearer\n");
    assert_int_equal(ex->reply.status, 200);
    assert_string_equal(ex->reply.content_type, "application/json");
    assert_int_equal(fake_handled, 0);
    assert_problem(run("HEAD /chat/app/sync\n"), ERR_UNAUTHENTICATED);
    assert_int_equal(run("HEAD /chat/app/groups\nBearer\n")->reply.status, 200);
    assert_int_equal(fake_handled, 1);
}

static void test_new_user_is_made_before_its_first_call(void **state UNUSED)
{
    fake_mint(&fake, STR("bob"), STR_NONE, STR_NONE);
    struct exchange *ex = run("GET /chat/app/groups\nBearer\n");
    assert_int_equal(ex->state, EX_HANDLING);
    assert_int_equal(fake_handled, 0);
    fake_store_answers(OK);
    assert_int_equal(fake_handled, 1);
    assert_int_equal(ex->reply.status, 200);
    assert_int_equal(run("GET /chat/app/groups\nBearer\n")->reply.status, 200);
    assert_int_equal(fake_submits, 1);
}

static void test_store_that_fails_is_told_and_asked_again(void **state UNUSED)
{
    fake_mint(&fake, STR("bob"), STR_NONE, STR_NONE);
    struct exchange *ex = run("GET /chat/app/groups\nBearer\n");
    fake_store_answers(ERR_UNAVAILABLE);
    assert_problem(ex, ERR_UNAVAILABLE);
    assert_int_equal(fake_handled, 0);
    fake_submit_err = ERR_BUSY;
    assert_problem(run("GET /chat/app/groups\nBearer\n"), ERR_BUSY);
    assert_int_equal(fake_submits, 2);
}

static void test_stream_of_a_store_that_fails_is_sent_away_politely(void **state UNUSED)
{
    fake_mint(&fake, STR("bob"), STR_NONE, STR_NONE);
    struct exchange *ex = run("GET /chat/app/stream\nBearer\n");
    fake_store_answers(ERR_UNAVAILABLE);
    assert_int_equal(ex->reply.status, 200);
    assert_int_equal(fake.opens, 1);
    assert_int_equal(fake.ends, 1);
    assert_int_equal(fake.replies, 0);
    assert_true(str_holds(buf_str(&fake.sent), "\"reason\":\"busy\""));
    assert_true(str_holds(buf_str(&fake.sent), "retry: "));
}

static void test_client_gone_meanwhile_gets_no_handler(void **state UNUSED)
{
    fake_mint(&fake, STR("bob"), STR_NONE, STR_NONE);
    exchange_client_gone(run("GET /chat/app/groups\nBearer\n"));
    exchange_release(fake.ex); /* the transport's: the op alone keeps it now */
    fake.ex = NULL;
    fake_store_answers(OK);
    assert_int_equal(fake_handled, 0);
    assert_int_equal(fake.replies, 0);
    assert_true(users_known_has(fake.api.known, STR("bob")));
}

static void test_open_routes_take_no_token_and_make_no_user(void **state UNUSED)
{
    assert_int_equal(run("POST /chat/app/login\n")->reply.status, 200);
    assert_int_equal(fake_submits, 0);
    fake.config.dev = false;
    assert_problem(run("POST /chat/app/login\n"), ERR_NOT_FOUND);
    fake_limits(&fake, true);
    fake_limits(&fake, false);
    fake.config.dev = true;
    assert_int_equal(run("POST /chat/app/login\n")->reply.status, 200);
    assert_problem(run("POST /chat/app/login\n"), ERR_RATE);
}

static void test_admin_listener_serves_its_own_alone(void **state UNUSED)
{
    fake_limits(&fake, false);
    fake.api.is_admin = true;
    for (int i = 0; i < 5; i++)
        assert_int_equal(run("GET /livez\n")->reply.status, 200);
    assert_int_equal(run("GET /metrics\nAccept: text/plain\n")->reply.status, 200);
    assert_problem(run("GET /metrics\nAccept: application/json\n"), ERR_NOT_ACCEPTABLE);
    assert_problem(run("GET /chat/app/groups\nBearer\n"), ERR_NOT_FOUND);
    fake.api.is_admin = false;
    assert_problem(run("GET /livez\n"), ERR_NOT_FOUND);
}

static void test_parameters_arrive_unescaped(void **state UNUSED)
{
    assert_str(run("DELETE /chat/app/devices/a%40b%2Bc\nBearer\n")->params[0], "a@b+c");
    assert_problem(run("DELETE /chat/app/devices/a%4\nBearer\n"), ERR_NOT_FOUND);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, guard_setup, guard_teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_checks_win_in_their_order),
        CASE(test_bad_json_wins_over_a_bad_device_id),
        CASE(test_good_request_reaches_its_handler),
        CASE(test_allow_tells_what_a_path_knows),
        CASE(test_options_is_answered_without_a_token),
        CASE(test_missing_and_bad_tokens_are_told_apart),
        CASE(test_scheme_is_read_in_any_case),
        CASE(test_scope_of_the_token_bounds_the_calls),
        CASE(test_device_of_the_token_wins_over_the_header),
        CASE(test_device_header_given_twice_is_a_fault),
        CASE(test_user_over_its_rate_is_told_when_to_come_back),
        CASE(test_guessing_tokens_is_limited_by_address),
        CASE(test_good_tokens_do_not_use_up_their_address),
        CASE(test_rate_fields_are_on_authenticated_answers_but_streams),
        CASE(test_body_cap_counts_the_last_byte),
        CASE(test_chunked_body_is_refused_where_connections_are_taken_over),
        CASE(test_call_without_its_body_needs_no_type),
        CASE(test_head_opens_nothing_where_get_would_wait),
        CASE(test_new_user_is_made_before_its_first_call),
        CASE(test_store_that_fails_is_told_and_asked_again),
        CASE(test_stream_of_a_store_that_fails_is_sent_away_politely),
        CASE(test_client_gone_meanwhile_gets_no_handler),
        CASE(test_open_routes_take_no_token_and_make_no_user),
        CASE(test_admin_listener_serves_its_own_alone),
        CASE(test_parameters_arrive_unescaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
