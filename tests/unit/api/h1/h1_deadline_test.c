/* One byte a second holds no connection. Times are short, and measured from both sides. */
#include "tests/unit/api/h1/bed.h"
#include <netinet/tcp.h>

enum { HEAD_MS = 200, BODY_MS = 300, IDLE_MS = 500, WRITE_MS = 200, LATE_MS = 400 };
#define AUTH "Host: x\r\nAuthorization: Bearer %T\r\n"

static int setup(void **state)
{
    struct bed *bed = bed_new();
    bed->config.head_ms = HEAD_MS;
    bed->config.body_ms = BODY_MS;
    bed->config.idle_ms = IDLE_MS;
    bed->config.stream_write_ms = WRITE_MS;
    bed_start(bed);
    *state = bed;
    return 0;
}
static int teardown(void **state)
{
    bed_stop(*state);
    return 0;
}

/* Sends a byte every few milliseconds until the server has had enough; returns how long it took. */
static int64_t drip(int fd, const char *text, struct buf *in)
{
    int64_t start_ms = clock_mono_ms();
    for (const char *at = text; clock_mono_ms() - start_ms < BED_WAIT_MS; at += at[1] != '\0') {
        struct pollfd pollfd = {.fd = fd, .events = POLLIN};
        if (poll(&pollfd, 1, 10) == 1) break;
        if (send(fd, at, 1, MSG_NOSIGNAL) < 0) break;
    }
    int64_t took_ms = clock_mono_ms() - start_ms;
    client_expect_end(fd, in);
    return took_ms;
}

static void expect_between(int64_t ms, int64_t from_ms, int64_t to_ms)
{
    if (ms < from_ms - 20 || ms > to_ms + LATE_MS)
        fail_msg("took %d ms, not %d..%d", (int)ms, (int)from_ms, (int)to_ms);
}

static void test_dripping_head_is_cut_off(void **state)
{
    struct buf in;
    buf_init(&in, 1 << 20);
    int fd = client_open(*state);
    int64_t took_ms = drip(fd, "GET /chat/app/groups HTTP/1.1\r\nHost: x\r\nA: bbbbbbbbbbbbb", &in);
    expect_between(took_ms, HEAD_MS, HEAD_MS);
    assert_non_null(client_find(&in, "HTTP/1.1 408 "));
    assert_non_null(client_find(&in, "Connection: close"));
    close(fd);
    buf_done(&in);
}

static void test_dripping_head_behind_an_answer_is_cut_off(void **state)
{
    struct buf in, answer;
    buf_init(&in, 1 << 20);
    buf_init(&answer, 1 << 20);
    int fd = client_open(*state);
    client_send(*state, fd, STR("GET /chat/app/groups HTTP/1.1\r\n" AUTH "\r\n"));
    assert_int_equal(client_answer(fd, &in, &answer, false), 200);
    int64_t took_ms = drip(fd, "GET /chat/app/groups HTTP/1.1\r\nHost: x\r\nA: bbbbbbbbbbbbb", &in);
    expect_between(took_ms, HEAD_MS, HEAD_MS + HEAD_MS / 4);
    assert_non_null(client_find(&in, "HTTP/1.1 408 "));
    close(fd);
    buf_done(&in);
    buf_done(&answer);
}

