/* Do all users of a list exist? */
#include "handlers/app.h"
#include "handlers/users_check.h"
#include "tests/unit/handlers/lab.h"

static int then_count;

static void check_then(struct users_check *check)
{
    then_count++;
    reply_empty(check->ex, 204);
}

/* A check of bob, eve and max, who stood at places 0, 2 and 5 of the list. */
static struct call *check_three(void)
{
    struct call *call = lab_call_new("POST /chat/app/add", NULL);
    struct arena *arena = &call->ex->arena;
    struct users_check *check = ARENA_NEW(arena, struct users_check);
    then_count = 0;
    check->ex = call->ex;
    check->name = "userId";
    check->then = check_then;
    check->list.count = 3;
    check->list.ids = ARENA_ARRAY(arena, struct str, 3);
    check->list.at = ARENA_ARRAY(arena, size_t, 3);
    check->list.ids[0] = STR("bob");
    check->list.ids[1] = STR("eve");
    check->list.ids[2] = STR("max");
    check->list.at[1] = 2;
    check->list.at[2] = 5;
    users_check_run(check);
    return call;
}

static void test_known_users_are_not_asked_for(void **state UNUSED)
{
    users_known_add(lab.app.api.known, STR("bob"));
    users_known_add(lab.app.api.known, STR("eve"));
    users_known_add(lab.app.api.known, STR("max"));
    struct call *call = check_three();
    assert_int_equal(then_count, 1);
    assert_int_equal(lab.submits, 0);
    assert_reply(call, 204, "");
}

static void test_the_others_are_asked_for_and_known_from_then_on(void **state UNUSED)
{
    users_known_add(lab.app.api.known, STR("bob"));
    check_three();
    struct users_missing *missing = LAB_OP(users_missing, USERS_MISSING);
    assert_int_equal(missing->user_count, 2);
    assert_str(missing->user_ids[0], "eve");
    assert_str(missing->user_ids[1], "max");
    assert_int_equal(then_count, 0);
    lab_answer(OK);
    assert_int_equal(then_count, 1);
    check_three();
    assert_int_equal(then_count, 1);
    assert_int_equal(lab.op_count, 0);
}

static void test_missing_users_are_named_where_they_stood(void **state UNUSED)
{
    users_known_add(lab.app.api.known, STR("bob"));
    struct call *call = check_three();
    LAB_OP(users_missing, USERS_MISSING)->is_missing_out[1] = true; /* max */
    lab_answer(OK);
    assert_problem(call, ERR_UNKNOWN_USER, "/userId/5");
    assert_false(str_holds(call_body(call), "/userId/2"));
    assert_int_equal(then_count, 0);
    assert_true(users_known_has(lab.app.api.known, STR("eve")));
    assert_false(users_known_has(lab.app.api.known, STR("max")));
}

static void test_failed_question_is_answered(void **state UNUSED)
{
    struct call *call = check_three();
    lab_answer(ERR_UNAVAILABLE);
    assert_problem(call, ERR_UNAVAILABLE, NULL);
    assert_int_equal(then_count, 0);
    assert_false(users_known_has(lab.app.api.known, STR("bob")));
    lab.submit_err = ERR_BUSY;
    assert_problem(check_three(), ERR_BUSY, NULL);
    assert_int_equal(then_count, 0);
}

static void test_client_that_left_meanwhile_changes_nothing(void **state UNUSED)
{
    call_leaves(check_three());
    lab_answer(OK);
    assert_int_equal(then_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_CASE(test_known_users_are_not_asked_for),
        LAB_CASE(test_the_others_are_asked_for_and_known_from_then_on),
        LAB_CASE(test_missing_users_are_named_where_they_stood),
        LAB_CASE(test_failed_question_is_answered),
        LAB_CASE(test_client_that_left_meanwhile_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
