/* POST add, remove, groups/{groupId}/roles. */
#include "db/groups.h"
#include "db/users.h"
#include "handlers/app.h"
#include "tests/unit/handlers/lab.h"

static const char *const add_head = "POST /chat/app/add";
static const char *const remove_head = "POST /chat/app/remove";
static const char *const roles_head = "POST /chat/app/groups/" LAB_GROUP "/roles";
static const char *const body = "{\"userId\":[\"bob\",\"eve\"],\"groupId\":\"" LAB_GROUP "\"}";
static const char *const roles_body = "{\"userId\":[\"bob\",\"eve\"],\"role\":\"admin\"}";

static void assert_change(const struct group_change *change)
{
    assert_string_equal(lab.key, LAB_GROUP);
    assert_str(change->group_id, LAB_GROUP);
    assert_str(change->actor_id, "ann");
    assert_int_equal(change->user_count, 2);
    assert_str(change->user_ids[0], "bob");
    assert_str(change->user_ids[1], "eve");
    assert_int_equal(change->now_ms, LAB_NOW_MS);
    assert_str(change->outbox.lease_owner, "this-process");
}

/* Only the second user was not of that state already. */
static void answer_changed(struct group_change *change)
{
    change->changed_out = ARENA_ARRAY(&change->op.results, const struct str *, 1);
    change->changed_out[0] = &change->user_ids[1];
    change->changed_count_out = 1;
    change->outbox.is_job_out = true;
    lab_answer(OK);
}

static void assert_changed(const struct call *call)
{
    assert_reply(call, 200,
                 "{\"status\":\"success\",\"groupId\":\"" LAB_GROUP "\",\"userId\":[\"eve\"]}");
    assert_string_equal(lab.kicked, LAB_GROUP);
}

static void test_added_users_are_looked_up_first(void **state UNUSED)
{
    struct call *call = lab_call(add_head, body);
    struct users_missing *missing = LAB_OP(users_missing, USERS_MISSING);
    assert_int_equal(missing->user_count, 2);
    lab_answer(OK);
    struct group_change *change = LAB_OP(group_change, GROUP_ADD);
    assert_change(change);
    answer_changed(change);
    assert_changed(call);
}

static void test_unknown_users_are_not_added(void **state UNUSED)
{
    struct call *call = lab_call(add_head, body);
    LAB_OP(users_missing, USERS_MISSING)->is_missing_out[0] = true;
    lab_answer(OK);
    assert_problem(call, ERR_UNKNOWN_USER, "/userId/0");
    assert_int_equal(lab.op_count, 0);
}

static void test_removal_needs_no_look_up(void **state UNUSED)
{
    struct call *call = lab_call(remove_head, body);
    struct group_change *change = LAB_OP(group_change, GROUP_REMOVE);
    assert_change(change);
    answer_changed(change);
    assert_changed(call);
}

static void test_roles_are_given_by_the_path(void **state UNUSED)
{
    struct call *call =
        lab_call("POST /chat/app/groups/AAAAAAAA-89AB-7DEF-8123-456789ABCDEF/roles", roles_body);
    struct group_change *change = LAB_OP(group_change, GROUP_ROLES);
    assert_change(change);
    assert_int_equal(change->role, ROLE_ADMIN);
    answer_changed(change);
    assert_changed(call);
    lab_call(roles_head, "{\"userId\":[\"bob\"],\"role\":\"member\"}");
    assert_int_equal(LAB_OP(group_change, GROUP_ROLES)->role, ROLE_MEMBER);
}

static void test_change_of_nothing_tells_nobody(void **state UNUSED)
{
    struct call *call = lab_call(remove_head, body);
    lab_answer(OK);
    assert_reply(call, 200, "{\"status\":\"success\",\"groupId\":\"" LAB_GROUP "\",\"userId\":[]}");
    assert_string_equal(lab.kicked, "");
}

static void test_change_is_told_also_if_its_client_left(void **state UNUSED)
{
    struct call *call = lab_call(remove_head, body);
    call_leaves(call);
    answer_changed(LAB_OP(group_change, GROUP_REMOVE));
    assert_int_equal(call->replies, 0);
    assert_string_equal(lab.kicked, LAB_GROUP);
}

