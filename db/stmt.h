/* Inside db/ only: SQL. Every statement stands in stmt.def by name, as
 *     STMT(constant, head, item, tail)
 * `?` marks a value. `item` (may be "") is repeated, comma-separated, as often as the values reach,
 * so one row serves one user and five hundred: STMT(STMT_USERS_SEQ, "SELECT .. FROM users WHERE
 * user_id IN (", "?", ") ORDER BY user_id") Values are bound in the order of the marks: head's,
 * then each item's, then tail's. A statement with two lists is
 *     STMT_LISTS(constant, head, item, middle, second, tail)
 * with value_list_end() after the last value of the first; items of the first list are not
 * separated by commas, since it is there for the arms of a CASE. */
#pragma once
#include "base/buf.h"
#include "db/conn.h"

enum stmt {
#define STMT(constant, head, item, tail) constant,
#define STMT_LISTS(constant, head, item, middle, second, tail) constant,
#include "db/stmt.def"
#undef STMT
#undef STMT_LISTS
    STMT_COUNT
};

struct value {
    enum { VALUE_INT, VALUE_STR, VALUE_BYTES, VALUE_NULL, VALUE_LIST_END } kind;
    int64_t i;
    struct str s;
};
static inline struct value value_int(int64_t i)
{
    return (struct value){VALUE_INT, i, STR_NONE};
}
static inline struct value value_str(struct str s) /* text, UTF-8 or ASCII */
{
    return (struct value){VALUE_STR, 0, s};
}
static inline struct value value_bytes(struct str s) /* binary */
{
    return (struct value){VALUE_BYTES, 0, s};
}
static inline struct value value_list_end(void)
{
    return (struct value){VALUE_LIST_END, 0, STR_NONE};
}

/* The rows of a SELECT, held on the client's side. Strings live until rows_done. */
struct rows {
    void *result, *row;
    unsigned long *lengths;
};
/* rows_out: NULL for a statement without rows. At most 10,000 items and 16 MB a statement (vtgate's
 * limits): asserted, so callers slice. Errors: see conn.h. */
MUST_CHECK enum err stmt_run(struct conn *conn, enum stmt stmt, const struct value *values,
                             size_t value_count, struct rows *rows_out);
uint64_t stmt_affected(const struct conn *conn); /* rows changed by the last one */
bool rows_next(struct rows *rows);
size_t rows_count(const struct rows *rows);
bool rows_is_null(const struct rows *rows, unsigned column);
struct str rows_str(const struct rows *rows, unsigned column);
uint64_t rows_u64(const struct rows *rows, unsigned column);
void rows_done(struct rows *rows); /* zeroed memory is fine */
