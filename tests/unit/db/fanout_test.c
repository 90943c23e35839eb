#include "base/fault.h"
#include "db/fanout.h"
#include "tests/support/group_lab.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct fanout_advance advance_by(struct lab *lab, struct db *db, struct str owner,
                                        int64_t lease_ms, struct str group_id)
{
    struct fanout_advance advance = {
        .group_id = group_id, .lease_owner = owner, .lease_ms = lease_ms};
    assert_int_equal(lab_run_on(lab, db, &FANOUT_ADVANCE, group_id, &advance.op), OK);
    return advance;
}

static bool is_expired(struct lab *lab, struct str group_id)
{
    struct fanout_expired expired = {0};
    assert_int_equal(lab_run(lab, &FANOUT_EXPIRED, STR("any"), &expired.op), OK);
    for (size_t i = 0; i < expired.group_count_out; i++)
        if (str_equal(expired.group_ids_out[i], group_id)) return true;
    return false;
}

static void test_copies_tell_where_they_lie(void **state)
{
    struct lab *lab = *state;
    struct str *ids = lab_users(lab, "u", 2), group = lab_group(lab, ids, 2);
    lab_fan_out(lab, group);
    struct group_send send = lab_send(lab, group, ids[0], STR("hello"));
    struct fanout_advance advance = advance_by(lab, lab->db, STR("one"), 60000, group);
    assert_false(advance.more_out);
    assert_int_equal(advance.copy_count_out, 1);
    const struct fanout_copy *copy = &advance.copies_out[0];
    assert_true(str_equal(copy->user_id, ids[1]));
    assert_true(str_equal(copy->row.message_id, send.message_id));
    struct inbox_page page = lab_inbox(lab, ids[1], 10);
    assert_int_equal(copy->row.seq, page.rows_out[1].seq);
    assert_int_equal(copy->row.epoch, page.epoch_out);
    assert_true(str_equal(copy->row.content, STR("hello")));
}

static void test_group_without_jobs_is_at_rest(void **state)
{
    struct lab *lab = *state;
    struct fanout_advance advance = advance_by(lab, lab->db, STR("one"), 60000, lab_group_id(lab));
    assert_false(advance.more_out || advance.busy_out);
    assert_int_equal(advance.copy_count_out, 0);
}

static void test_lease_keeps_other_servers_away_until_it_runs_out(void **state)
{
    struct lab *lab = *state;
    struct str *ids = lab_users(lab, "u", 2), group = lab_group(lab, ids, 2);
    struct fanout_advance advance = advance_by(lab, lab->other, STR("two"), 60000, group);
    assert_true(advance.busy_out);
    assert_int_equal(advance.copy_count_out, 0);
    assert_false(is_expired(lab, group));
    assert_int_equal(lab_fan_out(lab, group), 2);
}

static void test_holder_moves_the_jobs_of_others_too(void **state)
{
    struct lab *lab = *state;
    struct str *ids = lab_users(lab, "u", 2), group = lab_group(lab, ids, 2);
    struct group_send send = {.outbox = {.lease_owner = STR("two"), .lease_ms = 60000},
                              .message_id = lab_group_id(lab),
                              .group_id = group,
                              .sender_id = ids[0],
                              .sender_device = STR("d"),
                              .content = STR("x"),
                              .created_at_ms = 1};
    assert_int_equal(lab_run(lab, &GROUP_SEND, group, &send.op), OK);
    struct fanout_advance advance = advance_by(lab, lab->db, STR("one"), 60000, group);
    assert_int_equal(advance.copy_count_out, 3);
    assert_false(advance.more_out);
}

