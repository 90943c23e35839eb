/* What a client sees of streams and waiting polls, the same whether they are taken over or held by
 * libmicrohttpd. */
#pragma once
#include "tests/unit/api/h1/bed.h"

#define AUTH "Host: x\r\nAuthorization: Bearer %T\r\n"
#define SYNC "GET /chat/app/sync?wait=30 HTTP/1.1\r\n" AUTH
#define STREAM "GET /chat/app/stream HTTP/1.1\r\n" AUTH
#define EVENT_CHUNK "10\r\ndata: hello...\n\n\r\n"

static void bed_nothing(struct bed *bed UNUSED) {}

static struct buf flow_buf(void)
{
    struct buf buf;
    buf_init(&buf, 16 << 20);
    return buf;
}

static void flow_poll_is_answered_and_connection_kept(void **state)
{
    struct bed *bed = *state;
    int fd = client_open(bed);
    struct buf in = flow_buf(), answer = flow_buf();
    for (int i = 0; i < 20; i++) {
        client_send(bed, fd, STR(SYNC "\r\n"));
        BED_UNTIL(bed->waiting_count == 1);
        bed_do(bed, bed_answer_all);
        assert_int_equal(client_answer(fd, &in, &answer, false), 200);
        assert_non_null(client_find(&answer, "\"target\":\"/chat/app/sync?wait=30\""));
        assert_non_null(client_find(&answer, "\r\nContent-Type: application/json\r\n"));
        assert_non_null(client_find(&answer, "\r\nDate: "));
        assert_null(client_find(&answer, "Connection: close"));
        client_send(bed, fd, STR("GET /chat/app/groups HTTP/1.1\r\n" AUTH "\r\n"));
        assert_int_equal(client_answer(fd, &in, &answer, false), 200);
    }
    assert_int_equal(peers_count(bed->peers), 1);
    close(fd);
    buf_done(&in);
    buf_done(&answer);
    BED_UNTIL(peers_count(bed->peers) == 0);
    assert_int_equal(bed->gone_count, 0);
}

static void flow_poll_may_be_answered_at_once(void **state)
{
    struct bed *bed = *state;
    int fd = client_open(bed);
    struct buf in = flow_buf(), answer = flow_buf();
    for (int i = 0; i < 20; i++) {
        client_send(bed, fd, STR("GET /chat/app/sync?now HTTP/1.1\r\n" AUTH "\r\n"));
        assert_int_equal(client_answer(fd, &in, &answer, false), 200);
    }
    close(fd);
    buf_done(&in);
    buf_done(&answer);
}

