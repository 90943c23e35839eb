#include "api/cursor.h"
#include <inttypes.h>
#include <stdio.h>

/* One spelling a number: without it two texts would name one position. */
static bool cursor_number(struct str digits, uint64_t max, uint64_t *value_out)
{
    if (digits.len > 1 && digits.ptr[0] == '0') return false;
    return str_to_u64(digits, max, value_out);
}

bool cursor_parse(struct str text, uint32_t *epoch_out, uint64_t *seq_out)
{
    struct str rest = text;
    struct str first = str_cut(&rest, '.');
    uint64_t epoch, seq;
    if (text.len > CURSOR_LEN_MAX) return false;
    if (!cursor_number(first, UINT32_MAX, &epoch)) return false;
    if (!cursor_number(rest, UINT64_MAX, &seq)) return false;
    *epoch_out = (uint32_t)epoch;
    *seq_out = seq;
    return true;
}

struct cursor_text cursor_format(uint32_t epoch, uint64_t seq)
{
    struct cursor_text text;
    int len = snprintf(text.bytes, sizeof(text.bytes), "%" PRIu32 ".%" PRIu64, epoch, seq);
    text.len = (size_t)len;
    return text;
}
