#include "base/metrics.h"
#include "net/peers.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>

static struct sockaddr_storage v4(const char *text)
{
    struct sockaddr_storage storage = {.ss_family = AF_INET};
    assert_int_equal(inet_pton(AF_INET, text, &((struct sockaddr_in *)&storage)->sin_addr), 1);
    return storage;
}
static struct sockaddr_storage v6(const char *text)
{
    struct sockaddr_storage storage = {.ss_family = AF_INET6};
    assert_int_equal(inet_pton(AF_INET6, text, &((struct sockaddr_in6 *)&storage)->sin6_addr), 1);
    return storage;
}

static void test_one_address_has_a_limit_of_its_own(void **state)
{
    struct peers *peers = *state;
    struct sockaddr_storage a = v4("10.0.0.1"), b = v4("10.0.0.2");
    assert_int_equal(peers_enter(peers, &a), OK);
    assert_int_equal(peers_enter(peers, &a), OK);
    assert_int_equal(peers_enter(peers, &a), ERR_BUSY);
    assert_int_equal(peers_enter(peers, &b), OK);
    peers_leave(peers, &a);
    assert_int_equal(peers_enter(peers, &a), OK);
}

static void test_all_addresses_share_a_limit(void **state)
{
    struct peers *peers = *state;
    const char *addresses[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"};
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        struct sockaddr_storage address = v4(addresses[i]);
        assert_int_equal(peers_enter(peers, &address), OK);
    }
    struct sockaddr_storage last = v4("10.0.0.5");
    assert_int_equal(peers_enter(peers, &last), ERR_BUSY);
    assert_int_equal(peers_count(peers), 4);
}

static void test_ipv6_counts_by_64_bits(void **state)
{
    struct peers *peers = *state;
    struct sockaddr_storage a = v6("2001:db8:1:2::1"), b = v6("2001:db8:1:2:ffff::2"),
                            c = v6("2001:db8:1:3::1");
    assert_int_equal(peers_enter(peers, &a), OK);
    assert_int_equal(peers_enter(peers, &b), OK);
    assert_int_equal(peers_enter(peers, &a), ERR_BUSY);
    assert_int_equal(peers_enter(peers, &c), OK);
}

static void test_mapped_ipv4_is_the_same_address(void **state)
{
    struct peers *peers = *state;
    struct sockaddr_storage a = v4("10.0.0.1"), b = v6("::ffff:10.0.0.1");
    assert_int_equal(peers_enter(peers, &a), OK);
    assert_int_equal(peers_enter(peers, &b), OK);
    assert_int_equal(peers_enter(peers, &b), ERR_BUSY);
}

static void test_gauge_follows(void **state)
{
    struct peers *peers = *state;
    int64_t before = metrics_value(METRIC_CONNECTIONS);
    struct sockaddr_storage a = v4("10.0.0.1");
    assert_int_equal(peers_enter(peers, &a), OK);
    assert_int_equal(metrics_value(METRIC_CONNECTIONS), before + 1);
    peers_leave(peers, &a);
    assert_int_equal(metrics_value(METRIC_CONNECTIONS), before);
    assert_int_equal(peers_count(peers), 0);
}

static int setup(void **state)
{
    *state = peers_new(4, 2);
    return 0;
}
static int teardown(void **state)
{
    peers_free(*state);
    return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_one_address_has_a_limit_of_its_own),
        TEST(test_all_addresses_share_a_limit),
        TEST(test_ipv6_counts_by_64_bits),
        TEST(test_mapped_ipv4_is_the_same_address),
        TEST(test_gauge_follows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
