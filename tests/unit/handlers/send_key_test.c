/* The identity of a send: which keys are taken, and what they are made into. */
#include "handlers/fields.h"
#include "handlers/send_key.h"
#include "tests/unit/handlers/lab.h"

static struct exchange *exchange_with(const char *header)
{
    char head[1024];
    snprintf(head, sizeof(head), "POST /chat/app/send\n%s", header);
    return lab_call_new(head, "{}")->ex;
}

static struct send_key key_of_body(const char *body)
{
    struct send_key key = {.kind = SEND_KEY_NONE};
    struct exchange *ex = lab_call_new("POST /chat/app/send", body)->ex;
    struct json *root = fields_parse(ex);
    send_key_from_body(ex, root, &key);
    json_free(root);
    assert_int_equal(ex->fault_count, 0);
    return key;
}

static void test_header_is_taken_bare_or_quoted(void **state UNUSED)
{
    static const struct {
        const char *header, *key;
    } cases[] = {
        {"Idempotency-Key: abc", "abc"},
        {"idempotency-key: \"abc\"", "abc"},
        {"Idempotency-Key: \"a\\\"b\\\\c\"", "a\"b\\c"},
        {"Idempotency-Key: a b", "a b"},
        {"Idempotency-Key: a\"b", "a\"b"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct send_key key = {.kind = SEND_KEY_INTEGER, .integer = 5};
        struct exchange *ex = exchange_with(cases[i].header);
        send_key_from_header(ex, &key); /* the header is the key, whatever the field says */
        assert_int_equal(key.kind, SEND_KEY_STRING);
        assert_str(key.string, cases[i].key);
        assert_int_equal(ex->fault_count, 0);
    }
}

static void test_absent_header_leaves_the_key(void **state UNUSED)
{
    struct send_key key = {.kind = SEND_KEY_INTEGER, .integer = 5};
    send_key_from_header(exchange_with("Accept: x"), &key);
    assert_int_equal(key.kind, SEND_KEY_INTEGER);
    assert_int_equal(key.integer, 5);
}

static void test_wrong_header_is_a_fault(void **state UNUSED)
{
    static const char *const headers[] = {
        "Idempotency-Key: ",
        "Idempotency-Key: \"\"",
        "Idempotency-Key: \"",
        "Idempotency-Key: \"abc",
        "Idempotency-Key: \"a\"b",
        "Idempotency-Key: \"a\\",
        "Idempotency-Key: \"a\\n\"",
        "Idempotency-Key: a\x01z",
        "Idempotency-Key: caf\xc3\xa9",
        "Idempotency-Key: a\nIdempotency-Key: a",
    };
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        struct send_key key = {.kind = SEND_KEY_NONE};
        struct exchange *ex = exchange_with(headers[i]);
        send_key_from_header(ex, &key);
        if (ex->fault_count != 1) fail_msg("taken: %s", headers[i]);
        assert_str(ex->faults->pointer, "Idempotency-Key");
        assert_int_equal(key.kind, SEND_KEY_NONE);
    }
}

static void test_header_has_255_bytes_at_most(void **state UNUSED)
{
    char header[512];
    struct send_key key = {.kind = SEND_KEY_NONE};
    snprintf(header, sizeof(header), "Idempotency-Key: %0255d", 1);
    send_key_from_header(exchange_with(header), &key);
    assert_int_equal(key.string.len, 255);
    snprintf(header, sizeof(header), "Idempotency-Key: %0256d", 1);
    struct exchange *ex = exchange_with(header);
    send_key_from_header(ex, &key);
    assert_int_equal(ex->fault_count, 1);
}

static void test_field_is_an_integer_or_a_string(void **state UNUSED)
{
    assert_int_equal(key_of_body("{}").kind, SEND_KEY_NONE);
    assert_int_equal(key_of_body("{\"message_id_by_client\":null}").kind, SEND_KEY_NONE);
    struct send_key key = key_of_body("{\"message_id_by_client\":9007199254740991}");
    assert_int_equal(key.kind, SEND_KEY_INTEGER);
    assert_true(key.integer == INT64_C(9007199254740991));
    key = key_of_body("{\"message_id_by_client\":0}");
    assert_int_equal(key.kind, SEND_KEY_INTEGER);
    assert_int_equal(key.integer, 0);
    key = key_of_body("{\"message_id_by_client\":\"caf\xc3\xa9\"}");
    assert_int_equal(key.kind, SEND_KEY_STRING);
    assert_str(key.string, "caf\xc3\xa9");
}

