#include "db/acks.h"
#include "tests/support/store_lab.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const int64_t now_ms = 7000000;

static void assert_str(struct str s, struct str want)
{
    assert_int_equal(s.len, want.len);
    assert_memory_equal(s.ptr, want.ptr, want.len);
}

static struct ack_add ack_ids(struct str user_id, struct str device_id, const struct str *ids,
                              size_t count)
{
    return (struct ack_add){.user_id = user_id,
                            .device_id = device_id,
                            .form = ACK_IDS,
                            .message_ids = ids,
                            .message_id_count = count,
                            .now_ms = now_ms};
}

static struct ack_add ack_to(struct str user_id, struct str device_id, enum ack_form form,
                             uint32_t epoch, uint64_t seq)
{
    return (struct ack_add){.user_id = user_id,
                            .device_id = device_id,
                            .form = form,
                            .epoch = epoch,
                            .seq = seq,
                            .now_ms = now_ms};
}

static void submit(struct store *store, struct ack_add *ack)
{
    store_submit(store, &ACK_ADD, ack->user_id, &ack->op);
}

static struct ack_add run(struct store *store, struct ack_add ack)
{
    submit(store, &ack);
    store_wait(store);
    return ack;
}

static void test_ack_by_id_deletes_and_tells_the_sender_once(void **state)
{
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    struct message_add sent = store_send(store, ann, bob, STR("hello"));
    struct str ids[] = {sent.message_id, store_uuid(store)};
    struct ack_add ack = run(store, ack_ids(bob, STR("phone"), ids, 2));
    assert_int_equal(ack.op.err, OK);
    assert_int_equal(ack.acknowledged_out, 1);
    assert_int_equal(ack.receipt_count_out, 1);
    assert_str(ack.receipts_out[0].user_id, ann);
    const struct inbox_row *row = &ack.receipts_out[0].row;
    assert_int_equal(row->kind, INBOX_RECEIPT);
    assert_int_equal(row->seq, 1);
    assert_true(row->epoch != 0);
    assert_str(row->message_id, sent.message_id);
    assert_str(row->peer_id, bob);
    assert_int_equal(row->created_at_ms, now_ms);
    assert_int_equal(store_rows(store, bob), 0);
    struct device_open open = store_open(store, ann, STR("phone"));
    assert_int_equal(open.row_count_out, 1);
    assert_int_equal(open.rows_out[0].kind, INBOX_RECEIPT);
    ack = run(store, ack_ids(bob, STR("phone"), ids, 2));
    assert_int_equal(ack.op.err, OK);
    assert_int_equal(ack.acknowledged_out, 0);
    assert_int_equal(ack.receipt_count_out, 0);
}

static void test_ack_by_id_confirms_messages_only(void **state)
{
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    struct message_add sent = store_send(store, ann, bob, STR("hello"));
    run(store, ack_ids(bob, STR("phone"), &sent.message_id, 1));
    struct ack_add ack = run(store, ack_ids(ann, STR("phone"), &sent.message_id, 1));
    assert_int_equal(ack.acknowledged_out, 0);
    assert_int_equal(store_rows(store, ann), 1); /* the receipt */
}

