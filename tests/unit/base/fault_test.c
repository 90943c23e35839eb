#include "base/fault.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int fault_reset(void **state UNUSED)
{
    fault_disarm();
    return 0;
}

static void test_nothing_armed_never_hits(void **state UNUSED)
{
    for (int i = 0; i < FAULT_COUNT; i++)
        assert_false(fault_hits((enum fault)i));
}

static void test_fail_hits_the_nth_passage_alone(void **state UNUSED)
{
    assert_int_equal(fault_arm(STR("relay_publish:fail:3")), OK);
    for (int passage = 1; passage <= 10; passage++) {
        assert_int_equal(fault_hits(FAULT_RELAY_PUBLISH), passage == 3);
        assert_false(fault_hits(FAULT_TAKEOVER_TEST));
    }
}

static void test_down_hits_from_the_nth_passage_on(void **state UNUSED)
{
    assert_int_equal(fault_arm(STR("relay_publish:fail:1,takeover_test:down:2")), OK);
    for (int passage = 1; passage <= 10; passage++)
        assert_int_equal(fault_hits(FAULT_TAKEOVER_TEST), passage >= 2);
    assert_true(fault_hits(FAULT_RELAY_PUBLISH));
    fault_disarm();
    assert_false(fault_hits(FAULT_TAKEOVER_TEST));
}

static void test_kill_kills(void **state UNUSED)
{
    pid_t child = fork();
    if (child == 0) {
        if (fault_arm(STR("lane_before_commit:kill:2")) != OK) _exit(1);
        if (fault_hits(FAULT_LANE_BEFORE_COMMIT)) _exit(2);
        (void)fault_hits(FAULT_LANE_BEFORE_COMMIT);
        _exit(3);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void test_a_wrong_spec_arms_nothing(void **state UNUSED)
{
    static const char *const cases[] = {"",
                                        "relay_publish",
                                        "relay_publish:fail",
                                        "relay_publish:fail:0",
                                        "relay_publish:fail:x",
                                        "relay_publish:explode:1",
                                        "relay_publish::1",
                                        "nowhere:fail:1",
                                        "takeover_test:down:1,",
                                        "takeover_test:down:1,nowhere:fail:1"};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(fault_arm(str_from_c(cases[i])), ERR_CONFIG);
    test_nothing_armed_never_hits(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_nothing_armed_never_hits, fault_reset),
        cmocka_unit_test_teardown(test_fail_hits_the_nth_passage_alone, fault_reset),
        cmocka_unit_test_teardown(test_down_hits_from_the_nth_passage_on, fault_reset),
        cmocka_unit_test_teardown(test_kill_kills, fault_reset),
        cmocka_unit_test_teardown(test_a_wrong_spec_arms_nothing, fault_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
