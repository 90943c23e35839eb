#include "base/address.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

#include <cmocka.h>

static void test_what_is_parsed_formats_back(void **state UNUSED)
{
    static const struct {
        const char *text, *formatted, *host;
        uint16_t port;
        bool is_loopback;
    } cases[] = {
        {"127.0.0.1:8080", "127.0.0.1:8080", "127.0.0.1", 8080, true},
        {"127.255.0.9:0", "127.255.0.9:0", "127.255.0.9", 0, true},
        {"localhost:1", "127.0.0.1:1", "127.0.0.1", 1, true},
        {"0.0.0.0:65535", "0.0.0.0:65535", "0.0.0.0", 65535, false},
        {"128.0.0.1:80", "128.0.0.1:80", "128.0.0.1", 80, false},
        {"[::1]:80", "[::1]:80", "::1", 80, true},
        {"[::]:80", "[::]:80", "::", 80, false},
        {"[::ffff:127.0.0.1]:80", "[::ffff:127.0.0.1]:80", "::ffff:127.0.0.1", 80, true},
        {"[::ffff:10.0.0.1]:80", "[::ffff:10.0.0.1]:80", "::ffff:10.0.0.1", 80, false},
        {"[2001:DB8::1]:443", "[2001:db8::1]:443", "2001:db8::1", 443, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct address address;
        char text[ADDRESS_TEXT_LEN_MAX];
        assert_int_equal(address_parse(str_from_c(cases[i].text), &address), OK);
        assert_string_equal(address_format(&address, text), cases[i].formatted);
        assert_string_equal(address_format_host(&address, text), cases[i].host);
        assert_int_equal(address_port(&address), cases[i].port);
        assert_int_equal(address_is_loopback(&address), cases[i].is_loopback);
        address_set_port(&address, 4711);
        assert_int_equal(address_port(&address), 4711);
    }
}

static void test_anything_else_is_refused(void **state UNUSED)
{
    static const char *const cases[] = {
        "",
        "80",
        ":80",
        "127.0.0.1",
        "127.0.0.1:",
        "::1:80",
        "[::1]",
        "[::1]:",
        "[::1:80",
        "::1]:80",
        "[]:80",
        "[127.0.0.1]:80",
        "1.2.3:80",
        "1.2.3.4.5:80",
        "1.2.3.256:80",
        "1.2.3.4:x",
        "1.2.3.4:65536",
        "1.2.3.4:-1",
        "example.org:80",
        " 1.2.3.4:80",
        "[::1]x:80",
        "1.2.3.4: 80",
        "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:80"};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct address address;
        assert_int_equal(address_parse(str_from_c(cases[i]), &address), ERR_FIELD);
    }
    struct address address;
    assert_int_equal(address_parse(STR("127.0.0.1\0x:80"), &address), ERR_FIELD);
}

static void test_lists_are_cut_at_commas(void **state UNUSED)
{
    struct address addresses[3];
    size_t count = 99;
    assert_int_equal(
        address_parse_list(STR(" 127.0.0.1:1 ,[::1]:2,\t127.0.0.2:3"), addresses, 3, &count), OK);
    assert_int_equal(count, 3);
    for (uint16_t i = 0; i < 3; i++)
        assert_int_equal(address_port(&addresses[i]), i + 1);
    assert_int_equal(address_parse_list(STR(" "), addresses, 3, &count), OK);
    assert_int_equal(count, 0);
    assert_int_equal(address_parse_list(STR_NONE, addresses, 3, &count), OK);
    assert_int_equal(count, 0);
}

static void test_lists_with_a_bad_or_a_surplus_member_are_refused(void **state UNUSED)
{
    struct address addresses[2];
    size_t count = 99;
    static const char *const cases[] = {",", "127.0.0.1:1,", ",127.0.0.1:1", "127.0.0.1:1,x",
                                        "127.0.0.1:1,,127.0.0.1:2"};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(address_parse_list(str_from_c(cases[i]), addresses, 2, &count), ERR_FIELD);
    assert_int_equal(
        address_parse_list(STR("127.0.0.1:1,127.0.0.1:2,127.0.0.1:3"), addresses, 2, &count),
        ERR_TOO_LARGE);
    assert_int_equal(count, 99);
}

static void test_other_families_have_a_name_and_no_port(void **state UNUSED)
{
    struct address address = {.storage.ss_family = AF_UNIX, .len = sizeof(struct sockaddr_un)};
    char text[ADDRESS_TEXT_LEN_MAX];
    assert_string_equal(address_format(&address, text), "unix");
    assert_int_equal(address_port(&address), 0);
    assert_false(address_is_loopback(&address));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_parsed_formats_back),
        cmocka_unit_test(test_anything_else_is_refused),
        cmocka_unit_test(test_lists_are_cut_at_commas),
        cmocka_unit_test(test_lists_with_a_bad_or_a_surplus_member_are_refused),
        cmocka_unit_test(test_other_families_have_a_name_and_no_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
