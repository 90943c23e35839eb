/* Every handler's way to the store. */
#include "db/users.h"
#include "handlers/app.h"
#include "tests/unit/handlers/lab.h"

struct question { /* what a handler keeps in its arena */
    struct exchange *ex;
    struct user_ensure user;
};
static int done_count;

static int app_open(void **state)
{
    done_count = 0;
    return lab_open(state);
}

static void question_done(struct db_op *op)
{
    struct question *question = container_of(op, struct question, user.op);
    done_count++;
    exchange_release(question->ex);
}

static struct call *ask(void)
{
    struct call *call = lab_call_new("GET /chat/app/settings", NULL);
    struct question *question = ARENA_NEW(&call->ex->arena, struct question);
    question->ex = call->ex;
    app_op_init(call->ex, &question->user.op, &USER_ENSURE, question_done);
    app_submit(call->ex, STR("ann"), &question->user.op);
    return call;
}

static void test_app_is_found_from_an_exchange(void **state UNUSED)
{
    assert_ptr_equal(app_of(lab_call_new("GET /chat/app/settings", NULL)->ex), &lab.app);
}

static void test_op_has_the_configured_deadline_and_the_request_id(void **state UNUSED)
{
    lab.config.db_deadline_ms = 123;
    int64_t before_ms = clock_mono_ms();
    ask();
    struct user_ensure *user = LAB_OP(user_ensure, USER_ENSURE);
    assert_in_range(user->op.deadline_ms, before_ms + 123, clock_mono_ms() + 123);
    assert_str(user->op.request_id, "lab");
    assert_string_equal(lab.key, "ann");
}

static void test_exchange_is_held_until_the_op_is_done(void **state UNUSED)
{
    struct call *call = ask();
    assert_int_equal(call->ex->holds, 2);
    call_leaves(call);
    assert_int_equal(call->ex->holds, 2);
    lab_answer(OK);
    assert_int_equal(done_count, 1);
    assert_true(call_is_over(call));
}

static void test_full_queue_is_answered_and_done_does_not_run(void **state UNUSED)
{
    lab.submit_err = ERR_BUSY;
    struct call *call = ask();
    assert_problem(call, ERR_BUSY, NULL);
    assert_field(call, "Retry-After: ");
    lab_turn(2);
    assert_int_equal(done_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_app_is_found_from_an_exchange, app_open, lab_close),
        cmocka_unit_test_setup_teardown(test_op_has_the_configured_deadline_and_the_request_id,
                                        app_open, lab_close),
        cmocka_unit_test_setup_teardown(test_exchange_is_held_until_the_op_is_done, app_open,
                                        lab_close),
        cmocka_unit_test_setup_teardown(test_full_queue_is_answered_and_done_does_not_run, app_open,
                                        lab_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
