/* The checks of a head that libmicrohttpd leaves out (RFC 9112): where one request ends and the
 * next begins must be beyond doubt, or a second request can be smuggled behind a proxy's back. */
#pragma once
#include "api/exchange.h"

struct h1_head {
    struct str text; /* the head as it lies in libmicrohttpd's buffer, cut up by NULs */
    struct str method, target, version; /* slices of it, as libmicrohttpd reports them */
    struct str target_text;             /* the target's bytes: a copy, those in place are cut up */
    const struct header *headers;       /* likewise */
    size_t header_count;
};
/* ERR_BAD_REQUEST, ERR_CODING, ERR_EXPECTATION: close after the answer, read nothing behind it. */
MUST_CHECK enum err h1_framing_check(const struct h1_head *head);
