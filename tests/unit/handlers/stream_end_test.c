/* A stream's own events, and its ends. */
#include "tests/unit/handlers/stream_lab.h"

/* --- the stream's own events --- */

static void test_stream_pings(void **state UNUSED)
{
    lab.config.heartbeat_ms = 10;
    struct call *call = stream_live();
    LAB_UNTIL(call_sent_count(call, "event: ping\n") >= 2);
    assert_true(
        call_sent(call, "event: ping\ndata: {\"type\":\"ping\",\"server_time\":1700000000}\n\n"));
}

static void test_clogged_stream_is_not_pinged(void **state UNUSED)
{
    lab.config.heartbeat_ms = 5;
    struct call *call = stream_live();
    call->is_clogged = true;
    LAB_UNTIL(call->is_full);
    forget_sent(call);
    lab_turn(20);
    assert_int_equal(call->sent.len, 0);
}

static void test_token_about_to_end_is_told_once(void **state UNUSED)
{
    lab.config.heartbeat_ms = 10;
    struct call *call = stream_live();
    LAB_UNTIL(call_sent(call, "event: ping\n"));
    assert_false(call_sent(call, "event: reauth\n"));
    clock_wall_set((lab.expires_at_s - 60) * 1000);
    LAB_UNTIL(call_sent(
        call, "event: reauth\ndata: {\"type\":\"reauth\",\"expires_at\":1700003600}\n\n"));
    forget_sent(call);
    LAB_UNTIL(call_sent_count(call, "event: ping\n") >= 2);
    assert_false(call_sent(call, "event: reauth\n"));
}

static void test_reauth_waits_for_the_socket(void **state UNUSED)
{
    lab.config.heartbeat_ms = 5;
    struct call *call = stream_live();
    call->is_clogged = true;
    LAB_UNTIL(call->is_full);
    clock_wall_set((lab.expires_at_s - 60) * 1000);
    lab_turn(15);
    assert_false(call_sent(call, "event: reauth\n"));
    call_drains(call);
    LAB_UNTIL(call_sent(call, "event: reauth\n"));
}

static void test_token_that_ended_ends_the_stream(void **state UNUSED)
{
    lab.config.heartbeat_ms = 10;
    struct call *call = stream_live();
    clock_wall_set(lab.expires_at_s * 1000);
    assert_bye(call, "expired");
}

static void test_life_ends_within_its_jitter(void **state UNUSED)
{
    lab.config.lifetime_ms = 50;
    int64_t asked_ms = clock_mono_ms();
    struct call *call = stream_live();
    assert_bye(call, "lifetime");
    assert_true(clock_mono_ms() - asked_ms >= 40); /* a fifth less than 50 */
}

/* --- ends --- */

static void test_newer_stream_of_the_device_displaces_the_older(void **state UNUSED)
{
    struct call *old = stream_live();
    lab.device_id = STR("pad");
    struct call *other = stream_live();
    lab.device_id = STR("phone");
    struct call *newer = stream_live();
    assert_bye(old, "displaced");
    struct str rest = buf_str(&old->sent);
    uint64_t retry_ms;
    str_cut(&rest, ' ');
    assert_true(str_to_u64(str_cut(&rest, '\n'), 100000, &retry_ms));
    assert_true(retry_ms >= 60000);
    assert_int_equal(other->ends + newer->ends, 0);
}

static void test_forgotten_and_erased_say_so(void **state UNUSED)
{
    struct call *call = stream_live();
    hub_dismiss(lab.app.api.hub, STR("ann"), STR("phone"), DISMISSED_FORGOTTEN);
    assert_bye(call, "forgotten");
    call = stream_live();
    hub_dismiss(lab.app.api.hub, STR("ann"), STR_NONE, DISMISSED_ERASED);
    assert_bye(call, "erased");
}

static void test_dismissed_before_its_head_is_a_whole_stream(void **state UNUSED)
{
    struct call *call = stream_asked(stream_head);
    hub_dismiss(lab.app.api.hub, STR("ann"), STR("phone"), DISMISSED_FORGOTTEN);
    assert_bye(call, "forgotten");
    lab_answer(OK); /* nobody waits for it any more */
}

static void test_bye_waits_for_the_socket(void **state UNUSED)
{
    struct call *call = stream_live();
    call->is_clogged = true;
    lab_publish("ann", 41);
    LAB_UNTIL(call->is_full);
    hub_dismiss(lab.app.api.hub, STR("ann"), STR("phone"), DISMISSED_FORGOTTEN);
    lab_turn(3);
    assert_int_equal(call->ends, 0);
    call_drains(call);
    assert_bye(call, "forgotten");
}

