/* The attachments of a send: at most 10 of {url, name, type, size}, kept as the JSON that
 * recipients get. */
#pragma once
#include "api/exchange.h"
#include "api/json_in.h"

enum { ATTACHMENTS_MAX = 10, ATTACHMENTS_LEN_MAX = 4096 };

/* Notes faults for what is wrong. `json_out` is empty if there are none; it may be longer than
 * ATTACHMENTS_LEN_MAX, which is the caller's 413. */
void attachments_read(struct exchange *ex, const struct json *root, struct str *json_out);
