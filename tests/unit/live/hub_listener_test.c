#include "live/hub_user.h"
#include <stdarg.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tests/unit/live/hub_bed.h"

static void test_ready_comes_from_the_loop(void **state)
{
    (void)state;
    reader_join(&a, &lab, "ann", "phone");
    assert_int_equal(a.ready, 0);
    assert_true(hub_lab_run(&lab, &a.ready, 1));
    assert_int_equal(hub_listener_count(lab.hub), 1);
}

static void test_who_has_left_is_told_nothing(void **state)
{
    (void)state;
    reader_live(&a, &lab, "ann", 40);
    reader_join(&b, &lab, "ann", "tablet");
    hub_lab_publish(&lab, "ann", EPOCH, 41);
    hub_leave(lab.hub, &a.listener);
    hub_leave(lab.hub, &a.listener); /* twice is fine */
    hub_leave(lab.hub, &b.listener);
    hub_lab_turn(&lab, QUIET_MS);
    assert_int_equal(a.woken + b.ready, 0);
    assert_int_equal(hub_listener_count(lab.hub), 0);
}

static void test_overflow_is_behind_and_live_again_after_the_store(void **state)
{
    (void)state;
    enum { LAST = MAILBOX_EVENTS_MAX + 10 };
    reader_live(&a, &lab, "ann", 0);
    for (uint64_t seq = 1; seq <= LAST; seq++)
        hub_lab_publish(&lab, "ann", EPOCH, seq);
    assert_true(hub_lab_run(&lab, &a.behind, 1));
    assert_int_equal(a.count, 0);
    assert_false(a.listener.is_live);
    hub_go_live(lab.hub, &a.listener, EPOCH, LAST);
    hub_lab_publish(&lab, "ann", EPOCH, LAST + 1);
    assert_true(hub_lab_run(&lab, &a.count, 1));
    assert_true(reader_saw(&a, LAST + 1, LAST + 1));
}

static void test_who_stops_being_live_hears_nothing_until_it_is_again(void **state)
{
    (void)state;
    reader_live(&a, &lab, "ann", 40);
    hub_lab_publish(&lab, "ann", EPOCH, 41);
    hub_stop_live(lab.hub, &a.listener);
    hub_lab_publish(&lab, "ann", EPOCH, 42);
    hub_lab_turn(&lab, QUIET_MS);
    assert_int_equal(a.woken, 0);
    hub_go_live(lab.hub, &a.listener, EPOCH, 40);
    assert_true(hub_lab_run(&lab, &a.count, 2));
    assert_true(reader_saw(&a, 41, 42));
}

static void test_going_back_an_epoch_settles_on_what_the_store_says(void **state)
{
    (void)state;
    reader_live(&a, &lab, "ann", 40);
    reader_live(&b, &lab, "ann", 40);
    hub_lab_publish(&lab, "ann", EPOCH - 1, 90); /* late, from before the restore */
    assert_true(hub_lab_run(&lab, &a.behind, 1) && hub_lab_run(&lab, &b.behind, 1));
    hub_go_live(lab.hub, &a.listener, EPOCH, 40);
    hub_go_live(lab.hub, &b.listener, EPOCH, 40);
    hub_lab_publish(&lab, "ann", EPOCH, 41);
    assert_true(hub_lab_run(&lab, &a.count, 1) && hub_lab_run(&lab, &b.count, 1));
    assert_int_equal(a.behind + b.behind, 2);
}

