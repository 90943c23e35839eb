#include "tests/bench/histogram.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct histogram histogram;

static int histogram_setup(void **state UNUSED)
{
    histogram_clear(&histogram);
    return 0;
}

static void test_an_empty_one_says_zero(void **state UNUSED)
{
    assert_int_equal(histogram_at(&histogram, 0.99), 0);
}

static void test_small_values_are_exact(void **state UNUSED)
{
    for (int64_t us = 1; us <= 100; us++)
        histogram_add(&histogram, us % 50);
    assert_int_equal(histogram_at(&histogram, 0.5), 24);
    assert_int_equal(histogram_at(&histogram, 0.02), 0);
    assert_int_equal(histogram_at(&histogram, 1), 49);
}

static void test_a_percentile_is_never_low_and_at_most_a_64th_high(void **state UNUSED)
{
    for (int64_t us = 1; us < INT64_C(1) << 39; us += us / 7 + 1) {
        histogram_clear(&histogram);
        histogram_add(&histogram, us);
        histogram_add(&histogram, INT64_C(1) << 39); /* else the answer is clipped to the maximum */
        int64_t said = histogram_at(&histogram, 0.5);
        assert_true(said >= us && said <= us + us / 64);
    }
}

static void test_values_beyond_its_ends_count_in_the_outer_cells(void **state UNUSED)
{
    histogram_add(&histogram, -5);
    histogram_add(&histogram, INT64_MAX);
    assert_int_equal(histogram.count, 2);
    assert_int_equal(histogram_at(&histogram, 0.5), 0);
    assert_int_equal(histogram_at(&histogram, 1), (INT64_C(1) << HISTOGRAM_POWER_MAX) - 1);
}

static void test_one_slow_of_a_thousand_shows_only_behind_p999(void **state UNUSED)
{
    for (int i = 0; i < 999; i++)
        histogram_add(&histogram, 10);
    histogram_add(&histogram, 50000);
    assert_int_equal(histogram_at(&histogram, 0.999), 10);
    assert_int_equal(histogram_at(&histogram, 0.9991), 50000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_an_empty_one_says_zero, histogram_setup),
        cmocka_unit_test_setup(test_small_values_are_exact, histogram_setup),
        cmocka_unit_test_setup(test_a_percentile_is_never_low_and_at_most_a_64th_high,
                               histogram_setup),
        cmocka_unit_test_setup(test_values_beyond_its_ends_count_in_the_outer_cells,
                               histogram_setup),
        cmocka_unit_test_setup(test_one_slow_of_a_thousand_shows_only_behind_p999, histogram_setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
