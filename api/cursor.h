/* Cursors, `<epoch>.<seq>`: opaque to clients. Decimal, no leading zeros, at most 10 + 1 + 20
 * bytes. */
#pragma once
#include "base/buf.h"

enum { CURSOR_LEN_MAX = 31 };
bool cursor_parse(struct str text, uint32_t *epoch_out, uint64_t *seq_out);
struct cursor_text {
    char bytes[CURSOR_LEN_MAX + 1];
    size_t len;
};
struct cursor_text cursor_format(uint32_t epoch, uint64_t seq);
