/* Reads one HTTP/1.1 answer from bytes as they come: head, then a body by Content-Length, in
 * chunks, or up to the close. The load tool's own, so that no fault of the server's framing can
 * hide in both. */
#pragma once
#include "base/buf.h"

enum http_state {
    HTTP_STATUS_LINE,
    HTTP_HEADER,
    HTTP_BODY,       /* `left` bytes of it are still to come */
    HTTP_BODY_CLOSE, /* all that comes */
    HTTP_CHUNK_SIZE,
    HTTP_CHUNK,
    HTTP_CHUNK_END,
    HTTP_TRAILER,
    HTTP_WHOLE,
    HTTP_BROKEN,
};

struct http_reader {
    enum http_state state;
    int status;
    bool is_chunked, has_length, keeps_alive;
    uint64_t left;
    struct buf line; /* one that was cut; empty most of the time */
};

void http_reader_init(struct http_reader *reader);
void http_reader_done(struct http_reader *reader);
void http_reader_restart(struct http_reader *reader); /* for the next answer */
/* Eats from `*bytes` and returns the next piece of body among them; an empty piece when they are
 * used up, or at HTTP_WHOLE or HTTP_BROKEN (what lies behind is left in `*bytes`). */
struct str http_reader_take(struct http_reader *reader, struct str *bytes);
/* True: an answer that ends here, with the connection, is whole. */
bool http_reader_may_end(const struct http_reader *reader);
