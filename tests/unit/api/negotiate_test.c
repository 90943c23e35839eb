#include "api/negotiate.h"
#include "tests/unit/api/fake.h"

static void test_most_specific_range_wins_and_zero_refuses(void **state UNUSED)
{
    static const struct {
        struct str accept, type;
        int quality, specificity;
    } cases[] = {
        {STR("*/*"), STR("text/plain"), 1000, 1},
        {STR("text/*"), STR("text/plain"), 1000, 2},
        {STR("text/plain"), STR("text/plain"), 1000, 3},
        {STR("TEXT/Plain"), STR("text/plain"), 1000, 3},
        {STR("text/html"), STR("text/plain"), 0, 0},
        {STR("text/plainer"), STR("text/plain"), 0, 0},
        {STR("text/plain;q=0.5"), STR("text/plain"), 500, 3},
        {STR("text/plain ; Q=0.25 ; x=y"), STR("text/plain"), 250, 3},
        {STR("text/plain;x=\"a,b;q=0\";q=1.000"), STR("text/plain"), 1000, 3},
        {STR("text/plain;q=0,*/*"), STR("text/plain"), 0, 3},
        {STR("*/*,text/plain;q=0"), STR("text/plain"), 0, 3},
        {STR("*/*;q=0, text/plain;q=0.001"), STR("text/plain"), 1, 3},
        {STR("text/*;q=0.3, */*;q=0.9"), STR("text/plain"), 300, 2},
        {STR("text/plain;q=0, text/plain;q=0.7"), STR("text/plain"), 700, 3},
        {STR("text/plain;q=2"), STR("text/plain"), 0, 0},
        {STR("text/plain;q=1.001"), STR("text/plain"), 0, 0},
        {STR("text/plain;q="), STR("text/plain"), 0, 0},
        {STR("text/plain;q=.5"), STR("text/plain"), 0, 0},
        {STR("text/plain;q=0.5555"), STR("text/plain"), 0, 0},
        {STR("text/plain;q=-1"), STR("text/plain"), 0, 0},
        {STR("*/plain"), STR("text/plain"), 0, 0},
        {STR("*"), STR("text/plain"), 0, 0},
        {STR("text"), STR("text/plain"), 0, 0},
        {STR(",,, ,text/plain,"), STR("text/plain"), 1000, 3},
        {STR("text/plain;\"q=0"), STR("text/plain"), 1000, 3},
        {STR(""), STR("text/plain"), 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct accepted accepted = {0, 0};
        accept_read(cases[i].accept, cases[i].type, &accepted);
        if (accepted.quality != cases[i].quality || accepted.specificity != cases[i].specificity)
            fail_msg("%s: %d, %d", cases[i].accept.ptr, accepted.quality, accepted.specificity);
    }
}

/* What each kind of route takes, and as what its problems come. */
static void test_each_kind_of_route_takes_its_types(void **state UNUSED)
{
    enum { NO, YES };
    static const struct {
        const char *fields;
        int json, events, text;
        bool is_problem_json; /* else application/problem+json */
    } cases[] = {
        {"", YES, YES, YES, false},
        {"Accept: \n", YES, YES, YES, false},
        {"Accept: */*\n", YES, YES, YES, false},
        {"Accept: application/*\n", YES, NO, NO, false},
        {"Accept: application/json\n", YES, NO, NO, true},
        {"Accept: application/json; charset=utf-8\n", YES, NO, NO, true},
        {"Accept: application/problem+json\n", YES, NO, NO, false},
        {"Accept: application/json, application/problem+json\n", YES, NO, NO, false},
        {"Accept: application/json\nAccept: application/problem+json\n", YES, NO, NO, false},
        {"Accept: text/event-stream\n", NO, YES, NO, false},
        {"Accept: text/event-stream, application/json\n", YES, YES, NO, true},
        {"Accept: text/*\n", NO, YES, YES, false},
        {"Accept: text/plain\n", NO, NO, YES, false},
        {"Accept: application/openmetrics-text;version=1.0.0\n", NO, NO, YES, false},
        {"Accept: text/html\n", NO, NO, NO, false},
        {"Accept: image/png\nAccept: */*;q=0.1\n", YES, YES, YES, false},
        {"Accept: */*;q=0\n", NO, NO, NO, false},
        {"Accept: application/json;q=0, */*\n", NO, YES, YES, false},
        {"Accept: application/json;q=0, application/problem+json\n", NO, NO, NO, false},
        {"Accept: application/problem+json;q=0, application/json\n", YES, NO, NO, true},
        {"Accept: text/event-stream;q=0, */*\n", YES, NO, YES, false},
    };
    struct fake fake;
    fake_open(&fake);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str head = str_from_c(cases[i].fields);
        struct buf text;
        buf_init(&text, 1024);
        assert_int_equal(buf_printf(&text, "GET /x\n%.*s", STR_FMT(head)), OK);
        struct exchange *ex = fake_new(&fake, buf_str(&text));
        ex->route = router_route(ROUTE_GROUPS);
        if ((negotiate_accept(ex) == OK) != cases[i].json) fail_msg("json: %s", cases[i].fields);
        ex->route = router_route(ROUTE_STREAM);
        if ((negotiate_accept(ex) == OK) != cases[i].events) fail_msg("sse: %s", cases[i].fields);
        ex->route = router_route(ROUTE_METRICS);
        if ((negotiate_accept(ex) == OK) != cases[i].text) fail_msg("text: %s", cases[i].fields);
        const char *type = negotiate_problem_type(ex);
        assert_string_equal(type, cases[i].is_problem_json ? "application/json"
                                                           : "application/problem+json");
        buf_done(&text);
    }
    fake_close(&fake);
}

static void test_body_is_json_in_utf8_alone(void **state UNUSED)
{
    static const struct {
        struct str type;
        bool is_good;
    } cases[] = {
        {STR("application/json"), true},
        {STR("Application/JSON"), true},
        {STR("application/json;charset=utf-8"), true},
        {STR("application/json ; Charset=UTF-8"), true},
        {STR("application/json; charset=\"utf-8\""), true},
        {STR("application/json;"), true},
        {STR("application/json; profile=x"), true},
        {STR("application/json; charset=iso-8859-1"), false},
        {STR("application/json; charset=utf-8; charset=latin1"), false},
        {STR("application/json; charset"), false},
        {STR("application/jsonp"), false},
        {STR("application/problem+json"), false},
        {STR("text/json"), false},
        {STR("text/plain"), false},
        {STR("application/x-www-form-urlencoded"), false},
        {STR("*/*"), false},
        {STR(""), false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (media_type_is_json(cases[i].type) != cases[i].is_good)
            fail_msg("%s", cases[i].type.ptr);
}

static void test_content_type_must_stand_there_once(void **state UNUSED)
{
    struct fake fake;
    fake_open(&fake);
    assert_int_equal(negotiate_body(fake_new(&fake, STR("POST /x\n"))), ERR_MEDIA_TYPE);
    assert_int_equal(
        negotiate_body(fake_new(&fake, STR("POST /x\ncontent-type: application/json\n"))), OK);
    assert_int_equal(negotiate_body(fake_new(&fake, STR("POST /x\nContent-Type: application/json\n"
                                                        "Content-Type: application/json\n"))),
                     ERR_MEDIA_TYPE);
    fake_close(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_most_specific_range_wins_and_zero_refuses),
        cmocka_unit_test(test_each_kind_of_route_takes_its_types),
        cmocka_unit_test(test_body_is_json_in_utf8_alone),
        cmocka_unit_test(test_content_type_must_stand_there_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
