/* The fields of each frame stand in the order in which API.md lists them. */
#include "api/frame.h"
#include "api/cursor.h"
#include "base/clock.h"
#include <stdio.h>

enum { FRAME_PADDING_LEN = 2048, FRAME_USUAL_LEN = 768 };

static const char *frame_type(enum inbox_kind kind)
{
    switch (kind) {
    case INBOX_MESSAGE:
        return "incoming_message";
    case INBOX_RECEIPT:
        return "message_delivered";
    case INBOX_EXPIRY:
        return "message_expired";
    case INBOX_CHANGE:
        return "group_changed";
    }
    assert(!"a kind of the store's");
    return "";
}

static void frame_write_group(struct json_out *out, const struct inbox_row *row)
{
    if (str_is_empty(row->group_id)) return;
    json_out_str(out, "groupId", row->group_id);
    if (row->kind == INBOX_MESSAGE) json_out_int(out, "group_seq", (int64_t)row->group_seq);
}

static void frame_write_message(struct json_out *out, const struct inbox_row *row,
                                struct str cursor)
{
    json_out_str(out, "message_id", row->message_id);
    json_out_str(out, "sender_id", row->peer_id);
    json_out_str(out, "content", row->content);
    json_out_int(out, "timestamp", row->created_at_ms / 1000);
    json_out_int(out, "timestamp_ms", row->created_at_ms);
    if (!str_is_empty(row->peer_device)) json_out_str(out, "device_id", row->peer_device);
    json_out_str(out, "cursor", cursor);
    frame_write_group(out, row);
    if (!str_is_empty(row->attachments)) json_out_raw(out, "attachments", row->attachments);
}

static void frame_write_outcome(struct json_out *out, const struct inbox_row *row,
                                struct str cursor)
{
    json_out_str(out, "message_id", row->message_id);
    json_out_str(out, "receiver_id", row->peer_id);
    json_out_int(out, "timestamp", row->created_at_ms / 1000);
    json_out_str(out, "cursor", cursor);
    frame_write_group(out, row);
}

static void frame_write_change(struct json_out *out, const struct inbox_row *row, struct str cursor)
{
    json_out_str(out, "groupId", row->group_id);
    json_out_members(out, row->content);
    json_out_int(out, "timestamp", row->created_at_ms / 1000);
    json_out_str(out, "cursor", cursor);
}

static void frame_write_json(struct json_out *out, const struct inbox_row *row, struct str cursor)
{
    json_out_object(out, NULL);
    json_out_str(out, "type", str_from_c(frame_type(row->kind)));
    switch (row->kind) {
    case INBOX_MESSAGE:
        frame_write_message(out, row, cursor);
        break;
    case INBOX_RECEIPT:
    case INBOX_EXPIRY:
        frame_write_outcome(out, row, cursor);
        break;
    case INBOX_CHANGE:
        frame_write_change(out, row, cursor);
        break;
    }
    json_out_close_object(out);
}

enum err frame_write(const struct inbox_row *row, struct buf *sse, size_t *json_at_out,
                     size_t *json_len_out)
{
    size_t before = sse->len, json_at;
    struct cursor_text cursor = cursor_format(row->epoch, row->seq);
    struct json_out out;
    enum err err =
        buf_printf(sse, "id: %s\nevent: %s\ndata: ", cursor.bytes, frame_type(row->kind));
    if (err != OK) goto fail;
    json_at = sse->len;
    json_out_begin(&out, sse);
    frame_write_json(&out, row, str_of(cursor.bytes, cursor.len));
    err = json_out_end(&out);
    if (err != OK) goto fail;
    *json_len_out = sse->len - json_at;
    *json_at_out = json_at;
    err = buf_add(sse, STR("\n\n"));
    if (err != OK) goto fail;
    return OK;
fail:
    buf_truncate(sse, before); /* whole events only */
    return err;
}

