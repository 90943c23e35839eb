/* JSON out: a writer on a buf that puts commas and escapes itself. Output is compact, UTF-8, with
 * control bytes, quote and backslash escaped. What does not fit the buf's cap is remembered and
 * told by json_out_end, so that writing needs no check at each step. */
#pragma once
#include "base/buf.h"

struct json_out {
    struct buf *buf;
    enum err err;
    bool needs_comma;
    int depth;
};
void json_out_begin(struct json_out *out, struct buf *buf);
MUST_CHECK enum err json_out_end(struct json_out *out); /* asserts that all is closed */
/* name: NULL inside arrays and for the outermost value. */
void json_out_object(struct json_out *out, const char *name);
void json_out_array(struct json_out *out, const char *name);
void json_out_close_object(struct json_out *out);
void json_out_close_array(struct json_out *out);
void json_out_str(struct json_out *out, const char *name, struct str value);
void json_out_int(struct json_out *out, const char *name, int64_t value);
void json_out_bool(struct json_out *out, const char *name, bool value);
void json_out_null(struct json_out *out, const char *name);
void json_out_raw(struct json_out *out, const char *name, struct str json); /* JSON already */
void json_out_members(struct json_out *out, struct str members); /* `"a":1,"b":2`, JSON already */
