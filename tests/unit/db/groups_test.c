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

static struct group_create group_named(struct lab *lab, const struct str *ids, size_t count,
                                       uint8_t fingerprint)
{
    struct group_create create = {.outbox = {.lease_owner = STR("one"), .lease_ms = 60000},
                                  .group_id = lab_group_id(lab),
                                  .is_numbered = true,
                                  .fingerprint = {fingerprint},
                                  .groupname = STR("caf\xc3\xa9 \"x\""),
                                  .creator_id = ids[0],
                                  .member_ids = ids,
                                  .member_count = count,
                                  .now_ms = 1700000000123};
    return create;
}

static void test_creator_is_admin_and_members_keep_their_order(void **state)
{
    struct lab *lab = *state;
    struct str ids[] = {lab_user(lab, "zoe"), lab_user(lab, "bob"), lab_user(lab, "ann")};
    struct group_create create = group_named(lab, ids, 3, 1);
    assert_int_equal(lab_run(lab, &GROUP_CREATE, create.group_id, &create.op), OK);
    struct group_get get = lab_get(lab, create.group_id, ids[2]);
    assert_int_equal(get.op.err, OK);
    assert_str(get.groupname_out, create.groupname);
    assert_str(get.created_by_out, ids[0]);
    assert_int_equal(get.version_out, 1);
    assert_int_equal(get.member_count_out, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_str(get.members_out[i].user_id, ids[i]);
        assert_int_equal(get.members_out[i].role, i == 0 ? ROLE_ADMIN : ROLE_MEMBER);
    }
}

static void test_every_member_is_told_of_the_creation(void **state)
{
    struct lab *lab = *state;
    struct str *ids = lab_users(lab, "u", 3);
    struct group_create create = group_named(lab, ids, 3, 1);
    assert_int_equal(lab_run(lab, &GROUP_CREATE, create.group_id, &create.op), OK);
    assert_true(create.outbox.is_job_out);
    assert_int_equal(lab_fan_out(lab, create.group_id), 3);
    for (size_t i = 0; i < 3; i++) {
        struct inbox_page page = lab_inbox(lab, ids[i], 10);
        assert_int_equal(page.row_count_out, 1);
        const struct inbox_row *row = &page.rows_out[0];
        assert_int_equal(row->kind, INBOX_CHANGE);
        assert_str(row->group_id, create.group_id);
        assert_str(row->peer_id, ids[0]);
        assert_int_equal(row->created_at_ms, create.now_ms);
        assert_int_equal(row->message_id.len, 0);
        assert_true(lab_has(row->content, "\"groupname\":\"caf\xc3\xa9 \\\"x\\\"\""));
        assert_true(lab_has(row->content, "\"change\":\"created\""));
        assert_true(lab_has(row->content, "\"version\":1"));
    }
}

static void test_lists_follow_the_fan_out(void **state)
{
    struct lab *lab = *state;
    struct str *ids = lab_users(lab, "u", 2);
    struct group_create create = group_named(lab, ids, 2, 1);
    assert_int_equal(lab_run(lab, &GROUP_CREATE, create.group_id, &create.op), OK);
    assert_int_equal(lab_list(lab, ids[1]).group_count_out, 0);
    lab_fan_out(lab, create.group_id);
    struct groups_list list = lab_list(lab, ids[1]);
    assert_int_equal(list.group_count_out, 1);
    assert_str(list.groups_out[0].group_id, create.group_id);
    assert_str(list.groups_out[0].groupname, create.groupname);
    assert_int_equal(list.groups_out[0].role, ROLE_MEMBER);
    assert_int_equal(list.groups_out[0].version, 1);
    assert_int_equal(list.groups_out[0].member_count, 2);
    assert_int_equal(lab_list(lab, ids[0]).groups_out[0].role, ROLE_ADMIN);
}

static void test_list_is_sorted_by_name(void **state)
{
    struct lab *lab = *state;
    struct str id = lab_user(lab, "u");
    const struct str names[] = {STR("tea"), STR("art"), STR("zoo")};
    for (size_t i = 0; i < 3; i++) {
        struct group_create create = group_named(lab, &id, 1, 1);
        create.groupname = names[i];
        assert_int_equal(lab_run(lab, &GROUP_CREATE, create.group_id, &create.op), OK);
        lab_fan_out(lab, create.group_id);
    }
    struct groups_list list = lab_list(lab, id);
    assert_int_equal(list.group_count_out, 3);
    assert_str(list.groups_out[0].groupname, STR("art"));
    assert_str(list.groups_out[1].groupname, STR("tea"));
    assert_str(list.groups_out[2].groupname, STR("zoo"));
}

