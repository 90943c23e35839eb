#include "base/fault.h"
#include "live/relay.h"
#include "tests/support/hub_lab.h"
#include <stdarg.h>

#include <setjmp.h>

#include <cmocka.h>

/* The lab's saboteur is one relay; its hub's stays idle. `pair` is another one on the same loop. */
static struct hub_lab lab;
static struct lab_sink pair_sink;
static struct relay *pair;

static int setup(void **state)
{
    (void)state;
    hub_lab_open(&lab, "", NULL);
    lab_sink_init(&pair_sink);
    return relay_open(lab.loop, &lab.config, lab.hall, &pair_sink.sink, &pair) == OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    relay_close(pair);
    hub_lab_close(&lab);
    buf_done(&pair_sink.payload);
    return 0;
}

static void test_without_redis_all_stands_at_once(void **state)
{
    (void)state;
    assert_true(relay_is_up(pair));
    assert_true(relay_subscribe(pair, STR("ann")));
    relay_unsubscribe(pair, STR("ann"));
    hub_lab_turn(&lab, 2);
    assert_int_equal(pair_sink.subscribed + pair_sink.ups + pair_sink.downs, 0);
}

static void test_a_payload_reaches_the_other_reactors(void **state)
{
    (void)state;
    relay_publish(lab.saboteur, STR("ann"), STR("payload"));
    assert_int_equal(pair_sink.received, 0); /* never inside a call */
    assert_true(hub_lab_run(&lab, &pair_sink.received, 1));
    assert_string_equal(pair_sink.user_id, "ann");
    assert_true(str_equal(buf_str(&pair_sink.payload), STR("payload")));
    assert_int_equal(lab.sink.received, 0); /* and not the sender's own */
}

static void test_a_fault_drops_the_payload(void **state)
{
    (void)state;
    assert_int_equal(fault_arm(STR("relay_publish:fail:1")), OK);
    relay_publish(lab.saboteur, STR("ann"), STR("lost"));
    relay_publish(lab.saboteur, STR("ann"), STR("payload"));
    fault_disarm();
    assert_true(hub_lab_run(&lab, &pair_sink.received, 1));
    assert_true(str_equal(buf_str(&pair_sink.payload), STR("payload")));
}

static void test_what_was_posted_to_a_closed_relay_is_dropped(void **state)
{
    (void)state;
    relay_publish(lab.saboteur, STR("ann"), STR("payload"));
    relay_close(pair);
    pair = NULL;
    hub_lab_turn(&lab, 2);
    assert_int_equal(pair_sink.received, 0);
    relay_publish(lab.saboteur, STR("ann"), STR("payload"));
}

static void test_an_address_that_is_none_is_refused(void **state)
{
    (void)state;
    const char *const wrong[] = {"localhost", "unix:", "redis.example:6379", "127.0.0.1:x"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct config config = {.redis = str_from_c(wrong[i])};
        struct relay *relay = NULL;
        assert_int_equal(relay_open(lab.loop, &config, lab.hall, &lab.sink.sink, &relay),
                         ERR_CONFIG);
        assert_null(relay);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_without_redis_all_stands_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_payload_reaches_the_other_reactors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_fault_drops_the_payload, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_was_posted_to_a_closed_relay_is_dropped, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_an_address_that_is_none_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