/* A server dies between two slices of a full group, twice over; another one takes over. */
static void test_takeover_neither_repeats_nor_forgets_anybody(void **state)
{
    struct lab *lab = *state;
    struct str *ids = lab_users(lab, "u", GROUP_MEMBERS_MAX);
    struct group_create create = {.outbox = {.lease_owner = STR("one"), .lease_ms = 0},
                                  .group_id = lab_group_id(lab),
                                  .groupname = STR("tea"),
                                  .creator_id = ids[0],
                                  .member_ids = ids,
                                  .member_count = GROUP_MEMBERS_MAX,
                                  .now_ms = 1};
    struct str group = create.group_id;
    assert_int_equal(lab_run(lab, &GROUP_CREATE, group, &create.op), OK);
    assert_int_equal(lab_send(lab, group, ids[5], STR("hello")).op.err, OK);
    size_t copies = 0;
    for (int turn = 0;; turn++) {
        bool is_one = turn % 2 == 0;
        assert_true(turn < 100);
        struct fanout_advance advance = advance_by(lab, is_one ? lab->db : lab->other,
                                                   is_one ? STR("one") : STR("two"), 0, group);
        assert_false(advance.busy_out);
        copies += advance.copy_count_out;
        if (!advance.more_out) break;
        assert_true(is_expired(lab, group));
    }
    assert_int_equal(copies, GROUP_MEMBERS_MAX + GROUP_MEMBERS_MAX - 1);
    for (size_t i = 0; i < GROUP_MEMBERS_MAX; i += 31) {
        struct inbox_page page = lab_inbox(lab, ids[i], 10);
        assert_int_equal(page.row_count_out, 2);
        assert_int_equal(page.rows_out[0].kind, INBOX_CHANGE);
        assert_int_equal(page.rows_out[1].group_seq, 1);
        assert_int_equal(lab_list(lab, ids[i]).groups_out[0].member_count, GROUP_MEMBERS_MAX);
    }
    assert_int_equal(lab_inbox(lab, ids[5], 10).row_count_out, 1);
    assert_false(is_expired(lab, group));
}

/* Both servers advance the same line at once, with leases that bind nobody: the row locks alone
 * have to keep the copies apart. */
static void test_two_servers_at_once_share_the_line(void **state)
{
    struct lab *lab = *state;
    enum { SENDS = 40, TURNS = 12 };
    struct str *ids = lab_users(lab, "u", 30), group = lab_group(lab, ids, 30);
    lab_fan_out(lab, group);
    static struct group_send sends[SENDS];
    for (size_t i = 0; i < SENDS; i++) {
        sends[i] = (struct group_send){.outbox = {.lease_owner = STR("gone"), .lease_ms = 0},
                                       .message_id = lab_group_id(lab),
                                       .group_id = group,
                                       .sender_id = ids[0],
                                       .sender_device = STR("d"),
                                       .content = STR("x"),
                                       .created_at_ms = 1};
        lab_submit(lab, lab->db, &GROUP_SEND, group, &sends[i].op);
    }
    lab_wait(lab);
    size_t copies = 0;
    for (int turn = 0; turn < TURNS; turn++) {
        struct fanout_advance one = {.group_id = group, .lease_owner = STR("one")},
                              two = {.group_id = group, .lease_owner = STR("two")};
        lab_submit(lab, lab->db, &FANOUT_ADVANCE, group, &one.op);
        lab_submit(lab, lab->other, &FANOUT_ADVANCE, group, &two.op);
        lab_wait(lab);
        assert_int_equal(one.op.err, OK);
        assert_int_equal(two.op.err, OK);
        copies += one.copy_count_out + two.copy_count_out;
    }
    assert_int_equal(copies, SENDS * 29);
    for (size_t i = 1; i < 30; i++) {
        struct inbox_page page = lab_inbox(lab, ids[i], 100);
        assert_int_equal(page.row_count_out, SENDS + 1);
        for (size_t k = 1; k <= SENDS; k++)
            assert_int_equal(page.rows_out[k].group_seq, k);
    }
}

static void test_users_that_are_gone_get_nothing_and_harm_nobody(void **state)
{
    struct lab *lab = *state;
    struct str ids[] = {lab_user(lab, "u"), STR("nobody-knows-me"), lab_user(lab, "u")};
    struct str group = lab_group(lab, ids, 3);
    assert_int_equal(lab_fan_out(lab, group), 2);
    assert_int_equal(lab_list(lab, ids[1]).group_count_out, 0);
    assert_int_equal(lab_list(lab, ids[2]).group_count_out, 1);
}

