/* Requests and answers that libmicrohttpd carries. */
#include "tests/unit/api/h1/bed.h"

#define AUTH "Host: x\r\nAuthorization: Bearer %T\r\n"

struct talk {
    struct bed *bed;
    int fd;
    struct buf in, answer;
};

static void talk_begin(struct talk *talk, struct bed *bed)
{
    talk->bed = bed;
    talk->fd = client_open(bed);
    buf_init(&talk->in, 16 << 20);
    buf_init(&talk->answer, 16 << 20);
}
static void talk_end(struct talk *talk)
{
    close(talk->fd);
    buf_done(&talk->in);
    buf_done(&talk->answer);
}
static int talk_ask(struct talk *talk, const char *text)
{
    client_send(talk->bed, talk->fd, str_from_c(text));
    return client_answer(talk->fd, &talk->in, &talk->answer, strncmp(text, "HEAD", 4) == 0);
}
static bool talk_has(struct talk *talk, const char *what)
{
    return client_find(&talk->answer, what) != NULL;
}

static int setup(void **state)
{
    struct bed *bed = bed_new();
    bed_start(bed);
    *state = bed;
    return 0;
}
static int teardown(void **state)
{
    bed_stop(*state);
    return 0;
}

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

static void test_answer_may_come_later(void **state)
{
    struct bed *bed = *state;
    struct talk talks[20];
    for (size_t i = 0; i < ARRAY_LEN(talks); i++) {
        talk_begin(&talks[i], bed);
        client_send(bed, talks[i].fd,
                    STR("POST /chat/app/login HTTP/1.1\r\nHost: x\r\n"
                        "Content-Type: application/json\r\nContent-Length: 4\r\n\r\nwait"));
    }
    BED_UNTIL(bed->waiting_count == (int)ARRAY_LEN(talks));
    bed_do(bed, bed_answer_all);
    for (size_t i = 0; i < ARRAY_LEN(talks); i++) {
        assert_int_equal(client_answer(talks[i].fd, &talks[i].in, &talks[i].answer, false), 200);
        assert_int_equal(talk_ask(&talks[i], "GET /chat/app/groups HTTP/1.1\r\n" AUTH "\r\n"), 200);
        talk_end(&talks[i]);
    }
}

static void test_head_has_length_but_no_body(void **state)
{
    struct talk talk;
    talk_begin(&talk, *state);
    assert_int_equal(talk_ask(&talk, "HEAD /chat/app/groups HTTP/1.1\r\n" AUTH "\r\n"), 200);
    assert_true(talk_has(&talk, "Content-Length: 37\r\n"));
    assert_int_equal(talk_ask(&talk, "GET /chat/app/groups HTTP/1.1\r\n" AUTH "\r\n"), 200);
    talk_end(&talk);
}

static void test_no_content_has_no_type_and_no_length(void **state)
{
    struct talk talk;
    talk_begin(&talk, *state);
    assert_int_equal(talk_ask(&talk, "GET /chat/app/devices HTTP/1.1\r\n" AUTH "\r\n"), 204);
    assert_false(talk_has(&talk, "\r\nContent-Type"));
    assert_false(talk_has(&talk, "Content-Length"));
    assert_int_equal(talk_ask(&talk, "GET /chat/app/groups HTTP/1.1\r\n" AUTH "\r\n"), 200);
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

static void test_http_10_needs_no_host_and_closes(void **state)
{
    struct buf in;
    buf_init(&in, 1 << 20);
    client_talk(*state, STR("GET /chat/app/groups HTTP/1.0\r\nAuthorization: Bearer %T\r\n\r\n"),
                &in);
    assert_non_null(client_find(&in, " 200 OK\r\n"));
    buf_done(&in);
}

static void test_absolute_form_is_reduced_and_others_are_unknown(void **state)
{
    struct talk talk;
    talk_begin(&talk, *state);
    assert_int_equal(talk_ask(&talk, "GET http://x:80/chat/app/groups?q HTTP/1.1\r\n" AUTH "\r\n"),
                     200);
    assert_true(talk_has(&talk, "\"target\":\"/chat/app/groups?q\""));
    assert_int_equal(talk_ask(&talk, "GET http://x?q HTTP/1.1\r\n" AUTH "\r\n"), 404);
    assert_int_equal(talk_ask(&talk, "OPTIONS * HTTP/1.1\r\n" AUTH "\r\n"), 404);
    assert_int_equal(talk_ask(&talk, "CONNECT x:80 HTTP/1.1\r\n" AUTH "\r\n"), 404);
    talk_end(&talk);
}

static void test_upgrade_is_ignored(void **state)
{
    struct talk talk;
    talk_begin(&talk, *state);
    assert_int_equal(talk_ask(&talk, "GET /chat/app/groups HTTP/1.1\r\n" AUTH
                                     "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                                     "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n"),
                     200);
    talk_end(&talk);
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

static void bed_drain(struct bed *bed)
{
    h1_drain(bed->h1);
}

static void test_drain_closes_idle_connections_and_busy_ones_after_their_answer(void **state)
{
    struct bed *bed = *state;
    struct talk idle, busy;
    talk_begin(&idle, bed);
    talk_begin(&busy, bed);
    assert_int_equal(talk_ask(&idle, "GET /chat/app/groups HTTP/1.1\r\n" AUTH "\r\n"), 200);
    client_send(bed, busy.fd,
                STR("POST /chat/app/login HTTP/1.1\r\nHost: x\r\n"
                    "Content-Type: application/json\r\nContent-Length: 4\r\n\r\nwait"));
    BED_UNTIL(bed->waiting_count == 1);
    bed_do(bed, bed_drain);
    client_expect_end(idle.fd, &idle.in);
    bed_do(bed, bed_answer_all);
    assert_int_equal(client_answer(busy.fd, &busy.in, &busy.answer, false), 200);
    assert_true(talk_has(&busy, "Connection: close"));
    client_expect_end(busy.fd, &busy.in);
    talk_end(&idle);
    talk_end(&busy);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_get_is_answered_and_connection_kept),
        TEST(test_body_arrives_by_length_and_by_chunks),
        TEST(test_pipelined_requests_are_answered_in_order),
        TEST(test_answer_may_come_later),
        TEST(test_head_has_length_but_no_body),
        TEST(test_no_content_has_no_type_and_no_length),
        TEST(test_early_problem_keeps_connection_behind_a_small_body),
        TEST(test_too_large_body_is_answered_and_closed),
        TEST(test_http_10_needs_no_host_and_closes),
        TEST(test_absolute_form_is_reduced_and_others_are_unknown),
        TEST(test_upgrade_is_ignored),
        TEST(test_expect_continue_is_invited),
        TEST(test_drain_closes_idle_connections_and_busy_ones_after_their_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
