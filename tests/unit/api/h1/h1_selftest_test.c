/* The start-up test of the takeover decides which way h1 goes. */
#include "base/fault.h"
#include "tests/unit/api/h1/bed.h"

static void test_takeover_works_with_this_library(void **state UNUSED)
{
    struct bed *bed = bed_new();
    bed_start(bed);
    assert_true(h1_is_takeover(bed->h1));
    bed_stop(bed);
}

static void test_failed_test_means_holding(void **state UNUSED)
{
    struct bed *bed = bed_new();
    assert_int_equal(fault_arm(STR("takeover_test:fail:1")), OK);
    bed_start(bed);
    fault_disarm();
    assert_false(h1_is_takeover(bed->h1));
    bed_stop(bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takeover_works_with_this_library),
        cmocka_unit_test(test_failed_test_means_holding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
