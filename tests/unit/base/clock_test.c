#include "base/clock.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

static int clock_reset(void **state UNUSED)
{
    clock_wall_set(0);
    return 0;
}

static void test_wall_time_is_unix_milliseconds(void **state UNUSED)
{
    int64_t seconds = time(NULL);
    assert_in_range(clock_wall_ms(), (seconds - 1) * 1000, (seconds + 60) * 1000);
}

static void test_a_set_clock_stands_still_until_it_is_given_back(void **state UNUSED)
{
    clock_wall_set(1234);
    assert_int_equal(clock_wall_ms(), 1234);
    assert_int_equal(clock_wall_ms(), 1234);
    clock_wall_set(0);
    assert_true(clock_wall_ms() > INT64_C(1500000000000));
}

static void test_a_shifted_clock_runs_on(void **state UNUSED)
{
    const int64_t year_ms = INT64_C(366) * 86400 * 1000;
    int64_t before_ms = clock_wall_ms();
    clock_wall_shift(year_ms);
    assert_in_range(clock_wall_ms() - year_ms, before_ms, before_ms + 60000);
    int64_t start_ms = clock_wall_ms();
    while (clock_wall_ms() == start_ms) {
    }
    clock_wall_shift(0);
    assert_in_range(clock_wall_ms(), before_ms, before_ms + 60000);
}

static void test_monotonic_time_is_not_touched(void **state UNUSED)
{
    int64_t before_us = clock_mono_us(), before_ms = clock_mono_ms();
    clock_wall_set(1);
    assert_in_range(clock_mono_us(), before_us, before_us + 60000000);
    assert_in_range(clock_mono_ms(), before_ms, before_ms + 60000);
    assert_in_range(before_ms, before_us / 1000, before_us / 1000 + 60000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_wall_time_is_unix_milliseconds, clock_reset),
        cmocka_unit_test_teardown(test_a_set_clock_stands_still_until_it_is_given_back,
                                  clock_reset),
        cmocka_unit_test_teardown(test_a_shifted_clock_runs_on, clock_reset),
        cmocka_unit_test_teardown(test_monotonic_time_is_not_touched, clock_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
