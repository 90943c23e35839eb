/* The signature comes first: nothing of a token is parsed that our own key has not signed. */
#include "api/auth.h"
#include "api/json_in.h"
#include "api/json_out.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/memory.h"
#include "base/random.h"
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    AUTH_KEY_LEN_MIN = 32, /* RFC 7518, section 3.2: as long as the hash at least */
    AUTH_KEY_LEN_MAX = 4096,
    AUTH_TOKEN_LEN_MAX = 8192,
    AUTH_NBF_LEEWAY_S = 60,
    AUTH_ID_LEN_MAX = 64
};

struct auth {
    struct buf key;
    struct str issuer, audience; /* the configuration's; empty: any */
};

bool user_id_is_valid(struct str id)
{
    if (id.len < 1 || id.len > AUTH_ID_LEN_MAX) return false;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_word && (c == '\0' || !strchr("._:@+-", c))) return false;
    }
    return true;
}

static enum err auth_fault(struct buf *why, const char *path, const char *what)
{
    enum err err = buf_printf(why, "token_key_file: %s%s%s\n", path, *path ? ": " : "", what);
    (void)err; /* a why that is full says enough */
    return ERR_CONFIG;
}

/* The newline that an editor puts behind a key of text is none of it; in binary keys any byte is.
 */
static void auth_trim_key(struct buf *key)
{
    for (size_t i = 0; i < key->len; i++) {
        unsigned char c = (unsigned char)key->bytes[i];
        if ((c < 0x20 || c > 0x7e) && c != '\n' && c != '\r') return;
    }
    while (key->len && (key->bytes[key->len - 1] == '\n' || key->bytes[key->len - 1] == '\r'))
        buf_truncate(key, key->len - 1);
}

static enum err auth_read_key(const char *path, struct buf *key, struct buf *why)
{
    char bytes[AUTH_KEY_LEN_MAX + 1];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return auth_fault(why, path, "cannot be read");
    ssize_t len = read(fd, bytes, sizeof(bytes));
    close(fd);
    if (len < 0) return auth_fault(why, path, "cannot be read");
    if (buf_add(key, str_of(bytes, (size_t)len)) != OK)
        return auth_fault(why, path, "is longer than 4096 bytes");
    auth_trim_key(key);
    if (key->len < AUTH_KEY_LEN_MIN) return auth_fault(why, path, "needs 32 bytes at least");
    return OK;
}

static enum err auth_draw_key(struct buf *key)
{
    char bytes[AUTH_KEY_LEN_MIN];
    random_bytes(bytes, sizeof(bytes));
    return buf_add(key, str_of(bytes, sizeof(bytes)));
}

enum err auth_open(const struct config *config, struct auth **auth_out, struct buf *why)
{
    struct auth *auth = MEMORY_NEW(struct auth);
    enum err err;
    buf_init(&auth->key, AUTH_KEY_LEN_MAX);
    auth->issuer = config->token_issuer;
    auth->audience = config->token_audience;
    if (!str_is_empty(config->token_key_file))
        err = auth_read_key(config->token_key_file.ptr, &auth->key, why);
    else if (config->dev)
        err = auth_draw_key(&auth->key);
    else
        err = auth_fault(why, "", "is needed without --dev");
    if (err != OK) goto fail;
    *auth_out = auth;
    return OK;
fail:
    auth_close(auth);
    return err;
}

void auth_close(struct auth *auth)
{
    if (!auth) return;
    if (auth->key.bytes) explicit_bzero(auth->key.bytes, auth->key.cap);
    buf_done(&auth->key);
    free(auth);
}

/* --- the form of a token: header.payload.signature, base64url each --- */

struct auth_token {
    struct str signed_part, header, payload, signature;
};

static bool auth_split(struct str token, struct auth_token *parts_out)
{
    struct str rest = token;
    struct auth_token parts = {0};
    if (token.len > AUTH_TOKEN_LEN_MAX) return false;
    parts.header = str_cut(&rest, '.');
    parts.payload = str_cut(&rest, '.');
    parts.signature = rest;
    if (!parts.header.len || !parts.payload.len || !parts.signature.len) return false;
    parts.signed_part = str_of(token.ptr, parts.header.len + 1 + parts.payload.len);
    *parts_out = parts;
    return true;
}

static void auth_sign(const struct auth *auth, struct str signed_part, char out[DIGEST_LEN])
{
    digest_hmac(buf_str(&auth->key), signed_part, (uint8_t *)out);
}

