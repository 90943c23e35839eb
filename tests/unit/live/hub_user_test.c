#include "live/hub_user.h"
#include <stdarg.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tests/unit/live/hub_bed.h"

static void test_events_come_in_order(void **state)
{
    (void)state;
    reader_live(&a, &lab, "ann", 40);
    for (uint64_t seq = 41; seq <= 50; seq++)
        hub_lab_publish(&lab, "ann", EPOCH, seq);
    assert_int_equal(a.count, 0); /* never inside a call */
    assert_true(hub_lab_run(&lab, &a.count, 10));
    assert_true(reader_saw(&a, 41, 50));
    assert_int_equal(a.behind, 0);
}

static void test_a_gap_that_closes_in_time_is_not_noticed(void **state)
{
    (void)state;
    reader_live(&a, &lab, "ann", 40);
    hub_lab_publish(&lab, "ann", EPOCH, 43);
    hub_lab_publish(&lab, "ann", EPOCH, 42);
    hub_lab_turn(&lab, 2);
    assert_int_equal(a.count, 0);
    hub_lab_post(&lab, "ann", EPOCH, 41);
    assert_true(hub_lab_run(&lab, &a.count, 3));
    hub_lab_turn(&lab, QUIET_MS);
    assert_true(reader_saw(&a, 41, 43));
    assert_int_equal(a.behind, 0);
}

static void test_a_gap_that_stays_sends_the_listener_back_to_the_store(void **state)
{
    (void)state;
    reader_live(&a, &lab, "ann", 40);
    hub_lab_publish(&lab, "ann", EPOCH, 42);
    assert_true(hub_lab_run(&lab, &a.behind, 1));
    assert_int_equal(a.count, 0);
    hub_go_live(lab.hub, &a.listener, EPOCH, 42);
    hub_lab_publish(&lab, "ann", EPOCH, 43);
    assert_true(hub_lab_run(&lab, &a.count, 1));
    assert_true(reader_saw(&a, 43, 43));
}

static void test_repeats_are_dropped(void **state)
{
    (void)state;
    reader_live(&a, &lab, "ann", 40);
    hub_lab_publish(&lab, "ann", EPOCH, 41);
    hub_lab_post(&lab, "ann", EPOCH, 41);
    hub_lab_post(&lab, "ann", EPOCH, 39);
    hub_lab_post(&lab, "ann", EPOCH, 42);
    hub_lab_post(&lab, "ann", EPOCH, 41);
    assert_true(hub_lab_run(&lab, &a.count, 2));
    hub_lab_turn(&lab, QUIET_MS);
    assert_true(reader_saw(&a, 41, 42));
    assert_int_equal(a.behind, 0);
}

static void test_another_epoch_sends_all_back_to_the_store(void **state)
{
    (void)state;
    reader_live(&a, &lab, "ann", 40);
    reader_live(&b, &lab, "ann", 40);
    hub_lab_publish(&lab, "ann", EPOCH + 1, 1);
    assert_true(hub_lab_run(&lab, &a.behind, 1) && hub_lab_run(&lab, &b.behind, 1));
    hub_go_live(lab.hub, &a.listener, EPOCH + 1, 0);
    assert_true(hub_lab_run(&lab, &a.count, 1)); /* from the ring */
    assert_true(reader_saw(&a, 1, 1));
}

static void test_an_entry_goes_when_it_has_lingered(void **state)
{
    (void)state;
    hub_lab_close(&lab);
    hub_lab_open(&lab, "", NULL);
    hub_close(lab.hub);
    lab.config.linger_ms = 5;
    assert_int_equal(hub_open(lab.loop, &lab.config, lab.hall, &lab.hub), OK);
    reader_live(&a, &lab, "ann", 40);
    hub_leave(lab.hub, &a.listener);
    assert_non_null(hub_device(lab.hub, STR("ann"), STR("phone")));
    hub_lab_turn(&lab, 20);
    assert_null(hub_device(lab.hub, STR("ann"), STR("phone")));
}

static void test_who_goes_live_late_is_fed_from_the_last_events(void **state)
{
    (void)state;
    reader_join(&a, &lab, "ann", "phone");
    assert_true(hub_lab_run(&lab, &a.ready, 1));
    for (uint64_t seq = 41; seq < 41 + HUB_RECENT_MAX; seq++) /* while it reads */
        hub_lab_publish(&lab, "ann", EPOCH, seq);
    hub_go_live(lab.hub, &a.listener, EPOCH, 40);
    assert_true(hub_lab_run(&lab, &a.count, HUB_RECENT_MAX));
    assert_true(reader_saw(&a, 41, 40 + HUB_RECENT_MAX));
    assert_int_equal(a.behind, 0);
}

static void test_who_goes_live_too_late_is_behind(void **state)
{
    (void)state;
    reader_join(&a, &lab, "ann", "phone");
    assert_true(hub_lab_run(&lab, &a.ready, 1));
    for (uint64_t seq = 41; seq <= 41 + HUB_RECENT_MAX; seq++)
        hub_lab_publish(&lab, "ann", EPOCH, seq);
    hub_go_live(lab.hub, &a.listener, EPOCH, 40);
    assert_true(hub_lab_run(&lab, &a.behind, 1));
    assert_int_equal(a.count, 0);
}

static void test_what_one_listener_has_read_is_watched_for_the_others(void **state)
{
    (void)state;
    reader_live(&a, &lab, "ann", 40);
    reader_live(&b, &lab, "ann", 42); /* 41 and 42 are in the store, but were never heard of */
    assert_true(hub_lab_run(&lab, &a.behind, 1));
    assert_int_equal(b.behind, 0);
}

static void test_gaps_have_a_time_each(void **state)
{
    (void)state;
    reader_live(&a, &lab, "ann", 0);
    for (uint64_t seq = 1; seq < 40; seq += 2) { /* always some gap, none for long */
        hub_lab_publish(&lab, "ann", EPOCH, seq + 1);
        hub_lab_turn(&lab, 2);
        hub_lab_publish(&lab, "ann", EPOCH, seq);
    }
    assert_true(hub_lab_run(&lab, &a.count, 40));
    assert_true(reader_saw(&a, 1, 40));
    assert_int_equal(a.behind, 0);
}

static void test_the_last_events_of_a_silent_user_go(void **state)
{
    (void)state;
    struct arena arena;
    struct str id;
    arena_init(&arena);
    reader_live(&a, &lab, "ann", 40);
    hub_lab_publish(&lab, "ann", EPOCH, 41);
    struct hub_user *user = hub_user_find(lab.hub, STR("ann"));
    assert_non_null(user->recent);
    for (int round = 0; round < 10; round++)
        assert_int_equal(hub_probe_next(lab.hub, &id, 1, &arena), 1);
    assert_null(user->recent);
    assert_true(hub_lab_run(&lab, &a.count, 1));
    arena_done(&arena);
}

static void test_an_entry_is_small(void **state)
{
    (void)state;
    assert_true(sizeof(struct hub_user) <= 160);
    assert_true(sizeof(struct listener) <= 192);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_events_come_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_gap_that_closes_in_time_is_not_noticed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_gap_that_stays_sends_the_listener_back_to_the_store,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_repeats_are_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_another_epoch_sends_all_back_to_the_store, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_an_entry_goes_when_it_has_lingered, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_goes_live_late_is_fed_from_the_last_events, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_who_goes_live_too_late_is_behind, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_one_listener_has_read_is_watched_for_the_others,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_gaps_have_a_time_each, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_last_events_of_a_silent_user_go, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_entry_is_small, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
