#include "api/json_out.h"
#include <inttypes.h>
#include <stdio.h>

void json_out_begin(struct json_out *out, struct buf *buf)
{
    *out = (struct json_out){.buf = buf, .err = OK};
}

enum err json_out_end(struct json_out *out)
{
    assert(out->depth == 0);
    return out->err;
}

/* The first failure is kept; what comes behind it is not written, so no half is taken for a whole.
 */
static void json_out_add(struct json_out *out, struct str s)
{
    if (out->err == OK) out->err = buf_add(out->buf, s);
}

static struct str json_out_escape(unsigned char c, char space[7])
{
    switch (c) {
    case '"':
        return STR("\\\"");
    case '\\':
        return STR("\\\\");
    case '\n':
        return STR("\\n");
    case '\r':
        return STR("\\r");
    case '\t':
        return STR("\\t");
    default:
        return str_of(space, (size_t)snprintf(space, 7, "\\u%04x", c));
    }
}

/* Copies in runs: most text needs no escape at all. */
static void json_out_quoted(struct json_out *out, struct str s)
{
    json_out_add(out, STR("\""));
    size_t from = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        char space[7];
        if (i > from) json_out_add(out, str_of(s.ptr + from, i - from));
        json_out_add(out, json_out_escape(c, space));
        from = i + 1;
    }
    if (s.len > from) json_out_add(out, str_of(s.ptr + from, s.len - from));
    json_out_add(out, STR("\""));
}

/* What stands before a value: the comma, and in objects its name. */
static void json_out_lead(struct json_out *out, const char *name)
{
    if (out->needs_comma) json_out_add(out, STR(","));
    out->needs_comma = true;
    if (!name) return;
    json_out_quoted(out, str_from_c(name));
    json_out_add(out, STR(":"));
}

static void json_out_open(struct json_out *out, const char *name, struct str bracket)
{
    json_out_lead(out, name);
    json_out_add(out, bracket);
    out->needs_comma = false;
    out->depth++;
}

static void json_out_close(struct json_out *out, struct str bracket)
{
    assert(out->depth > 0);
    out->depth--;
    out->needs_comma = true;
    json_out_add(out, bracket);
}

void json_out_object(struct json_out *out, const char *name)
{
    json_out_open(out, name, STR("{"));
}

void json_out_array(struct json_out *out, const char *name)
{
    json_out_open(out, name, STR("["));
}

void json_out_close_object(struct json_out *out)
{
    json_out_close(out, STR("}"));
}

void json_out_close_array(struct json_out *out)
{
    json_out_close(out, STR("]"));
}

void json_out_str(struct json_out *out, const char *name, struct str value)
{
    json_out_lead(out, name);
    json_out_quoted(out, value);
}

void json_out_int(struct json_out *out, const char *name, int64_t value)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%" PRId64, value);
    json_out_raw(out, name, str_of(digits, (size_t)len));
}

void json_out_bool(struct json_out *out, const char *name, bool value)
{
    json_out_raw(out, name, value ? STR("true") : STR("false"));
}

void json_out_null(struct json_out *out, const char *name)
{
    json_out_raw(out, name, STR("null"));
}

void json_out_raw(struct json_out *out, const char *name, struct str json)
{
    assert(json.len > 0);
    json_out_lead(out, name);
    json_out_add(out, json);
}

void json_out_members(struct json_out *out, struct str members)
{
    if (str_is_empty(members)) return;
    json_out_lead(out, NULL);
    json_out_add(out, members);
}