static void test_a_newer_one_displaces_its_like_only(void **state)
{
    (void)state;
    static struct reader others[3]; /* another device, another kind, another user */
    memset(others, 0, sizeof(others));
    reader_live(&a, &lab, "ann", 40);
    reader_join(&others[0], &lab, "ann", "tablet");
    others[1].listener.kind = LISTENER_POLL;
    reader_join(&others[1], &lab, "ann", "phone");
    reader_join(&others[2], &lab, "bob", "phone");
    reader_live(&b, &lab, "ann", 40);
    hub_displace_others(lab.hub, &a.listener); /* the older one has no say */
    hub_displace_others(lab.hub, &b.listener);
    assert_int_equal(a.dismissed, 0);
    assert_true(hub_lab_run(&lab, &a.dismissed, 1));
    assert_int_equal(a.why, DISMISSED_DISPLACED);
    hub_lab_publish(&lab, "ann", EPOCH, 41);
    assert_true(hub_lab_run(&lab, &b.count, 1));
    assert_int_equal(a.count + b.dismissed, 0);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        assert_int_equal(others[i].dismissed, 0);
        hub_leave(lab.hub, &others[i].listener);
    }
}

static void test_a_forgotten_device_loses_all_its_listeners(void **state)
{
    (void)state;
    reader_live(&a, &lab, "ann", 40);
    reader_join(&b, &lab, "ann", "tablet");
    hub_dismiss(lab.hub, STR("ann"), STR("phone"), DISMISSED_FORGOTTEN);
    assert_true(hub_lab_run(&lab, &a.dismissed, 1));
    assert_int_equal(a.why, DISMISSED_FORGOTTEN);
    assert_int_equal(b.dismissed, 0);
    hub_dismiss(lab.hub, STR("ann"), STR_NONE, DISMISSED_ERASED);
    assert_true(hub_lab_run(&lab, &b.dismissed, 1));
    assert_int_equal(b.why, DISMISSED_ERASED);
    assert_int_equal(b.ready, 1);
    assert_int_equal(a.dismissed, 1); /* told once */
}

static void test_a_store_that_lags_is_not_read_in_a_hot_loop(void **state)
{
    (void)state;
    a.reads = true;
    a.newest_seq = 40;
    reader_join(&a, &lab, "ann", "phone");
    assert_true(hub_lab_run(&lab, &a.ready, 1));
    hub_lab_publish(&lab, "ann", EPOCH, 42);
    hub_lab_turn(&lab, HUB_GAP_MS * 5);
    assert_in_range(a.behind, 2, 6);
    a.newest_seq = 42;
    assert_true(hub_lab_run(&lab, &a.count, 42));
    assert_true(reader_saw(&a, 1, 42));
}

static void both_leave(struct listener *listener)
{
    (void)listener;
    hub_leave(lab.hub, &a.listener);
    hub_leave(lab.hub, &b.listener);
    a.woken++;
}

static void test_a_callback_may_make_others_leave(void **state)
{
    (void)state;
    reader_live(&a, &lab, "ann", 40);
    reader_live(&b, &lab, "ann", 40);
    a.listener.woken = b.listener.woken = both_leave;
    hub_lab_publish(&lab, "ann", EPOCH, 41);
    assert_true(hub_lab_run(&lab, &a.woken, 1));
    hub_lab_turn(&lab, QUIET_MS);
    assert_int_equal(a.woken, 1);
}

static void free_itself(struct listener *listener)
{
    struct reader *reader = container_of(listener, struct reader, listener);
    hub_leave(lab.hub, listener);
    free(reader);
    a.woken++;
}

static void test_a_callback_may_free_its_listener(void **state)
{
    (void)state;
    struct reader *mortal = calloc(1, sizeof(*mortal));
    reader_live(mortal, &lab, "ann", 40);
    mortal->listener.woken = free_itself;
    hub_lab_publish(&lab, "ann", EPOCH, 41);
    assert_true(hub_lab_run(&lab, &a.woken, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ready_comes_from_the_loop, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_has_left_is_told_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_overflow_is_behind_and_live_again_after_the_store,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_stops_being_live_hears_nothing_until_it_is_again,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_going_back_an_epoch_settles_on_what_the_store_says,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_newer_one_displaces_its_like_only, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_forgotten_device_loses_all_its_listeners, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_store_that_lags_is_not_read_in_a_hot_loop, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_callback_may_make_others_leave, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_callback_may_free_its_listener, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
