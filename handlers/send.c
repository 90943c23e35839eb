/* POST send: the documented REST payload and the documented frame, which are one object. To one
 * user: one transaction in the recipient's shard. To a group: one in the group's, with a job that
 * fans it out. */
#include "api/frame.h"
#include "api/reply.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/utf8.h"
#include "db/groups.h"
#include "db/messages.h"
#include "handlers/app.h"
#include "handlers/attachments.h"
#include "handlers/fields.h"
#include "handlers/outbox.h"
#include "handlers/resources.h"
#include "handlers/send_key.h"

enum { CONTENT_POINTS_MAX = 1000 };

struct send {
    struct exchange *ex;
    struct str user_id;               /* as the body says it; the caller, or absent */
    struct str receiver_id, group_id; /* exactly one */
    struct str content, attachments;
    struct send_key echo; /* message_id_by_client: comes back as it came */
    struct send_key key;  /* what the id is derived from */
    struct uuid message_id;
    union { /* one db op, by where it goes */
        struct message_add direct;
        struct group_send group;
    } add;
};

static void send_reply(struct send *send, bool is_replay, int64_t created_at_ms)
{
    struct exchange *ex = send->ex;
    if (is_replay) {
        reply_field(ex, STR("Idempotency-Replayed"), STR("true"));
        metrics_add(METRIC_REPLAYS, 1);
    }
    struct json_out *out = reply_json_begin(ex);
    json_out_object(out, NULL);
    json_out_str(out, "status", STR("success"));
    json_out_str(out, "action", STR("message_received"));
    json_out_str(out, "message_id", uuid_str(&send->message_id));
    if (send->echo.kind == SEND_KEY_INTEGER)
        json_out_int(out, "message_id_by_client", send->echo.integer);
    if (send->echo.kind == SEND_KEY_STRING)
        json_out_str(out, "message_id_by_client", send->echo.string);
    json_out_int(out, "timestamp", created_at_ms / 1000);
    json_out_int(out, "timestamp_ms", created_at_ms);
    json_out_close_object(out);
    reply_json(ex, 201);
    metrics_observe(METRIC_SEND_TIME, clock_mono_us() - ex->started_us);
}

static void send_publish(struct send *send)
{
    const struct message_add *add = &send->add.direct;
    struct inbox_row row = {
        .kind = INBOX_MESSAGE,
        .epoch = add->epoch_out,
        .seq = add->seq_out,
        .message_id = add->message_id,
        .peer_id = add->sender_id,
        .peer_device = add->sender_device,
        .content = add->content,
        .attachments = add->attachments,
        .created_at_ms = add->created_at_ms_out,
    };
    struct event *event = frame_event(&row);
    hub_publish(send->ex->api->hub, add->recipient_id, event);
    event_release(event);
}

static void send_post_stored(struct db_op *op)
{
    struct send *send = container_of(op, struct send, add.direct.op);
    const struct message_add *add = &send->add.direct;
    struct exchange *ex = send->ex;
    if (op->err == ERR_UNKNOWN_USER) {
        reply_fault(ex, STR("/receiver_id"), "there is no such user");
        reply_error(ex, op->err);
    } else if (op->err != OK) {
        reply_error(ex, op->err);
    } else {
        send_reply(send, add->is_replay_out, add->created_at_ms_out);
        if (!add->is_replay_out) {
            metrics_add(METRIC_SENDS, 1);
            send_publish(send);
        }
    }
    exchange_release(ex);
}

static void send_post_group_stored(struct db_op *op)
{
    struct send *send = container_of(op, struct send, add.group.op);
    const struct group_send *add = &send->add.group;
    struct exchange *ex = send->ex;
    if (op->err != OK) {
        reply_error(ex, op->err);
    } else {
        send_reply(send, add->is_replay_out, add->created_at_ms_out);
        if (!add->is_replay_out) metrics_add(METRIC_GROUP_SENDS, 1);
        outbox_kick(ex, &add->outbox, add->group_id);
    }
    exchange_release(ex);
}

