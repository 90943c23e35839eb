#include "base/clock.h"
#include "db/inbox.h"
#include "tests/support/store_lab.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void confirm_ids(struct store *store, struct str user_id, const struct message_add *sent)
{
    struct ack_add ack = {.user_id = user_id,
                          .device_id = STR("phone"),
                          .form = ACK_IDS,
                          .message_ids = &sent->message_id,
                          .message_id_count = 1};
    assert_int_equal(store_run(store, &ACK_ADD, user_id, &ack.op), OK);
}

static void test_first_device_takes_what_waited(void **state)
{
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    store_send_many(store, ann, bob, 3);
    struct device_open open = store_open(store, bob, STR("phone"));
    assert_int_equal(open.op.err, OK);
    assert_int_equal(open.reset_out, RESET_NONE);
    assert_int_equal(open.slot_out, 0);
    assert_int_equal(open.newest_seq_out, 3);
    assert_int_equal(open.row_count_out, 3);
    assert_int_equal(open.after_seq_out, 0);
    assert_false(open.more_out);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(open.rows_out[i].seq, i + 1);
}

static void test_later_device_starts_with_all_that_is_pending(void **state)
{
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    store_open(store, bob, STR("phone"));
    struct message_add gone = store_send(store, ann, bob, STR("gone"));
    store_send(store, ann, bob, STR("pending"));
    confirm_ids(store, bob, &gone);
    struct device_open open = store_open(store, bob, STR("desk"));
    assert_int_equal(open.slot_out, 1);
    assert_int_equal(open.row_count_out, 1);
    assert_int_equal(open.rows_out[0].seq, 2);
    assert_int_equal(open.after_seq_out, 1);
}

static void test_empty_inbox_starts_after_the_newest(void **state)
{
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    struct message_add sent = store_send(store, ann, bob, STR("hello"));
    confirm_ids(store, bob, &sent);
    struct device_open open = store_open(store, bob, STR("phone"));
    assert_int_equal(open.row_count_out, 0);
    assert_int_equal(open.newest_seq_out, 1);
    assert_int_equal(open.after_seq_out, 1);
}

static void test_cursor_starts_behind_itself_and_confirms_no_message(void **state)
{
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    store_send_many(store, ann, bob, 3);
    uint32_t epoch = store_open(store, bob, STR("phone")).epoch_out;
    struct device_open open = store_open_at(store, bob, STR("phone"), epoch, 2);
    assert_int_equal(open.reset_out, RESET_NONE);
    assert_int_equal(open.after_seq_out, 2);
    assert_int_equal(open.row_count_out, 1);
    assert_int_equal(open.rows_out[0].seq, 3);
    assert_int_equal(store_open(store, bob, STR("phone")).row_count_out, 3);
}

static void test_cursor_confirms_the_receipts_that_it_passed(void **state)
{
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    uint32_t epoch = store_open(store, ann, STR("phone")).epoch_out;
    store_open(store, ann, STR("desk"));
    for (int i = 0; i < 3; i++) {
        struct message_add sent = store_send(store, ann, bob, STR("hello"));
        confirm_ids(store, bob, &sent);
    }
    assert_int_equal(store_open_at(store, ann, STR("phone"), epoch, 2).row_count_out, 1);
    assert_int_equal(store_open(store, ann, STR("phone")).row_count_out, 1);
    assert_int_equal(store_open(store, ann, STR("desk")).row_count_out, 3);
    assert_int_equal(store_open_at(store, ann, STR("desk"), epoch, 3).row_count_out, 0);
    assert_int_equal(store_rows(store, ann), 1); /* the one that the phone has not passed */
}

static void test_wrong_cursor_is_told_and_treated_as_none(void **state)
{
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    store_send(store, ann, bob, STR("hello"));
    uint32_t epoch = store_open(store, bob, STR("phone")).epoch_out;
    const struct {
        struct device_open open;
        enum inbox_reset reset;
    } cases[] = {
        {{.cursor = CURSOR_AT, .epoch = epoch + 1, .seq = 1}, RESET_EPOCH},
        {{.cursor = CURSOR_AT, .epoch = epoch, .seq = 2}, RESET_UNKNOWN_CURSOR},
        {{.cursor = CURSOR_UNKNOWN}, RESET_UNKNOWN_CURSOR},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct device_open open = cases[i].open;
        open.user_id = bob;
        open.device_id = STR("phone");
        open.limit = 10;
        assert_int_equal(store_run(store, &DEVICE_OPEN, bob, &open.op), OK);
        assert_int_equal(open.reset_out, cases[i].reset);
        assert_int_equal(open.row_count_out, 1);
        assert_int_equal(open.after_seq_out, 0);
    }
}

