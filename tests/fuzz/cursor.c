/* A cursor has one spelling: whatever is read is written again byte for byte. */
#include "api/cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint32_t epoch;
    uint64_t seq;
    struct str text = str_of((const char *)data, len);
    if (!cursor_parse(text, &epoch, &seq)) return 0;
    struct cursor_text again = cursor_format(epoch, seq);
    assert(str_equal(text, str_of(again.bytes, again.len)));
    return 0;
}
