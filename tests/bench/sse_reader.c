#include "tests/bench/sse_reader.h"

enum { SSE_BLOCK_LEN_MAX = 1 << 20 };

void sse_reader_init(struct sse_reader *reader)
{
    buf_init(&reader->part, SSE_BLOCK_LEN_MAX);
    reader->is_broken = false;
}

void sse_reader_done(struct sse_reader *reader)
{
    buf_done(&reader->part);
}

void sse_reader_restart(struct sse_reader *reader)
{
    sse_reader_done(reader); /* an idle stream keeps no memory */
    reader->is_broken = false;
}

static void sse_reader_keep(struct sse_reader *reader, struct str bytes)
{
    if (buf_add(&reader->part, bytes) != OK) reader->is_broken = true;
}

/* How many bytes of `bytes` belong to the block that `part` began, the empty line included; 0 if
 * its end is not among them. */
static size_t sse_reader_block_len(const struct sse_reader *reader, struct str bytes)
{
    const struct buf *part = &reader->part;
    if (part->len && part->bytes[part->len - 1] == '\n' && bytes.len && bytes.ptr[0] == '\n')
        return 1;
    const char *end = memmem(bytes.ptr, bytes.len, "\n\n", 2);
    return end ? (size_t)(end - bytes.ptr) + 2 : 0;
}

static struct str sse_line_value(struct str line, size_t name_len)
{
    struct str value = str_from(line, name_len + 1);
    return value.len && value.ptr[0] == ' ' ? str_from(value, 1) : value;
}

static void sse_reader_parse(struct sse_reader *reader, struct str block, struct sse_event *event)
{
    *event = (struct sse_event){.data = STR_NONE};
    if (memchr(block.ptr, '\r', block.len)) reader->is_broken = true;
    for (struct str rest = block; rest.ptr && rest.len;) {
        struct str line = str_cut(&rest, '\n');
        if (str_starts(line, STR("data:"))) {
            if (event->data.ptr) reader->is_broken = true;
            event->data = sse_line_value(line, 4);
        } else if (str_starts(line, STR("id:"))) {
            event->id = sse_line_value(line, 2);
        } else if (str_starts(line, STR("event:"))) {
            event->type = sse_line_value(line, 5);
        }
    }
}

/* A block that came whole is read where it lies; only what was cut is copied. */
bool sse_reader_next(struct sse_reader *reader, struct str *bytes, struct sse_event *event_out)
{
    /* What the last call showed out of `part` has been used by now. */
    if (reader->part.len >= 2 && memcmp(reader->part.bytes + reader->part.len - 2, "\n\n", 2) == 0)
        buf_done(&reader->part);
    while (bytes->len) {
        size_t len = sse_reader_block_len(reader, *bytes);
        struct str block = str_of(bytes->ptr, len ? len : bytes->len);
        *bytes = str_from(*bytes, block.len);
        if (len == 0 || reader->part.len) {
            sse_reader_keep(reader, block);
            if (len == 0) return false;
            block = buf_str(&reader->part);
        }
        sse_reader_parse(reader, block, event_out);
        if (event_out->data.ptr) return true;
        buf_clear(&reader->part);
    }
    return false;
}