static void test_bye_does_not_wait_for_ever(void **state UNUSED)
{
    lab.config.stream_write_ms = 20;
    struct call *call = stream_live();
    call->is_clogged = true;
    lab_publish("ann", 41);
    LAB_UNTIL(call->is_full);
    forget_sent(call);
    hub_dismiss(lab.app.api.hub, STR("ann"), STR("phone"), DISMISSED_FORGOTTEN);
    LAB_UNTIL(call->ends == 1);
    assert_int_equal(call->sent.len, 0);
}

static void test_page_behind_a_waiting_bye_is_dropped(void **state UNUSED)
{
    lab.config.heartbeat_ms = 10;
    struct call *call = stream_asked(stream_head);
    lab_answer_open(1, 200, 201, true);
    call->is_clogged = true;
    LAB_UNTIL(call->is_full);
    hub_dismiss(lab.app.api.hub, STR("ann"), STR("phone"), DISMISSED_FORGOTTEN);
    lab_turn(2);
    lab_answer_page(201, 201, 201, false);
    assert_int_equal(lab.op_count, 0);
    call_drains(call);
    assert_bye(call, "forgotten");
    assert_false(call_sent(call, "text 201."));
}

static void test_drain_ends_streams_within_its_time(void **state UNUSED)
{
    struct call *live = stream_live();
    lab.device_id = STR("pad");
    struct call *asked = stream_asked(stream_head);
    delivery_drain_all(&lab.app, 20);
    assert_bye(asked, "busy");
    assert_bye(live, "drain");
    lab_answer(OK);
}

static void test_drain_without_time_is_at_once(void **state UNUSED)
{
    struct call *call = stream_live();
    delivery_drain_all(&lab.app, 0);
    assert_bye(call, "drain");
}

static void test_client_may_leave_at_any_moment(void **state UNUSED)
{
    struct call *call = lab_call(stream_head, NULL);
    call_leaves(call); /* joining */
    lab_turn(2);
    assert_int_equal(lab.submits, 0);

    call = stream_asked(stream_head);
    call_leaves(call); /* opening */
    lab_answer_open(1, 1, 1, false);
    assert_int_equal(call->opens + call->replies, 0);

    call = stream_asked(stream_head);
    lab_answer_open(1, 200, 300, true);
    forget_sent(call);
    call_leaves(call); /* catching up */
    lab_answer_page(201, 300, 300, false);
    assert_int_equal(call->sent.len, 0);

    call = stream_live();
    lab_publish("ann", 41);
    call_leaves(call); /* live, with an event on its way */
    lab_turn(2);
    assert_int_equal(call->sent.len, 0);
    assert_int_equal(call->ends, 0);

    call = stream_live();
    call->is_clogged = true;
    hub_dismiss(lab.app.api.hub, STR("ann"), STR("phone"), DISMISSED_FORGOTTEN);
    call_leaves(call); /* dismissed and not told yet */
    lab_turn(2);
    assert_int_equal(metrics_value(METRIC_STREAMS), 0);
}

static void test_client_gone_before_the_handler_opens_nothing(void **state UNUSED)
{
    struct call *call = lab_call(stream_head, NULL);
    call_leaves(call);
    stream_get(call->ex);
    assert_int_equal(metrics_value(METRIC_STREAMS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_CASE(test_stream_pings),
        LAB_CASE(test_clogged_stream_is_not_pinged),
        LAB_CASE(test_token_about_to_end_is_told_once),
        LAB_CASE(test_reauth_waits_for_the_socket),
        LAB_CASE(test_token_that_ended_ends_the_stream),
        LAB_CASE(test_life_ends_within_its_jitter),
        LAB_CASE(test_newer_stream_of_the_device_displaces_the_older),
        LAB_CASE(test_forgotten_and_erased_say_so),
        LAB_CASE(test_dismissed_before_its_head_is_a_whole_stream),
        LAB_CASE(test_bye_waits_for_the_socket),
        LAB_CASE(test_bye_does_not_wait_for_ever),
        LAB_CASE(test_page_behind_a_waiting_bye_is_dropped),
        LAB_CASE(test_drain_ends_streams_within_its_time),
        LAB_CASE(test_drain_without_time_is_at_once),
        LAB_CASE(test_client_may_leave_at_any_moment),
        LAB_CASE(test_client_gone_before_the_handler_opens_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
