#include "db/messages.h"
#include "base/map.h"
#include "db/batch.h"
#include "db/recent.h"

/* What prepare leaves for conclude, in the batch's arena. */
struct message_work {
    struct map_link link;
    struct delivery *delivery; /* NULL: answered already, or it waits for the next batch */
};

static void message_add_answer(struct message_add *add, const uint8_t *fingerprint,
                               int64_t created_at_ms, uint64_t seq, uint32_t epoch)
{
    if (memcmp(fingerprint, add->fingerprint, FINGERPRINT_LEN) != 0) {
        add->op.err = ERR_KEY_REUSED;
        return;
    }
    /* What our own try may have written before its COMMIT was cut off is no replay: nobody has been
     * told. */
    add->is_replay_out = !add->op.is_uncertain;
    add->created_at_ms_out = created_at_ms;
    add->seq_out = seq;
    add->epoch_out = epoch;
}

static struct delivery *message_add_deliver(struct batch *batch, struct message_add *add)
{
    struct delivery *delivery = batch_deliver(batch, add->recipient_id);
    delivery->row = (struct inbox_row){
        .kind = INBOX_MESSAGE,
        .message_id = add->message_id,
        .peer_id = add->sender_id,
        .peer_device = add->sender_device,
        .content = add->content,
        .attachments = add->attachments,
        .created_at_ms = add->created_at_ms,
    };
    delivery->has_identity = true;
    delivery->is_first_try = !add->is_numbered && !add->op.is_check_first;
    delivery->sender_id = add->sender_id;
    delivery->fingerprint = add->fingerprint;
    return delivery;
}

static enum err message_add_prepare(struct batch *batch, struct db_op **ops, size_t op_count)
{
    struct message_work *work = ARENA_ARRAY(&batch->arena, struct message_work, op_count);
    struct map in_batch;
    map_init(&in_batch);
    for (size_t i = 0; i < op_count; i++) {
        struct message_add *add = container_of(ops[i], struct message_add, op);
        const struct recent_message *earlier =
            add->is_numbered ? recent_find(batch->recent, add->message_id) : NULL;
        add->work = &work[i];
        add->is_replay_out = false;
        if (earlier) {
            message_add_answer(add, earlier->fingerprint, earlier->created_at_ms, earlier->seq,
                               earlier->epoch);
        } else if (map_find(&in_batch, add->message_id)) {
            add->op.goes_on = true; /* a retry beside its first: the next batch finds that one */
            add->op.is_check_first = true;
        } else {
            map_insert(&in_batch, &work[i].link, add->message_id);
            work[i].delivery = message_add_deliver(batch, add);
        }
    }
    map_done(&in_batch);
    return OK;
}

static enum err message_add_conclude(struct batch *batch, struct db_op **ops, size_t op_count)
{
    (void)batch;
    for (size_t i = 0; i < op_count; i++) {
        struct message_add *add = container_of(ops[i], struct message_add, op);
        const struct delivery *delivery = add->work->delivery;
        if (!delivery) continue;
        if (delivery->is_unknown)
            add->op.err = ERR_UNKNOWN_USER;
        else if (delivery->is_repeat)
            message_add_answer(add, delivery->fingerprint_seen, delivery->row.created_at_ms,
                               delivery->row.seq, delivery->row.epoch);
        else {
            add->created_at_ms_out = add->created_at_ms;
            add->seq_out = delivery->row.seq;
            add->epoch_out = delivery->row.epoch;
        }
    }
    return OK;
}

static void message_add_committed(struct batch *batch, struct db_op **ops, size_t op_count)
{
    for (size_t i = 0; i < op_count; i++) {
        const struct message_add *add = container_of(ops[i], struct message_add, op);
        const struct delivery *delivery = add->work->delivery;
        if (!add->is_numbered || !delivery || add->op.err != OK) continue;
        struct recent_message message = {
            .created_at_ms = add->created_at_ms_out, .seq = add->seq_out, .epoch = add->epoch_out};
        memcpy(message.message_id, add->message_id.ptr, UUID_LEN);
        memcpy(message.fingerprint, add->fingerprint, FINGERPRINT_LEN);
        recent_add(batch->recent, &message);
    }
}

const struct op_kind MESSAGE_ADD = {
    .name = "message_add",
    .prepare = message_add_prepare,
    .conclude = message_add_conclude,
    .committed = message_add_committed,
};
