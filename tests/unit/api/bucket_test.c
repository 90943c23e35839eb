#include "api/bucket.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct bucket_policy policy = {.per_s = 2, .burst = 5};
enum { SECOND = 1000000 };

static void test_burst_is_taken_at_once_and_then_no_more(void **state UNUSED)
{
    struct bucket bucket;
    bucket_fill(&bucket, &policy, 0);
    for (int i = 4; i >= 0; i--) {
        assert_true(bucket_take(&bucket, &policy, 0));
        assert_int_equal(bucket_whole_tokens(&bucket), i);
    }
    assert_false(bucket_take(&bucket, &policy, 0));
    assert_int_equal(bucket_token_in_s(&bucket, &policy), 1);
    assert_int_equal(bucket_full_in_s(&bucket, &policy), 3); /* 2.5, rounded up */
}

static void test_tokens_come_back_at_their_rate(void **state UNUSED)
{
    struct bucket bucket;
    bucket_fill(&bucket, &policy, 0);
    for (int i = 0; i < 5; i++)
        assert_true(bucket_take(&bucket, &policy, 0));
    assert_false(bucket_take(&bucket, &policy, SECOND / 2 - 1));
    assert_true(bucket_take(&bucket, &policy, SECOND / 2));
    assert_false(bucket_take(&bucket, &policy, SECOND / 2));
    assert_true(bucket_take(&bucket, &policy, SECOND));
}

static void test_refusals_cost_nothing(void **state UNUSED)
{
    struct bucket bucket;
    bucket_fill(&bucket, &policy, 0);
    for (int i = 0; i < 5; i++)
        assert_true(bucket_take(&bucket, &policy, 0));
    for (int64_t at = 0; at < SECOND / 2; at += 1000)
        assert_false(bucket_take(&bucket, &policy, at));
    assert_true(bucket_take(&bucket, &policy, SECOND / 2));
}

static void test_bucket_never_holds_more_than_its_burst(void **state UNUSED)
{
    struct bucket bucket;
    bucket_fill(&bucket, &policy, 0);
    assert_true(bucket_take(&bucket, &policy, 0));
    assert_false(bucket_is_full(&bucket, &policy, SECOND / 2 - 1));
    assert_true(bucket_is_full(&bucket, &policy, SECOND / 2));
    assert_true(bucket_take(&bucket, &policy, INT64_MAX / 2));
    assert_int_equal(bucket_whole_tokens(&bucket), 4);
    bucket_return(&bucket, &policy, INT64_MAX / 2);
    bucket_return(&bucket, &policy, INT64_MAX / 2);
    assert_int_equal(bucket_whole_tokens(&bucket), 5);
}

static void test_largest_policy_does_not_overflow(void **state UNUSED)
{
    const struct bucket_policy largest = {.per_s = 1000000, .burst = 1000000};
    struct bucket bucket;
    bucket_fill(&bucket, &largest, 0);
    assert_true(bucket_take(&bucket, &largest, INT64_MAX));
    assert_int_equal(bucket_whole_tokens(&bucket), 999999);
    assert_int_equal(bucket_full_in_s(&bucket, &largest), 1);
}

static void test_clock_that_stands_still_gives_nothing(void **state UNUSED)
{
    struct bucket bucket;
    bucket_fill(&bucket, &policy, SECOND);
    for (int i = 0; i < 5; i++)
        assert_true(bucket_take(&bucket, &policy, SECOND));
    assert_false(bucket_take(&bucket, &policy, 0)); /* another thread's reading, a little older */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_burst_is_taken_at_once_and_then_no_more),
        cmocka_unit_test(test_tokens_come_back_at_their_rate),
        cmocka_unit_test(test_refusals_cost_nothing),
        cmocka_unit_test(test_bucket_never_holds_more_than_its_burst),
        cmocka_unit_test(test_largest_policy_does_not_overflow),
        cmocka_unit_test(test_clock_that_stands_still_gives_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