static bool auth_is_signed(const struct auth *auth, const struct auth_token *parts)
{
    char expected[DIGEST_LEN], given[DIGEST_LEN + 1];
    size_t len;
    if (parts->signature.len != base64url_encoded_len(DIGEST_LEN)) return false;
    if (base64url_decode(parts->signature, given, &len) != OK) return false;
    auth_sign(auth, parts->signed_part, expected);
    return str_equal_secret(str_of(given, len), str_of(expected, DIGEST_LEN));
}

/* One part as JSON; the caller frees. NULL: it is none. */
static struct json *auth_parse(struct str part, struct arena *arena)
{
    char *text = arena_alloc(arena, part.len);
    size_t len, at;
    const char *why;
    struct json *json = NULL;
    if (base64url_decode(part, text, &len) != OK) return NULL;
    if (json_parse(str_of(text, len), &json, &why, &at) != OK) return NULL;
    return json;
}

/* --- its claims --- */

static bool auth_is_str(const struct json *json)
{
    return json && json_kind(json) == JSON_STRING && !json_has_nul(json);
}

static const char *auth_check_header(const struct json *header)
{
    const struct json *alg = json_member(header, "alg");
    if (!auth_is_str(alg) || !str_equal(json_str(alg), STR("HS256")))
        return "the token's alg is not the key's";
    if (json_member(header, "crit")) return "the token has critical header fields";
    return NULL;
}

/* NumericDate: seconds, possibly with a fraction (RFC 7519, section 2). Cut down to 0..2^53. */
static bool auth_date(const struct json *json, int64_t *seconds_out)
{
    double seconds;
    if (!json || !json_number(json, &seconds)) return false;
    *seconds_out = (int64_t)MIN(MAX(seconds, 0.0), 9007199254740991.0);
    return true;
}

static const char *auth_check_times(const struct json *claims, int64_t *expires_at_out)
{
    const struct json *nbf = json_member(claims, "nbf");
    int64_t now_s = clock_wall_ms() / 1000, not_before;
    if (!auth_date(json_member(claims, "exp"), expires_at_out)) return "the token has no exp";
    if (now_s >= *expires_at_out) return "the token has expired";
    if (!nbf) return NULL;
    if (!auth_date(nbf, &not_before)) return "the token's nbf is no number";
    return not_before > now_s + AUTH_NBF_LEEWAY_S ? "the token is not valid yet" : NULL;
}

/* A string, or a list of which one is it. */
static bool auth_names(const struct json *claim, struct str name)
{
    if (!claim) return false;
    if (auth_is_str(claim)) return str_equal(json_str(claim), name);
    if (json_kind(claim) != JSON_ARRAY) return false;
    for (const struct json *item = json_first(claim); item; item = json_next(item))
        if (auth_is_str(item) && str_equal(json_str(item), name)) return true;
    return false;
}

static const char *auth_check_parties(const struct auth *auth, const struct json *claims)
{
    const struct json *iss = json_member(claims, "iss");
    if (auth->issuer.len && (!auth_is_str(iss) || !str_equal(json_str(iss), auth->issuer)))
        return "the token is of another issuer";
    if (auth->audience.len && !auth_names(json_member(claims, "aud"), auth->audience))
        return "the token is for another audience";
    return NULL;
}

static bool auth_id(const struct json *json, struct arena *arena, struct str *id_out)
{
    if (!auth_is_str(json) || !user_id_is_valid(json_str(json))) return false;
    *id_out = arena_str(arena, json_str(json));
    return true;
}

static const char *auth_check_ids(const struct json *claims, struct arena *arena,
                                  struct caller *caller)
{
    const struct json *device = json_member(claims, "device_id");
    if (!auth_id(json_member(claims, "sub"), arena, &caller->user_id))
        return "the token's sub is no user id";
    if (!device) return NULL;
    if (!auth_id(device, arena, &caller->device_id)) return "the token's device_id is none";
    caller->is_device_given = true;
    return NULL;
}

/* Words that we do not know grant nothing and harm nothing: they are other services'. */
static unsigned auth_scope_of(struct str words)
{
    unsigned scopes = 0;
    while (words.ptr) {
        struct str word = str_cut(&words, ' ');
        if (str_equal(word, STR("send"))) scopes |= SCOPE_SEND;
        if (str_equal(word, STR("read"))) scopes |= SCOPE_READ;
        if (str_equal(word, STR("admin"))) scopes |= SCOPE_ADMIN;
    }
    return scopes;
}

