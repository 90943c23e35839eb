/* The lease that a group's job is left under, and the kick. */
#include "handlers/outbox.h"
#include "tests/unit/handlers/lab.h"

static void test_job_is_left_under_this_process_lease(void **state UNUSED)
{
    struct group_outbox outbox = {.is_job_out = true};
    lab.config.fanout_lease_ms = 777;
    outbox_init(lab_call_new("GET /chat/app/groups", NULL)->ex, &outbox);
    assert_str(outbox.lease_owner, "this-process");
    assert_int_equal(outbox.lease_ms, 777);
    assert_false(outbox.is_job_out);
}

static void test_only_a_job_is_a_reason_to_kick(void **state UNUSED)
{
    struct exchange *ex = lab_call_new("GET /chat/app/groups", NULL)->ex;
    struct group_outbox outbox = {.is_job_out = false};
    outbox_kick(ex, &outbox, STR(LAB_GROUP));
    assert_string_equal(lab.kicked, "");
    outbox.is_job_out = true;
    outbox_kick(ex, &outbox, STR(LAB_GROUP));
    assert_string_equal(lab.kicked, LAB_GROUP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_CASE(test_job_is_left_under_this_process_lease),
        LAB_CASE(test_only_a_job_is_a_reason_to_kick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
