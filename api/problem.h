/* Problem documents (RFC 9457): what a client is shown of an error. */
#pragma once
#include "api/exchange.h"

/* What is shown of an error that was meant for our own layers alone. */
enum err problem_shown(enum err err);
/* {type, title, status, detail, code, errors, request_id}; err is one that may be shown. */
void problem_write(struct exchange *ex, enum err err, struct str detail);
/* WWW-Authenticate, Retry-After, and whether the connection can be used any longer. */
void problem_fields(struct exchange *ex, enum err err);
