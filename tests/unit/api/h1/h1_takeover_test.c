/* Streams and polls that have left libmicrohttpd. */
#include "tests/unit/api/h1/flows.h"

static int setup(void **state)
{
    struct bed *bed = bed_new();
    bed->config.stream_write_ms = 300;
    bed_start(bed);
    assert_true(h1_is_takeover(bed->h1));
    *state = bed;
    return 0;
}

static void test_request_read_along_with_a_poll_closes_behind_the_answer(void **state)
{
    struct bed *bed = *state;
    int fd = client_open(bed);
    struct buf in = flow_buf();
    int handled_count = bed->handled_count;
    client_send(bed, fd,
                STR("GET /chat/app/sync?now HTTP/1.1\r\n" AUTH "\r\n"
                    "GET /chat/app/groups HTTP/1.1\r\n" AUTH "\r\n"));
    client_expect_end(fd, &in);
    assert_non_null(client_find(&in, "Connection: close"));
    assert_int_equal(client_count(&in, "HTTP/1.1 "), 1);
    assert_int_equal(bed->handled_count, handled_count);
    close(fd);
    buf_done(&in);
}

static void bed_drain(struct bed *bed)
{
    h1_drain(bed->h1);
}
static void test_drain_closes_parked_ones_and_polls_behind_their_answer(void **state)
{
    struct bed *bed = *state;
    int parked = client_open(bed), waiting = client_open(bed);
    struct buf in = flow_buf(), answer = flow_buf();
    client_send(bed, parked, STR("GET /chat/app/sync?now HTTP/1.1\r\n" AUTH "\r\n"));
    assert_int_equal(client_answer(parked, &in, &answer, false), 200);
    client_send(bed, waiting, STR(SYNC "\r\n"));
    BED_UNTIL(bed->waiting_count == 1);
    bed_do(bed, bed_drain);
    client_expect_end(parked, &in);
    bed_do(bed, bed_answer_all);
    client_expect_end(waiting, &in);
    assert_non_null(client_find(&in, "Connection: close"));
    close(parked);
    close(waiting);
    buf_done(&in);
    buf_done(&answer);
}

static void test_drain_right_behind_an_answer_loses_nothing(void **state)
{
    struct bed *bed = *state;
    int fd = client_open(bed);
    struct buf in = flow_buf();
    client_send(bed, fd, STR(STREAM "\r\n"));
    BED_UNTIL(bed->waiting_count == 1);
    bed_do(bed, bed_drain);
    bed_do(bed, bed_push_all);
    bed_do(bed, bed_end_all);
    client_expect_end(fd, &in);
    assert_non_null(client_find(&in, EVENT_CHUNK "0\r\n\r\n"));
    close(fd);
    buf_done(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FLOWS,
        FLOW(test_request_read_along_with_a_poll_closes_behind_the_answer),
        FLOW(test_drain_closes_parked_ones_and_polls_behind_their_answer),
        FLOW(test_drain_right_behind_an_answer_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
