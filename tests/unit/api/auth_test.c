#include "api/auth.h"
#include "base/clock.h"
#include "base/digest.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { NOW_S = 1700000000 };
#define KEY "0123456789abcdef0123456789abcdef"
#define HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

static char key_path[64];
static struct config config;
static struct auth *auth;
static struct arena arena;

static void auth_write_key(struct str key)
{
    FILE *file = fopen(key_path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(key.ptr, 1, key.len, file), key.len);
    assert_int_equal(fclose(file), 0);
}

static enum err auth_reopen(struct buf *why)
{
    auth_close(auth);
    auth = NULL;
    return auth_open(&config, &auth, why);
}

static int auth_setup(void **state UNUSED)
{
    struct buf why;
    snprintf(key_path, sizeof(key_path), "/tmp/parley-auth-test-XXXXXX");
    int fd = mkstemp(key_path);
    assert_true(fd >= 0);
    close(fd);
    auth_write_key(STR(KEY "\n"));
    config = (struct config){.token_key_file = str_from_c(key_path)};
    buf_init(&why, 1024);
    arena_init(&arena);
    clock_wall_set((int64_t)NOW_S * 1000);
    assert_int_equal(auth_reopen(&why), OK);
    return 0;
}
static int auth_teardown(void **state UNUSED)
{
    auth_close(auth);
    auth = NULL;
    arena_done(&arena);
    unlink(key_path);
    clock_wall_set(0);
    return 0;
}

static struct str auth_encoded(struct str s)
{
    char *out = arena_alloc(&arena, base64url_encoded_len(s.len) + 1);
    return str_of(out, base64url_encode(s, out));
}

/* A token as anybody else makes it, with our key. */
static struct str auth_signed(struct str header, struct str payload)
{
    uint8_t mac[DIGEST_LEN];
    struct str text = arena_printf(&arena, "%.*s.%.*s", STR_FMT(auth_encoded(header)),
                                   STR_FMT(auth_encoded(payload)));
    digest_hmac(STR(KEY), text, mac);
    return arena_printf(&arena, "%.*s.%.*s", STR_FMT(text),
                        STR_FMT(auth_encoded(str_of((const char *)mac, DIGEST_LEN))));
}

static enum err auth_check(struct str token, struct caller *caller)
{
    const char *why = NULL;
    enum err err = auth_verify(auth, token, &arena, caller, &why);
    assert_int_equal(why != NULL, err != OK);
    return err;
}

static enum err auth_check_claims(const char *payload)
{
    struct caller caller;
    return auth_check(auth_signed(STR(HEADER), str_from_c(payload)), &caller);
}

