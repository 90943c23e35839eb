#include "base/digest.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void assert_digest(const uint8_t digest[DIGEST_LEN], const char *hex)
{
    char text[2 * DIGEST_LEN + 1];
    for (int i = 0; i < DIGEST_LEN; i++)
        snprintf(text + (size_t)2 * (size_t)i, 3, "%02x", digest[i]);
    assert_string_equal(text, hex);
}

static void test_sha256_meets_the_vectors_of_fips_180(void **state UNUSED)
{
    struct digest digest;
    uint8_t out[DIGEST_LEN];
    digest_start(&digest);
    digest_finish(&digest, out);
    assert_digest(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    digest_start(&digest);
    digest_add(&digest, STR("a"));
    digest_add(&digest, STR(""));
    digest_add(&digest, STR("bc"));
    digest_finish(&digest, out);
    assert_digest(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void test_hmac_meets_the_vectors_of_rfc_4231(void **state UNUSED)
{
    uint8_t out[DIGEST_LEN];
    digest_hmac(STR("\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"
                    "\x0b"),
                STR("Hi There"), out);
    assert_digest(out, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    digest_hmac(STR("Jefe"), STR("what do ya want for nothing?"), out);
    assert_digest(out, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static void test_fields_cannot_be_confused(void **state UNUSED)
{
    const struct str pairs[2][2] = {{STR("ab"), STR("c")}, {STR("a"), STR("bc")}};
    uint8_t out[2][DIGEST_LEN];
    for (int i = 0; i < 2; i++) {
        struct digest digest;
        digest_start(&digest);
        digest_add_field(&digest, pairs[i][0]);
        digest_add_field(&digest, pairs[i][1]);
        digest_finish(&digest, out[i]);
    }
    assert_memory_not_equal(out[0], out[1], DIGEST_LEN);
    struct digest digest;
    digest_start(&digest);
    digest_add(&digest, STR("\0\0\0\0\0\0\0\002ab\0\0\0\0\0\0\0\001c"));
    digest_finish(&digest, out[1]);
    assert_memory_equal(out[0], out[1], DIGEST_LEN);
}

static void test_base64url_meets_the_vectors_of_rfc_4648(void **state UNUSED)
{
    static const struct str pairs[][2] = {
        {STR(""), STR("")},
        {STR("f"), STR("Zg")},
        {STR("fo"), STR("Zm8")},
        {STR("foo"), STR("Zm9v")},
        {STR("foob"), STR("Zm9vYg")},
        {STR("fooba"), STR("Zm9vYmE")},
        {STR("foobar"), STR("Zm9vYmFy")},
        {STR("\xfb\xff\xbf"), STR("-_-_")},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        char out[16];
        size_t len = base64url_encode(pairs[i][0], out);
        assert_int_equal(len, base64url_encoded_len(pairs[i][0].len));
        assert_true(str_equal(str_of(out, len), pairs[i][1]));
        assert_int_equal(base64url_decode(pairs[i][1], out, &len), OK);
        assert_true(str_equal(str_of(out, len), pairs[i][0]));
    }
}

static void test_base64url_takes_one_spelling_only(void **state UNUSED)
{
    static const char *const cases[] = {"Zg==", "Z",    "Zh",    "Zm9", "Zm9v\n",
                                        "Zm 9", "+/+/", "Zm9vY", "Zg=", "Z\xc3\xa4g"};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[16];
        size_t len = 99;
        assert_int_equal(base64url_decode(str_from_c(cases[i]), out, &len), ERR_FIELD);
        assert_int_equal(len, 99);
    }
}

static void test_base64url_round_trips_at_every_length(void **state UNUSED)
{
    char bytes[100], text[140], back[100];
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        for (size_t i = 0; i < len; i++)
            bytes[i] = (char)(i * 151 + len * 7);
        size_t text_len = base64url_encode(str_of(bytes, len), text), back_len;
        assert_int_equal(base64url_decode(str_of(text, text_len), back, &back_len), OK);
        assert_int_equal(back_len, len);
        assert_memory_equal(bytes, back, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256_meets_the_vectors_of_fips_180),
        cmocka_unit_test(test_hmac_meets_the_vectors_of_rfc_4231),
        cmocka_unit_test(test_fields_cannot_be_confused),
        cmocka_unit_test(test_base64url_meets_the_vectors_of_rfc_4648),
        cmocka_unit_test(test_base64url_takes_one_spelling_only),
        cmocka_unit_test(test_base64url_round_trips_at_every_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
