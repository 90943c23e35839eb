/* Requests that libmicrohttpd carries, from the first byte to the answer. */
#include "tests/unit/api/h1/talk.h"

static void test_get_is_answered_and_connection_kept(void **state)
{
    struct talk talk;
    talk_begin(&talk, *state);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(talk_ask(&talk, "GET /chat/app/groups?a=1&b=%20 HTTP/1.1\r\n" AUTH "\r\n"),
                         200);
        assert_true(talk_has(&talk, "{\"target\":\"/chat/app/groups?a=1&b=%20\",\"len\":0}"));
        assert_true(talk_has(&talk, "Content-Type: application/json\r\n"));
        assert_true(talk_has(&talk, "Date: "));
        assert_false(talk_has(&talk, "Connection: close"));
    }
    talk_end(&talk);
}

static void test_body_arrives_by_length_and_by_chunks(void **state)
{
    struct talk talk;
    talk_begin(&talk, *state);
    assert_int_equal(talk_ask(&talk, "POST /chat/app/login HTTP/1.1\r\nHost: x\r\n"
                                     "Content-Type: application/json\r\nContent-Length: 5\r\n\r\n"
                                     "{\"a\":"),
                     200);
    assert_true(talk_has(&talk, "\"len\":5}"));
    assert_int_equal(talk_ask(&talk, "POST /chat/app/login HTTP/1.1\r\nHost: x\r\n"
                                     "Content-Type: application/json\r\n"
                                     "Transfer-Encoding: chunked\r\n\r\n"
                                     "3\r\nabc\r\n4;x=y\r\nefgh\r\n0\r\n\r\n"),
                     200);
    assert_true(talk_has(&talk, "\"len\":7}"));
    talk_end(&talk);
}

static void test_pipelined_requests_are_answered_in_order(void **state)
{
    struct talk talk;
    talk_begin(&talk, *state);
    client_send(*state, talk.fd,
                STR("POST /chat/app/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                    "Content-Length: 2\r\n\r\n{}"
                    "GET /chat/app/groups?1 HTTP/1.1\r\n" AUTH "\r\n"
                    "GET /chat/app/groups?2 HTTP/1.1\r\n" AUTH "\r\n"));
    assert_int_equal(client_answer(talk.fd, &talk.in, &talk.answer, false), 200);
    assert_true(talk_has(&talk, "login"));
    assert_int_equal(client_answer(talk.fd, &talk.in, &talk.answer, false), 200);
    assert_true(talk_has(&talk, "groups?1"));
    assert_int_equal(client_answer(talk.fd, &talk.in, &talk.answer, false), 200);
    assert_true(talk_has(&talk, "groups?2"));
    talk_end(&talk);
}

static void test_early_problem_keeps_connection_behind_a_small_body(void **state)
{
    struct talk talk;
    talk_begin(&talk, *state);
    assert_int_equal(talk_ask(&talk, "POST /chat/app/nowhere HTTP/1.1\r\nHost: x\r\n"
                                     "Content-Length: 5\r\n\r\nGET /"),
                     404);
    assert_true(talk_has(&talk, "application/problem+json"));
    assert_int_equal(talk_ask(&talk, "GET /chat/app/groups HTTP/1.1\r\n" AUTH "\r\n"), 200);
    talk_end(&talk);
}

static void test_too_large_body_is_answered_and_closed(void **state)
{
    struct buf in, text;
    buf_init(&in, 1 << 20);
    buf_init(&text, 1 << 20);
    static char body[40000];
    memset(body, 'x', sizeof(body));
    assert_int_equal(buf_printf(&text,
                                "POST /chat/app/login HTTP/1.1\r\nHost: x\r\nContent-Type: "
                                "application/json\r\nContent-Length: 40000\r\n\r\n%.40000s",
                                body),
                     OK);
    client_talk(*state, buf_str(&text), &in);
    assert_non_null(client_find(&in, "HTTP/1.1 413 "));
    assert_non_null(client_find(&in, "Connection: close"));
    buf_clear(&text);
    assert_int_equal(buf_printf(&text,
                                "POST /chat/app/login HTTP/1.1\r\nHost: x\r\nContent-Type: "
                                "application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
                                "9c40\r\n%.40000s\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
                                body),
                     OK);
    client_talk(*state, buf_str(&text), &in);
    assert_non_null(client_find(&in, "HTTP/1.1 413 "));
    assert_int_equal(client_count(&in, "HTTP/1.1 "), 1);
    buf_done(&in);
    buf_done(&text);
}

static void test_expect_continue_is_invited(void **state)
{
    struct talk talk;
    talk_begin(&talk, *state);
    client_send(*state, talk.fd,
                STR("POST /chat/app/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                    "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
    assert_int_equal(client_answer(talk.fd, &talk.in, &talk.answer, true), 100);
    assert_int_equal(talk_ask(&talk, "{}"), 200);
    talk_end(&talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_get_is_answered_and_connection_kept),
        TEST(test_body_arrives_by_length_and_by_chunks),
        TEST(test_pipelined_requests_are_answered_in_order),
        TEST(test_early_problem_keeps_connection_behind_a_small_body),
        TEST(test_too_large_body_is_answered_and_closed),
        TEST(test_expect_continue_is_invited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
