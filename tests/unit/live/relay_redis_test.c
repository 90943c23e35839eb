#include "base/metrics.h"
#include "live/relay_redis.h"
#include "tests/support/hub_lab.h"
#include "tests/support/redis.h"
#include <stdarg.h>
#include <stdio.h>

#include <setjmp.h>

#include <cmocka.h>

/* Two relays on one loop, one Redis. Their halls differ, so nothing goes by there. */
static struct test_redis redis;
static struct hub_lab lab;
static struct relay_hall *far_hall;
static struct lab_sink near_sink, far_sink;
static struct relay *near, *far;

static int setup(void **state)
{
    (void)state;
    test_redis_start(&redis);
    hub_lab_open(&lab, "", NULL);
    far_hall = relay_hall_new();
    lab_sink_init(&near_sink);
    lab_sink_init(&far_sink);
    struct config config = {.redis = str_from_c(redis.where)};
    if (relay_open(lab.loop, &config, lab.hall, &near_sink.sink, &near) != OK) return -1;
    if (relay_open(lab.loop, &config, far_hall, &far_sink.sink, &far) != OK) return -1;
    return hub_lab_run(&lab, &near_sink.ups, 1) && hub_lab_run(&lab, &far_sink.ups, 1) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    relay_close(near);
    relay_close(far);
    hub_lab_close(&lab);
    relay_hall_free(far_hall);
    buf_done(&near_sink.payload);
    buf_done(&far_sink.payload);
    test_redis_stop(&redis);
    return 0;
}

static void test_payloads_come_once_the_channel_is_subscribed(void **state)
{
    (void)state;
    assert_true(relay_is_up(near));
    assert_int_equal(metrics_value(METRIC_RELAY_UP), 2);
    assert_false(relay_subscribe(near, STR("ann")));
    assert_int_equal(near_sink.subscribed, 0); /* never inside a call */
    assert_true(hub_lab_run(&lab, &near_sink.subscribed, 1));
    assert_string_equal(near_sink.user_id, "ann");
    relay_publish(far, STR("bob"), STR("not for us"));
    relay_publish(far, STR("ann"), STR("a\0b\r\n"));
    assert_true(hub_lab_run(&lab, &near_sink.received, 1));
    assert_true(str_equal(buf_str(&near_sink.payload), STR("a\0b\r\n")));
    relay_publish(near, STR("ann"), STR("our own")); /* may come back, and does */
    assert_true(hub_lab_run(&lab, &near_sink.received, 2));
}

static void test_an_unsubscribed_channel_is_silent(void **state)
{
    (void)state;
    relay_subscribe(near, STR("ann"));
    relay_subscribe(near, STR("bob"));
    assert_true(hub_lab_run(&lab, &near_sink.subscribed, 2));
    relay_unsubscribe(near, STR("ann"));
    hub_lab_turn(&lab, 20);
    relay_publish(far, STR("ann"), STR("to nobody"));
    relay_publish(far, STR("bob"), STR("to bob"));
    assert_true(hub_lab_run(&lab, &near_sink.received, 1));
    assert_string_equal(near_sink.user_id, "bob");
}

static void test_leaving_and_returning_ends_subscribed(void **state)
{
    (void)state;
    relay_subscribe(near, STR("ann"));
    relay_unsubscribe(near, STR("ann")); /* before anything was sent */
    relay_subscribe(near, STR("ann"));
    assert_true(hub_lab_run(&lab, &near_sink.subscribed, 1));
    for (int i = 2; i < 6; i++) { /* while the answer to the last command is on its way */
        relay_unsubscribe(near, STR("ann"));
        hub_lab_turn(&lab, i % 2);
        relay_subscribe(near, STR("ann"));
        assert_true(hub_lab_run(&lab, &near_sink.subscribed, i));
    }
    relay_unsubscribe(near, STR("ann"));
    relay_subscribe(near, STR("ann"));
    relay_unsubscribe(near, STR("ann"));
    hub_lab_turn(&lab, 30);
    assert_int_equal(near_sink.subscribed, 5);
    relay_subscribe(near, STR("ann"));
    assert_true(hub_lab_run(&lab, &near_sink.subscribed, 6));
    relay_publish(far, STR("ann"), STR("payload"));
    assert_true(hub_lab_run(&lab, &near_sink.received, 1));
    hub_lab_turn(&lab, 20);
    assert_int_equal(near_sink.received, 1);
}

