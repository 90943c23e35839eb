/* The checks before a handler, in API.md's order: route 404, 405 + Allow, 401, 403, 429, 406, 413,
 * 415; and after the body the one db op that lets a user exist from its first authenticated call.
 */
#pragma once
#include "api/exchange.h"
#include "api/router.h"

/* Called by exchange_head. OK, or the error to reply with; Allow, WWW-Authenticate, Retry-After and
 * the RateLimit fields are put into ex->reply.fields. OPTIONS, and HEAD on holding routes, are
 * answered here (then the state is EX_REPLYING). */
MUST_CHECK enum err guard_head(struct exchange *ex);
/* Called by exchange_run: USER_ENSURE where needed, then the handler. */
void guard_run(struct exchange *ex);
/* The body passes the route's cap: notes the detail, closes behind the answer. ERR_TOO_LARGE. */
MUST_CHECK enum err guard_too_large(struct exchange *ex);
/* Bytes of a body that are read at most: the route's cap, or the little that is read over. */
size_t guard_body_max(const struct route *route);
