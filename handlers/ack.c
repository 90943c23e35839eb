/* POST ack: a device confirms, by message ids or up to a cursor; senders get their receipts. */
#include "api/cursor.h"
#include "api/reply.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "db/acks.h"
#include "handlers/app.h"
#include "handlers/fields.h"
#include "handlers/receipts.h"
#include "handlers/resources.h"

struct ack {
    struct exchange *ex;
    struct ack_add add;
    bool is_cursor_bad;
    bool is_over; /* more ids than one ack may name */
};

static void ack_reply(struct exchange *ex, size_t acknowledged)
{
    struct json_out *out = reply_json_begin(ex);
    json_out_object(out, NULL);
    json_out_str(out, "status", STR("success"));
    json_out_int(out, "acknowledged", (int64_t)acknowledged);
    json_out_close_object(out);
    reply_json(ex, 200);
}

static void ack_post_stored(struct db_op *op)
{
    struct ack *ack = container_of(op, struct ack, add.op);
    struct exchange *ex = ack->ex;
    if (op->err == ERR_CURSOR) {
        reply_fault(ex, STR("/up_to"), "is not a cursor of this user");
        reply_error(ex, op->err);
    } else if (op->err != OK) {
        reply_error(ex, op->err);
    } else {
        ack_reply(ex, ack->add.acknowledged_out);
        metrics_add(METRIC_ACKED, (int64_t)ack->add.acknowledged_out);
        receipts_publish(ex->api->hub, &ack->add);
    }
    exchange_release(ex);
}

/* Ids that are no UUIDs name no message: unknown ids are no error. */
static void ack_add_id(struct ack *ack, struct str *ids, const struct json *item)
{
    struct uuid uuid;
    if (json_has_nul(item) || !uuid_parse(json_str(item), &uuid)) return;
    ids[ack->add.message_id_count++] = arena_str(&ack->ex->arena, uuid_str(&uuid));
}

static void ack_read_ids(struct ack *ack, const struct json *list)
{
    struct exchange *ex = ack->ex;
    if (json_kind(list) != JSON_ARRAY || json_count(list) == 0) {
        reply_fault(ex, STR("/message_ids"), "must be a list that is not empty");
        return;
    }
    ack->is_over = json_count(list) > ACK_IDS_MAX;
    if (ack->is_over) return;
    struct str *ids = ARENA_ARRAY(&ex->arena, struct str, json_count(list));
    size_t at = 0;
    for (const struct json *item = json_first(list); item; item = json_next(item), at++) {
        if (json_kind(item) == JSON_STRING)
            ack_add_id(ack, ids, item);
        else
            reply_fault(ex, arena_printf(&ex->arena, "/message_ids/%zu", at), "must be a string");
    }
    ack->add.message_ids = ids;
}

static void ack_read_id(struct ack *ack, const struct json *id)
{
    struct str *ids = ARENA_NEW(&ack->ex->arena, struct str);
    if (json_kind(id) == JSON_STRING)
        ack_add_id(ack, ids, id);
    else
        reply_fault(ack->ex, STR("/message_id"), "must be a string");
    ack->add.message_ids = ids;
}

static void ack_read_cursor(struct ack *ack, const struct json *cursor)
{
    ack->add.form = ACK_UP_TO;
    if (json_kind(cursor) != JSON_STRING) {
        reply_fault(ack->ex, STR("/up_to"), "must be a string");
        return;
    }
    ack->is_cursor_bad =
        json_has_nul(cursor) || !cursor_parse(json_str(cursor), &ack->add.epoch, &ack->add.seq);
}

static void ack_read_fields(struct ack *ack, const struct json *root)
{
    struct exchange *ex = ack->ex;
    const struct json *id = json_member(root, "message_id");
    const struct json *ids = json_member(root, "message_ids");
    const struct json *cursor = json_member(root, "up_to");
    (void)field_constant(ex, root, "type", STR("message_delivered"));
    (void)field_ignored_scalar(ex, root, "timestamp");
    ack->add.form = ACK_IDS;
    if ((id != NULL) + (ids != NULL) + (cursor != NULL) != 1)
        reply_fault(ex, STR(""), "exactly one of message_id, message_ids and up_to is required");
    else if (id)
        ack_read_id(ack, id);
    else if (ids)
        ack_read_ids(ack, ids);
    else
        ack_read_cursor(ack, cursor);
}

void ack_post(struct exchange *ex)
{
    struct json *root = fields_parse(ex);
    if (!root) return;
    struct ack *ack = ARENA_NEW(&ex->arena, struct ack);
    ack->ex = ex;
    ack_read_fields(ack, root);
    if (!fields_are_good(ex, root)) return;
    if (ack->is_over) {
        reply_error_detail(ex, ERR_TOO_LARGE, STR("one ack may name 1000 messages"));
        return;
    }
    if (ack->is_cursor_bad) {
        reply_fault(ex, STR("/up_to"), "is not a cursor");
        reply_error(ex, ERR_CURSOR);
        return;
    }
    if (ack->add.form == ACK_IDS && ack->add.message_id_count == 0) {
        ack_reply(ex, 0);
        return;
    }
    /* Only now, since it zeroes nothing that was read. */
    app_op_init(ex, &ack->add.op, &ACK_ADD, ack_post_stored);
    ack->add.user_id = ex->caller.user_id;
    ack->add.device_id = ex->caller.device_id;
    ack->add.now_ms = clock_wall_ms();
    app_submit(ex, ack->add.user_id, &ack->add.op);
}