static void send_submit_direct(struct send *send)
{
    struct exchange *ex = send->ex;
    struct message_add *add = &send->add.direct;
    struct str parts[] = {send->content, send->attachments};
    app_op_init(ex, &add->op, &MESSAGE_ADD, send_post_stored);
    add->message_id = uuid_str(&send->message_id);
    add->is_numbered = send->key.kind != SEND_KEY_NONE;
    add->sender_id = ex->caller.user_id;
    add->sender_device = ex->caller.device_id;
    add->recipient_id = send->receiver_id;
    add->content = send->content;
    add->attachments = send->attachments;
    add->created_at_ms = clock_wall_ms();
    send_key_fingerprint(parts, ARRAY_LEN(parts), add->fingerprint);
    app_submit(ex, add->recipient_id, &add->op);
}

static void send_submit_group(struct send *send)
{
    struct exchange *ex = send->ex;
    struct group_send *add = &send->add.group;
    struct str parts[] = {send->content, send->attachments};
    app_op_init(ex, &add->op, &GROUP_SEND, send_post_group_stored);
    outbox_init(ex, &add->outbox);
    add->message_id = uuid_str(&send->message_id);
    add->is_numbered = send->key.kind != SEND_KEY_NONE;
    add->group_id = send->group_id;
    add->sender_id = ex->caller.user_id;
    add->sender_device = ex->caller.device_id;
    add->content = send->content;
    add->attachments = send->attachments;
    add->created_at_ms = clock_wall_ms();
    send_key_fingerprint(parts, ARRAY_LEN(parts), add->fingerprint);
    app_submit(ex, add->group_id, &add->op);
}

static void send_read_fields(struct send *send, const struct json *root)
{
    struct exchange *ex = send->ex;
    (void)field_constant(ex, root, "action", STR("send_message"));
    (void)field_str(ex, root, "userId", FIELD_OPTIONAL, 0, SIZE_MAX, &send->user_id);
    bool has_receiver = field_id(ex, root, "receiver_id", FIELD_OPTIONAL, &send->receiver_id);
    bool has_group = field_uuid(ex, root, "groupId", FIELD_OPTIONAL, &send->group_id);
    if (has_receiver && has_group && !send->receiver_id.ptr == !send->group_id.ptr)
        reply_fault(ex, STR("/receiver_id"), "exactly one of receiver_id and groupId is required");
    (void)field_str(ex, root, "content", FIELD_REQUIRED, 1, SIZE_MAX, &send->content);
    attachments_read(ex, root, &send->attachments);
    send_key_from_body(ex, root, &send->echo);
    send->key = send->echo;
    send_key_from_header(ex, &send->key);
    (void)field_ignored_scalar(ex, root, "timestamp");
    (void)field_ignored_scalar(ex, root, "crratedat");
    (void)field_ignored_scalar(ex, root, "createdAt");
}

/* What is well-formed and still refused. True: an answer was given. */
static bool send_is_refused(struct send *send)
{
    struct exchange *ex = send->ex;
    if (utf8_count(send->content) > CONTENT_POINTS_MAX) {
        reply_fault(ex, STR("/content"), "is longer than 1000 characters");
        reply_error_detail(ex, ERR_TOO_LARGE, STR("content may have 1000 characters"));
        return true;
    }
    if (send->attachments.len > ATTACHMENTS_LEN_MAX) {
        reply_fault(ex, STR("/attachments"), "are longer than 4096 bytes");
        reply_error_detail(ex, ERR_TOO_LARGE, STR("attachments may take 4096 bytes in all"));
        return true;
    }
    if (send->user_id.ptr && !str_equal(send->user_id, ex->caller.user_id)) {
        reply_fault(ex, STR("/userId"), "is not the caller");
        reply_error(ex, ERR_FORBIDDEN);
        return true;
    }
    return false;
}

void send_post(struct exchange *ex)
{
    struct json *root = fields_parse(ex);
    if (!root) return;
    struct send *send = ARENA_NEW(&ex->arena, struct send);
    send->ex = ex;
    send_read_fields(send, root);
    if (!fields_are_good(ex, root) || send_is_refused(send)) return;

    bool is_group = send->group_id.ptr != NULL;
    send->message_id = send_key_id(ex, &send->key, is_group ? STR("group") : STR("direct"),
                                   is_group ? send->group_id : send->receiver_id);
    if (is_group)
        send_submit_group(send);
    else
        send_submit_direct(send);
}
