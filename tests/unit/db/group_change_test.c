#include "base/fault.h"
#include "db/groups.h"
#include "tests/support/group_lab.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* Three members, the first one the admin, and a stranger; the creation is fanned out. */
struct scene {
    struct str group_id, *ids, stranger;
};

static struct scene scene_of(struct lab *lab)
{
    struct scene scene = {.ids = lab_users(lab, "u", 3), .stranger = lab_user(lab, "s")};
    scene.group_id = lab_group(lab, scene.ids, 3);
    assert_int_equal(lab_fan_out(lab, scene.group_id), 3);
    return scene;
}

static void assert_str(struct str s, struct str want)
{
    assert_int_equal(s.len, want.len);
    assert_memory_equal(s.ptr, want.ptr, want.len);
}

static enum err change_role(struct lab *lab, struct str group_id, struct str actor, struct str user,
                            enum group_role role, size_t *changed_out)
{
    struct group_change change = {.outbox = {.lease_owner = STR("one"), .lease_ms = 60000},
                                  .group_id = group_id,
                                  .actor_id = actor,
                                  .user_ids = &user,
                                  .user_count = 1,
                                  .role = role,
                                  .now_ms = 2000};
    lab_run(lab, &GROUP_ROLES, group_id, &change.op);
    *changed_out = change.changed_count_out;
    return change.op.err;
}

static void assert_last_change(struct lab *lab, struct str user_id, const char *change,
                               uint64_t version)
{
    struct inbox_page page = lab_inbox(lab, user_id, 100);
    assert_true(page.row_count_out > 0);
    struct str content = page.rows_out[page.row_count_out - 1].content;
    char want[64];
    snprintf(want, sizeof want, "\"change\":\"%s\"", change);
    assert_true(lab_has(content, want));
    snprintf(want, sizeof want, "\"version\":%d", (int)version);
    assert_true(lab_has(content, want));
}

static void test_admin_adds_and_those_already_in_are_not_listed(void **state)
{
    struct lab *lab = *state;
    struct scene scene = scene_of(lab);
    struct str asked[] = {scene.ids[1], scene.stranger};
    struct group_change change =
        lab_change(lab, &GROUP_ADD, scene.group_id, scene.ids[0], asked, 2);
    assert_int_equal(change.op.err, OK);
    assert_int_equal(change.changed_count_out, 1);
    assert_ptr_equal(change.changed_out[0], &asked[1]);
    assert_int_equal(lab_fan_out(lab, scene.group_id), 4);
    assert_last_change(lab, scene.stranger, "added", 2);
    assert_last_change(lab, scene.ids[2], "added", 2);
    struct groups_list list = lab_list(lab, scene.ids[2]);
    assert_int_equal(list.groups_out[0].version, 2);
    assert_int_equal(list.groups_out[0].member_count, 4);
    assert_int_equal(lab_list(lab, scene.stranger).group_count_out, 1);
}

static void test_call_that_changes_nothing_leaves_no_trace(void **state)
{
    struct lab *lab = *state;
    struct scene scene = scene_of(lab);
    struct group_change add =
        lab_change(lab, &GROUP_ADD, scene.group_id, scene.ids[0], scene.ids, 3);
    struct group_change remove =
        lab_change(lab, &GROUP_REMOVE, scene.group_id, scene.ids[0], &scene.stranger, 1);
    assert_int_equal(add.op.err, OK);
    assert_int_equal(remove.op.err, OK);
    assert_int_equal(add.changed_count_out + remove.changed_count_out, 0);
    assert_false(add.outbox.is_job_out || remove.outbox.is_job_out);
    assert_int_equal(lab_get(lab, scene.group_id, scene.ids[0]).version_out, 1);
    assert_int_equal(lab_fan_out(lab, scene.group_id), 0);
}

