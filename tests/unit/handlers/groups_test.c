/* GET groups, GET groups/{groupId}. */
#include "db/groups.h"
#include "handlers/app.h"
#include "tests/unit/handlers/lab.h"

static void test_list_shows_role_version_and_size(void **state UNUSED)
{
    struct call *call = lab_call("GET /chat/app/groups", NULL);
    struct groups_list *list = LAB_OP(groups_list, GROUPS_LIST);
    assert_string_equal(lab.key, "ann");
    assert_str(list->user_id, "ann");
    list->groups_out = ARENA_ARRAY(&list->op.results, struct group_row, 2);
    list->groups_out[0] = (struct group_row){STR(LAB_ID_1), STR("boats"), ROLE_ADMIN, 3, 12};
    list->groups_out[1] = (struct group_row){STR(LAB_ID_2), STR("cars"), ROLE_MEMBER, 1, 2};
    list->group_count_out = 2;
    lab_answer(OK);
    assert_reply(call, 200,
                 "{\"groups\":[{\"groupId\":\"" LAB_ID_1 "\",\"groupname\":\"boats\","
                 "\"role\":\"admin\",\"version\":3,\"members\":12},"
                 "{\"groupId\":\"" LAB_ID_2 "\",\"groupname\":\"cars\",\"role\":\"member\","
                 "\"version\":1,\"members\":2}]}");
}

static void test_one_group_shows_its_members(void **state UNUSED)
{
    struct call *call = lab_call("GET /chat/app/groups/AAAAAAAA-89AB-7DEF-8123-456789ABCDEF", NULL);
    struct group_get *get = LAB_OP(group_get, GROUP_GET);
    assert_string_equal(lab.key, LAB_GROUP);
    assert_str(get->group_id, LAB_GROUP);
    assert_str(get->caller_id, "ann");
    get->groupname_out = STR("boats");
    get->created_by_out = STR("bob");
    get->version_out = 3;
    get->members_out = ARENA_ARRAY(&get->op.results, struct member_row, 2);
    get->members_out[0] = (struct member_row){STR("bob"), ROLE_ADMIN};
    get->members_out[1] = (struct member_row){STR("ann"), ROLE_MEMBER};
    get->member_count_out = 2;
    lab_answer(OK);
    assert_reply(call, 200,
                 "{\"groupId\":\"" LAB_GROUP "\",\"groupname\":\"boats\",\"version\":3,"
                 "\"created_by\":\"bob\",\"members\":[{\"userId\":\"bob\",\"role\":\"admin\"},"
                 "{\"userId\":\"ann\",\"role\":\"member\"}]}");
}

static void test_id_that_is_no_uuid_is_an_unknown_group(void **state UNUSED)
{
    assert_problem(lab_call("GET /chat/app/groups/boats", NULL), ERR_UNKNOWN_GROUP, NULL);
    assert_int_equal(lab.submits, 0);
}

static void test_outcomes_of_the_store_are_passed_on(void **state UNUSED)
{
    static const enum err errs[] = {ERR_UNKNOWN_GROUP, ERR_NOT_MEMBER};
    assert_awaits_well("GET /chat/app/groups", NULL);
    assert_awaits_well("GET /chat/app/groups/" LAB_GROUP, NULL);
    assert_outcomes_pass("GET /chat/app/groups/" LAB_GROUP, NULL, errs, ARRAY_LEN(errs));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_CASE(test_list_shows_role_version_and_size),
        LAB_CASE(test_one_group_shows_its_members),
        LAB_CASE(test_id_that_is_no_uuid_is_an_unknown_group),
        LAB_CASE(test_outcomes_of_the_store_are_passed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
