/* The documented frames, field for field: inbox rows and the stream's own events, as JSON and as
 * SSE. One encoding of an event serves streams (the block) and polls (the JSON within). */
#pragma once
#include "api/json_out.h"
#include "db/row.h"
#include "live/event.h"

/* Appends the SSE block of a row; json_at_out and json_len_out name the frame within buf.
 * ERR_TOO_LARGE. */
MUST_CHECK enum err frame_write(const struct inbox_row *row, struct buf *sse, size_t *json_at_out,
                                size_t *json_len_out);
struct event *frame_event(const struct inbox_row *row); /* the same as an event; one hold */

/* The stream's own, appended as whole SSE blocks; the buf has room for them (asserted). None has an
 * id: but reset's empty one, so an EventSource goes on to resume from the last inbox event. */
enum { FRAME_OPENING_LEN_MAX = 2560, FRAME_OWN_LEN_MAX = 256 };
struct frame_hello {
    uint32_t epoch;
    uint64_t seq;
    int64_t heartbeat_s, lifetime_s;
    int64_t retry_ms;
};
void frame_opening(struct buf *sse,
                   const struct frame_hello *hello); /* 2 KiB comment, retry:, hello */
void frame_ping(struct buf *sse);
void frame_reset(struct buf *sse, const char *reason);
void frame_reset_json(struct json_out *out, const char *reason); /* for sync's events */
void frame_reauth(struct buf *sse, int64_t expires_at_s);
void frame_bye(struct buf *sse, const char *reason, int64_t retry_ms);
