/* A string that is written: grows up to a cap that its owner names, so no client can make it
 * overflow. Owned by whoever called buf_init; buf_done frees. Not thread-safe.
 * A failed add changes nothing. Out of memory aborts: caps are far below what memory holds. */
#pragma once
#include "base/error.h"
#include "base/str.h"
#include <stdarg.h>

struct buf {
    char *bytes; /* NULL until the first add */
    size_t len, cap, len_max;
};

void buf_init(struct buf *buf, size_t len_max);
void buf_done(struct buf *buf);                             /* frees; the buf may be used again */
MUST_CHECK enum err buf_add(struct buf *buf, struct str s); /* ERR_TOO_LARGE */
MUST_CHECK enum err buf_add_char(struct buf *buf, char c);  /* ERR_TOO_LARGE */
MUST_CHECK enum err buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
MUST_CHECK enum err buf_reserve(struct buf *buf, size_t more_len); /* room for more_len bytes */
void buf_drop_front(struct buf *buf, size_t len);                  /* forgets the first len bytes */
void buf_truncate(struct buf *buf, size_t len); /* forgets what lies behind len */
static inline void buf_clear(struct buf *buf)
{
    buf->len = 0;
}
static inline struct str buf_str(const struct buf *buf)
{
    return (struct str){buf->bytes, buf->len};
}
/* NUL-terminates (not counted in len) for libraries that ask for it; valid until the next add. */
const char *buf_c(struct buf *buf);
