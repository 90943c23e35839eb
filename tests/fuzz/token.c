/* The first byte chooses: a token as it came, or header and claims (parted by a zero byte) that are
 * signed with the key first, so that what lies behind the signature is reached too. What is taken
 * names a valid user and has not expired. */
#include "api/auth.h"
#include "base/clock.h"
#include "base/digest.h"
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct str token_key = STR("0123456789abcdef0123456789abcdef");

static struct auth *token_auth(void)
{
    static struct auth *auth;
    struct config config = {0};
    struct buf why;
    char path[64];
    if (auth) return auth;
    int fd = memfd_create("key", 0);
    ssize_t written = write(fd, token_key.ptr, token_key.len);
    assert(written == (ssize_t)token_key.len);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    config.token_key_file = str_from_c(path);
    buf_init(&why, 1024);
    enum err err = auth_open(&config, &auth, &why);
    assert(err == OK);
    close(fd);
    clock_wall_set(INT64_C(1700000000000));
    return auth;
}

static struct str token_encoded(struct arena *arena, struct str s)
{
    char *out = arena_alloc(arena, base64url_encoded_len(s.len) + 1);
    return str_of(out, base64url_encode(s, out));
}

static struct str token_signed(struct arena *arena, struct str input)
{
    uint8_t mac[DIGEST_LEN];
    struct str header = str_cut(&input, '\0');
    if (!header.len) header = STR("{\"alg\":\"HS256\"}");
    struct str text = arena_printf(arena, "%.*s.%.*s", STR_FMT(token_encoded(arena, header)),
                                   STR_FMT(token_encoded(arena, input)));
    digest_hmac(token_key, text, mac);
    return arena_printf(arena, "%.*s.%.*s", STR_FMT(text),
                        STR_FMT(token_encoded(arena, str_of((const char *)mac, DIGEST_LEN))));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct arena arena;
    struct caller caller;
    const char *why = NULL;
    if (len == 0) return 0;
    arena_init(&arena);
    struct auth *auth = token_auth();
    struct str token = str_of((const char *)data + 1, len - 1);
    if (data[0] & 1) token = token_signed(&arena, token);
    if (auth_verify(auth, token, &arena, &caller, &why) == OK) {
        assert(user_id_is_valid(caller.user_id) && user_id_is_valid(caller.device_id));
        assert(caller.expires_at_s > 1700000000);
    } else {
        assert(why);
    }
    arena_done(&arena);
    return 0;
}
