#include "base/clock.h"
#include "base/uuid.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int uuid_reset(void **state UNUSED)
{
    clock_wall_set(0);
    return 0;
}

static void test_v7_starts_with_wall_time(void **state UNUSED)
{
    clock_wall_set(INT64_C(0x7fedcba98765)); /* ahead of any other test's time */
    struct uuid uuid = uuid_v7();
    assert_memory_equal(uuid.text, "7fedcba9-8765-7", 15);
    assert_non_null(strchr("89ab", uuid.text[19]));
    assert_int_equal(strlen(uuid.text), UUID_LEN);
}

static void test_v7_ascends_whatever_the_clock_does(void **state UNUSED)
{
    struct uuid before = uuid_v7();
    for (int i = 0; i < 20000; i++) {
        if (i == 5000) clock_wall_set(INT64_C(0x7fffcba98765));
        if (i == 15000) clock_wall_set(1000);
        struct uuid next = uuid_v7(), parsed;
        assert_true(str_compare(uuid_str(&before), uuid_str(&next)) < 0);
        assert_true(uuid_parse(uuid_str(&next), &parsed));
        before = next;
    }
}

static void test_v8_is_the_first_122_bits_of_the_hash(void **state UNUSED)
{
    uint8_t hash[DIGEST_LEN];
    for (int i = 0; i < DIGEST_LEN; i++)
        hash[i] = (uint8_t)(i * 0x11);
    struct uuid uuid = uuid_v8(hash);
    /* 00112233445566778899aabbccddeeff, six bits less at the end. */
    assert_string_equal(uuid.text, "00112233-4455-8667-9e22-66aaef3377bb");
    for (int i = 0; i < 16; i++) {
        for (int bit = 0; bit < 8; bit++) {
            hash[i] ^= (uint8_t)BIT(bit);
            bool is_used = i < 15 || bit >= 6;
            assert_int_equal(strcmp(uuid_v8(hash).text, uuid.text) != 0, is_used);
            hash[i] ^= (uint8_t)BIT(bit);
        }
    }
}

static void test_parse_lowers_and_refuses_all_else(void **state UNUSED)
{
    struct uuid uuid = {{0}};
    assert_true(uuid_is_none(&uuid));
    static const char *const bad[] = {
        "",
        "0190163d-8694-739b-aea5-966c26f8ad9",
        "0190163d-8694-739b-aea5-966c26f8ad911",
        "0190163d-8694-739b-aea5-966c26f8ad9g",
        "0190163d08694-739b-aea5-966c26f8ad91",
        "{190163d-8694-739b-aea5-966c26f8ad9}",
        "0190163d-8694-739b-aea5-966c26f8-d91",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(uuid_parse(str_from_c(bad[i]), &uuid));
        assert_true(uuid_is_none(&uuid));
    }
    assert_true(uuid_parse(STR("0190163D-8694-739B-AEA5-966c26f8ad91"), &uuid));
    assert_string_equal(uuid.text, "0190163d-8694-739b-aea5-966c26f8ad91");
    assert_false(uuid_is_none(&uuid));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_v7_starts_with_wall_time, uuid_reset),
        cmocka_unit_test_teardown(test_v7_ascends_whatever_the_clock_does, uuid_reset),
        cmocka_unit_test_teardown(test_v8_is_the_first_122_bits_of_the_hash, uuid_reset),
        cmocka_unit_test_teardown(test_parse_lowers_and_refuses_all_else, uuid_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