/* RFC 7515, appendix A.1: another implementation's bytes. */
static void test_token_of_the_rfc_is_verified(void **state UNUSED)
{
    struct buf why;
    struct caller caller;
    char key[64];
    size_t key_len;
    buf_init(&why, 1024);
    assert_int_equal(base64url_decode(STR("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-"
                                          "1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"),
                                      key, &key_len),
                     OK);
    auth_write_key(str_of(key, key_len));
    assert_int_equal(auth_reopen(&why), OK);
    const char *reason = NULL;
    struct str token =
        STR("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
            "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNv"
            "bS9pc19yb290Ijp0cnVlfQ."
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    assert_int_equal(auth_verify(auth, token, &arena, &caller, &reason), ERR_BAD_TOKEN);
    assert_string_equal(reason, "the token has expired"); /* so its signature was good */
    clock_wall_set(INT64_C(1300819379000));
    assert_int_equal(auth_verify(auth, token, &arena, &caller, &reason), ERR_BAD_TOKEN);
    assert_string_equal(reason, "the token's sub is no user id");
}

static void test_what_is_minted_is_taken(void **state UNUSED)
{
    struct buf token;
    struct caller caller;
    buf_init(&token, 4096);
    auth_mint(auth,
              &(struct token_claims){.user_id = STR("ann@example.org"),
                                     .device_id = STR("phone"),
                                     .scope = STR("read admin"),
                                     .issued_at_s = NOW_S,
                                     .expires_at_s = NOW_S + 5},
              &token);
    assert_int_equal(auth_check(buf_str(&token), &caller), OK);
    assert_true(str_equal(caller.user_id, STR("ann@example.org")));
    assert_true(str_equal(caller.device_id, STR("phone")));
    assert_true(caller.is_device_given);
    assert_int_equal(caller.scopes, SCOPE_READ | SCOPE_ADMIN);
    assert_int_equal(caller.expires_at_s, NOW_S + 5);
    clock_wall_set((int64_t)(NOW_S + 5) * 1000);
    assert_int_equal(auth_check(buf_str(&token), &caller), ERR_BAD_TOKEN);
    buf_done(&token);
}

static void test_any_changed_byte_breaks_a_token(void **state UNUSED)
{
    struct caller caller;
    struct str token = auth_signed(STR(HEADER), STR("{\"sub\":\"ann\",\"exp\":1700000600}"));
    assert_int_equal(auth_check(token, &caller), OK);
    for (size_t i = 0; i < token.len; i++) {
        struct str copy = arena_str(&arena, token);
        char *bytes = arena_alloc(&arena, copy.len);
        memcpy(bytes, copy.ptr, copy.len);
        bytes[i] = bytes[i] == 'A' ? 'B' : 'A';
        assert_int_equal(auth_check(str_of(bytes, copy.len), &caller), ERR_BAD_TOKEN);
    }
    for (size_t len = 0; len < token.len; len++)
        assert_int_equal(auth_check(str_of(token.ptr, len), &caller), ERR_BAD_TOKEN);
}

static void test_form_of_a_token_is_strict(void **state UNUSED)
{
    struct caller caller;
    struct str token = auth_signed(STR(HEADER), STR("{\"sub\":\"ann\",\"exp\":1700000600}"));
    const struct str cases[] = {
        STR(""),
        STR("."),
        STR(".."),
        STR("..."),
        arena_printf(&arena, "%.*s=", STR_FMT(token)),
        arena_printf(&arena, "%.*s.", STR_FMT(token)),
        arena_printf(&arena, "%.*s.x", STR_FMT(token)),
        arena_printf(&arena, " %.*s", STR_FMT(token)),
        arena_printf(&arena, "%.*s\n", STR_FMT(token)),
        arena_printf(&arena, "%.*s%09000d", STR_FMT(token), 1),
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(auth_check(cases[i], &caller), ERR_BAD_TOKEN);
}

static void test_algorithm_is_the_keys_not_the_tokens(void **state UNUSED)
{
    static const char *const headers[] = {
        "{\"alg\":\"none\"}",
        "{\"alg\":\"None\"}",
        "{\"alg\":\"RS256\"}",
        "{\"alg\":\"HS384\"}",
        "{\"alg\":\"hs256\"}",
        "{\"alg\":\"HS256\\u0000\"}",
        "{\"alg\":[\"HS256\"]}",
        "{\"alg\":null}",
        "{}",
        "{\"alg\":\"HS256\",\"crit\":[\"x\"],\"x\":1}",
        "{\"alg\":\"none\",\"alg\":\"HS256\"}",
        "[]",
        "",
    };
    struct caller caller;
    struct str claims = STR("{\"sub\":\"ann\",\"exp\":1700000600}");
    for (size_t i = 0; i < ARRAY_LEN(headers); i++)
        assert_int_equal(auth_check(auth_signed(str_from_c(headers[i]), claims), &caller),
                         ERR_BAD_TOKEN);
    struct str unsigned_token =
        arena_printf(&arena, "%.*s.%.*s.", STR_FMT(auth_encoded(STR("{\"alg\":\"none\"}"))),
                     STR_FMT(auth_encoded(claims)));
    assert_int_equal(auth_check(unsigned_token, &caller), ERR_BAD_TOKEN);
    assert_int_equal(
        auth_check(auth_signed(STR("{\"alg\":\"HS256\",\"kid\":\"7\"}"), claims), &caller), OK);
}

static void test_claims_are_checked_one_by_one(void **state UNUSED)
{
    static const struct {
        const char *payload;
        bool is_good;
    } cases[] = {
        {"{\"sub\":\"ann\",\"exp\":1700000001}", true},
        {"{\"sub\":\"ann\",\"exp\":1700000001.9}", true},
        {"{\"sub\":\"ann\",\"exp\":1.7000001e9}", true},
        {"{\"sub\":\"ann\",\"exp\":1e300}", true},
        {"{\"sub\":\"ann\",\"exp\":1700000000}", false},
        {"{\"sub\":\"ann\",\"exp\":1700000000.9}", false},
        {"{\"sub\":\"ann\",\"exp\":0}", false},
        {"{\"sub\":\"ann\",\"exp\":-1}", false},
        {"{\"sub\":\"ann\",\"exp\":1e999}", false},
        {"{\"sub\":\"ann\",\"exp\":\"1700000600\"}", false},
        {"{\"sub\":\"ann\",\"exp\":null}", false},
        {"{\"sub\":\"ann\"}", false},
        {"{\"exp\":1700000600}", false},
        {"{\"sub\":\"\",\"exp\":1700000600}", false},
        {"{\"sub\":7,\"exp\":1700000600}", false},
        {"{\"sub\":\"a b\",\"exp\":1700000600}", false},
        {"{\"sub\":\"ann\\u0000\",\"exp\":1700000600}", false},
        {"{\"sub\":\"ann\",\"exp\":1700000600,\"nbf\":1700000060}", true},
        {"{\"sub\":\"ann\",\"exp\":1700000600,\"nbf\":1700000061}", false},
        {"{\"sub\":\"ann\",\"exp\":1700000600,\"nbf\":\"x\"}", false},
        {"{\"sub\":\"ann\",\"exp\":1700000600,\"nbf\":null}", true},
        {"{\"sub\":\"ann\",\"exp\":1700000600,\"device_id\":\"a b\"}", false},
        {"{\"sub\":\"ann\",\"exp\":1700000600,\"device_id\":\"\"}", false},
        {"{\"sub\":\"ann\",\"exp\":1700000600,\"device_id\":1}", false},
        {"{\"sub\":\"ann\",\"exp\":1700000600,\"scope\":{}}", false},
        {"{\"sub\":\"ann\",\"exp\":1700000600,\"scope\":[1]}", false},
        {"{\"sub\":\"ann\",\"exp\":1700000600,\"scope\":1}", false},
        {"{\"sub\":\"ann\",\"sub\":\"bob\",\"exp\":1700000600}", false},
        {"{\"sub\":\"ann\",\"exp\":1700000600}x", false},
        {"[]", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if ((auth_check_claims(cases[i].payload) == OK) != cases[i].is_good)
            fail_msg("%s", cases[i].payload);
}

static void test_scope_is_a_list_in_either_form(void **state UNUSED)
{
    static const struct {
        const char *scope;
        unsigned scopes;
    } cases[] = {
        {"null", SCOPE_SEND | SCOPE_READ},
        {"\"send\"", SCOPE_SEND},
        {"\"read send\"", SCOPE_SEND | SCOPE_READ},
        {"\" openid  admin other \"", SCOPE_ADMIN},
        {"\"\"", 0},
        {"\"SEND\"", 0},
        {"[\"send\",\"read\",\"admin\"]", SCOPE_SEND | SCOPE_READ | SCOPE_ADMIN},
        {"[]", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct caller caller;
        struct str payload = arena_printf(
            &arena, "{\"sub\":\"ann\",\"exp\":1700000600,\"scope\":%s}", cases[i].scope);
        assert_int_equal(auth_check(auth_signed(STR(HEADER), payload), &caller), OK);
        assert_int_equal(caller.scopes, cases[i].scopes);
        assert_true(str_equal(caller.device_id, STR("default")));
        assert_false(caller.is_device_given);
    }
}

static void test_issuer_and_audience_are_required_where_configured(void **state UNUSED)
{
    static const struct {
        const char *claims;
        bool is_good;
    } cases[] = {
        {"\"iss\":\"us\",\"aud\":\"chat\"", true},
        {"\"iss\":\"us\",\"aud\":[\"web\",\"chat\"]", true},
        {"\"iss\":\"us\",\"aud\":[\"web\"]", false},
        {"\"iss\":\"us\",\"aud\":[]", false},
        {"\"iss\":\"us\",\"aud\":{\"chat\":1}", false},
        {"\"iss\":\"us\",\"aud\":\"Chat\"", false},
        {"\"iss\":\"us\"", false},
        {"\"aud\":\"chat\"", false},
        {"\"iss\":\"them\",\"aud\":\"chat\"", false},
        {"\"iss\":[\"us\"],\"aud\":\"chat\"", false},
        {"\"iss\":\"us\\u0000\",\"aud\":\"chat\"", false},
    };
    struct buf why, token;
    struct caller caller;
    buf_init(&why, 1024);
    buf_init(&token, 4096);
    config.token_issuer = STR("us");
    config.token_audience = STR("chat");
    assert_int_equal(auth_reopen(&why), OK);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str payload =
            arena_printf(&arena, "{\"sub\":\"ann\",\"exp\":1700000600,%s}", cases[i].claims);
        if ((auth_check_claims(payload.ptr) == OK) != cases[i].is_good)
            fail_msg("%s", cases[i].claims);
    }
    auth_mint(auth, &(struct token_claims){.user_id = STR("ann"), .expires_at_s = NOW_S + 1},
              &token);
    assert_int_equal(auth_check(buf_str(&token), &caller), OK);
    buf_done(&token);
}

static void test_keys_are_text_without_its_newline_or_any_32_bytes(void **state UNUSED)
{
    static const struct {
        struct str key;
        enum err err;
    } cases[] = {
        {STR(KEY), OK},
        {STR(KEY "\r\n"), OK},
        {STR("0123456789abcdef0123456789abcde\n"), ERR_CONFIG},
        {STR("\x01"
             "123456789abcdef0123456789abcde\n"),
         OK},
        {STR(""), ERR_CONFIG},
        {STR("\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"), ERR_CONFIG},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf why;
        buf_init(&why, 1024);
        auth_write_key(cases[i].key);
        assert_int_equal(auth_reopen(&why), cases[i].err);
        assert_int_equal(why.len > 0, cases[i].err != OK);
        buf_done(&why);
    }
}

static void test_missing_key_is_told_and_only_dev_draws_one(void **state UNUSED)
{
    struct buf why, token;
    struct caller caller;
    buf_init(&why, 1024);
    buf_init(&token, 4096);
    config.token_key_file = STR("/nonexistent/key");
    assert_int_equal(auth_reopen(&why), ERR_CONFIG);
    assert_string_equal(buf_c(&why), "token_key_file: /nonexistent/key: cannot be read\n");
    buf_clear(&why);
    config.token_key_file = STR_NONE;
    assert_int_equal(auth_reopen(&why), ERR_CONFIG);
    assert_string_equal(buf_c(&why), "token_key_file: is needed without --dev\n");
    config.dev = true;
    assert_int_equal(auth_reopen(&why), OK);
    auth_mint(auth, &(struct token_claims){.user_id = STR("ann"), .expires_at_s = NOW_S + 1},
              &token);
    assert_int_equal(auth_check(buf_str(&token), &caller), OK);
    assert_int_equal(auth_reopen(&why), OK); /* another key */
    assert_int_equal(auth_check(buf_str(&token), &caller), ERR_BAD_TOKEN);
    buf_done(&why);
    buf_done(&token);
}

static void test_ids_have_1_to_64_of_a_few_bytes(void **state UNUSED)
{
    char id[66];
    for (int c = 0; c < 256; c++) {
        bool is_good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       (c && strchr("._:@+-", c));
        id[0] = (char)c;
        assert_int_equal(user_id_is_valid(str_of(id, 1)), is_good);
    }
    memset(id, 'a', sizeof(id));
    assert_false(user_id_is_valid(STR_NONE));
    assert_true(user_id_is_valid(str_of(id, 64)));
    assert_false(user_id_is_valid(str_of(id, 65)));
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, auth_setup, auth_teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_token_of_the_rfc_is_verified),
        CASE(test_what_is_minted_is_taken),
        CASE(test_any_changed_byte_breaks_a_token),
        CASE(test_form_of_a_token_is_strict),
        CASE(test_algorithm_is_the_keys_not_the_tokens),
        CASE(test_claims_are_checked_one_by_one),
        CASE(test_scope_is_a_list_in_either_form),
        CASE(test_issuer_and_audience_are_required_where_configured),
        CASE(test_keys_are_text_without_its_newline_or_any_32_bytes),
        CASE(test_missing_key_is_told_and_only_dev_draws_one),
        CASE(test_ids_have_1_to_64_of_a_few_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