static void flow_refused_poll_keeps_connection(void **state)
{
    struct bed *bed = *state;
    int fd = client_open(bed);
    struct buf in = flow_buf(), answer = flow_buf();
    client_send(bed, fd, STR("GET /chat/app/sync HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_int_equal(client_answer(fd, &in, &answer, false), 401);
    client_send(bed, fd, STR("GET /chat/app/sync?now HTTP/1.1\r\n" AUTH "\r\n"));
    assert_int_equal(client_answer(fd, &in, &answer, false), 200);
    close(fd);
    buf_done(&in);
    buf_done(&answer);
}

static void flow_stream_comes_in_chunks_until_its_end(void **state)
{
    struct bed *bed = *state;
    int fd = client_open(bed);
    struct buf in = flow_buf(), answer = flow_buf();
    client_send(bed, fd, STR(STREAM "\r\n"));
    assert_true(client_read_until(fd, &in, "\r\n\r\n")); /* the head does not wait for an event */
    assert_non_null(client_find(&in, "HTTP/1.1 200 OK\r\n"));
    assert_non_null(client_find(&in, "\r\nContent-Type: text/event-stream\r\n"));
    assert_non_null(client_find(&in, "\r\nTransfer-Encoding: chunked\r\n"));
    assert_null(client_find(&in, "Content-Length"));
    for (int i = 0; i < 3; i++) {
        buf_clear(&in);
        bed_do(bed, bed_push_all);
        assert_true(client_read_until(fd, &in, EVENT_CHUNK));
        int before = bed->writable_count;
        bed_do(bed, bed_nothing);
        assert_true(bed->writable_count >= before);
    }
    bed_do(bed, bed_end_all);
    assert_true(client_read_until(fd, &in, "\r\n0\r\n\r\n"));
    client_send(bed, fd, STR("GET /chat/app/groups HTTP/1.1\r\n" AUTH "\r\n"));
    buf_clear(&in);
    assert_int_equal(client_answer(fd, &in, &answer, false), 200);
    close(fd);
    buf_done(&in);
    buf_done(&answer);
}

static void flow_stream_of_http_10_ends_with_the_connection(void **state)
{
    struct bed *bed = *state;
    int fd = client_open(bed);
    struct buf in = flow_buf();
    client_send(bed, fd, STR("GET /chat/app/stream HTTP/1.0\r\n" AUTH "\r\n"));
    BED_UNTIL(bed->waiting_count == 1);
    bed_do(bed, bed_push_all);
    assert_true(client_read_until(fd, &in, "\r\n\r\ndata: hello...\n\n"));
    assert_null(client_find(&in, "chunked"));
    bed_do(bed, bed_end_all);
    client_expect_end(fd, &in);
    close(fd);
    buf_done(&in);
}

static void flow_leaving_client_is_noticed(struct bed *bed, const char *request, bool by_reset)
{
    int fd = client_open(bed);
    client_send(bed, fd, str_from_c(request));
    BED_UNTIL(bed->waiting_count == 1);
    int gone_count = bed->gone_count;
    if (by_reset) {
        struct linger linger = {.l_onoff = 1};
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
    }
    close(fd);
    BED_UNTIL(bed->gone_count == gone_count + 1);
    BED_UNTIL(peers_count(bed->peers) == 0);
}

static void flow_fin_and_rst_are_noticed(void **state)
{
    for (int by_reset = 0; by_reset < 2; by_reset++) {
        flow_leaving_client_is_noticed(*state, SYNC "\r\n", by_reset);
        flow_leaving_client_is_noticed(*state, STREAM "\r\n", by_reset);
    }
}

/* Behind the answer, or `Connection: close` and never: no third way. */
static void flow_request_behind_a_poll(void **state)
{
    struct bed *bed = *state;
    for (int is_together = 0; is_together < 2; is_together++) {
        int fd = client_open(bed);
        struct buf in = flow_buf(), answer = flow_buf();
        const char *next = "GET /chat/app/groups HTTP/1.1\r\n" AUTH "\r\n";
        if (is_together) {
            client_send(bed, fd, STR(SYNC "\r\nGET /chat/app/groups HTTP/1.1\r\n" AUTH "\r\n"));
        } else {
            client_send(bed, fd, STR(SYNC "\r\n"));
            BED_UNTIL(bed->waiting_count == 1);
            client_send(bed, fd, str_from_c(next));
        }
        BED_UNTIL(bed->waiting_count == 1);
        bed_do(bed, bed_answer_all);
        assert_int_equal(client_answer(fd, &in, &answer, false), 200);
        assert_non_null(client_find(&answer, "sync"));
        if (client_find(&answer, "Connection: close")) {
            assert_true(is_together);
            client_expect_end(fd, &in);
            assert_int_equal(in.len, 0);
        } else {
            assert_int_equal(client_answer(fd, &in, &answer, false), 200);
            assert_non_null(client_find(&answer, "groups"));
        }
        close(fd);
        buf_done(&in);
        buf_done(&answer);
    }
}

static void flow_client_may_ask_for_a_close(void **state)
{
    struct bed *bed = *state;
    int fd = client_open(bed);
    struct buf in = flow_buf();
    client_send(bed, fd, STR(SYNC "Connection: close\r\n\r\n"));
    BED_UNTIL(bed->waiting_count == 1);
    bed_do(bed, bed_answer_all);
    client_expect_end(fd, &in);
    assert_non_null(client_find(&in, "Connection: close"));
    assert_non_null(client_find(&in, "sync"));
    close(fd);
    buf_done(&in);
}

static void flow_stopping_tells_all_that_wait(void **state)
{
    struct bed *bed = *state;
    int fds[6];
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = client_open(bed);
        client_send(bed, fds[i], i % 2 ? STR(SYNC "\r\n") : STR(STREAM "\r\n"));
    }
    BED_UNTIL(bed->waiting_count == (int)ARRAY_LEN(fds));
    bed_do(bed, bed_push_all_streams);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]); /* may be seen or not before the teardown, which counts */
}

static size_t flow_pushed_len;
static void flow_push_much(struct bed *bed)
{
    static char bytes[65536];
    memset(bytes, 'x', sizeof(bytes));
    LIST_EACH (&bed->waiting, link) {
        struct exchange *ex = container_of(link, struct bed_wait, link)->ex;
        int i = 0;
        do
            flow_pushed_len += sizeof(bytes);
        while (ex->transport->ops->stream_write(ex->transport, str_of(bytes, sizeof(bytes))) &&
               ++i < 1000);
    }
}

/* The socket takes what it takes; then one write is held, and after a while the client is gone. */
static void flow_reader_that_stops_is_closed(void **state)
{
    struct bed *bed = *state;
    int fd = client_open(bed);
    client_send(bed, fd, STR(STREAM "\r\n"));
    BED_UNTIL(bed->waiting_count == 1);
    flow_pushed_len = 0;
    bed_do(bed, flow_push_much);
    int64_t end_ms = clock_mono_ms() + BED_WAIT_MS;
    for (int seen = 0; bed->gone_count == 0 && clock_mono_ms() < end_ms; poll(NULL, 0, 1)) {
        if (bed->writable_count == seen) continue;
        seen = bed->writable_count;
        bed_do(bed, flow_push_much);
    }
    assert_int_equal(bed->gone_count, 1);
    assert_true(flow_pushed_len < 64u << 20);
    close(fd);
}

static int flow_teardown(void **state)
{
    bed_stop(*state);
    return 0;
}

#define FLOW(name) cmocka_unit_test_setup_teardown(name, setup, flow_teardown)
#define FLOWS                                                                                      \
    FLOW(flow_poll_is_answered_and_connection_kept), FLOW(flow_poll_may_be_answered_at_once),      \
        FLOW(flow_refused_poll_keeps_connection), FLOW(flow_stream_comes_in_chunks_until_its_end), \
        FLOW(flow_stream_of_http_10_ends_with_the_connection), FLOW(flow_fin_and_rst_are_noticed), \
        FLOW(flow_request_behind_a_poll), FLOW(flow_client_may_ask_for_a_close),                   \
        FLOW(flow_stopping_tells_all_that_wait), FLOW(flow_reader_that_stops_is_closed)