static void test_outcomes_of_the_store_are_passed_on(void **state UNUSED)
{
    static const enum err errs[] = {ERR_UNKNOWN_GROUP, ERR_NOT_MEMBER, ERR_NOT_ADMIN,
                                    ERR_GROUP_FULL,    ERR_LAST_ADMIN, ERR_NOT_FOUND};
    assert_awaits_well(add_head, body); /* the look-up */
    users_known_add(lab.app.api.known, STR("bob"));
    users_known_add(lab.app.api.known, STR("eve"));
    assert_awaits_well(add_head, body); /* the change */
    assert_outcomes_pass(remove_head, body, errs, ARRAY_LEN(errs));
    assert_outcomes_pass(roles_head, roles_body, errs, ARRAY_LEN(errs));
}

static void test_wrong_fields_are_named(void **state UNUSED)
{
    static const struct {
        const char *head, *body, *pointer;
    } cases[] = {
        {"POST /chat/app/add", "{\"groupId\":\"" LAB_GROUP "\"}", "/userId"},
        {"POST /chat/app/add", "{\"userId\":\"bob\",\"groupId\":\"" LAB_GROUP "\"}", "/userId"},
        {"POST /chat/app/add", "{\"userId\":[\"bob\"]}", "/groupId"},
        {"POST /chat/app/remove", "{\"userId\":[\"bob\"],\"groupId\":\"g\"}", "/groupId"},
        {"POST /chat/app/remove", "{\"userId\":[],\"groupId\":\"" LAB_GROUP "\"}", "/userId"},
        {"POST /chat/app/groups/" LAB_GROUP "/roles", "{\"userId\":[\"bob\"]}", "/role"},
        {"POST /chat/app/groups/" LAB_GROUP "/roles", "{\"userId\":[\"bob\"],\"role\":\"king\"}",
         "/role"},
        {"POST /chat/app/groups/" LAB_GROUP "/roles", "{\"role\":\"admin\"}", "/userId"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_problem(lab_call(cases[i].head, cases[i].body), ERR_FIELD, cases[i].pointer);
    assert_problem(lab_call(add_head, "["), ERR_BAD_JSON, NULL);
    assert_problem(lab_call(roles_head, "["), ERR_BAD_JSON, NULL);
    assert_problem(lab_call("POST /chat/app/groups/boats/roles", roles_body), ERR_UNKNOWN_GROUP,
                   NULL);
    assert_int_equal(lab.submits, 0);
}

static void test_list_that_no_group_can_hold_is_refused(void **state UNUSED)
{
    struct buf text;
    buf_init(&text, 64 * 1024);
    assert_int_equal(
        buf_add(&text, STR("{\"groupId\":\"" LAB_GROUP "\",\"role\":\"admin\",\"userId\":[\"a\"")),
        OK);
    for (int i = 0; i < GROUP_MEMBERS_MAX; i++)
        assert_int_equal(buf_printf(&text, ",\"user-%d\"", i), OK);
    assert_int_equal(buf_add(&text, STR("]}")), OK);
    assert_problem(lab_call(add_head, buf_c(&text)), ERR_GROUP_FULL, NULL);
    assert_problem(lab_call(remove_head, buf_c(&text)), ERR_GROUP_FULL, NULL);
    assert_problem(lab_call(roles_head, buf_c(&text)), ERR_GROUP_FULL, NULL);
    assert_int_equal(lab.submits, 0);
    buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_CASE(test_added_users_are_looked_up_first),
        LAB_CASE(test_unknown_users_are_not_added),
        LAB_CASE(test_removal_needs_no_look_up),
        LAB_CASE(test_roles_are_given_by_the_path),
        LAB_CASE(test_change_of_nothing_tells_nobody),
        LAB_CASE(test_change_is_told_also_if_its_client_left),
        LAB_CASE(test_outcomes_of_the_store_are_passed_on),
        LAB_CASE(test_wrong_fields_are_named),
        LAB_CASE(test_list_that_no_group_can_hold_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
