/* An event: what one recipient is shown once, encoded once. Immutable and counted; the count is not
 * atomic, since an event never leaves its reactor (another reactor or server makes its own from the
 * wire form). The bytes are the whole SSE block; the frame that long-poll shows is a slice of it.
 */
#pragma once
#include "base/buf.h"

enum { EVENT_LEN_MAX = 256 * 1024 };

struct event {
    uint32_t holds;
    uint32_t epoch;
    uint64_t seq;
    bool is_message;     /* confirmed by an ack only; else by passing its cursor too */
    char message_id[37]; /* NUL-terminated, empty for group changes */
    uint32_t len, json_at, json_len;
    char bytes[]; /* "id: 7.42\nevent: ..\ndata: {..}\n\n" */
};

struct event_parts {
    uint32_t epoch;
    uint64_t seq;
    bool is_message;
    struct str message_id; /* empty, or 36 bytes */
    struct str sse;        /* the whole block */
    struct str json;       /* a slice of sse */
};
struct event *event_new(const struct event_parts *parts); /* one hold, the caller's */
struct event *event_hold(struct event *event);
void event_release(struct event *event); /* NULL is fine */
static inline struct str event_sse(const struct event *event)
{
    return str_of(event->bytes, event->len);
}
static inline struct str event_json(const struct event *event)
{
    return str_of(event->bytes + event->json_at, event->json_len);
}

/* The wire form, for Redis and for other reactors: versioned, bounded, checked when read. */
MUST_CHECK enum err event_to_wire(const struct event *event, struct buf *out);
MUST_CHECK enum err event_from_wire(struct str wire, struct event **event_out); /* ERR_FIELD */