static void test_dripping_body_is_cut_off(void **state)
{
    struct buf in;
    buf_init(&in, 1 << 20);
    int fd = client_open(*state);
    client_send(*state, fd,
                STR("POST /chat/app/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                    "Content-Length: 10000\r\n\r\n"));
    int64_t took_ms = drip(fd, "x", &in);
    expect_between(took_ms, BODY_MS, BODY_MS);
    assert_non_null(client_find(&in, "HTTP/1.1 408 "));
    assert_non_null(client_find(&in, "\"code\":\"request_timeout\""));
    close(fd);
    buf_done(&in);
}

static void test_silent_connection_is_closed(void **state)
{
    struct buf in;
    buf_init(&in, 1 << 20);
    int64_t start_ms = clock_mono_ms();
    int fd = client_open(*state);
    client_expect_end(fd, &in);
    expect_between(clock_mono_ms() - start_ms, HEAD_MS, HEAD_MS);
    close(fd);
    buf_done(&in);
}

static void test_idle_connection_is_closed(void **state)
{
    static const char *const requests[] = {"GET /chat/app/groups HTTP/1.1\r\n" AUTH "\r\n",
                                           "GET /chat/app/sync?now HTTP/1.1\r\n" AUTH "\r\n"};
    struct buf in, answer;
    buf_init(&in, 1 << 20);
    buf_init(&answer, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        int fd = client_open(*state);
        client_send(*state, fd, str_from_c(requests[i]));
        assert_int_equal(client_answer(fd, &in, &answer, false), 200);
        int64_t start_ms = clock_mono_ms();
        client_expect_end(fd, &in);
        expect_between(clock_mono_ms() - start_ms, IDLE_MS, IDLE_MS);
        assert_int_equal(in.len, 0);
        close(fd);
    }
    buf_done(&in);
    buf_done(&answer);
}

/* Request and FIN in one segment: the answer comes, and the connection does not wait for more. */
static void test_half_closed_client_is_answered_and_let_go(void **state)
{
    struct bed *bed = *state;
    struct buf in;
    buf_init(&in, 1 << 20);
    int fd = client_open(bed), on = 1, off = 0;
    setsockopt(fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
    client_send(bed, fd, STR("GET /chat/app/groups HTTP/1.1\r\n" AUTH "\r\n"));
    shutdown(fd, SHUT_WR);
    setsockopt(fd, IPPROTO_TCP, TCP_CORK, &off, sizeof(off));
    int64_t start_ms = clock_mono_ms();
    client_expect_end(fd, &in);
    assert_non_null(client_find(&in, "HTTP/1.1 200 "));
    assert_null(client_find(&in, " 408 "));
    expect_between(clock_mono_ms() - start_ms, 0, HEAD_MS / 4);
    close(fd);
    buf_done(&in);
}

static void test_chunked_body_does_not_look_like_a_next_head(void **state)
{
    struct buf in, answer;
    buf_init(&in, 1 << 20);
    buf_init(&answer, 1 << 20);
    int fd = client_open(*state);
    client_send(*state, fd,
                STR("POST /chat/app/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"));
    assert_int_equal(client_answer(fd, &in, &answer, false), 200);
    int64_t start_ms = clock_mono_ms();
    client_expect_end(fd, &in);
    expect_between(clock_mono_ms() - start_ms, IDLE_MS, IDLE_MS);
    assert_int_equal(in.len, 0);
    close(fd);
    buf_done(&in);
    buf_done(&answer);
}

static void test_waiting_poll_has_no_deadline(void **state)
{
    struct bed *bed = *state;
    struct buf in, answer;
    buf_init(&in, 1 << 20);
    buf_init(&answer, 1 << 20);
    int fd = client_open(bed);
    client_send(bed, fd, STR("GET /chat/app/sync HTTP/1.1\r\n" AUTH "\r\n"));
    BED_UNTIL(bed->waiting_count == 1);
    poll(NULL, 0, IDLE_MS + BODY_MS); /* what must not happen has no event */
    assert_int_equal(bed->waiting_count, 1);
    bed_do(bed, bed_answer_all);
    assert_int_equal(client_answer(fd, &in, &answer, false), 200);
    close(fd);
    buf_done(&in);
    buf_done(&answer);
}

static int ask_big(struct bed *bed)
{
    int fd = client_open(bed);
    int len = 65536;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &len, sizeof(len));
    client_send(bed, fd,
                STR("POST /chat/app/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                    "Content-Length: 3\r\n\r\nbig"));
    return fd;
}

static void test_answer_that_nobody_reads_is_given_up(void **state)
{
    struct bed *bed = *state;
    int fd = ask_big(bed);
    BED_UNTIL(bed->handled_count == 1);
    BED_UNTIL(peers_count(bed->peers) == 0);
    close(fd);
}

static void test_slow_reader_gets_its_whole_answer(void **state)
{
    struct bed *bed = *state;
    static char bytes[1 << 20];
    int fd = ask_big(bed);
    size_t got_len = 0;
    int64_t start_ms = clock_mono_ms();
    while (got_len < BED_BIG_LEN) {
        ssize_t got = recv(fd, bytes, sizeof(bytes), MSG_WAITALL);
        if (got <= 0) break;
        got_len += (size_t)got;
        poll(NULL, 0, WRITE_MS / 4); /* this reader's pace */
    }

    assert_true(got_len >= BED_BIG_LEN);
    assert_true(clock_mono_ms() - start_ms > 2 * WRITE_MS);
    close(fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_dripping_head_is_cut_off),
        TEST(test_dripping_head_behind_an_answer_is_cut_off),
        TEST(test_dripping_body_is_cut_off),
        TEST(test_silent_connection_is_closed),
        TEST(test_idle_connection_is_closed),
        TEST(test_half_closed_client_is_answered_and_let_go),
        TEST(test_chunked_body_does_not_look_like_a_next_head),
        TEST(test_waiting_poll_has_no_deadline),
        TEST(test_answer_that_nobody_reads_is_given_up),
        TEST(test_slow_reader_gets_its_whole_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
