/* A connection between libmicrohttpd and us, and the count of its bytes. */
#include "tests/unit/api/h1/talk.h"

static struct buf talk_buf(void)
{
    struct buf buf;
    buf_init(&buf, 1 << 20);
    return buf;
}

static void test_connection_comes_back_with_its_next_bytes(void **state)
{
    struct bed *bed = *state;
    int64_t takeovers = metrics_value(METRIC_TAKEOVERS);
    int64_t givebacks = metrics_value(METRIC_GIVEBACKS);
    int fd = client_open(bed);
    struct buf in = talk_buf(), answer = talk_buf();
    for (int i = 0; i < 3; i++) {
        client_send(bed, fd, STR("GET /chat/app/sync?now HTTP/1.1\r\n" AUTH "\r\n"));
        assert_int_equal(client_answer(fd, &in, &answer, false), 200);
    }
    assert_int_equal(metrics_value(METRIC_TAKEOVERS) - takeovers, 3);
    assert_int_equal(metrics_value(METRIC_GIVEBACKS) - givebacks, 2); /* the last one is parked */
    close(fd);
    buf_done(&in);
    buf_done(&answer);
}

static void test_poll_behind_a_body_is_still_counted_exactly(void **state)
{
    struct bed *bed = *state;
    int fd = client_open(bed);
    struct buf in = talk_buf(), answer = talk_buf();
    client_send(bed, fd,
                STR("POST /chat/app/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                    "Content-Length: 2\r\n\r\n{}"));
    assert_int_equal(client_answer(fd, &in, &answer, false), 200);
    client_send(bed, fd, STR("GET /chat/app/sync?now HTTP/1.1\r\n" AUTH "\r\n"));
    assert_int_equal(client_answer(fd, &in, &answer, false), 200);
    assert_null(client_find(&answer, "Connection: close"));
    close(fd);
    buf_done(&in);
    buf_done(&answer);
}

static void test_poll_behind_a_chunked_body_closes_to_be_sure(void **state)
{
    struct bed *bed = *state;
    int fd = client_open(bed);
    struct buf in = talk_buf(), answer = talk_buf();
    client_send(bed, fd,
                STR("POST /chat/app/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"));
    assert_int_equal(client_answer(fd, &in, &answer, false), 200);
    client_send(bed, fd, STR("GET /chat/app/sync?now HTTP/1.1\r\n" AUTH "\r\n"));
    assert_int_equal(client_answer(fd, &in, &answer, false), 200);
    assert_non_null(client_find(&answer, "Connection: close"));
    client_expect_end(fd, &in);
    close(fd);
    buf_done(&in);
    buf_done(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_connection_comes_back_with_its_next_bytes),
        TEST(test_poll_behind_a_body_is_still_counted_exactly),
        TEST(test_poll_behind_a_chunked_body_closes_to_be_sure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