static void test_only_admins_change_others(void **state)
{
    struct lab *lab = *state;
    struct scene scene = scene_of(lab);
    struct str group = scene.group_id, member = scene.ids[1], *other = &scene.ids[2];
    const struct op_kind *kinds[] = {&GROUP_ADD, &GROUP_REMOVE, &GROUP_ROLES};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        assert_int_equal(lab_change(lab, kinds[i], group, member, other, 1).op.err, ERR_NOT_ADMIN);
        assert_int_equal(lab_change(lab, kinds[i], group, scene.stranger, other, 1).op.err,
                         ERR_NOT_MEMBER);
        assert_int_equal(
            lab_change(lab, kinds[i], lab_group_id(lab), scene.ids[0], other, 1).op.err,
            ERR_UNKNOWN_GROUP);
    }
    assert_int_equal(lab_get(lab, group, scene.ids[0]).member_count_out, 3);
}

static void test_anyone_may_leave_but_not_take_others_along(void **state)
{
    struct lab *lab = *state;
    struct scene scene = scene_of(lab);
    struct str group = scene.group_id, *ids = scene.ids;
    assert_int_equal(lab_change(lab, &GROUP_REMOVE, group, ids[1], &ids[1], 2).op.err,
                     ERR_NOT_ADMIN);
    assert_int_equal(lab_change(lab, &GROUP_REMOVE, group, ids[1], &ids[1], 1).op.err, OK);
    assert_int_equal(lab_get(lab, group, ids[1]).op.err, ERR_NOT_MEMBER);
    struct group_get get = lab_get(lab, group, ids[0]);
    assert_int_equal(get.member_count_out, 2);
    assert_int_equal(get.members_out[0].role, ROLE_ADMIN);
    assert_int_equal(get.version_out, 2);
}

static void test_removed_member_is_told_and_gets_nothing_sent_later(void **state)
{
    struct lab *lab = *state;
    struct scene scene = scene_of(lab);
    struct str group = scene.group_id, *ids = scene.ids;
    assert_int_equal(lab_send(lab, group, ids[0], STR("before")).op.err, OK);
    assert_int_equal(lab_change(lab, &GROUP_REMOVE, group, ids[0], &ids[2], 1).op.err, OK);
    assert_int_equal(lab_send(lab, group, ids[0], STR("after")).op.err, OK);
    lab_fan_out(lab, group);
    struct inbox_page page = lab_inbox(lab, ids[2], 100);
    assert_int_equal(page.row_count_out, 3); /* created, before, removed */
    assert_str(page.rows_out[1].content, STR("before"));
    assert_true(lab_has(page.rows_out[2].content, "\"change\":\"removed\""));
    assert_int_equal(lab_inbox(lab, ids[1], 100).row_count_out, 4);
    assert_int_equal(lab_list(lab, ids[2]).group_count_out, 0);
    assert_int_equal(lab_list(lab, ids[1]).groups_out[0].member_count, 2);
}

static void test_member_who_comes_back_is_the_youngest(void **state)
{
    struct lab *lab = *state;
    struct scene scene = scene_of(lab);
    struct str group = scene.group_id, *ids = scene.ids;
    assert_int_equal(lab_change(lab, &GROUP_REMOVE, group, ids[0], &ids[1], 1).op.err, OK);
    assert_int_equal(lab_change(lab, &GROUP_ADD, group, ids[0], &ids[1], 1).op.err, OK);
    lab_fan_out(lab, group);
    struct group_get get = lab_get(lab, group, ids[0]);
    assert_str(get.members_out[2].user_id, ids[1]);
    assert_int_equal(lab_list(lab, ids[1]).groups_out[0].version, 3);
}

static void test_last_admin_leaving_promotes_the_oldest(void **state)
{
    struct lab *lab = *state;
    struct scene scene = scene_of(lab);
    struct str group = scene.group_id, *ids = scene.ids;
    struct group_change change = lab_change(lab, &GROUP_REMOVE, group, ids[0], ids, 1);
    assert_int_equal(change.op.err, OK);
    assert_int_equal(change.changed_count_out, 1);
    struct group_get get = lab_get(lab, group, ids[1]);
    assert_str(get.members_out[0].user_id, ids[1]);
    assert_int_equal(get.members_out[0].role, ROLE_ADMIN);
    assert_int_equal(get.members_out[1].role, ROLE_MEMBER);
    assert_int_equal(lab_fan_out(lab, group), 5); /* removed to three, role to two */
    assert_last_change(lab, ids[0], "removed", 2);
    assert_last_change(lab, ids[1], "role", 3);
    assert_last_change(lab, ids[2], "role", 3);
    assert_int_equal(lab_list(lab, ids[1]).groups_out[0].role, ROLE_ADMIN);
    assert_int_equal(get.version_out, 3);
}

