/* Opening, draining, closing. */
#include "tests/unit/api/h1/talk.h"

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

static void test_closing_tells_requests_in_flight(void **state)
{
    struct bed *bed = *state;
    struct talk talk;
    talk_begin(&talk, bed);
    client_send(bed, talk.fd,
                STR("POST /chat/app/login HTTP/1.1\r\nHost: x\r\n"
                    "Content-Type: application/json\r\nContent-Length: 4\r\n\r\nwait"));
    BED_UNTIL(bed->waiting_count == 1);
    assert_int_equal(bed->gone_count, 0);
    talk_end(&talk); /* the teardown asserts that the handler has heard of it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_drain_closes_idle_connections_and_busy_ones_after_their_answer),
        TEST(test_closing_tells_requests_in_flight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
