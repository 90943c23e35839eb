/* SHA-256, HMAC-SHA-256 (FIPS 180-4, RFC 2104) by GnuTLS, and base64url (RFC 4648 section 5, no
 * padding). Thread-safe: no state outside the structs. */
#pragma once
#include "base/error.h"
#include "base/str.h"

enum { DIGEST_LEN = 32 };

struct digest {
    void *state; /* the library's */
};
void digest_start(struct digest *digest);
void digest_add(struct digest *digest, struct str s);
/* Adds the length (8 bytes, big-endian) and then the bytes: fields joined so cannot be confused. */
void digest_add_field(struct digest *digest, struct str s);
void digest_finish(struct digest *digest, uint8_t out[DIGEST_LEN]); /* frees; start anew to reuse */

void digest_hmac(struct str key, struct str text, uint8_t out[DIGEST_LEN]);

size_t base64url_encoded_len(size_t len);
size_t base64url_encode(struct str s, char *out); /* returns the length written, no NUL */
/* Strict: alphabet only, no padding, no stray bits. out has room for s.len * 3 / 4. ERR_FIELD. */
MUST_CHECK enum err base64url_decode(struct str s, char *out, size_t *len_out);
