/* Cuts an event stream (WHATWG HTML, 9.2) into its events, from bytes as they come. The server
 * promises LF only and one data line an event, and this reader holds it to that. */
#pragma once
#include "base/buf.h"

struct sse_event {
    struct str id, type, data; /* STR_NONE where the event has no such line */
};

struct sse_reader {
    struct buf part; /* of a block whose end has not come yet */
    bool
        is_broken; /* a bare CR, a second data line, a block over 1 MiB: read on at your own risk */
};

void sse_reader_init(struct sse_reader *reader); /* takes no memory before the first cut block */
void sse_reader_done(struct sse_reader *reader);
void sse_reader_restart(struct sse_reader *reader); /* for another stream */
/* The next event out of `*bytes`, which it eats; blocks without data (comments, retry) are skipped.
 * False: all eaten. The strings hold until the next call. */
bool sse_reader_next(struct sse_reader *reader, struct str *bytes, struct sse_event *event_out);
