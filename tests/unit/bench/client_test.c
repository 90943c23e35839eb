#include "base/clock.h"
#include "tests/bench/client.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

enum { LAB_DEADLINE_MS = 5000 };

/* A client and, on the same loop, a listener that plays back what a test tells it to. */
struct lab {
    struct loop *loop;
    struct address server;
    struct watch listener, peer;
    struct timer deadline;
    const char *answer; /* written at once when a request comes; NULL: nothing is */
    bool closes;        /* after the answer */
    int accepted_count, requests_count;
    char request[1024];
    struct client client;
    struct buf pieces;
    int ended_count;
    bool is_answered;
};
static struct lab lab;

static void lab_hang_up(void)
{
    loop_unwatch(lab.loop, &lab.peer);
    if (lab.peer.fd >= 0) close(lab.peer.fd);
    lab.peer.fd = -1;
}

static void lab_peer_ready(struct watch *watch, uint32_t events UNUSED)
{
    ssize_t len = read(watch->fd, lab.request, sizeof(lab.request) - 1);
    if (len <= 0) {
        lab_hang_up();
        return;
    }
    lab.request[len] = '\0';
    lab.requests_count++;
    if (lab.answer) {
        ssize_t written = write(watch->fd, lab.answer, strlen(lab.answer));
        assert_int_equal(written, strlen(lab.answer));
    }
    if (lab.closes) lab_hang_up();
}

static void lab_accept(struct watch *watch, uint32_t events UNUSED)
{
    int fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(fd >= 0);
    lab_hang_up();
    lab.accepted_count++;
    lab.peer = (struct watch){.ready = lab_peer_ready, .slot = -1};
    assert_int_equal(loop_watch(lab.loop, &lab.peer, fd, EPOLLIN), OK);
}

static void lab_too_late(struct timer *timer UNUSED)
{
    fail_msg("nothing came in time");
}

static void lab_piece(struct client *client UNUSED, struct str body)
{
    assert_int_equal(buf_add(&lab.pieces, body), OK);
    loop_stop(lab.loop);
}

static void lab_ended(struct client *client UNUSED, bool is_answered)
{
    lab.ended_count++;
    lab.is_answered = is_answered;
    loop_stop(lab.loop);
}

static void lab_listen(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&lab.server.storage, &lab.server.len), 0);
    lab.listener = (struct watch){.ready = lab_accept, .slot = -1};
    assert_int_equal(loop_watch(lab.loop, &lab.listener, fd, EPOLLIN), OK);
}

static int lab_setup(void **state UNUSED)
{
    lab = (struct lab){
        .server.len = sizeof(lab.server.storage), .peer.fd = -1, .deadline.due = lab_too_late};
    assert_int_equal(loop_open(&lab.loop), OK);
    lab_listen();
    lab.client = (struct client){.loop = lab.loop, .server = &lab.server, .ended = lab_ended};
    client_init(&lab.client);
    buf_init(&lab.pieces, 1000);
    return 0;
}

static void lab_close_listener(void)
{
    loop_unwatch(lab.loop, &lab.listener);
    if (lab.listener.fd >= 0) close(lab.listener.fd);
    lab.listener.fd = -1;
}

static int lab_teardown(void **state UNUSED)
{
    client_done(&lab.client);
    lab_hang_up();
    lab_close_listener();
    loop_timer_cancel(lab.loop, &lab.deadline);
    loop_close(lab.loop);
    buf_done(&lab.pieces);
    return 0;
}

static void lab_run(void)
{
    loop_timer_set(lab.loop, &lab.deadline, LAB_DEADLINE_MS);
    loop_run(lab.loop);
}

static void lab_call(int64_t deadline_ms)
{
    client_call(&lab.client, &(struct client_call){.method = "POST",
                                                   .path = STR("/a?b=c"),
                                                   .token = STR("secret"),
                                                   .body = STR("{}"),
                                                   .deadline_ms = deadline_ms});
}

static const char answer_ok[] = "HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello";

static void test_a_call_is_written_whole_and_its_answer_gathered(void **state UNUSED)
{
    lab.answer = answer_ok;
    lab_call(0);
    assert_int_equal(lab.ended_count, 0); /* never inside the call */
    lab_run();
    assert_true(lab.is_answered);
    assert_int_equal(client_status(&lab.client), 201);
    assert_true(str_equal(buf_str(&lab.client.body), STR("hello")));
    assert_true(str_starts(str_from_c(lab.request), STR("POST /a?b=c HTTP/1.1\r\nHost: 127.")));
    assert_non_null(strstr(lab.request, "\r\nAuthorization: Bearer secret\r\n"));
    assert_non_null(strstr(lab.request, "\r\nContent-Length: 2\r\n"));
    assert_non_null(strstr(lab.request, "\r\n\r\n{}"));
}

static void test_calls_share_a_connection(void **state UNUSED)
{
    lab.answer = answer_ok;
    for (int i = 0; i < 3; i++) {
        lab_call(0);
        lab_run();
    }
    assert_int_equal(lab.requests_count, 3);
    assert_int_equal(lab.accepted_count, 1);
}

static void test_connection_close_opens_another(void **state UNUSED)
{
    lab.answer = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    for (int i = 0; i < 2; i++) {
        lab_call(0);
        lab_run();
        assert_true(lab.is_answered);
    }
    assert_int_equal(lab.accepted_count, 2);
}

static void test_half_an_answer_is_a_lost_call(void **state UNUSED)
{
    lab.answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel";
    lab.closes = true;
    lab_call(0);
    lab_run();
    assert_false(lab.is_answered);
    assert_int_equal(lab.client.state, CLIENT_CLOSED);
}

static void test_two_answers_to_one_call_are_none(void **state UNUSED)
{
    lab.answer = "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
    lab_call(0);
    lab_run();
    assert_false(lab.is_answered);
}

static void test_a_refused_connection_is_told_from_the_loop(void **state UNUSED)
{
    lab_close_listener();
    lab_call(0);
    assert_int_equal(lab.ended_count, 0);
    lab_run();
    assert_int_equal(lab.ended_count, 1);
    assert_false(lab.is_answered);
}

static void test_no_answer_ends_at_the_deadline(void **state UNUSED)
{
    int64_t begin_ms = clock_mono_ms();
    lab_call(30);
    lab_run();
    assert_false(lab.is_answered);
    assert_true(clock_mono_ms() - begin_ms >= 29);
}

static void test_a_stream_comes_in_pieces_and_closes_without_an_end(void **state UNUSED)
{
    lab.client.piece = lab_piece;
    lab.answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";
    lab_call(0);
    lab_run();
    assert_true(str_equal(buf_str(&lab.pieces), STR("abc")));
    client_close(&lab.client);
    assert_int_equal(lab.ended_count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, lab_setup, lab_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_call_is_written_whole_and_its_answer_gathered),
        TEST(test_calls_share_a_connection),
        TEST(test_connection_close_opens_another),
        TEST(test_half_an_answer_is_a_lost_call),
        TEST(test_two_answers_to_one_call_are_none),
        TEST(test_a_refused_connection_is_told_from_the_loop),
        TEST(test_no_answer_ends_at_the_deadline),
        TEST(test_a_stream_comes_in_pieces_and_closes_without_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
