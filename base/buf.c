#include "base/buf.h"
#include "base/memory.h"
#include <stdio.h>
#include <stdlib.h>

enum { BUF_CAP_MIN = 64 };

void buf_init(struct buf *buf, size_t len_max)
{
    assert(len_max < SIZE_MAX / 4); /* so that doubling a capacity cannot overflow */
    *buf = (struct buf){.len_max = len_max};
}

void buf_done(struct buf *buf)
{
    free(buf->bytes);
    buf_init(buf, buf->len_max);
}

/* Room for len bytes and the NUL of buf_c. Doubles, so that n adds copy O(n) bytes. */
static void buf_grow(struct buf *buf, size_t len)
{
    if (buf->bytes && len < buf->cap) return;
    size_t cap = buf->cap ? buf->cap : BUF_CAP_MIN;
    while (cap <= len)
        cap *= 2;
    cap = MIN(cap, MAX(len, buf->len_max) + 1);
    buf->bytes = memory_resize(buf->bytes, cap);
    buf->cap = cap;
}

enum err buf_reserve(struct buf *buf, size_t more_len)
{
    assert(buf->len <= buf->len_max);
    if (more_len > buf->len_max - buf->len) return ERR_TOO_LARGE; /* cannot overflow */
    buf_grow(buf, buf->len + more_len);
    return OK;
}

enum err buf_add(struct buf *buf, struct str s)
{
    enum err err = buf_reserve(buf, s.len);
    if (err != OK) return err;
    if (s.len) memcpy(buf->bytes + buf->len, s.ptr, s.len);
    buf->len += s.len;
    return OK;
}

enum err buf_add_char(struct buf *buf, char c)
{
    enum err err = buf_reserve(buf, 1);
    if (err != OK) return err;
    buf->bytes[buf->len++] = c;
    return OK;
}

enum err buf_printf(struct buf *buf, const char *format, ...)
{
    va_list values, again;
    va_start(values, format);
    va_copy(again, values);
    size_t room = buf->cap - buf->len;
    int len = vsnprintf(room ? buf->bytes + buf->len : NULL, room, format, values);
    assert(len >= 0);
    enum err err = buf_reserve(buf, (size_t)len);
    if (err == OK && (size_t)len >= room)
        vsnprintf(buf->bytes + buf->len, buf->cap - buf->len, format, again);
    if (err == OK) buf->len += (size_t)len;
    va_end(again);
    va_end(values);
    return err;
}

void buf_drop_front(struct buf *buf, size_t len)
{
    assert(len <= buf->len);
    if (len && len < buf->len) memmove(buf->bytes, buf->bytes + len, buf->len - len);
    buf->len -= len;
}

void buf_truncate(struct buf *buf, size_t len)
{
    assert(len <= buf->len);
    buf->len = len;
}

const char *buf_c(struct buf *buf)
{
    buf_grow(buf, buf->len);
    buf->bytes[buf->len] = '\0';
    return buf->bytes;
}
