/* What streams and polls share, seen by an owner that only counts what it is told. */
#include "handlers/delivery.h"
#include "tests/unit/handlers/lab.h"

struct owner {
    struct delivery delivery;
    int joined, opened, paged, woken, dismissed, drained;
    enum err err;
    int64_t drain_ms;
};
static struct owner a, b;

static struct owner *owner_of(struct delivery *delivery)
{
    return container_of(delivery, struct owner, delivery);
}
static void owner_joined(struct delivery *delivery)
{
    owner_of(delivery)->joined++;
}
static void owner_opened(struct delivery *delivery, const struct device_open *open)
{
    owner_of(delivery)->opened++;
    owner_of(delivery)->err = open->op.err;
}
static void owner_paged(struct delivery *delivery, const struct inbox_page *page)
{
    owner_of(delivery)->paged++;
    owner_of(delivery)->err = page->op.err;
}
static void owner_woken(struct delivery *delivery)
{
    owner_of(delivery)->woken++;
}
static void owner_dismissed(struct delivery *delivery, enum dismissal why UNUSED)
{
    owner_of(delivery)->dismissed++;
}
static void owner_drain(struct delivery *delivery, int64_t in_ms)
{
    owner_of(delivery)->drained++;
    owner_of(delivery)->drain_ms = in_ms;
}
static const struct delivery_events owner_events = {owner_joined, owner_opened,    owner_paged,
                                                    owner_woken,  owner_dismissed, owner_drain};

static struct call *owner_open(struct owner *owner, enum listener_kind kind)
{
    struct call *call = lab_call_new("GET /chat/app/stream", NULL);
    memset(owner, 0, sizeof(*owner));
    delivery_init(&owner->delivery, call->ex, kind, &owner_events);
    owner->delivery.listener.user_id = STR("ann");
    owner->delivery.listener.device_id = STR("phone");
    return call;
}

/* An owner whose device is open: slot 3, everything up to 40 was shown. */
static void owner_opens(struct owner *owner)
{
    owner_open(owner, LISTENER_STREAM);
    delivery_join(&owner->delivery);
    LAB_UNTIL(owner->joined);
    delivery_enter(&owner->delivery, DELIVERY_OPENING);
    assert_int_equal(delivery_open(&owner->delivery, delivery_cursor(STR("7.40")), 10), OK);
    struct device_open *open = LAB_OP(device_open, DEVICE_OPEN);
    open->epoch_out = LAB_EPOCH;
    open->after_seq_out = open->newest_seq_out = 40;
    open->slot_out = 3;
    lab_answer(OK);
}

static void test_cursor_is_none_known_or_unknown(void **state UNUSED)
{
    assert_int_equal(delivery_cursor(STR_NONE).kind, CURSOR_NONE);
    assert_int_equal(delivery_cursor(STR("")).kind, CURSOR_NONE);
    assert_int_equal(delivery_cursor(STR("7")).kind, CURSOR_UNKNOWN);
    struct delivery_cursor cursor = delivery_cursor(STR("7.40"));
    assert_int_equal(cursor.kind, CURSOR_AT);
    assert_int_equal(cursor.epoch, 7);
    assert_int_equal(cursor.seq, 40);
}

static void test_page_reaches_to_the_inbox_end_unless_there_is_more(void **state UNUSED)
{
    const struct inbox_row rows[] = {{.seq = 3}, {.seq = 5}};
    assert_int_equal(delivery_reached(rows, 2, true, 9), 5);
    assert_int_equal(delivery_reached(rows, 2, false, 9), 9); /* 6 to 9 were confirmed before */
    assert_int_equal(delivery_reached(rows, 2, false, 4), 5); /* came in while it was read */
    assert_int_equal(delivery_reached(NULL, 0, false, 9), 9);
}

static void test_delivery_holds_its_exchange_and_is_counted(void **state UNUSED)
{
    struct call *stream = owner_open(&a, LISTENER_STREAM), *poll = owner_open(&b, LISTENER_POLL);
    assert_int_equal(metrics_value(METRIC_STREAMS), 1);
    assert_int_equal(metrics_value(METRIC_POLLS), 1);
    assert_int_equal(stream->ex->holds, 2);
    delivery_done(&a.delivery);
    delivery_done(&b.delivery);
    assert_true(call_is_over(stream) && call_is_over(poll));
    assert_int_equal(a.delivery.state, DELIVERY_CLOSED);
}

static void test_open_makes_its_device_known_to_the_hub(void **state UNUSED)
{
    owner_opens(&a);
    assert_int_equal(a.opened, 1);
    assert_int_equal(a.delivery.slot, 3);
    assert_int_equal(a.delivery.epoch, LAB_EPOCH);
    assert_int_equal(a.delivery.shown_seq, 40);
    struct hub_device *device = hub_device(lab.app.api.hub, STR("ann"), STR("phone"));
    assert_true(device->is_open);
    assert_int_equal(device->slot, 3);
    delivery_done(&a.delivery);
}

