#include "base/fault.h"
#include "db/groups.h"
#include "tests/support/group_lab.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_str(struct str s, struct str want)
{
    assert_int_equal(s.len, want.len);
    assert_memory_equal(s.ptr, want.ptr, want.len);
}

static struct group_send send_numbered(struct lab *lab, struct str group_id, struct str sender_id)
{
    return (struct group_send){.outbox = {.lease_owner = STR("one"), .lease_ms = 60000},
                               .message_id = lab_group_id(lab),
                               .is_numbered = true,
                               .group_id = group_id,
                               .sender_id = sender_id,
                               .sender_device = STR("phone"),
                               .content = STR("hello"),
                               .attachments = STR("[]"),
                               .fingerprint = {7},
                               .created_at_ms = 5000};
}

static void test_members_but_not_the_sender_get_the_message(void **state)
{
    struct lab *lab = *state;
    struct str *ids = lab_users(lab, "u", 3), group = lab_group(lab, ids, 3);
    lab_fan_out(lab, group);
    struct group_send send = send_numbered(lab, group, ids[1]);
    assert_int_equal(lab_run(lab, &GROUP_SEND, group, &send.op), OK);
    assert_true(send.outbox.is_job_out);
    assert_false(send.is_replay_out);
    assert_int_equal(send.group_seq_out, 1);
    assert_int_equal(send.created_at_ms_out, 5000);
    assert_int_equal(lab_fan_out(lab, group), 2);
    assert_int_equal(lab_inbox(lab, ids[1], 10).row_count_out, 1); /* the creation only */
    struct inbox_page page = lab_inbox(lab, ids[2], 10);
    assert_int_equal(page.row_count_out, 2);
    const struct inbox_row *row = &page.rows_out[1];
    assert_int_equal(row->kind, INBOX_MESSAGE);
    assert_str(row->message_id, send.message_id);
    assert_str(row->peer_id, ids[1]);
    assert_str(row->peer_device, STR("phone"));
    assert_str(row->group_id, group);
    assert_str(row->content, STR("hello"));
    assert_str(row->attachments, STR("[]"));
    assert_int_equal(row->group_seq, 1);
    assert_int_equal(row->seq, 2);
    assert_int_equal(row->created_at_ms, 5000);
}

static void test_all_members_see_one_order(void **state)
{
    struct lab *lab = *state;
    enum { SENDS = 30 };
    struct str *ids = lab_users(lab, "u", 4), group = lab_group(lab, ids, 4);
    static struct group_send sends[SENDS];
    for (size_t i = 0; i < SENDS; i++) {
        sends[i] = send_numbered(lab, group, ids[i % 2]);
        lab_submit(lab, i % 3 ? lab->db : lab->other, &GROUP_SEND, group, &sends[i].op);
    }
    lab_wait(lab);
    lab_fan_out(lab, group);
    for (size_t i = 2; i < 4; i++) {
        struct inbox_page page = lab_inbox(lab, ids[i], 100);
        assert_int_equal(page.row_count_out, SENDS + 1);
        for (size_t k = 1; k <= SENDS; k++) {
            assert_int_equal(page.rows_out[k].group_seq, k);
            assert_int_equal(page.rows_out[k].seq, k + 1);
        }
    }
    assert_int_equal(lab_inbox(lab, ids[0], 100).row_count_out, SENDS / 2 + 1);
}

static void test_strangers_and_unknown_groups_are_refused(void **state)
{
    struct lab *lab = *state;
    struct str *ids = lab_users(lab, "u", 2), group = lab_group(lab, ids, 1);
    assert_int_equal(lab_send(lab, group, ids[1], STR("x")).op.err, ERR_NOT_MEMBER);
    assert_int_equal(lab_send(lab, lab_group_id(lab), ids[0], STR("x")).op.err, ERR_UNKNOWN_GROUP);
}

static void test_refused_one_does_not_harm_its_batch(void **state)
{
    struct lab *lab = *state;
    struct str *ids = lab_users(lab, "u", 3), group = lab_group(lab, ids, 2);
    struct group_send good = send_numbered(lab, group, ids[0]),
                      bad = send_numbered(lab, group, ids[2]),
                      late = send_numbered(lab, group, ids[1]);
    lab_submit(lab, lab->db, &GROUP_SEND, group, &good.op);
    lab_submit(lab, lab->db, &GROUP_SEND, group, &bad.op);
    lab_submit(lab, lab->db, &GROUP_SEND, group, &late.op);
    lab_wait(lab);
    assert_int_equal(good.op.err, OK);
    assert_int_equal(bad.op.err, ERR_NOT_MEMBER);
    assert_false(bad.outbox.is_job_out);
    assert_int_equal(late.op.err, OK);
    assert_int_equal(late.group_seq_out, 2);
}

