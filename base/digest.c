#include "base/digest.h"
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>

/* These fail for lack of memory or a broken library alone: both end the process. */
static void digest_must(int result)
{
    if (result < 0) abort();
}

void digest_start(struct digest *digest)
{
    gnutls_hash_hd_t state;
    digest_must(gnutls_hash_init(&state, GNUTLS_DIG_SHA256));
    digest->state = state;
}

void digest_add(struct digest *digest, struct str s)
{
    if (s.len) digest_must(gnutls_hash(digest->state, s.ptr, s.len));
}

void digest_add_field(struct digest *digest, struct str s)
{
    uint8_t len[8];
    for (int i = 0; i < 8; i++)
        len[i] = (uint8_t)((uint64_t)s.len >> (56 - 8 * i));
    digest_must(gnutls_hash(digest->state, len, sizeof(len)));
    digest_add(digest, s);
}

void digest_finish(struct digest *digest, uint8_t out[DIGEST_LEN])
{
    gnutls_hash_deinit(digest->state, out);
    digest->state = NULL;
}

void digest_hmac(struct str key, struct str text, uint8_t out[DIGEST_LEN])
{
    digest_must(gnutls_hmac_fast(GNUTLS_MAC_SHA256, key.len ? key.ptr : "", key.len,
                                 text.len ? text.ptr : "", text.len, out));
}

size_t base64url_encoded_len(size_t len)
{
    return len / 3 * 4 + (len % 3 ? len % 3 + 1 : 0);
}

size_t base64url_encode(struct str s, char *out)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0;
    int bit_count = 0;
    size_t len = 0;
    for (size_t i = 0; i < s.len; i++) {
        bits = bits << 8 | (unsigned char)s.ptr[i];
        for (bit_count += 8; bit_count >= 6; bit_count -= 6)
            out[len++] = alphabet[bits >> (bit_count - 6) & 63];
    }
    if (bit_count > 0) out[len++] = alphabet[bits << (6 - bit_count) & 63];
    return len;
}

static int base64url_value(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '-') return 62;
    return c == '_' ? 63 : -1;
}

enum err base64url_decode(struct str s, char *out, size_t *len_out)
{
    uint32_t bits = 0;
    int bit_count = 0;
    size_t len = 0;
    if (s.len % 4 == 1) return ERR_FIELD; /* six bits are no byte */
    for (size_t i = 0; i < s.len; i++) {
        int value = base64url_value(s.ptr[i]);
        if (value < 0) return ERR_FIELD;
        bits = bits << 6 | (uint32_t)value;
        bit_count += 6;
        if (bit_count < 8) continue;
        bit_count -= 8;
        out[len++] = (char)(bits >> bit_count);
    }
    /* Stray bits would give one value several spellings. */
    if (bits & (BIT(bit_count) - 1)) return ERR_FIELD;
    *len_out = len;
    return OK;
}
