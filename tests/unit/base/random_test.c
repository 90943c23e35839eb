#include "base/random.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int random_reset(void **state UNUSED)
{
    random_seed(0);
    return 0;
}

static void test_draws_differ(void **state UNUSED)
{
    uint64_t draws[1000];
    for (size_t i = 0; i < ARRAY_LEN(draws); i++) {
        draws[i] = random_u64();
        for (size_t j = 0; j < i; j++)
            assert_true(draws[i] != draws[j]);
    }
}

static void test_all_bytes_are_filled_at_any_length(void **state UNUSED)
{
    unsigned char bytes[1001];
    for (size_t len = 0; len <= 1000; len += 37) {
        unsigned char any[1000] = {0};
        for (int draw = 0; draw < 20; draw++) {
            memset(bytes, 0, sizeof(bytes));
            random_bytes(bytes, len);
            assert_int_equal(bytes[len], 0);
            for (size_t i = 0; i < len; i++)
                any[i] |= bytes[i];
        }
        for (size_t i = 0; i < len; i++)
            assert_int_not_equal(any[i], 0); /* 2^-160 by chance */
    }
}

static void test_a_seed_decides_all_later_draws(void **state UNUSED)
{
    unsigned char first[100], second[100];
    random_seed(42);
    random_bytes(first, sizeof(first));
    uint64_t next = random_u64();
    random_seed(42);
    random_bytes(second, sizeof(second));
    assert_memory_equal(first, second, sizeof(first));
    assert_true(random_u64() == next);
    random_seed(43);
    random_bytes(second, sizeof(second));
    assert_memory_not_equal(first, second, sizeof(first));
}

static void test_below_is_uniform_and_bounded(void **state UNUSED)
{
    int counts[6] = {0};
    random_seed(7);
    for (int i = 0; i < 60000; i++) {
        uint64_t value = random_below(6);
        assert_true(value < 6);
        counts[value]++;
    }
    for (int i = 0; i < 6; i++)
        assert_in_range(counts[i], 9500, 10500);
    assert_true(random_below(1) == 0);
    for (int i = 0; i < 100; i++)
        assert_true(random_below((UINT64_C(1) << 63) + 1) <= UINT64_C(1) << 63);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_draws_differ, random_reset),
        cmocka_unit_test_teardown(test_all_bytes_are_filled_at_any_length, random_reset),
        cmocka_unit_test_teardown(test_a_seed_decides_all_later_draws, random_reset),
        cmocka_unit_test_teardown(test_below_is_uniform_and_bounded, random_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
