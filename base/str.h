/* A string that is read: a pointer and a length, by value, no terminating NUL, owning nothing.
 * It lives as long as the bytes that it points at: say whose they are where you store one. */
#pragma once
#include "base/compiler.h"
#include <string.h>

struct str {
    const char *ptr; /* may be NULL only if len is 0 */
    size_t len;
};

#define STR(literal) ((struct str){("" literal), sizeof(literal) - 1})
#define STR_NONE ((struct str){NULL, 0})
#define STR_FMT(s) (int)(s).len, (s).ptr /* for "%.*s" */

static inline struct str str_of(const char *ptr, size_t len)
{
    return (struct str){ptr, len};
}
static inline struct str str_from_c(const char *c) /* NULL gives STR_NONE */
{
    return c ? (struct str){c, strlen(c)} : STR_NONE;
}
static inline bool str_is_empty(struct str s)
{
    return s.len == 0;
}
static inline bool str_equal(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}
bool str_equal_nocase(struct str a, struct str b); /* ASCII letters only, as HTTP compares */
bool str_equal_secret(struct str a, struct str b); /* in a time that does not depend on the bytes */
int str_compare(struct str a, struct str b);       /* like memcmp, the shorter one first */
bool str_starts(struct str s, struct str prefix);
struct str str_trim(struct str s);            /* without spaces and tabs at both ends */
struct str str_from(struct str s, size_t at); /* the rest from byte `at` (clamped) */

/* Cuts `*rest` at the first `separator`: returns what stands before it, leaves what stands behind.
 * Without a separator all is returned and `*rest` is STR_NONE (ptr NULL), which ends a loop. */
struct str str_cut(struct str *rest, char separator);

/* Digits only, no sign, no space; false if empty, not a number, or over `max`. */
bool str_to_u64(struct str s, uint64_t max, uint64_t *value_out);
