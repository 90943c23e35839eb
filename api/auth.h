/* Bearer tokens: JWT (RFC 7519, RFC 8725), HS256 by base/digest. The algorithm belongs to the key,
 * never to the token. Claims: sub (user id), exp (required); nbf, iss, aud as configured;
 * device_id, scope. */
#pragma once
#include "api/exchange.h"
#include "base/config.h"

struct auth;
/* Reads the key file; with --dev and none, a key drawn at start. ERR_CONFIG. */
MUST_CHECK enum err auth_open(const struct config *config, struct auth **auth_out, struct buf *why);
void auth_close(struct auth *auth);
/* ERR_BAD_TOKEN, with one phrase in why_out for `detail`. Strings go into the arena. 60 s of leeway
 * for nbf, none for exp. */
MUST_CHECK enum err auth_verify(const struct auth *auth, struct str token, struct arena *arena,
                                struct caller *caller_out, const char **why_out);
struct token_claims {
    struct str user_id, device_id; /* device_id may be empty */
    struct str scope;              /* a list by spaces; empty: none in the token */
    int64_t issued_at_s, expires_at_s;
};
void auth_mint(const struct auth *auth, const struct token_claims *claims, struct buf *token_out);

bool user_id_is_valid(struct str id); /* 1..64 bytes of [A-Za-z0-9._:@+-]; device ids alike */
