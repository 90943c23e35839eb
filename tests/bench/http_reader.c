#include "tests/bench/http_reader.h"

enum { HTTP_LINE_LEN_MAX = 16 * 1024 };

void http_reader_init(struct http_reader *reader)
{
    *reader = (struct http_reader){.state = HTTP_STATUS_LINE};
    buf_init(&reader->line, HTTP_LINE_LEN_MAX);
}

void http_reader_done(struct http_reader *reader)
{
    buf_done(&reader->line);
}

void http_reader_restart(struct http_reader *reader)
{
    http_reader_done(reader);
    http_reader_init(reader);
}

static void http_reader_status(struct http_reader *reader, struct str line)
{
    uint64_t status;
    bool is_http = str_starts(line, STR("HTTP/1.")) && line.len >= 12;
    if (!is_http || !str_to_u64(str_of(line.ptr + 9, 3), 599, &status) || status < 100) {
        reader->state = HTTP_BROKEN;
        return;
    }
    reader->status = (int)status;
    reader->keeps_alive = line.ptr[7] != '0';
    reader->state = HTTP_HEADER;
}

static void http_reader_header(struct http_reader *reader, struct str line)
{
    struct str value = line, name = str_cut(&value, ':');
    value = str_trim(value);
    if (str_equal_nocase(name, STR("content-length"))) {
        if (!str_to_u64(value, UINT64_MAX / 2, &reader->left)) reader->state = HTTP_BROKEN;
        reader->has_length = true;
    } else if (str_equal_nocase(name, STR("transfer-encoding"))) {
        reader->is_chunked = str_equal_nocase(value, STR("chunked"));
        if (!reader->is_chunked) reader->state = HTTP_BROKEN;
    } else if (str_equal_nocase(name, STR("connection"))) {
        if (str_equal_nocase(value, STR("close"))) reader->keeps_alive = false;
    }
}

static void http_reader_head_ends(struct http_reader *reader)
{
    if (reader->status < 200) { /* 100 Continue: the answer is still to come */
        *reader = (struct http_reader){.state = HTTP_STATUS_LINE, .line = reader->line};
    } else if (reader->status == 204 || reader->status == 304) {
        reader->state = HTTP_WHOLE;
    } else if (reader->is_chunked) {
        reader->state = HTTP_CHUNK_SIZE;
    } else if (reader->has_length) {
        reader->state = reader->left ? HTTP_BODY : HTTP_WHOLE;
    } else {
        reader->state = HTTP_BODY_CLOSE;
        reader->keeps_alive = false;
    }
}

static void http_reader_chunk_size(struct http_reader *reader, struct str line)
{
    uint64_t size = 0;
    size_t digits = 0;
    for (; digits < line.len && digits < 15; digits++) {
        const char *hex = "0123456789abcdef", *at = strchr(hex, line.ptr[digits] | 0x20);
        if (!at) break;
        size = size * 16 + (uint64_t)(at - hex);
    }
    bool is_good = digits > 0 && (digits == line.len || line.ptr[digits] == ';');
    reader->left = size;
    reader->state = !is_good ? HTTP_BROKEN : size ? HTTP_CHUNK : HTTP_TRAILER;
}

static void http_reader_line(struct http_reader *reader, struct str line)
{
    switch (reader->state) {
    case HTTP_STATUS_LINE:
        http_reader_status(reader, line);
        break;
    case HTTP_HEADER:
        if (line.len)
            http_reader_header(reader, line);
        else
            http_reader_head_ends(reader);
        break;
    case HTTP_CHUNK_SIZE:
        http_reader_chunk_size(reader, line);
        break;
    case HTTP_CHUNK_END:
        reader->state = line.len ? HTTP_BROKEN : HTTP_CHUNK_SIZE;
        break;
    case HTTP_TRAILER:
        if (line.len == 0) reader->state = HTTP_WHOLE;
        break;
    default:
        reader->state = HTTP_BROKEN;
    }
}

/* One line out of `*bytes`, CRLF required; a cut one waits in `line` for the rest of it. */
static void http_reader_take_line(struct http_reader *reader, struct str *bytes)
{
    const char *end = memchr(bytes->ptr, '\n', bytes->len);
    struct str line = str_of(bytes->ptr, end ? (size_t)(end - bytes->ptr) + 1 : bytes->len);
    *bytes = str_from(*bytes, line.len);
    bool was_cut = reader->line.len > 0;
    if (was_cut || !end) {
        if (buf_add(&reader->line, line) != OK) reader->state = HTTP_BROKEN;
        line = buf_str(&reader->line);
    }
    if (!end || reader->state == HTTP_BROKEN) return;
    if (line.len < 2 || line.ptr[line.len - 2] != '\r')
        reader->state = HTTP_BROKEN;
    else
        http_reader_line(reader, str_of(line.ptr, line.len - 2));
    if (was_cut) buf_done(&reader->line);
}

static struct str http_reader_take_body(struct http_reader *reader, struct str *bytes)
{
    size_t len = bytes->len;
    if (reader->state != HTTP_BODY_CLOSE) {
        len = (size_t)MIN(reader->left, bytes->len);
        reader->left -= len;
        if (reader->left == 0)
            reader->state = reader->state == HTTP_BODY ? HTTP_WHOLE : HTTP_CHUNK_END;
    }
    struct str piece = str_of(bytes->ptr, len);
    *bytes = str_from(*bytes, len);
    return piece;
}

struct str http_reader_take(struct http_reader *reader, struct str *bytes)
{
    while (bytes->len) {
        switch (reader->state) {
        case HTTP_BODY:
        case HTTP_BODY_CLOSE:
        case HTTP_CHUNK:
            return http_reader_take_body(reader, bytes);
        case HTTP_WHOLE:
        case HTTP_BROKEN:
            return STR_NONE;
        default:
            http_reader_take_line(reader, bytes);
        }
    }
    return STR_NONE;
}

bool http_reader_may_end(const struct http_reader *reader)
{
    return reader->state == HTTP_BODY_CLOSE;
}