static void test_many_channels_are_subscribed(void **state)
{
    (void)state;
    enum { CHANNELS = 20000 }; /* more than one command, and more than the buffer takes at once */
    char id[16];
    for (int i = 0; i < CHANNELS; i++) {
        int len = snprintf(id, sizeof(id), "user-%d", i);
        assert_false(relay_subscribe(near, str_of(id, (size_t)len)));
    }
    assert_true(hub_lab_run(&lab, &near_sink.subscribed, CHANNELS));
    relay_publish(far, STR("user-19999"), STR("payload"));
    assert_true(hub_lab_run(&lab, &near_sink.received, 1));
}

static void test_a_killed_redis_is_found_again_and_subscribed(void **state)
{
    (void)state;
    if (!test_redis_is_ours(&redis)) skip();
    int64_t reconnects = metrics_value(METRIC_RELAY_RECONNECTS);
    relay_subscribe(near, STR("ann"));
    relay_subscribe(near, STR("bob"));
    assert_true(hub_lab_run(&lab, &near_sink.subscribed, 2));
    relay_unsubscribe(near, STR("bob")); /* the answer never comes */
    test_redis_kill(&redis);
    assert_true(hub_lab_run(&lab, &near_sink.downs, 1) && hub_lab_run(&lab, &far_sink.downs, 1));
    assert_false(relay_is_up(near));
    assert_int_equal(metrics_value(METRIC_RELAY_UP), 0);
    assert_true(relay_subscribe(near, STR("zoe"))); /* stands at once, subscribed later */
    relay_publish(near, STR("ann"), STR("by the hall"));
    assert_true(hub_lab_run(&lab, &lab.sink.received, 1));

    test_redis_restart(&redis);
    assert_true(hub_lab_run(&lab, &near_sink.ups, 2) && hub_lab_run(&lab, &far_sink.ups, 2));
    assert_true(hub_lab_run(&lab, &near_sink.subscribed, 4)); /* ann and zoe */
    relay_publish(far, STR("ann"), STR("back"));
    relay_publish(far, STR("zoe"), STR("back"));
    assert_true(hub_lab_run(&lab, &near_sink.received, 2));
    hub_lab_turn(&lab, 20);
    assert_int_equal(near_sink.subscribed, 4);
    assert_int_equal(metrics_value(METRIC_RELAY_RECONNECTS), reconnects + 2);
}

static void test_a_redis_that_hangs_is_given_up(void **state)
{
    (void)state;
    if (!test_redis_is_ours(&redis)) skip();
    test_redis_pause(&redis, true);
    assert_true(hub_lab_run(&lab, &near_sink.downs, 1));
    test_redis_pause(&redis, false);
    assert_true(hub_lab_run(&lab, &near_sink.ups, 2));
}

static void test_an_idle_connection_stays(void **state)
{
    (void)state;
    hub_lab_turn(&lab, 3500); /* longer than the silence after which it is asked */
    assert_true(relay_is_up(near));
    assert_int_equal(near_sink.downs, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_payloads_come_once_the_channel_is_subscribed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_an_unsubscribed_channel_is_silent, setup, teardown),
        cmocka_unit_test_setup_teardown(test_leaving_and_returning_ends_subscribed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_many_channels_are_subscribed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_killed_redis_is_found_again_and_subscribed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_redis_that_hangs_is_given_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_idle_connection_stays, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