static void test_same_key_is_a_replay_even_after_the_sender_was_removed(void **state)
{
    struct lab *lab = *state;
    struct str *ids = lab_users(lab, "u", 2), group = lab_group(lab, ids, 2);
    struct group_send send = send_numbered(lab, group, ids[1]), again = send;
    assert_int_equal(lab_run(lab, &GROUP_SEND, group, &send.op), OK);
    assert_int_equal(lab_run(lab, &GROUP_SEND, group, &again.op), OK);
    assert_true(again.is_replay_out);
    assert_int_equal(lab_change(lab, &GROUP_REMOVE, group, ids[0], &ids[1], 1).op.err, OK);
    again = send;
    again.created_at_ms = 9000;
    assert_int_equal(lab_run(lab, &GROUP_SEND, group, &again.op), OK);
    assert_true(again.is_replay_out);
    assert_int_equal(again.created_at_ms_out, 5000);
    assert_int_equal(again.group_seq_out, 1);
    assert_int_equal(lab_change(lab, &GROUP_REMOVE, group, ids[0], ids, 1).op.err, OK);
    assert_int_equal(lab_run(lab, &GROUP_SEND, group, &again.op), OK);
    assert_true(again.is_replay_out);
    assert_int_equal(lab_fan_out(lab, group), 2 + 1 + 2 + 1);
}

static void test_same_key_with_another_content_is_refused(void **state)
{
    struct lab *lab = *state;
    struct str *ids = lab_users(lab, "u", 2), group = lab_group(lab, ids, 2);
    struct group_send send = send_numbered(lab, group, ids[1]);
    assert_int_equal(lab_run(lab, &GROUP_SEND, group, &send.op), OK);
    send.fingerprint[0]++;
    assert_int_equal(lab_run(lab, &GROUP_SEND, group, &send.op), ERR_KEY_REUSED);
}

static void test_equal_sends_at_once_make_one_message(void **state)
{
    struct lab *lab = *state;
    struct str *ids = lab_users(lab, "u", 2), group = lab_group(lab, ids, 2);
    lab_fan_out(lab, group);
    struct group_send send = send_numbered(lab, group, ids[1]), same[4], differs = send;
    for (size_t i = 0; i < 4; i++) {
        same[i] = send;
        lab_submit(lab, i < 3 ? lab->db : lab->other, &GROUP_SEND, group, &same[i].op);
    }
    lab_wait(lab);
    size_t replays = 0;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(same[i].op.err, OK);
        assert_int_equal(same[i].group_seq_out, 1);
        replays += same[i].is_replay_out;
    }
    assert_int_equal(replays, 3);
    differs.fingerprint[0]++;
    struct group_send next = send_numbered(lab, group, ids[1]), other = next;
    other.fingerprint[0]++;
    lab_submit(lab, lab->db, &GROUP_SEND, group, &next.op);
    lab_submit(lab, lab->db, &GROUP_SEND, group, &other.op);
    lab_submit(lab, lab->db, &GROUP_SEND, group, &differs.op);
    lab_wait(lab);
    assert_int_equal(next.op.err, OK);
    assert_int_equal(other.op.err, ERR_KEY_REUSED);
    assert_int_equal(differs.op.err, ERR_KEY_REUSED);
    assert_int_equal(lab_fan_out(lab, group), 2);
}

static void test_sends_of_one_batch_to_many_groups_stay_apart(void **state)
{
    struct lab *lab = *state;
    enum { GROUPS = 20, SENDS = 100 };
    struct str *ids = lab_users(lab, "u", 3), groups[GROUPS];
    static struct group_send sends[SENDS];
    for (size_t i = 0; i < GROUPS; i++)
        groups[i] = lab_group(lab, ids, 2 + i % 2);
    for (size_t i = 0; i < SENDS; i++) {
        sends[i] = send_numbered(lab, groups[(i * 7) % GROUPS], ids[0]);
        lab_submit(lab, lab->db, &GROUP_SEND, sends[i].group_id, &sends[i].op);
    }
    lab_wait(lab);
    for (size_t i = 0; i < SENDS; i++) {
        assert_int_equal(sends[i].op.err, OK);
        assert_int_equal(sends[i].group_seq_out, i / GROUPS + 1);
    }
    size_t copies = 0;
    for (size_t i = 0; i < GROUPS; i++)
        copies += lab_fan_out(lab, groups[i]);
    assert_int_equal(copies, GROUPS / 2 * (2 + 3) + SENDS / 2 * (1 + 2));
}

