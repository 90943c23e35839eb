/* The strict reading of a JSON text, before cJSON gets to see it: the grammar of RFC 8259 and
 * nothing more, UTF-8, whole surrogate pairs, no name twice in one object, nesting up to 32. One
 * pass; no tree is made. What cJSON loses is noted, a byte for each name, string and number, in the
 * order in which they stand in the text. */
#pragma once
#include "base/buf.h"

enum { JSON_DEPTH_MAX = 32, JSON_NUMBER_LEN_MAX = 60 };
enum json_mark {
    JSON_MARK_NONE = 0,
    JSON_MARK_NUL = 1,    /* a name or string with \u0000 in it */
    JSON_MARK_INTEGER = 2 /* a number without fraction and exponent */
};
struct json_scan {
    struct buf marks;      /* enum json_mark, a byte each */
    bool has_long_numbers; /* some number is longer than JSON_NUMBER_LEN_MAX */
    const char *why;       /* of the failure: one phrase, */
    size_t at;             /* and the byte where it was seen */
};
/* ERR_BAD_JSON. The caller frees by json_scan_done in any case. */
MUST_CHECK enum err json_scan(struct str text, struct json_scan *scan);
void json_scan_done(struct json_scan *scan);

/* The length of the number at the front, by the grammar; 0 if there is none. */
size_t json_number_len(struct str s, bool *is_integer_out);