static const char *auth_check_scope(const struct json *claims, struct caller *caller)
{
    static const char *const fault = "the token's scope is no list of words";
    const struct json *scope = json_member(claims, "scope");
    caller->scopes = SCOPE_SEND | SCOPE_READ;
    if (!scope) return NULL;
    caller->scopes = 0;
    if (auth_is_str(scope)) {
        caller->scopes = auth_scope_of(json_str(scope));
        return NULL;
    }
    if (json_kind(scope) != JSON_ARRAY) return fault;
    for (const struct json *item = json_first(scope); item; item = json_next(item)) {
        if (!auth_is_str(item)) return fault;
        caller->scopes |= auth_scope_of(json_str(item));
    }
    return NULL;
}

static const char *auth_check_claims(const struct auth *auth, const struct json *claims,
                                     struct arena *arena, struct caller *caller)
{
    const char *why = auth_check_times(claims, &caller->expires_at_s);
    if (!why) why = auth_check_parties(auth, claims);
    if (!why) why = auth_check_ids(claims, arena, caller);
    if (!why) why = auth_check_scope(claims, caller);
    return why;
}

enum err auth_verify(const struct auth *auth, struct str token, struct arena *arena,
                     struct caller *caller_out, const char **why_out)
{
    struct auth_token parts;
    struct json *header = NULL, *claims = NULL;
    struct caller caller = {.device_id = STR("default")};
    const char *why = NULL;
    if (!auth_split(token, &parts)) {
        why = "the token is no signed JWT";
        goto fail;
    }
    if (!auth_is_signed(auth, &parts)) {
        why = "the token's signature is not valid";
        goto fail;
    }
    header = auth_parse(parts.header, arena);
    why = header ? auth_check_header(header) : "the token's header is no JSON object";
    if (why) goto fail;
    claims = auth_parse(parts.payload, arena);
    why = claims ? auth_check_claims(auth, claims, arena, &caller)
                 : "the token's claims are no JSON object";
    if (why) goto fail;
    *caller_out = caller;
fail:
    json_free(header);
    json_free(claims);
    if (!why) return OK;
    *why_out = why;
    return ERR_BAD_TOKEN;
}

/* --- making one --- */

static void auth_add(struct buf *token, struct str s)
{
    enum err err = buf_add(token, s);
    assert(err == OK); /* claims are bounded, and the caller has made room */
}

static void auth_add_encoded(struct buf *token, struct str s)
{
    char encoded[AUTH_TOKEN_LEN_MAX];
    assert(base64url_encoded_len(s.len) <= sizeof(encoded));
    auth_add(token, str_of(encoded, base64url_encode(s, encoded)));
}

static void auth_write_claims(const struct auth *auth, const struct token_claims *claims,
                              struct buf *payload)
{
    struct json_out out;
    json_out_begin(&out, payload);
    json_out_object(&out, NULL);
    if (auth->issuer.len) json_out_str(&out, "iss", auth->issuer);
    if (auth->audience.len) json_out_str(&out, "aud", auth->audience);
    json_out_str(&out, "sub", claims->user_id);
    if (claims->device_id.len) json_out_str(&out, "device_id", claims->device_id);
    if (claims->scope.len) json_out_str(&out, "scope", claims->scope);
    json_out_int(&out, "iat", claims->issued_at_s);
    json_out_int(&out, "exp", claims->expires_at_s);
    json_out_close_object(&out);
    enum err err = json_out_end(&out);
    assert(err == OK);
}

void auth_mint(const struct auth *auth, const struct token_claims *claims, struct buf *token_out)
{
    struct buf payload;
    char signature[DIGEST_LEN];
    size_t start = token_out->len;
    buf_init(&payload, AUTH_TOKEN_LEN_MAX / 2);
    auth_write_claims(auth, claims, &payload);
    auth_add_encoded(token_out, STR("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"));
    auth_add(token_out, STR("."));
    auth_add_encoded(token_out, buf_str(&payload));
    auth_sign(auth, str_from(buf_str(token_out), start), signature);
    auth_add(token_out, STR("."));
    auth_add_encoded(token_out, str_of(signature, sizeof(signature)));
    buf_done(&payload);
}
