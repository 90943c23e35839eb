/* Content negotiation (RFC 9110, section 12.5.1): what a caller accepts, and what it sent. The most
 * specific range wins, q=0 refuses; parameters other than q are not weighed. */
#pragma once
#include "api/exchange.h"

struct accepted {
    int quality;     /* 0..1000 */
    int specificity; /* 3 a whole type, 2 a family (text), 1 any, 0 not mentioned at all */
};
/* Adds what one Accept field's value says of a media type (lower case) to what others said. */
void accept_read(struct str accept, struct str media_type, struct accepted *accepted);

/* Whether the route's answer is one that the caller takes: ERR_NOT_ACCEPTABLE. */
MUST_CHECK enum err negotiate_accept(const struct exchange *ex);
/* application/problem+json, or application/json where only that is accepted. */
const char *negotiate_problem_type(const struct exchange *ex);
/* The body's type is application/json, in UTF-8: ERR_MEDIA_TYPE. */
MUST_CHECK enum err negotiate_body(const struct exchange *ex);
bool media_type_is_json(struct str content_type);
