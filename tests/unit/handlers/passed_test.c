/* A device that moved on confirms what it passed; nobody waits for it. */
#include "db/acks.h"
#include "handlers/passed.h"
#include "tests/unit/handlers/lab.h"

static void confirm(void)
{
    char user[] = "ann", device[] = "phone";
    struct listener listener = {.user_id = str_from_c(user), .device_id = str_from_c(device)};
    passed_confirm(&lab.app, &listener, LAB_EPOCH, 41);
    memset(user, 'x', sizeof(user)); /* the op's strings are its own */
    memset(device, 'x', sizeof(device));
}

static void test_op_confirms_what_was_passed(void **state UNUSED)
{
    confirm();
    struct ack_add *add = LAB_OP(ack_add, ACK_ADD);
    assert_string_equal(lab.key, "ann");
    assert_str(add->user_id, "ann");
    assert_str(add->device_id, "phone");
    assert_int_equal(add->form, ACK_PASSED);
    assert_int_equal(add->epoch, LAB_EPOCH);
    assert_int_equal(add->seq, 41);
    assert_int_equal(add->now_ms, LAB_NOW_MS);
}

static void test_outcome_matters_to_nobody(void **state UNUSED)
{
    static const enum err errs[] = {OK, ERR_CURSOR, ERR_UNAVAILABLE};
    for (size_t i = 0; i < ARRAY_LEN(errs); i++) {
        confirm();
        lab_answer(errs[i]);
    }
    lab.submit_err = ERR_BUSY;
    confirm();
    assert_int_equal(lab.op_count, 0); /* and nothing leaks */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_CASE(test_op_confirms_what_was_passed),
        LAB_CASE(test_outcome_matters_to_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
