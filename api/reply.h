/* Answers. Each is final: the exchange goes to EX_REPLYING. After the client left they do nothing.
 */
#pragma once
#include "api/exchange.h"
#include "api/json_out.h"

/* A header field; it replaces one of the same name. A value with a control byte is left out: no
 * client can split a head. What every answer carries (X-Request-Id, Vary, Cache-Control ..) is
 * there from exchange_head on. */
void reply_field(struct exchange *ex, struct str name, struct str value);
void reply_field_int(struct exchange *ex, struct str name, int64_t value);
bool reply_has_field(const struct exchange *ex, struct str name);

/* reply_json_begin gives a writer on the reply's body; write one object; reply_json sends it. */
struct json_out *reply_json_begin(struct exchange *ex);
void reply_json(struct exchange *ex, int status);
void reply_empty(struct exchange *ex, int status); /* 204 */
/* The head of a stream goes out, its body follows by transport->ops->stream_write. */
void reply_stream(struct exchange *ex, const char *content_type);
void reply_text(struct exchange *ex, int status, const char *content_type, struct str body);

/* Problem documents (RFC 9457): status, code and title come from error.def; detail may be empty.
 * Retry-After goes with 429 and 503, Connection: close with what leaves the framing in doubt. */
void reply_error(struct exchange *ex, enum err err);
void reply_error_detail(struct exchange *ex, enum err err, struct str detail);
/* Notes a fault for `errors`; at most 100 are kept. pointer is an RFC 6901 pointer into the body,
 * or the name of a query parameter or header field. */
void reply_fault(struct exchange *ex, struct str pointer, const char *reason);