/* Two servers at once: whatever was accepted before the removal reaches the member, nothing after.
 */
static void test_sends_race_with_removals(void **state)
{
    struct lab *lab = *state;
    enum { ROUNDS = 8, SENDS = 6 };
    for (size_t round = 0; round < ROUNDS; round++) {
        struct str *ids = lab_users(lab, "u", 3), group = lab_group(lab, ids, 3);
        struct group_send sends[SENDS];
        struct group_change remove = {.outbox = {.lease_owner = STR("two"), .lease_ms = 60000},
                                      .group_id = group,
                                      .actor_id = ids[0],
                                      .user_ids = &ids[2],
                                      .user_count = 1};
        for (size_t i = 0; i < SENDS; i++) {
            if (i == SENDS / 2) lab_submit(lab, lab->other, &GROUP_REMOVE, group, &remove.op);
            sends[i] = send_numbered(lab, group, ids[1 + i % 2]);
            lab_submit(lab, lab->db, &GROUP_SEND, group, &sends[i].op);
        }
        lab_wait(lab);
        assert_int_equal(remove.op.err, OK);
        assert_int_equal(remove.changed_count_out, 1);
        size_t accepted = 0;
        for (size_t i = 0; i < SENDS; i++) {
            assert_true(sends[i].op.err == OK || (i % 2 == 1 && sends[i].op.err == ERR_NOT_MEMBER));
            accepted += sends[i].op.err == OK;
        }
        lab_fan_out(lab, group);
        struct inbox_page removed = lab_inbox(lab, ids[2], 100),
                          stayed = lab_inbox(lab, ids[0], 100);
        assert_int_equal(stayed.row_count_out, accepted + 2);
        const struct inbox_row *last = &removed.rows_out[removed.row_count_out - 1];
        assert_int_equal(last->kind, INBOX_CHANGE); /* its own removal is the end of it */
        size_t before = 0; /* what the one who stayed saw before the removal, less its own */
        for (size_t i = 1; stayed.rows_out[i].kind == INBOX_MESSAGE; i++)
            before += !str_equal(stayed.rows_out[i].peer_id, ids[2]);
        assert_int_equal(removed.row_count_out, before + 2);
    }
}

static void test_send_cut_off_at_its_commit_is_stored_once(void **state)
{
    struct lab *lab = *state;
    for (int round = 0; round < 4; round++) {
        bool is_stored = round & 1, is_numbered = round & 2;
        struct str *ids = lab_users(lab, "u", 3), group = lab_group(lab, ids, 3);
        lab_fan_out(lab, group);
        struct group_send send = send_numbered(lab, group, ids[0]);
        send.is_numbered = is_numbered;
        assert_int_equal(fault_arm(is_stored ? STR("lane_after_commit:fail:1")
                                             : STR("lane_before_commit:fail:1")),
                         OK);
        assert_int_equal(lab_run(lab, &GROUP_SEND, group, &send.op), OK);
        fault_disarm();
        assert_true(send.outbox.is_job_out);
        if (!is_numbered) assert_false(send.is_replay_out);
        assert_int_equal(send.group_seq_out, 1);
        assert_int_equal(send.created_at_ms_out, 5000);
        assert_int_equal(lab_fan_out(lab, group), 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_but_not_the_sender_get_the_message),
        cmocka_unit_test(test_all_members_see_one_order),
        cmocka_unit_test(test_strangers_and_unknown_groups_are_refused),
        cmocka_unit_test(test_refused_one_does_not_harm_its_batch),
        cmocka_unit_test(test_same_key_is_a_replay_even_after_the_sender_was_removed),
        cmocka_unit_test(test_same_key_with_another_content_is_refused),
        cmocka_unit_test(test_equal_sends_at_once_make_one_message),
        cmocka_unit_test(test_sends_of_one_batch_to_many_groups_stay_apart),
        cmocka_unit_test(test_sends_race_with_removals),
        cmocka_unit_test(test_send_cut_off_at_its_commit_is_stored_once),
    };
    return cmocka_run_group_tests(tests, lab_setup, lab_teardown);
}
