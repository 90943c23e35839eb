/* The daemon: answers that come later wake it, many at once. */
#include "tests/unit/api/h1/talk.h"

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

/* The fallback has 72 daemons: nobody waits behind another one's connections. */
static void test_connections_are_spread_over_cells(void **state UNUSED)
{
    struct bed *bed = bed_new();
    bed->config.h1_takeover = false;
    bed_start(bed);
    struct talk talks[150];
    for (size_t i = 0; i < ARRAY_LEN(talks); i++) {
        talk_begin(&talks[i], bed);
        client_send(bed, talks[i].fd, STR("GET /chat/app/sync HTTP/1.1\r\n" AUTH "\r\n"));
    }
    BED_UNTIL(bed->waiting_count == (int)ARRAY_LEN(talks));
    bed_do(bed, bed_answer_all);
    for (size_t i = 0; i < ARRAY_LEN(talks); i++) {
        assert_int_equal(client_answer(talks[i].fd, &talks[i].in, &talks[i].answer, false), 200);
        talk_end(&talks[i]);
    }
    bed_stop(bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_answer_may_come_later),
        cmocka_unit_test(test_connections_are_spread_over_cells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