static void test_admins_make_admins_and_the_last_one_stays(void **state)
{
    struct lab *lab = *state;
    struct scene scene = scene_of(lab);
    struct str group = scene.group_id, *ids = scene.ids;
    size_t changed;
    assert_int_equal(change_role(lab, group, ids[0], ids[0], ROLE_MEMBER, &changed),
                     ERR_LAST_ADMIN);
    assert_int_equal(change_role(lab, group, ids[0], ids[1], ROLE_ADMIN, &changed), OK);
    assert_int_equal(changed, 1);
    assert_int_equal(change_role(lab, group, ids[0], ids[1], ROLE_ADMIN, &changed), OK);
    assert_int_equal(changed, 0);
    assert_int_equal(change_role(lab, group, ids[0], scene.stranger, ROLE_ADMIN, &changed), OK);
    assert_int_equal(changed, 0);
    assert_int_equal(change_role(lab, group, ids[1], ids[0], ROLE_MEMBER, &changed), OK);
    assert_int_equal(changed, 1);
    assert_int_equal(change_role(lab, group, ids[0], ids[2], ROLE_ADMIN, &changed), ERR_NOT_ADMIN);
    lab_fan_out(lab, group);
    assert_last_change(lab, ids[2], "role", 3);
    assert_int_equal(lab_list(lab, ids[0]).groups_out[0].role, ROLE_MEMBER);
    assert_int_equal(lab_list(lab, ids[1]).groups_out[0].role, ROLE_ADMIN);
}

static void test_empty_group_is_gone_but_its_news_go_out(void **state)
{
    struct lab *lab = *state;
    struct scene scene = scene_of(lab);
    struct str group = scene.group_id, *ids = scene.ids;
    assert_int_equal(lab_send(lab, group, ids[1], STR("bye")).op.err, OK);
    assert_int_equal(lab_change(lab, &GROUP_REMOVE, group, ids[0], ids, 3).op.err, OK);
    assert_int_equal(lab_get(lab, group, ids[0]).op.err, ERR_UNKNOWN_GROUP);
    assert_int_equal(lab_send(lab, group, ids[1], STR("more")).op.err, ERR_UNKNOWN_GROUP);
    assert_int_equal(lab_fan_out(lab, group), 2 + 3);
    for (size_t i = 0; i < 3; i++) {
        assert_last_change(lab, ids[i], "removed", 2);
        assert_int_equal(lab_list(lab, ids[i]).group_count_out, 0);
    }
}

static void test_member_1025_is_refused_and_nobody_is_added(void **state)
{
    struct lab *lab = *state;
    struct str *ids = lab_users(lab, "u", GROUP_MEMBERS_MAX + 1);
    struct str group = lab_group(lab, ids, GROUP_MEMBERS_MAX - 1);
    struct str *last = &ids[GROUP_MEMBERS_MAX - 1];
    assert_int_equal(lab_change(lab, &GROUP_ADD, group, ids[0], last, 2).op.err, ERR_GROUP_FULL);
    assert_int_equal(lab_change(lab, &GROUP_ADD, group, ids[0], last, 1).op.err, OK);
    assert_int_equal(lab_change(lab, &GROUP_ADD, group, ids[0], last + 1, 1).op.err,
                     ERR_GROUP_FULL);
    assert_int_equal(lab_get(lab, group, ids[0]).member_count_out, GROUP_MEMBERS_MAX);
}