struct event *frame_event(const struct inbox_row *row)
{
    struct buf sse;
    size_t json_at, json_len;
    buf_init(&sse, EVENT_LEN_MAX);
    enum err err = buf_reserve(&sse, FRAME_USUAL_LEN); /* one malloc instead of five */
    if (err == OK) err = frame_write(row, &sse, &json_at, &json_len);
    assert(err == OK); /* what the store takes is far below EVENT_LEN_MAX */
    struct event_parts parts = {
        .epoch = row->epoch,
        .seq = row->seq,
        .is_message = row->kind == INBOX_MESSAGE,
        .message_id = row->message_id,
        .sse = buf_str(&sse),
        .json = str_of(sse.bytes + json_at, json_len),
    };
    struct event *event = event_new(&parts);
    buf_done(&sse);
    return event;
}

/* The stream's own frames: an event without a cursor, in a buf whose room the owner has seen to. */
struct frame_own {
    struct json_out out;
    struct buf *sse;
};

static void frame_add(struct buf *sse, struct str s)
{
    enum err err = buf_add(sse, s);
    assert(err == OK);
}

static void frame_add_int(struct buf *sse, const char *lead, int64_t value)
{
    enum err err = buf_printf(sse, "%s%lld\n", lead, (long long)value);
    assert(err == OK);
}

static struct json_out *frame_open(struct frame_own *own, struct buf *sse, const char *type)
{
    own->sse = sse;
    frame_add(sse, STR("event: "));
    frame_add(sse, str_from_c(type));
    frame_add(sse, STR("\ndata: "));
    json_out_begin(&own->out, sse);
    json_out_object(&own->out, NULL);
    json_out_str(&own->out, "type", str_from_c(type));
    return &own->out;
}

static void frame_close(struct frame_own *own)
{
    json_out_close_object(&own->out);
    enum err err = json_out_end(&own->out);
    assert(err == OK);
    frame_add(own->sse, STR("\n\n"));
}

/* A comment that no proxy can take for little enough to keep back. */
static void frame_padding(struct buf *sse)
{
    char line[FRAME_PADDING_LEN + 1];
    memset(line, ' ', sizeof(line));
    line[0] = ':';
    line[FRAME_PADDING_LEN] = '\n';
    frame_add(sse, str_of(line, sizeof(line)));
}

void frame_opening(struct buf *sse, const struct frame_hello *hello)
{
    struct frame_own own;
    struct cursor_text cursor = cursor_format(hello->epoch, hello->seq);
    frame_padding(sse);
    frame_add_int(sse, "retry: ", hello->retry_ms);
    struct json_out *out = frame_open(&own, sse, "hello");
    json_out_str(out, "cursor", str_of(cursor.bytes, cursor.len));
    json_out_int(out, "heartbeat_s", hello->heartbeat_s);
    json_out_int(out, "lifetime_s", hello->lifetime_s);
    json_out_int(out, "server_time", clock_wall_ms() / 1000);
    frame_close(&own);
}

void frame_ping(struct buf *sse)
{
    struct frame_own own;
    json_out_int(frame_open(&own, sse, "ping"), "server_time", clock_wall_ms() / 1000);
    frame_close(&own);
}

void frame_reset(struct buf *sse, const char *reason)
{
    struct frame_own own;
    frame_add(sse, STR("id:\n")); /* an EventSource forgets the cursor that was no good */
    json_out_str(frame_open(&own, sse, "reset"), "reason", str_from_c(reason));
    frame_close(&own);
}

void frame_reset_json(struct json_out *out, const char *reason)
{
    json_out_object(out, NULL);
    json_out_str(out, "type", STR("reset"));
    json_out_str(out, "reason", str_from_c(reason));
    json_out_close_object(out);
}

void frame_reauth(struct buf *sse, int64_t expires_at_s)
{
    struct frame_own own;
    json_out_int(frame_open(&own, sse, "reauth"), "expires_at", expires_at_s);
    frame_close(&own);
}

void frame_bye(struct buf *sse, const char *reason, int64_t retry_ms)
{
    struct frame_own own;
    frame_add_int(sse, "retry: ", retry_ms);
    struct json_out *out = frame_open(&own, sse, "bye");
    json_out_str(out, "reason", str_from_c(reason));
    json_out_int(out, "retry_ms", retry_ms);
    frame_close(&own);
}