static void test_wrong_field_is_a_fault(void **state UNUSED)
{
    static const char *const values[] = {
        "-1",           "9007199254740992",
        "1.0",          "1e3",
        "true",         "[]",
        "{}",           "\"\"",
        "\"a\\u0000\"", "\"12345678901234567890123456789012345678901234567890123456789012345\"",
    };
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        char body[128];
        struct send_key key = {.kind = SEND_KEY_NONE};
        snprintf(body, sizeof(body), "{\"message_id_by_client\":%s}", values[i]);
        struct exchange *ex = lab_call_new("POST /chat/app/send", body)->ex;
        struct json *root = fields_parse(ex);
        send_key_from_body(ex, root, &key);
        json_free(root);
        if (ex->fault_count != 1) fail_msg("taken: %s", values[i]);
        assert_str(ex->faults->pointer, "/message_id_by_client");
        assert_int_equal(key.kind, SEND_KEY_NONE);
    }
}

/* The id of a key for a conversation with bob, unless told. */
static struct uuid id_of(const struct send_key *key)
{
    return send_key_id(exchange_with(""), key, STR("direct"), STR("bob"));
}

static bool same(struct uuid a, struct uuid b)
{
    return str_equal(uuid_str(&a), uuid_str(&b));
}

static void test_id_is_derived_from_all_that_numbers_a_send(void **state UNUSED)
{
    const struct send_key five = {.kind = SEND_KEY_INTEGER, .integer = 5};
    const struct send_key text = {.kind = SEND_KEY_STRING, .string = STR("5")};
    const struct send_key six = {.kind = SEND_KEY_INTEGER, .integer = 6};
    struct uuid id = id_of(&five);
    assert_int_equal(uuid_str(&id).ptr[14], '8'); /* the version */
    assert_true(same(id, id_of(&five)));
    assert_false(same(id, id_of(&text)));
    assert_false(same(id, id_of(&six)));
    struct exchange *ex = exchange_with("");
    assert_false(same(id, send_key_id(ex, &five, STR("group"), STR("bob"))));
    assert_false(same(id, send_key_id(ex, &five, STR("direct"), STR("eve"))));
    lab.device_id = STR("pad");
    assert_false(same(id, id_of(&five)));
    lab.device_id = STR("phone");
    lab.user_id = STR("eve");
    assert_false(same(id, id_of(&five)));
}

static void test_id_without_a_key_is_drawn(void **state UNUSED)
{
    const struct send_key none = {.kind = SEND_KEY_NONE};
    struct uuid id = id_of(&none);
    assert_int_equal(uuid_str(&id).ptr[14], '7');
    assert_false(same(id, id_of(&none)));
}

static void test_fingerprint_tells_contents_apart(void **state UNUSED)
{
    const struct str ab_c[] = {STR("ab"), STR("c")}, a_bc[] = {STR("a"), STR("bc")};
    uint8_t first[FINGERPRINT_LEN], second[FINGERPRINT_LEN];
    send_key_fingerprint(ab_c, 2, first);
    send_key_fingerprint(ab_c, 2, second);
    assert_memory_equal(first, second, FINGERPRINT_LEN);
    send_key_fingerprint(a_bc, 2, second);
    assert_memory_not_equal(first, second, FINGERPRINT_LEN);
    send_key_fingerprint(ab_c, 1, second);
    assert_memory_not_equal(first, second, FINGERPRINT_LEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_CASE(test_header_is_taken_bare_or_quoted),
        LAB_CASE(test_absent_header_leaves_the_key),
        LAB_CASE(test_wrong_header_is_a_fault),
        LAB_CASE(test_header_has_255_bytes_at_most),
        LAB_CASE(test_field_is_an_integer_or_a_string),
        LAB_CASE(test_wrong_field_is_a_fault),
        LAB_CASE(test_id_is_derived_from_all_that_numbers_a_send),
        LAB_CASE(test_id_without_a_key_is_drawn),
        LAB_CASE(test_fingerprint_tells_contents_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
