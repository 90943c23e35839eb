#include "base/config.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

static struct config config; /* good at the start of each test: --dev and the defaults */
static struct buf why;
static char path[64];

static int check_setup(void **state UNUSED)
{
    config_init(&config);
    config.dev = true;
    buf_init(&why, 64 * 1024);
    snprintf(path, sizeof(path), "/tmp/parley-check-test.%d", (int)getpid());
    return 0;
}

static int check_teardown(void **state UNUSED)
{
    config_done(&config);
    buf_done(&why);
    unlink(path);
    return 0;
}

static void assert_good(void)
{
    buf_clear(&why);
    enum err err = config_check(&config, &why);
    if (err != OK) fail_msg("%s", buf_c(&why));
    assert_int_equal(why.len, 0);
}

static void assert_fault(const char *expected)
{
    buf_clear(&why);
    assert_int_equal(config_check(&config, &why), ERR_CONFIG);
    assert_string_equal(buf_c(&why), expected);
}

static void test_dev_with_the_defaults_is_good(void **state UNUSED)
{
    assert_good();
}

static void test_dev_refuses_every_listener_off_loopback(void **state UNUSED)
{
    static const char *const off[] = {"0.0.0.0:8080", "192.0.2.1:0", "[::]:8080", "[2001:db8::1]:1",
                                      "127.0.0.1:1,10.0.0.1:2"};
    static const char *const on[] = {"127.0.0.1:0", "127.1.2.3:8080", "localhost:8080",
                                     "[::1]:8080, 127.0.0.1:8080"};
    for (size_t i = 0; i < ARRAY_LEN(off); i++) {
        config.listen = str_from_c(off[i]);
        assert_fault("listen: with dev only loopback addresses are allowed\n");
    }
    for (size_t i = 0; i < ARRAY_LEN(on); i++) {
        config.listen = str_from_c(on[i]);
        assert_good();
    }
    config.admin_listen = STR("0.0.0.0:1");
    assert_fault("admin_listen: with dev only loopback addresses are allowed\n");
}

static void test_listeners_are_addresses(void **state UNUSED)
{
    config.listen = STR("8080");
    assert_fault("listen: must be HOST:PORT or [IPV6]:PORT\n");
    config.listen = STR("");
    assert_fault("listen: must not be empty\n");
    config.listen = STR("127.0.0.1:1");
    config.admin_listen = STR("example.org:1");
    assert_fault("admin_listen: must be HOST:PORT or [IPV6]:PORT\n");
    config.admin_listen = STR("");
    assert_good();
    config.listen = STR("[::1]:1,[::1]:2,[::1]:3,[::1]:4,[::1]:5,[::1]:6,[::1]:7,[::1]:8,[::1]:9,"
                        "[::1]:1,[::1]:2,[::1]:3,[::1]:4,[::1]:5,[::1]:6,[::1]:7,[::1]:8");
    assert_fault("listen: more than 16 addresses\n");
}

static void write_key(struct str key)
{
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, key.ptr, key.len), key.len);
    close(fd);
    config.token_key_file = str_from_c(path);
}

static void test_without_dev_a_key_of_32_bytes_is_needed(void **state UNUSED)
{
    config.dev = false;
    config.listen = STR("0.0.0.0:8080");
    assert_fault("token_key_file: is needed without dev\n");
    config.token_key_file = STR("/nonexistent/key");
    assert_fault("token_key_file: No such file or directory\n");
    config.token_key_file = STR("/");
    assert_fault("token_key_file: Is a directory\n");
    static const struct str short_keys[] = {STR(""), STR("\n"),
                                            STR("0123456789abcdef0123456789abcde"),
                                            STR("0123456789abcdef0123456789abcde\n")};
    for (size_t i = 0; i < ARRAY_LEN(short_keys); i++) {
        write_key(short_keys[i]);
        assert_fault("token_key_file: the key has fewer than 32 bytes\n");
    }
    static const struct str good_keys[] = {STR("0123456789abcdef0123456789abcdef"),
                                           STR("0123456789abcdef0123456789abcdef\n"),
                                           STR("0123456789abcdef0123456789abcde\n\n"),
                                           STR("0123456789abcdef0123456789abcdef0123456789abcdef")};
    for (size_t i = 0; i < ARRAY_LEN(good_keys); i++) {
        write_key(good_keys[i]);
        assert_good();
    }
}

static void test_dev_looks_at_a_key_that_is_given(void **state UNUSED)
{
    write_key(STR("short"));
    assert_fault("token_key_file: the key has fewer than 32 bytes\n");
}

static void test_redis_is_a_socket_or_host_and_port(void **state UNUSED)
{
    static const char *const good[] = {"", "unix:/run/redis.sock", "redis.internal:6379",
                                       "[::1]:1"};
    static const char *const bad[] = {"unix:", "redis", ":6379", "redis:0", "redis:x", "redis:"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        config.redis = str_from_c(good[i]);
        assert_good();
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        config.redis = str_from_c(bad[i]);
        assert_fault("redis: must be unix:PATH or HOST:PORT\n");
    }
}

static void test_all_faults_are_told_at_once(void **state UNUSED)
{
    config.log_level = STR("loud");
    config.log_format = STR("xml");
    config.db_host = STR("");
    assert_fault("log_level: unknown word; see help\nlog_format: unknown word; see help\n"
                 "db_host: is needed without db_socket\n");
    config.log_level = STR("debug");
    config.log_format = STR("json");
    config.db_socket = STR("/run/mysqld.sock");
    assert_good();
}

#define CHECK_TEST(name) cmocka_unit_test_setup_teardown(name, check_setup, check_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHECK_TEST(test_dev_with_the_defaults_is_good),
        CHECK_TEST(test_dev_refuses_every_listener_off_loopback),
        CHECK_TEST(test_listeners_are_addresses),
        CHECK_TEST(test_without_dev_a_key_of_32_bytes_is_needed),
        CHECK_TEST(test_dev_looks_at_a_key_that_is_given),
        CHECK_TEST(test_redis_is_a_socket_or_host_and_port),
        CHECK_TEST(test_all_faults_are_told_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
