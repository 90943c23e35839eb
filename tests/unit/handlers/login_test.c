/* POST login: the user is made, then the token. */
#include "api/auth.h"
#include "db/users.h"
#include "handlers/app.h"
#include "tests/unit/handlers/lab.h"

static const char *const head = "POST /chat/app/login";

/* The answer's token, as the guard would read it. */
static struct caller login_caller(const struct call *call)
{
    struct str text = call_body(call);
    struct caller caller = {0};
    const char *why = "";
    assert_true(str_starts(text, STR("{\"token\":\"")));
    text = str_from(text, strlen("{\"token\":\""));
    assert_int_equal(auth_verify(lab.auth, str_cut(&text, '"'), &call->ex->arena, &caller, &why),
                     OK);
    return caller;
}

static void test_login_makes_the_user_then_the_token(void **state UNUSED)
{
    struct call *call = lab_call(
        head, "{\"userId\":\"bob\",\"device_id\":\"pad\",\"ttl_s\":600,\"scope\":\"send read\"}");
    assert_string_equal(lab.key, "bob");
    assert_str(LAB_OP(user_ensure, USER_ENSURE)->user_id, "bob");
    assert_false(users_known_has(lab.app.api.known, STR("bob")));
    lab_answer(OK);
    assert_int_equal(call->ex->reply.status, 200);
    assert_true(str_holds(call_body(call), "\",\"userId\":\"bob\",\"expires_at\":1700000600}"));
    struct caller caller = login_caller(call);
    assert_str(caller.user_id, "bob");
    assert_str(caller.device_id, "pad");
    assert_int_equal(caller.scopes, SCOPE_SEND | SCOPE_READ);
    assert_int_equal(caller.expires_at_s, 1700000600);
    assert_true(users_known_has(lab.app.api.known, STR("bob")));
}

static void test_token_lasts_a_day_unless_asked(void **state UNUSED)
{
    struct call *call = lab_call(head, "{\"userId\":\"bob\"}");
    lab_answer(OK);
    struct caller caller = login_caller(call);
    assert_int_equal(caller.expires_at_s, 1700000000 + 86400);
    assert_false(caller.is_device_given);
}

static void test_outcomes_of_the_store_are_passed_on(void **state UNUSED)
{
    assert_awaits_well(head, "{\"userId\":\"bob\"}");
    assert_false(users_known_has(lab.app.api.known, STR("bob")));
    struct call *call = lab_call(head, "{\"userId\":\"bob\"}");
    call_leaves(call);
    lab_answer(OK);
    assert_int_equal(call->replies, 0);
}

static void test_wrong_fields_are_named(void **state UNUSED)
{
    static const struct {
        const char *body, *pointer;
    } cases[] = {
        {"{}", "/userId"},
        {"{\"userId\":\"b b\"}", "/userId"},
        {"{\"userId\":\"bob\",\"device_id\":\"\"}", "/device_id"},
        {"{\"userId\":\"bob\",\"ttl_s\":0}", "/ttl_s"},
        {"{\"userId\":\"bob\",\"ttl_s\":86401}", "/ttl_s"},
        {"{\"userId\":\"bob\",\"scope\":\"send king\"}", "/scope"},
        {"{\"userId\":\"bob\",\"scope\":1}", "/scope"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_problem(lab_call(head, cases[i].body), ERR_FIELD, cases[i].pointer);
    assert_problem(lab_call(head, "nothing"), ERR_BAD_JSON, NULL);
    assert_int_equal(lab.submits, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_CASE(test_login_makes_the_user_then_the_token),
        LAB_CASE(test_token_lasts_a_day_unless_asked),
        LAB_CASE(test_outcomes_of_the_store_are_passed_on),
        LAB_CASE(test_wrong_fields_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
