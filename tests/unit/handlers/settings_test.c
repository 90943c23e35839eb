/* GET and PUT settings. */
#include "db/users.h"
#include "handlers/app.h"
#include "tests/unit/handlers/lab.h"

static void test_get_shows_what_is_stored(void **state UNUSED)
{
    struct call *call = lab_call("GET /chat/app/settings", NULL);
    struct settings_op *op = LAB_OP(settings_op, SETTINGS_GET);
    assert_string_equal(lab.key, "ann");
    assert_str(op->user_id, "ann");
    op->retention_days = 30;
    lab_answer(OK);
    assert_reply(call, 200, "{\"retention_days\":30}");
}

static void test_put_stores_and_shows(void **state UNUSED)
{
    struct call *call = lab_call("PUT /chat/app/settings", "{\"retention_days\":90}");
    struct settings_op *op = LAB_OP(settings_op, SETTINGS_PUT);
    assert_str(op->user_id, "ann");
    assert_int_equal(op->retention_days, 90);
    lab_answer(OK);
    assert_reply(call, 200, "{\"retention_days\":90}");
}

static void test_outcomes_of_the_store_are_passed_on(void **state UNUSED)
{
    assert_awaits_well("GET /chat/app/settings", NULL);
    assert_awaits_well("PUT /chat/app/settings", "{\"retention_days\":0}");
}

static void test_retention_is_0_to_90_days(void **state UNUSED)
{
    static const char *const bodies[] = {"{}",
                                         "{\"retention_days\":91}",
                                         "{\"retention_days\":-1}",
                                         "{\"retention_days\":1.5}",
                                         "{\"retention_days\":\"1\"}",
                                         "{\"retention_days\":null}"};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
        assert_problem(lab_call("PUT /chat/app/settings", bodies[i]), ERR_FIELD, "/retention_days");
    assert_problem(lab_call("PUT /chat/app/settings", ""), ERR_BAD_JSON, NULL);
    assert_int_equal(lab.submits, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_CASE(test_get_shows_what_is_stored),
        LAB_CASE(test_put_stores_and_shows),
        LAB_CASE(test_outcomes_of_the_store_are_passed_on),
        LAB_CASE(test_retention_is_0_to_90_days),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