static void test_same_key_is_a_replay(void **state)
{
    struct lab *lab = *state;
    struct str *ids = lab_users(lab, "u", 2);
    struct group_create create = group_named(lab, ids, 2, 1);
    assert_int_equal(lab_run(lab, &GROUP_CREATE, create.group_id, &create.op), OK);
    assert_false(create.is_replay_out);
    assert_int_equal(lab_run(lab, &GROUP_CREATE, create.group_id, &create.op), OK);
    assert_true(create.is_replay_out);
    assert_false(create.outbox.is_job_out);
    assert_int_equal(lab_fan_out(lab, create.group_id), 2);
}

static void test_two_equal_ones_at_once_make_one_group(void **state)
{
    struct lab *lab = *state;
    struct str *ids = lab_users(lab, "u", 2);
    struct group_create one = group_named(lab, ids, 2, 1), two = one, three = one;
    lab_submit(lab, lab->db, &GROUP_CREATE, one.group_id, &one.op);
    lab_submit(lab, lab->db, &GROUP_CREATE, two.group_id, &two.op);
    lab_submit(lab, lab->other, &GROUP_CREATE, three.group_id, &three.op);
    lab_wait(lab);
    assert_int_equal(one.op.err, OK);
    assert_int_equal(two.op.err, OK);
    assert_int_equal(three.op.err, OK);
    assert_int_equal(one.is_replay_out + two.is_replay_out + three.is_replay_out, 2);
    assert_int_equal(lab_fan_out(lab, one.group_id), 2);
}

static void test_same_key_with_another_content_is_refused(void **state)
{
    struct lab *lab = *state;
    struct str *ids = lab_users(lab, "u", 2);
    struct group_create create = group_named(lab, ids, 2, 1);
    assert_int_equal(lab_run(lab, &GROUP_CREATE, create.group_id, &create.op), OK);
    create.fingerprint[0] = 2;
    assert_int_equal(lab_run(lab, &GROUP_CREATE, create.group_id, &create.op), ERR_KEY_REUSED);
}

static void test_unknown_group_is_told_apart_from_a_foreign_one(void **state)
{
    struct lab *lab = *state;
    struct str *ids = lab_users(lab, "u", 2);
    struct str group_id = lab_group(lab, ids, 1);
    assert_int_equal(lab_get(lab, lab_group_id(lab), ids[0]).op.err, ERR_UNKNOWN_GROUP);
    assert_int_equal(lab_get(lab, group_id, ids[1]).op.err, ERR_NOT_MEMBER);
}

static void test_creation_cut_off_at_its_commit_is_made_once(void **state)
{
    struct lab *lab = *state;
    for (int round = 0; round < 4; round++) {
        struct str *ids = lab_users(lab, "u", 2);
        struct group_create create = group_named(lab, ids, 2, 1);
        create.is_numbered = round & 2;
        assert_int_equal(fault_arm(round & 1 ? STR("lane_after_commit:fail:1")
                                             : STR("lane_before_commit:fail:1")),
                         OK);
        assert_int_equal(lab_run(lab, &GROUP_CREATE, create.group_id, &create.op), OK);
        fault_disarm();
        assert_true(create.outbox.is_job_out);
        if (!create.is_numbered) assert_false(create.is_replay_out);
        assert_int_equal(lab_fan_out(lab, create.group_id), 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_creator_is_admin_and_members_keep_their_order),
        cmocka_unit_test(test_every_member_is_told_of_the_creation),
        cmocka_unit_test(test_lists_follow_the_fan_out),
        cmocka_unit_test(test_list_is_sorted_by_name),
        cmocka_unit_test(test_same_key_is_a_replay),
        cmocka_unit_test(test_two_equal_ones_at_once_make_one_group),
        cmocka_unit_test(test_same_key_with_another_content_is_refused),
        cmocka_unit_test(test_unknown_group_is_told_apart_from_a_foreign_one),
        cmocka_unit_test(test_creation_cut_off_at_its_commit_is_made_once),
    };
    return cmocka_run_group_tests(tests, lab_setup, lab_teardown);
}