static void test_two_ops_for_a_group_in_one_batch_make_each_copy_once(void **state)
{
    struct lab *lab = *state;
    struct str *ids = lab_users(lab, "u", 3), group = lab_group(lab, ids, 3);
    struct fanout_advance one = {.group_id = group, .lease_owner = STR("one")}, two = one;
    lab_submit(lab, lab->db, &FANOUT_ADVANCE, group, &one.op);
    lab_submit(lab, lab->db, &FANOUT_ADVANCE, group, &two.op);
    lab_wait(lab);
    assert_int_equal(one.copy_count_out + two.copy_count_out, 3);
    assert_int_equal(lab_fan_out(lab, group), 0);
}

static void test_many_groups_share_a_batch_and_long_lines_leave_room(void **state)
{
    struct lab *lab = *state;
    enum { GROUPS = 12, LONG = 300 };
    struct str *ids = lab_users(lab, "u", 2), groups[GROUPS];
    static struct group_send sends[LONG];
    static struct fanout_advance advances[GROUPS];
    for (size_t i = 0; i < GROUPS; i++)
        groups[i] = lab_group(lab, ids, 2);
    for (size_t i = 0; i < LONG; i++) {
        sends[i] = (struct group_send){.outbox = {.lease_owner = STR("one"), .lease_ms = 60000},
                                       .message_id = lab_group_id(lab),
                                       .group_id = groups[0],
                                       .sender_id = ids[0],
                                       .sender_device = STR("d"),
                                       .content = STR("x"),
                                       .created_at_ms = 1};
        lab_submit(lab, lab->db, &GROUP_SEND, groups[0], &sends[i].op);
    }
    lab_wait(lab);
    for (size_t i = 0; i < GROUPS; i++) {
        advances[i] = (struct fanout_advance){
            .group_id = groups[i], .lease_owner = STR("one"), .lease_ms = 60000};
        lab_submit(lab, lab->db, &FANOUT_ADVANCE, groups[i], &advances[i].op);
    }
    lab_wait(lab);
    assert_true(advances[0].more_out);
    for (size_t i = 1; i < GROUPS; i++)
        assert_int_equal(advances[i].copy_count_out, 2);
    assert_int_equal(advances[0].copy_count_out + lab_fan_out(lab, groups[0]), LONG + 2);
    struct inbox_page page = lab_inbox(lab, ids[1], 500);
    assert_int_equal(page.row_count_out, LONG + GROUPS);
}

/* A slice whose COMMIT was cut off: whether it was stored or not, nobody gets a copy twice. */
static void test_slice_cut_off_at_its_commit_repeats_nothing(void **state)
{
    struct lab *lab = *state;
    for (int is_stored = 0; is_stored < 2; is_stored++) {
        enum { MEMBERS = 600 };
        struct str *ids = lab_users(lab, "u", MEMBERS), group = lab_group(lab, ids, MEMBERS);
        assert_int_equal(lab_send(lab, group, ids[0], STR("hello")).op.err, OK);
        for (bool more = true; more;) {
            assert_int_equal(fault_arm(is_stored ? STR("lane_after_commit:fail:1")
                                                 : STR("lane_before_commit:fail:1")),
                             OK);
            more = advance_by(lab, lab->db, STR("one"), 60000, group).more_out;
            fault_disarm();
        }
        for (size_t i = 0; i < MEMBERS; i += 7) {
            struct inbox_page page = lab_inbox(lab, ids[i], 10);
            assert_int_equal(page.row_count_out, i == 0 ? 1 : 2);
            assert_int_equal(page.newest_seq_out, i == 0 ? 1 : 2);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies_tell_where_they_lie),
        cmocka_unit_test(test_group_without_jobs_is_at_rest),
        cmocka_unit_test(test_lease_keeps_other_servers_away_until_it_runs_out),
        cmocka_unit_test(test_holder_moves_the_jobs_of_others_too),
        cmocka_unit_test(test_takeover_neither_repeats_nor_forgets_anybody),
        cmocka_unit_test(test_two_servers_at_once_share_the_line),
        cmocka_unit_test(test_users_that_are_gone_get_nothing_and_harm_nobody),
        cmocka_unit_test(test_two_ops_for_a_group_in_one_batch_make_each_copy_once),
        cmocka_unit_test(test_many_groups_share_a_batch_and_long_lines_leave_room),
        cmocka_unit_test(test_slice_cut_off_at_its_commit_repeats_nothing),
    };
    return cmocka_run_group_tests(tests, lab_setup, lab_teardown);
}
