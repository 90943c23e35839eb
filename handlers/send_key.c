#include "handlers/send_key.h"
#include "api/reply.h"
#include "base/digest.h"
#include <stdio.h>

static const int64_t send_key_integer_max = (INT64_C(1) << 53) - 1;
enum { SEND_KEY_FIELD_MAX = 64, SEND_KEY_HEADER_MAX = 255 };

/* RFC 8941 section 3.3.3, a string: quote and backslash may be escaped, nothing else. */
static bool send_key_unquote(struct exchange *ex, struct str quoted, struct str *out)
{
    char *bytes = arena_alloc(&ex->arena, quoted.len);
    size_t len = 0, at = 1;
    for (; at < quoted.len && quoted.ptr[at] != '"'; at++) {
        char c = quoted.ptr[at];
        if (c == '\\') {
            if (++at >= quoted.len) return false;
            c = quoted.ptr[at];
            if (c != '"' && c != '\\') return false;
        }
        bytes[len++] = c;
    }
    *out = str_of(bytes, len);
    return at + 1 == quoted.len; /* the closing quote is the last byte */
}

static bool send_key_is_visible(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < 0x20 || s.ptr[i] > 0x7e) return false;
    return true;
}

void send_key_from_header(struct exchange *ex, struct send_key *key)
{
    size_t count = exchange_header_count(ex, STR("Idempotency-Key"));
    if (count == 0) return;
    struct str value = str_trim(exchange_header(ex, STR("Idempotency-Key")));
    bool ok = count == 1;
    if (ok && str_starts(value, STR("\""))) ok = send_key_unquote(ex, value, &value);
    if (!ok || value.len < 1 || value.len > SEND_KEY_HEADER_MAX || !send_key_is_visible(value)) {
        reply_fault(ex, STR("Idempotency-Key"), "must be one string of 1 to 255 visible bytes");
        return;
    }
    key->kind = SEND_KEY_STRING;
    key->string = value;
}

void send_key_from_body(struct exchange *ex, const struct json *root, struct send_key *key)
{
    const struct json *member = json_member(root, "message_id_by_client");
    if (!member) return;
    if (json_kind(member) == JSON_NUMBER &&
        json_integer(member, 0, send_key_integer_max, &key->integer)) {
        key->kind = SEND_KEY_INTEGER;
        return;
    }
    if (json_kind(member) == JSON_STRING && !json_has_nul(member)) {
        struct str s = json_str(member);
        if (s.len >= 1 && s.len <= SEND_KEY_FIELD_MAX) {
            key->kind = SEND_KEY_STRING;
            key->string = arena_str(&ex->arena, s);
            return;
        }
    }
    reply_fault(ex, STR("/message_id_by_client"),
                "must be an integer from 0 to 9007199254740991, or a string of 1 to 64 bytes");
}

struct uuid send_key_id(const struct exchange *ex, const struct send_key *key, struct str purpose,
                        struct str conversation)
{
    if (key->kind == SEND_KEY_NONE) return uuid_v7();
    char number[24];
    struct str text = key->string;
    if (key->kind == SEND_KEY_INTEGER) {
        int len = snprintf(number, sizeof(number), "%lld", (long long)key->integer);
        text = str_of(number, (size_t)len);
    }
    uint8_t hash[DIGEST_LEN];
    struct digest digest;
    digest_start(&digest);
    digest_add_field(&digest, purpose);
    digest_add_field(&digest, ex->caller.user_id);
    digest_add_field(&digest, ex->caller.device_id);
    digest_add_field(&digest, conversation);
    digest_add_field(&digest, key->kind == SEND_KEY_INTEGER ? STR("integer") : STR("string"));
    digest_add_field(&digest, text);
    digest_finish(&digest, hash);
    return uuid_v8(hash);
}

void send_key_fingerprint(const struct str *parts, size_t part_count,
                          uint8_t fingerprint_out[FINGERPRINT_LEN])
{
    uint8_t hash[DIGEST_LEN];
    struct digest digest;
    digest_start(&digest);
    for (size_t i = 0; i < part_count; i++)
        digest_add_field(&digest, parts[i]);
    digest_finish(&digest, hash);
    memcpy(fingerprint_out, hash, FINGERPRINT_LEN);
}
