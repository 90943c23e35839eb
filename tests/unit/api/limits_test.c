#include "api/limits.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* One a second, so that a test is over before a token comes back. */
static struct config config = {
    .rate_user_per_s = 1, .rate_user_burst = 3, .rate_address_per_s = 1, .rate_address_burst = 2};

static struct sockaddr_storage limits_peer(const char *text)
{
    struct sockaddr_storage peer = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&peer;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&peer;
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        peer.ss_family = AF_INET;
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
        peer.ss_family = AF_INET6;
    }
    return peer;
}

static void test_user_is_limited_and_told_so(void **state UNUSED)
{
    struct limits *limits = limits_new(&config);
    struct limit_state limit = {0};
    for (int i = 2; i >= 0; i--) {
        assert_int_equal(limits_take_user(limits, STR("ann"), &limit), OK);
        assert_int_equal(limit.remaining, i);
    }
    assert_int_equal(limits_take_user(limits, STR("ann"), &limit), ERR_RATE);
    assert_int_equal(limit.remaining, 0);
    assert_int_equal(limit.retry_s, 1);
    assert_int_equal(limit.reset_s, 3);
    assert_int_equal(limit.quota, 3);
    assert_int_equal(limit.window_s, 3);
    assert_int_equal(limits_take_user(limits, STR("bob"), &limit), OK);
    limits_free(limits);
}

static void test_policy_says_what_comes_back_while_a_burst_does(void **state UNUSED)
{
    static const struct {
        int64_t per_s, burst, quota, window_s;
    } cases[] = {{50, 200, 200, 4}, {50, 201, 250, 5}, {100, 1, 100, 1}, {1, 1, 1, 1}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config other = config;
        struct limit_state limit;
        other.rate_user_per_s = cases[i].per_s;
        other.rate_user_burst = cases[i].burst;
        struct limits *limits = limits_new(&other);
        assert_int_equal(limits_take_user(limits, STR("ann"), &limit), OK);
        assert_int_equal(limit.quota, cases[i].quota);
        assert_int_equal(limit.window_s, cases[i].window_s);
        assert_true(limit.remaining < limit.quota);
        limits_free(limits);
    }
}

static void test_dev_lets_a_user_make_a_thousand_a_second(void **state UNUSED)
{
    struct config dev = config;
    struct limit_state limit;
    dev.dev = true;
    struct limits *limits = limits_new(&dev);
    struct sockaddr_storage peer = limits_peer("127.0.0.1");
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(limits_take_user(limits, STR("ann"), &limit), OK);
        assert_int_equal(limits_take_address(limits, &peer, &limit), OK);
    }
    limits_free(limits);
}

static void test_address_gets_back_what_a_good_token_took(void **state UNUSED)
{
    struct limits *limits = limits_new(&config);
    struct limit_state limit;
    struct sockaddr_storage peer = limits_peer("192.0.2.1");
    for (int i = 0; i < 10; i++) {
        assert_int_equal(limits_take_address(limits, &peer, &limit), OK);
        limits_return_address(limits, &peer);
    }
    assert_int_equal(limits_take_address(limits, &peer, &limit), OK);
    assert_int_equal(limits_take_address(limits, &peer, &limit), OK);
    assert_int_equal(limits_take_address(limits, &peer, &limit), ERR_RATE);
    limits_free(limits);
}

/* Whether the second address draws on the first one's bucket. */
static bool limits_are_one(const char *first, const char *second)
{
    struct limits *limits = limits_new(&config);
    struct limit_state limit;
    struct sockaddr_storage a = limits_peer(first), b = limits_peer(second);
    assert_int_equal(limits_take_address(limits, &a, &limit), OK);
    assert_int_equal(limits_take_address(limits, &a, &limit), OK);
    bool is_one = limits_take_address(limits, &b, &limit) == ERR_RATE;
    limits_free(limits);
    return is_one;
}

static void test_addresses_are_told_apart_by_what_one_caller_has(void **state UNUSED)
{
    assert_true(limits_are_one("192.0.2.1", "192.0.2.1"));
    assert_false(limits_are_one("192.0.2.1", "192.0.2.2"));
    assert_true(limits_are_one("2001:db8:1:2::1", "2001:db8:1:2:ffff::7"));
    assert_false(limits_are_one("2001:db8:1:2::1", "2001:db8:1:3::1"));
    assert_true(limits_are_one("192.0.2.1", "::ffff:192.0.2.1"));
    assert_false(limits_are_one("::ffff:192.0.2.1", "::ffff:192.0.2.2"));
}

static void test_table_stays_bounded_and_goes_on_limiting(void **state UNUSED)
{
    struct limits *limits = limits_new(&config);
    struct limit_state limit;
    char name[32];
    for (int i = 0; i < 300000; i++) { /* more than twice its places */
        int len = snprintf(name, sizeof(name), "user-%d", i);
        assert_int_equal(limits_take_user(limits, str_of(name, (size_t)len), &limit), OK);
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(limits_take_user(limits, STR("ann"), &limit), OK);
    assert_int_equal(limits_take_user(limits, STR("ann"), &limit), ERR_RATE);
    limits_free(limits);
}

struct limits_racer {
    struct limits *limits;
    int taken;
};
static void *limits_race(void *context)
{
    struct limits_racer *racer = context;
    struct limit_state limit;
    for (int i = 0; i < 1000; i++)
        racer->taken += limits_take_user(racer->limits, STR("ann"), &limit) == OK;
    return NULL;
}

static void test_threads_share_one_bucket(void **state UNUSED)
{
    struct config other = config;
    other.rate_user_burst = 500;
    struct limits *limits = limits_new(&other);
    struct limits_racer racers[4];
    pthread_t threads[4];
    int taken = 0;
    for (size_t i = 0; i < ARRAY_LEN(racers); i++) {
        racers[i] = (struct limits_racer){limits, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, limits_race, &racers[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(racers); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        taken += racers[i].taken;
    }
    assert_in_range(taken, 500, 500 + 30); /* a slow machine's seconds bring one each */
    limits_free(limits);
}

static void test_nothing_is_freed_for_none(void **state UNUSED)
{
    limits_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_user_is_limited_and_told_so),
        cmocka_unit_test(test_policy_says_what_comes_back_while_a_burst_does),
        cmocka_unit_test(test_dev_lets_a_user_make_a_thousand_a_second),
        cmocka_unit_test(test_address_gets_back_what_a_good_token_took),
        cmocka_unit_test(test_addresses_are_told_apart_by_what_one_caller_has),
        cmocka_unit_test(test_table_stays_bounded_and_goes_on_limiting),
        cmocka_unit_test(test_threads_share_one_bucket),
        cmocka_unit_test(test_nothing_is_freed_for_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
