/* The admin listener's pages. */
#include "handlers/app.h"
#include "tests/unit/handlers/lab.h"

static int admin_open(void **state)
{
    lab_open(state);
    lab.app.api.is_admin = true;
    return 0;
}

static void test_well_is_ok(void **state UNUSED)
{
    lab.is_well = true;
    assert_reply(lab_call("GET /livez", NULL), 200, "ok\n");
    struct call *call = lab_call("GET /readyz", NULL);
    assert_reply(call, 200, "ok\n");
    assert_string_equal(call->ex->reply.content_type, "text/plain; charset=utf-8");
}

static void test_fault_is_503_with_its_reason(void **state UNUSED)
{
    assert_reply(lab_call("GET /livez", NULL), 503, "a fault\n");
    assert_reply(lab_call("GET /readyz", NULL), 503, "a fault\n");
}

static void test_metrics_are_prometheus_text(void **state UNUSED)
{
    struct call *call = lab_call("GET /metrics", NULL);
    assert_int_equal(call->ex->reply.status, 200);
    assert_string_equal(call->ex->reply.content_type, "text/plain; version=0.0.4; charset=utf-8");
    assert_true(str_holds(call_body(call), "# TYPE parley_requests_total counter\n"));
    assert_true(call_is_over(call));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_well_is_ok, admin_open, lab_close),
        cmocka_unit_test_setup_teardown(test_fault_is_503_with_its_reason, admin_open, lab_close),
        cmocka_unit_test_setup_teardown(test_metrics_are_prometheus_text, admin_open, lab_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