static void test_pages_follow_each_other_to_the_end(void **state)
{
    enum { COUNT = 25, PAGE = 10 };
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    store_send_many(store, ann, bob, COUNT);
    struct device_open open = {
        .user_id = bob, .device_id = STR("phone"), .cursor = CURSOR_NONE, .limit = PAGE};
    assert_int_equal(store_run(store, &DEVICE_OPEN, bob, &open.op), OK);
    assert_int_equal(open.row_count_out, PAGE);
    assert_true(open.more_out);
    uint64_t after = open.rows_out[PAGE - 1].seq;
    for (size_t left = COUNT - PAGE; left > 0;) {
        struct inbox_page page = {.user_id = bob, .slot = 0, .after_seq = after, .limit = PAGE};
        assert_int_equal(store_run(store, &INBOX_PAGE, bob, &page.op), OK);
        assert_int_equal(page.newest_seq_out, COUNT);
        assert_int_equal(page.epoch_out, open.epoch_out);
        assert_int_equal(page.row_count_out, MIN(left, (size_t)PAGE));
        assert_int_equal(page.rows_out[0].seq, after + 1);
        left -= page.row_count_out;
        assert_int_equal(page.more_out, left > 0);
        after = page.rows_out[page.row_count_out - 1].seq;
    }
}

static void test_limit_of_zero_reads_nothing_but_the_position(void **state)
{
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    store_send_many(store, ann, bob, 2);
    struct device_open open = {.user_id = bob, .device_id = STR("phone")};
    assert_int_equal(store_run(store, &DEVICE_OPEN, bob, &open.op), OK);
    assert_int_equal(open.row_count_out, 0);
    assert_int_equal(open.newest_seq_out, 2);
    assert_true(open.more_out);
}

static void test_last_seen_is_kept_to_the_hour(void **state)
{
    struct store *store = *state;
    struct str bob = store_user(store, "bob");
    int64_t start_ms = clock_wall_ms();
    static const int64_t after_ms[] = {0, 30 * 60 * 1000, 61 * 60 * 1000};
    static const int64_t seen_ms[] = {0, 0, 61 * 60 * 1000};
    for (size_t i = 0; i < ARRAY_LEN(after_ms); i++) {
        clock_wall_set(start_ms + after_ms[i]);
        store_open(store, bob, STR("phone"));
        struct devices_list list = {.user_id = bob};
        assert_int_equal(store_run(store, &DEVICES_LIST, bob, &list.op), OK);
        assert_int_equal(list.devices_out[0].last_seen_ms, start_ms + seen_ms[i]);
    }
    clock_wall_set(0);
}

static void test_devices_of_one_batch_get_a_slot_each(void **state)
{
    enum { DEVICES = DEVICES_MAX + 4 };
    struct store *store = *state;
    struct str bob = store_user(store, "bob");
    struct device_open opens[DEVICES];
    size_t refused = 0;
    uint32_t slots = 0;
    for (size_t i = 0; i < DEVICES; i++) {
        opens[i] = (struct device_open){.user_id = bob, .device_id = store_id(store, "d")};
        store_submit(store, &DEVICE_OPEN, bob, &opens[i].op);
    }
    store_wait(store);
    for (size_t i = 0; i < DEVICES; i++) {
        refused += opens[i].op.err == ERR_TOO_MANY_DEVICES;
        if (opens[i].op.err == OK) slots |= BIT(opens[i].slot_out);
    }
    assert_int_equal(refused, DEVICES - DEVICES_MAX);
    assert_int_equal(slots, 0xffff);
}

static void test_unknown_user_is_refused(void **state)
{
    struct store *store = *state;
    struct inbox_page page = {.user_id = STR("nobody"), .limit = 1};
    assert_int_equal(store_open(store, STR("nobody"), STR("phone")).op.err, ERR_UNKNOWN_USER);
    assert_int_equal(store_run(store, &INBOX_PAGE, STR("nobody"), &page.op), ERR_UNKNOWN_USER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_device_takes_what_waited),
        cmocka_unit_test(test_later_device_starts_with_all_that_is_pending),
        cmocka_unit_test(test_empty_inbox_starts_after_the_newest),
        cmocka_unit_test(test_cursor_starts_behind_itself_and_confirms_no_message),
        cmocka_unit_test(test_cursor_confirms_the_receipts_that_it_passed),
        cmocka_unit_test(test_wrong_cursor_is_told_and_treated_as_none),
        cmocka_unit_test(test_pages_follow_each_other_to_the_end),
        cmocka_unit_test(test_limit_of_zero_reads_nothing_but_the_position),
        cmocka_unit_test(test_last_seen_is_kept_to_the_hour),
        cmocka_unit_test(test_devices_of_one_batch_get_a_slot_each),
        cmocka_unit_test(test_unknown_user_is_refused),
    };
    return cmocka_run_group_tests(tests, store_setup, store_teardown);
}