static void test_changes_of_one_batch_see_each_other(void **state)
{
    struct lab *lab = *state;
    struct scene scene = scene_of(lab);
    struct group_change add = {.outbox = {.lease_owner = STR("one"), .lease_ms = 60000},
                               .group_id = scene.group_id,
                               .actor_id = scene.ids[0],
                               .user_ids = &scene.stranger,
                               .user_count = 1,
                               .now_ms = 2000},
                        again = add, remove = add;
    lab_submit(lab, lab->db, &GROUP_ADD, scene.group_id, &add.op);
    lab_submit(lab, lab->db, &GROUP_ADD, scene.group_id, &again.op);
    lab_submit(lab, lab->db, &GROUP_REMOVE, scene.group_id, &remove.op);
    lab_wait(lab);
    assert_int_equal(add.changed_count_out, 1);
    assert_int_equal(again.changed_count_out, 0);
    assert_int_equal(remove.changed_count_out, 1);
    assert_int_equal(lab_get(lab, scene.group_id, scene.ids[0]).version_out, 3);
}

/* The connection goes away at the next COMMIT, before it or behind it: the answer is the same. */
static void cut_commit(bool is_stored)
{
    fault_disarm();
    assert_int_equal(
        fault_arm(is_stored ? STR("lane_after_commit:fail:1") : STR("lane_before_commit:fail:1")),
        OK);
}

static void test_change_cut_off_at_its_commit_is_told_and_made_once(void **state)
{
    struct lab *lab = *state;
    for (int is_stored = 0; is_stored < 2; is_stored++) {
        struct scene scene = scene_of(lab);
        struct str group = scene.group_id, *ids = scene.ids;
        cut_commit(is_stored);
        struct group_change add = lab_change(lab, &GROUP_ADD, group, ids[0], &scene.stranger, 1);
        assert_int_equal(add.op.err, OK);
        assert_int_equal(add.changed_count_out, 1);
        assert_true(add.outbox.is_job_out);
        cut_commit(is_stored);
        struct group_change leave = lab_change(lab, &GROUP_REMOVE, group, ids[1], &ids[1], 1);
        assert_int_equal(leave.op.err, OK);
        assert_int_equal(leave.changed_count_out, 1);
        fault_disarm();
        assert_int_equal(lab_get(lab, group, ids[0]).version_out, 3);
        assert_int_equal(lab_fan_out(lab, group), 4 + 4);
    }
}

static void test_last_one_leaving_is_told_so_though_the_group_is_gone(void **state)
{
    struct lab *lab = *state;
    struct str id = lab_user(lab, "u"), group = lab_group(lab, &id, 1);
    cut_commit(true);
    struct group_change leave = lab_change(lab, &GROUP_REMOVE, group, id, &id, 1);
    fault_disarm();
    assert_int_equal(leave.op.err, OK);
    assert_int_equal(leave.changed_count_out, 1);
    assert_int_equal(lab_fan_out(lab, group), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_admin_adds_and_those_already_in_are_not_listed),
        cmocka_unit_test(test_call_that_changes_nothing_leaves_no_trace),
        cmocka_unit_test(test_only_admins_change_others),
        cmocka_unit_test(test_anyone_may_leave_but_not_take_others_along),
        cmocka_unit_test(test_removed_member_is_told_and_gets_nothing_sent_later),
        cmocka_unit_test(test_member_who_comes_back_is_the_youngest),
        cmocka_unit_test(test_last_admin_leaving_promotes_the_oldest),
        cmocka_unit_test(test_admins_make_admins_and_the_last_one_stays),
        cmocka_unit_test(test_empty_group_is_gone_but_its_news_go_out),
        cmocka_unit_test(test_member_1025_is_refused_and_nobody_is_added),
        cmocka_unit_test(test_changes_of_one_batch_see_each_other),
        cmocka_unit_test(test_change_cut_off_at_its_commit_is_told_and_made_once),
        cmocka_unit_test(test_last_one_leaving_is_told_so_though_the_group_is_gone),
    };
    return cmocka_run_group_tests(tests, lab_setup, lab_teardown);
}
