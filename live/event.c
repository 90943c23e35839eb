/* The wire form: a fixed head, the message id, the SSE block.
 *   0 'E'   1 version   2 flags   3 length of the message id (0 or 36)
 *   4 epoch (4)   8 seq (8)   16 json_at (4)   20 json_len (4)   24 message id, then the block */
#include "live/event.h"
#include "base/memory.h"
#include "live/wire.h"
#include <stdlib.h>

enum { EVENT_HEAD_LEN = 24, EVENT_FLAG_MESSAGE = 1, EVENT_ID_LEN = 36 };

struct event *event_new(const struct event_parts *parts)
{
    assert(parts->sse.len <= EVENT_LEN_MAX);
    assert(parts->message_id.len == 0 || parts->message_id.len == EVENT_ID_LEN);
    assert(parts->json.ptr >= parts->sse.ptr);
    assert(parts->json.ptr + parts->json.len <= parts->sse.ptr + parts->sse.len);

    /* Not zeroed: the block is most of it, and it is copied over the whole length. */
    struct event *event = memory_resize(NULL, sizeof(*event) + parts->sse.len);
    *event = (struct event){
        .holds = 1,
        .epoch = parts->epoch,
        .seq = parts->seq,
        .is_message = parts->is_message,
        .len = (uint32_t)parts->sse.len,
        .json_at = (uint32_t)(parts->json.ptr - parts->sse.ptr),
        .json_len = (uint32_t)parts->json.len,
    };
    if (parts->message_id.len > 0)
        memcpy(event->message_id, parts->message_id.ptr, parts->message_id.len);
    if (parts->sse.len > 0) memcpy(event->bytes, parts->sse.ptr, parts->sse.len);
    return event;
}

struct event *event_hold(struct event *event)
{
    assert(event->holds > 0);
    event->holds++;
    return event;
}

void event_release(struct event *event)
{
    if (!event) return;
    assert(event->holds > 0);
    if (--event->holds == 0) free(event);
}

enum err event_to_wire(const struct event *event, struct buf *out)
{
    struct str message_id = str_from_c(event->message_id);
    char head[EVENT_HEAD_LEN] = {WIRE_EVENT, WIRE_VERSION,
                                 event->is_message ? EVENT_FLAG_MESSAGE : 0, (char)message_id.len};
    wire_put(head + 4, event->epoch, 4);
    wire_put(head + 8, event->seq, 8);
    wire_put(head + 16, event->json_at, 4);
    wire_put(head + 20, event->json_len, 4);

    enum err err = buf_reserve(out, EVENT_HEAD_LEN + message_id.len + event->len);
    if (err == OK) err = buf_add(out, str_of(head, EVENT_HEAD_LEN));
    if (err == OK) err = buf_add(out, message_id);
    if (err == OK) err = buf_add(out, event_sse(event));
    return err;
}

enum err event_from_wire(struct str wire, struct event **event_out)
{
    if (wire.len < EVENT_HEAD_LEN) return ERR_FIELD;
    if (wire.ptr[0] != WIRE_EVENT || wire.ptr[1] != WIRE_VERSION) return ERR_FIELD;
    if (wire.ptr[2] & ~EVENT_FLAG_MESSAGE) return ERR_FIELD;
    size_t id_len = (unsigned char)wire.ptr[3];
    if (id_len != 0 && id_len != EVENT_ID_LEN) return ERR_FIELD;

    struct str message_id = str_of(wire.ptr + EVENT_HEAD_LEN, id_len);
    if (wire.len - EVENT_HEAD_LEN < id_len) return ERR_FIELD;
    if (id_len > 0 && memchr(message_id.ptr, '\0', id_len)) return ERR_FIELD;
    struct str sse = str_from(wire, EVENT_HEAD_LEN + id_len);
    if (sse.len == 0 || sse.len > EVENT_LEN_MAX) return ERR_FIELD;

    uint64_t seq = wire_get(wire.ptr + 8, 8);
    size_t json_at = wire_get(wire.ptr + 16, 4), json_len = wire_get(wire.ptr + 20, 4);
    if (seq == 0) return ERR_FIELD;
    if (json_at > sse.len || json_len > sse.len - json_at) return ERR_FIELD;
    *event_out = event_new(&(struct event_parts){
        .epoch = (uint32_t)wire_get(wire.ptr + 4, 4),
        .seq = seq,
        .is_message = wire.ptr[2] & EVENT_FLAG_MESSAGE,
        .message_id = message_id,
        .sse = sse,
        .json = str_of(sse.ptr + json_at, json_len),
    });
    return OK;
}