static void test_ack_up_to_confirms_everything_before_and_nothing_behind(void **state)
{
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    for (int i = 0; i < 5; i++)
        store_send(store, ann, bob, STR("hello"));
    uint32_t epoch = store_open(store, bob, STR("phone")).epoch_out;
    struct ack_add ack = run(store, ack_to(bob, STR("phone"), ACK_UP_TO, epoch, 3));
    assert_int_equal(ack.op.err, OK);
    assert_int_equal(ack.acknowledged_out, 3);
    assert_int_equal(ack.receipt_count_out, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(ack.receipts_out[i].row.seq, i + 1);
    struct device_open open = store_open(store, bob, STR("phone"));
    assert_int_equal(open.row_count_out, 2);
    assert_int_equal(open.rows_out[0].seq, 4);
    /* Ann's receipts are confirmed by her cursor. */
    epoch = store_open(store, ann, STR("phone")).epoch_out;
    ack = run(store, ack_to(ann, STR("phone"), ACK_UP_TO, epoch, 3));
    assert_int_equal(ack.acknowledged_out, 0);
    assert_int_equal(ack.receipt_count_out, 0);
    assert_int_equal(store_rows(store, ann), 0);
}

static void test_passing_a_cursor_confirms_no_message(void **state)
{
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    struct message_add sent = store_send(store, ann, bob, STR("hello"));
    run(store, ack_ids(bob, STR("phone"), &sent.message_id, 1)); /* ann: 1 is a receipt */
    store_send(store, bob, ann, STR("answer"));                  /* ann: 2 is a message */
    uint32_t epoch = store_open(store, ann, STR("phone")).epoch_out;
    struct ack_add ack = run(store, ack_to(ann, STR("phone"), ACK_PASSED, epoch, 2));
    assert_int_equal(ack.op.err, OK);
    assert_int_equal(ack.acknowledged_out, 0);
    struct device_open open = store_open(store, ann, STR("phone"));
    assert_int_equal(open.row_count_out, 1);
    assert_int_equal(open.rows_out[0].seq, 2);
}

static void test_cursor_of_another_epoch_or_of_the_future_confirms_nothing(void **state)
{
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    store_send(store, ann, bob, STR("hello"));
    uint32_t epoch = store_open(store, bob, STR("phone")).epoch_out;
    const struct ack_add wrong[] = {
        ack_to(bob, STR("phone"), ACK_UP_TO, epoch + 1, 1),
        ack_to(bob, STR("phone"), ACK_UP_TO, epoch, 2),
        ack_to(bob, STR("phone"), ACK_PASSED, epoch + 1, 1),
        ack_to(bob, STR("phone"), ACK_PASSED, epoch, 2),
        ack_to(bob, STR("phone"), ACK_UP_TO, epoch, UINT64_MAX >> 1),
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_int_equal(run(store, wrong[i]).op.err, ERR_CURSOR);
    assert_int_equal(store_rows(store, bob), 1);
    assert_int_equal(run(store, ack_to(bob, STR("phone"), ACK_UP_TO, epoch, 0)).op.err, OK);
}

static void test_row_stays_until_both_devices_confirmed_and_the_first_tells(void **state)
{
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    store_open(store, bob, STR("phone"));
    store_open(store, bob, STR("desk"));
    struct message_add sent = store_send(store, ann, bob, STR("hello"));
    struct ack_add ack = run(store, ack_ids(bob, STR("desk"), &sent.message_id, 1));
    assert_int_equal(ack.acknowledged_out, 1);
    assert_int_equal(ack.receipt_count_out, 1);
    assert_int_equal(store_open(store, bob, STR("desk")).row_count_out, 0);
    assert_int_equal(store_open(store, bob, STR("phone")).row_count_out, 1);
    ack = run(store, ack_ids(bob, STR("phone"), &sent.message_id, 1));
    assert_int_equal(ack.acknowledged_out, 1);
    assert_int_equal(ack.receipt_count_out, 0);
    assert_int_equal(store_rows(store, bob), 0);
    assert_int_equal(store_rows(store, ann), 1);
}

static void test_acks_of_one_batch_that_meet_write_one_receipt(void **state)
{
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    store_open(store, bob, STR("phone"));
    uint32_t epoch = store_open(store, bob, STR("desk")).epoch_out;
    struct message_add sent = store_send(store, ann, bob, STR("hello"));
    struct ack_add acks[] = {
        ack_ids(bob, STR("phone"), &sent.message_id, 1),
        ack_ids(bob, STR("phone"), &sent.message_id, 1),
        ack_to(bob, STR("desk"), ACK_UP_TO, epoch, 1),
        ack_to(bob, STR("desk"), ACK_UP_TO, epoch, 1),
        ack_to(bob, STR("desk"), ACK_PASSED, epoch, 1),
    };
    size_t acknowledged = 0, receipts = 0;
    for (size_t i = 0; i < ARRAY_LEN(acks); i++)
        submit(store, &acks[i]);
    store_wait(store);
    for (size_t i = 0; i < ARRAY_LEN(acks); i++) {
        assert_int_equal(acks[i].op.err, OK);
        acknowledged += acks[i].acknowledged_out;
        receipts += acks[i].receipt_count_out;
    }
    assert_int_equal(acknowledged, 2); /* one a device */
    assert_int_equal(receipts, 1);
    assert_int_equal(store_rows(store, bob), 0);
    assert_int_equal(store_rows(store, ann), 1);
}

static void test_receipt_passed_by_both_devices_in_one_batch_is_gone(void **state)
{
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    store_open(store, ann, STR("phone"));
    uint32_t epoch = store_open(store, ann, STR("desk")).epoch_out;
    struct message_add sent = store_send(store, ann, bob, STR("hello"));
    run(store, ack_ids(bob, STR("phone"), &sent.message_id, 1));
    struct ack_add acks[] = {ack_to(ann, STR("phone"), ACK_UP_TO, epoch, 1),
                             ack_to(ann, STR("desk"), ACK_PASSED, epoch, 1)};
    submit(store, &acks[0]);
    submit(store, &acks[1]);
    store_wait(store);
    assert_int_equal(store_rows(store, ann), 0);
}

static void test_ack_makes_its_device(void **state)
{
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    struct message_add sent = store_send(store, ann, bob, STR("hello"));
    run(store, ack_ids(bob, STR("first"), &sent.message_id, 1));
    struct devices_list list = {.user_id = bob};
    assert_int_equal(store_run(store, &DEVICES_LIST, bob, &list.op), OK);
    assert_int_equal(list.device_count_out, 1);
    assert_str(list.devices_out[0].device_id, STR("first"));
    struct ack_add ack = ack_ids(store_id(store, "nobody"), STR("x"), &sent.message_id, 1);
    assert_int_equal(run(store, ack).op.err, ERR_UNKNOWN_USER);
}

static void test_ack_of_a_seventeenth_device_is_refused(void **state)
{
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    for (int i = 0; i < DEVICES_MAX; i++)
        assert_int_equal(store_open(store, bob, store_id(store, "d")).op.err, OK);
    struct message_add sent = store_send(store, ann, bob, STR("hello"));
    struct ack_add ack = run(store, ack_ids(bob, STR("late"), &sent.message_id, 1));
    assert_int_equal(ack.op.err, ERR_TOO_MANY_DEVICES);
    assert_int_equal(store_rows(store, bob), 1);
}

static void test_ack_of_a_long_inbox_takes_several_batches_and_is_whole(void **state)
{
    enum { COUNT = 5000 };
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    store_open(store, bob, STR("desk"));
    store_send_many(store, ann, bob, COUNT);
    uint32_t epoch = store_open(store, bob, STR("phone")).epoch_out;
    for (int device = 0; device < 2; device++) {
        struct str name = device == 0 ? STR("phone") : STR("desk");
        struct ack_add ack = run(store, ack_to(bob, name, ACK_UP_TO, epoch, COUNT));
        assert_int_equal(ack.op.err, OK);
        assert_int_equal(ack.acknowledged_out, COUNT);
        assert_int_equal(ack.receipt_count_out, device == 0 ? COUNT : 0);
        for (size_t i = 0; i < ack.receipt_count_out; i++) {
            assert_int_equal(ack.receipts_out[i].row.seq, i + 1);
            assert_str(ack.receipts_out[i].user_id, ann);
        }
        assert_int_equal(store_rows(store, bob), device == 0 ? COUNT : 0);
    }
    assert_int_equal(store_rows(store, ann), COUNT);
}

static void test_longest_acks_by_ids_confirm_every_one(void **state)
{
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    struct message_add *adds = ARENA_ARRAY(&store->arena, struct message_add, 2 * ACK_IDS_MAX);
    struct str *ids = ARENA_ARRAY(&store->arena, struct str, 2 * ACK_IDS_MAX);
    for (size_t i = 0; i < 2 * ACK_IDS_MAX; i++) {
        adds[i] = store_message(store, ann, bob, STR("hello"));
        ids[i] = adds[i].message_id;
        store_submit_message(store, &adds[i]);
    }
    store_wait(store);
    struct ack_add acks[] = {ack_ids(bob, STR("phone"), ids, ACK_IDS_MAX),
                             ack_ids(bob, STR("phone"), ids + ACK_IDS_MAX, ACK_IDS_MAX)};
    submit(store, &acks[0]);
    submit(store, &acks[1]);
    store_wait(store);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(acks[i].op.err, OK);
        assert_int_equal(acks[i].acknowledged_out, ACK_IDS_MAX);
    }
    assert_int_equal(store_rows(store, bob), 0);
}

static void test_many_acks_by_many_ids_all_come_through(void **state)
{
    enum { USERS = 20, COUNT = 700 }; /* more than a batch's budget */
    struct store *store = *state;
    struct str ann = store_user(store, "ann");
    struct ack_add acks[USERS];
    for (size_t i = 0; i < USERS; i++) {
        struct str bob = store_user(store, "bob");
        struct str *ids = ARENA_ARRAY(&store->arena, struct str, COUNT);
        struct message_add sent = store_send(store, ann, bob, STR("hello"));
        for (size_t k = 0; k < COUNT; k++)
            ids[k] = k == COUNT / 2 ? sent.message_id : store_uuid(store);
        acks[i] = ack_ids(bob, STR("phone"), ids, COUNT);
    }
    for (size_t i = 0; i < USERS; i++)
        submit(store, &acks[i]);
    store_wait(store);
    for (size_t i = 0; i < USERS; i++) {
        assert_int_equal(acks[i].op.err, OK);
        assert_int_equal(acks[i].acknowledged_out, 1);
        assert_int_equal(acks[i].receipt_count_out, 1);
    }
    assert_int_equal(store_rows(store, ann), USERS);
}

static void test_acks_of_short_and_long_inboxes_share_a_batch(void **state)
{
    enum { USERS = 12 };
    struct store *store = *state;
    struct str ann = store_user(store, "ann");
    struct ack_add acks[USERS];
    for (size_t i = 0; i < USERS; i++) {
        struct str bob = store_user(store, "bob");
        size_t count = i % 3 == 0 ? 120 : i;
        store_send_many(store, ann, bob, count + 1);
        uint32_t epoch = store_open(store, bob, STR("phone")).epoch_out;
        acks[i] = ack_to(bob, STR("phone"), ACK_UP_TO, epoch, count);
    }
    for (size_t i = 0; i < USERS; i++)
        submit(store, &acks[i]);
    store_wait(store);
    for (size_t i = 0; i < USERS; i++) {
        assert_int_equal(acks[i].op.err, OK);
        assert_int_equal(acks[i].acknowledged_out, i % 3 == 0 ? 120 : i);
        assert_int_equal(store_rows(store, acks[i].user_id), 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ack_by_id_deletes_and_tells_the_sender_once),
        cmocka_unit_test(test_ack_by_id_confirms_messages_only),
        cmocka_unit_test(test_ack_up_to_confirms_everything_before_and_nothing_behind),
        cmocka_unit_test(test_passing_a_cursor_confirms_no_message),
        cmocka_unit_test(test_cursor_of_another_epoch_or_of_the_future_confirms_nothing),
        cmocka_unit_test(test_row_stays_until_both_devices_confirmed_and_the_first_tells),
        cmocka_unit_test(test_acks_of_one_batch_that_meet_write_one_receipt),
        cmocka_unit_test(test_receipt_passed_by_both_devices_in_one_batch_is_gone),
        cmocka_unit_test(test_ack_makes_its_device),
        cmocka_unit_test(test_ack_of_a_seventeenth_device_is_refused),
        cmocka_unit_test(test_ack_of_a_long_inbox_takes_several_batches_and_is_whole),
        cmocka_unit_test(test_longest_acks_by_ids_confirm_every_one),
        cmocka_unit_test(test_many_acks_by_many_ids_all_come_through),
        cmocka_unit_test(test_acks_of_short_and_long_inboxes_share_a_batch),
    };
    return cmocka_run_group_tests(tests, store_setup, store_teardown);
}