static void test_failed_open_leaves_all_as_it_was(void **state UNUSED)
{
    owner_open(&a, LISTENER_STREAM);
    delivery_join(&a.delivery);
    LAB_UNTIL(a.joined);
    delivery_enter(&a.delivery, DELIVERY_OPENING);
    assert_int_equal(delivery_open(&a.delivery, delivery_cursor(STR_NONE), 10), OK);
    LAB_OP(device_open, DEVICE_OPEN)->epoch_out = 99;
    lab_answer(ERR_UNAVAILABLE);
    assert_int_equal(a.err, ERR_UNAVAILABLE);
    assert_int_equal(a.delivery.epoch, 0);
    assert_false(hub_device(lab.app.api.hub, STR("ann"), STR("phone"))->is_open);
    lab.submit_err = ERR_BUSY;
    assert_int_equal(delivery_open(&a.delivery, delivery_cursor(STR_NONE), 10), ERR_BUSY);
    assert_null(a.delivery.read);
    delivery_done(&a.delivery);
}

static void test_page_starts_after_what_was_shown(void **state UNUSED)
{
    owner_opens(&a);
    delivery_enter(&a.delivery, DELIVERY_CATCHUP);
    assert_int_equal(delivery_page(&a.delivery, 10), OK);
    struct inbox_page *page = LAB_OP(inbox_page, INBOX_PAGE);
    assert_string_equal(lab.key, "ann");
    assert_int_equal(page->slot, 3);
    assert_int_equal(page->after_seq, 40);
    assert_int_equal(page->limit, 10);
    assert_non_null(a.delivery.read);
    lab_answer(OK);
    assert_int_equal(a.paged, 1);
    assert_null(a.delivery.read);
    delivery_done(&a.delivery);
}

static void test_read_outlives_a_delivery_that_ends(void **state UNUSED)
{
    owner_opens(&a);
    delivery_enter(&a.delivery, DELIVERY_CATCHUP);
    assert_int_equal(delivery_page(&a.delivery, 10), OK);
    delivery_done(&a.delivery);
    memset(&a, 0, sizeof(a)); /* the op's strings are its own */
    assert_str(LAB_OP(inbox_page, INBOX_PAGE)->user_id, "ann");
    lab_answer(OK);
    assert_int_equal(a.paged, 0);
}

static void test_live_delivery_is_woken_and_a_reading_one_is_not(void **state UNUSED)
{
    owner_opens(&a);
    lab_publish("ann", 41);
    lab_turn(2);
    assert_int_equal(a.woken, 0);
    delivery_go_live(&a.delivery);
    LAB_UNTIL(a.woken);
    event_release(mailbox_pop(&a.delivery.listener.mailbox));
    delivery_done(&a.delivery);
}

static void test_only_what_passing_confirms_is_noted(void **state UNUSED)
{
    owner_opens(&a);
    struct hub_device *device = hub_device(lab.app.api.hub, STR("ann"), STR("phone"));
    delivery_shown(&a.delivery, true, 41);
    assert_int_equal(device->confirm_seq, 0);
    delivery_shown(&a.delivery, false, 43);
    delivery_shown(&a.delivery, false, 42);
    assert_int_equal(device->confirm_seq, 43);
    delivery_done(&a.delivery);
}

static void test_dismissal_is_passed_on(void **state UNUSED)
{
    owner_opens(&a);
    hub_dismiss(lab.app.api.hub, STR("ann"), STR_NONE, DISMISSED_ERASED);
    LAB_UNTIL(a.dismissed);
    delivery_done(&a.delivery);
}

static void test_drain_reaches_all_within_its_time(void **state UNUSED)
{
    owner_open(&a, LISTENER_STREAM);
    owner_open(&b, LISTENER_POLL);
    delivery_drain_all(&lab.app, 1000);
    assert_int_equal(a.drained + b.drained, 2);
    assert_in_range(a.drain_ms, 0, 999);
    assert_in_range(b.drain_ms, 0, 999);
    delivery_drain_all(&lab.app, 0);
    assert_int_equal(a.drain_ms + b.drain_ms, 0);
    delivery_done(&a.delivery);
    delivery_done(&b.delivery);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_CASE(test_cursor_is_none_known_or_unknown),
        LAB_CASE(test_page_reaches_to_the_inbox_end_unless_there_is_more),
        LAB_CASE(test_delivery_holds_its_exchange_and_is_counted),
        LAB_CASE(test_open_makes_its_device_known_to_the_hub),
        LAB_CASE(test_failed_open_leaves_all_as_it_was),
        LAB_CASE(test_page_starts_after_what_was_shown),
        LAB_CASE(test_read_outlives_a_delivery_that_ends),
        LAB_CASE(test_live_delivery_is_woken_and_a_reading_one_is_not),
        LAB_CASE(test_only_what_passing_confirms_is_noted),
        LAB_CASE(test_dismissal_is_passed_on),
        LAB_CASE(test_drain_reaches_all_within_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
