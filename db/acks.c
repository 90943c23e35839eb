/* Acks, all of a batch together. Rows are read and locked once, each op takes its device's bit off
 * those it confirms, and what has changed is written by few statements:
 *
 *   positions   (user, device) -> slot, epoch, next_seq: one SELECT; missing devices are made
 *   rows        by message ids, one SELECT for all; up to cursors, one for all short inboxes and
 *               one for each long one
 *   receipts    deliveries to the senders, at the first device's confirmation
 *   changes     one DELETE for rows that nobody waits for, one UPDATE for each other mask
 *
 * A batch has a budget of rows: an op that does not fit in, or has more of them, goes on. */
#include "db/acks.h"
#include "base/map.h"
#include "db/batch.h"
#include "db/device_passed.h"
#include "db/device_slots.h"
#include "db/stmt.h"

enum { ACK_SLICE = 1000, ACK_RANGE_ROWS = 500, ACK_SHORT_ROWS = 8, ACK_BATCH_ROWS = 8000 };

struct ack_row { /* an inbox row under the batch's lock */
    struct map_link by_seq, by_id;
    struct ack_row *next;
    struct str user_id, message_id, peer_id, group_id;
    uint64_t seq;
    enum inbox_kind kind;
    uint32_t pending, pending_was;
};
struct ack_receipt {
    struct ack_receipt *next;
    struct delivery *delivery;
};
struct ack_work { /* of one op */
    struct map_link link;
    struct ack_add *add;
    struct device_slot slot;
    bool has_slot;
    bool is_read;        /* ACK_UP_TO: all rows of the user were read with the others' */
    size_t acknowledged; /* in this batch */
    struct ack_receipt *receipts, **receipts_end;
    size_t receipt_count;
};
struct ack_batch {
    struct batch *batch;
    struct ack_work *works;
    size_t work_count;
    struct map by_seq, by_id; /* of rows: "user/seq", "user/message id" */
    struct ack_row *rows;
    struct ack_row **of_users; /* of those whose inboxes were read whole; by user, then seq */
    size_t of_users_count;
    size_t budget; /* rows that may still be read */
};

/* "user/rest": what tells rows and devices of one user apart. */
static struct str ack_key(struct arena *arena, struct str user_id, struct str rest)
{
    char *key = arena_alloc(arena, user_id.len + 1 + rest.len);
    memcpy(key, user_id.ptr, user_id.len);
    key[user_id.len] = '/';
    memcpy(key + user_id.len + 1, rest.ptr, rest.len);
    return str_of(key, user_id.len + 1 + rest.len);
}

/* ---- where each device stands ---- */

/* Ops of one device share a key; the first one of them stands in the map. */
static void ack_index_devices(struct ack_batch *acks, struct map *by_device, struct value *values,
                              size_t *value_count)
{
    struct arena *arena = &acks->batch->arena;
    for (size_t i = 0; i < acks->work_count; i++) {
        struct ack_work *work = &acks->works[i];
        struct str key = ack_key(arena, work->add->user_id, work->add->device_id);
        if (map_find(by_device, key)) continue;
        map_insert(by_device, &work->link, key);
        values[(*value_count)++] = value_str(work->add->user_id);
        values[(*value_count)++] = value_str(work->add->device_id);
    }
}

static enum err ack_read_slots(struct ack_batch *acks, const struct map *by_device,
                               const struct value *values, size_t value_count)
{
    struct rows rows;
    enum err err = stmt_run(acks->batch->conn, STMT_DEVICES_POSITIONS, values, value_count, &rows);
    while (err == OK && rows_next(&rows)) {
        struct str key = ack_key(&acks->batch->arena, rows_str(&rows, 0), rows_str(&rows, 1));
        struct map_link *link = map_find(by_device, key);
        if (!link) continue;
        struct ack_work *work = container_of(link, struct ack_work, link);
        work->slot = (struct device_slot){.slot = (uint32_t)rows_u64(&rows, 2),
                                          .epoch = (uint32_t)rows_u64(&rows, 3),
                                          .next_seq = rows_u64(&rows, 4),
                                          .passed_seq = rows_u64(&rows, 5)};
        work->has_slot = true;
    }
    rows_done(&rows);
    return err;
}

/* A device's first call was this ack: it comes into being. */
static enum err ack_make_device(struct ack_batch *acks, struct ack_work *work)
{
    const struct ack_add *add = work->add;
    enum err err = device_slots_take(acks->batch->conn, add->user_id, add->device_id, &work->slot);
    work->has_slot = err == OK;
    if (!device_slots_is_refusal(err)) return err;
    work->add->op.err = err;
    return OK;
}

static enum err ack_find_slots(struct ack_batch *acks)
{
    struct arena *arena = &acks->batch->arena;
    struct value *values = ARENA_ARRAY(arena, struct value, 2 * acks->work_count);
    size_t value_count = 0;
    struct map by_device;
    map_init(&by_device);
    ack_index_devices(acks, &by_device, values, &value_count);
    enum err err = ack_read_slots(acks, &by_device, values, value_count);
    for (size_t i = 0; i < acks->work_count && err == OK; i++) {
        struct ack_work *work = &acks->works[i];
        struct str key = ack_key(arena, work->add->user_id, work->add->device_id);
        struct ack_work *first = container_of(map_find(&by_device, key), struct ack_work, link);
        if (!first->has_slot && first->add->op.err == OK) err = ack_make_device(acks, first);
        work->slot = first->slot;
        work->has_slot = first->has_slot;
        if (!work->has_slot) work->add->op.err = first->add->op.err;
    }
    map_done(&by_device);
    return err;
}

static void ack_check_cursor(struct ack_work *work)
{
    const struct ack_add *add = work->add;
    if (add->form == ACK_IDS || add->op.err != OK) return;
    if (add->epoch != work->slot.epoch || add->seq >= work->slot.next_seq)
        work->add->op.err = ERR_CURSOR;
}

/* ---- rows ---- */

/* Columns as in STMT_INBOX_BY_IDS and STMT_INBOX_UP_TO. A row read before is the one we have. */
static struct ack_row *ack_take_row(struct ack_batch *acks, const struct rows *rows)
{
    struct arena *arena = &acks->batch->arena;
    struct str key = ack_key(arena, rows_str(rows, 0), rows_str(rows, 1));
    struct map_link *link = map_find(&acks->by_seq, key);
    if (link) return container_of(link, struct ack_row, by_seq);

    struct ack_row *row = ARENA_NEW(arena, struct ack_row);
    row->user_id = arena_str(arena, rows_str(rows, 0));
    row->seq = rows_u64(rows, 1);
    row->kind = (enum inbox_kind)rows_u64(rows, 2);
    row->pending = row->pending_was = (uint32_t)rows_u64(rows, 3);
    row->message_id = arena_str(arena, rows_str(rows, 4));
    row->peer_id = arena_str(arena, rows_str(rows, 5));
    row->group_id = arena_str(arena, rows_str(rows, 6));
    row->next = acks->rows;
    acks->rows = row;
    map_insert(&acks->by_seq, &row->by_seq, key);
    if (row->kind == INBOX_MESSAGE)
        map_insert(&acks->by_id, &row->by_id, ack_key(arena, row->user_id, row->message_id));
    return row;
}

static enum err ack_read_rows(struct ack_batch *acks, enum stmt stmt, const struct value *values,
                              size_t value_count)
{
    struct rows rows;
    enum err err = stmt_run(acks->batch->conn, stmt, values, value_count, &rows);
    while (err == OK && rows_next(&rows))
        (void)ack_take_row(acks, &rows);
    rows_done(&rows);
    return err;
}

/* False: the budget is used up, the op waits for the next batch. The first one always fits in. */
static bool ack_fits(struct ack_batch *acks, struct ack_work *work, size_t row_count)
{
    bool fits = row_count <= acks->budget || acks->budget == ACK_BATCH_ROWS;
    work->add->op.goes_on = !fits;
    if (fits) acks->budget -= MIN(row_count, acks->budget);
    return fits;
}

/* The rows behind all message ids of the batch. */
static enum err ack_read_ids(struct ack_batch *acks)
{
    struct value *values = ARENA_ARRAY(&acks->batch->arena, struct value, 2 * ACK_SLICE);
    size_t count = 0;
    enum err err = OK;
    for (size_t i = 0; i < acks->work_count; i++) {
        const struct ack_add *add = acks->works[i].add;
        bool takes_part = add->form == ACK_IDS && add->op.err == OK &&
                          ack_fits(acks, &acks->works[i], add->message_id_count);
        for (size_t k = 0; takes_part && k < add->message_id_count && err == OK; k++) {
            values[2 * count] = value_str(add->user_id);
            values[2 * count + 1] = value_str(add->message_ids[k]);
            if (++count < ACK_SLICE) continue;
            err = ack_read_rows(acks, STMT_INBOX_BY_IDS, values, 2 * count);
            count = 0;
        }
    }
    if (err == OK && count > 0) err = ack_read_rows(acks, STMT_INBOX_BY_IDS, values, 2 * count);
    return err;
}

static size_t ack_list_ranges(struct ack_batch *acks, struct value *values)
{
    size_t count = 0;
    for (size_t i = 0; i < acks->work_count; i++) {
        const struct ack_add *add = acks->works[i].add;
        if (add->form == ACK_UP_TO && add->op.err == OK) values[count++] = value_str(add->user_id);
    }
    return count;
}

/* Reads the inboxes of all that confirm up to a cursor, a few rows each on the average. Whoever's
 * do not fit are left to a SELECT of their own. */
static enum err ack_read_ranges(struct ack_batch *acks)
{
    struct value *values = ARENA_ARRAY(&acks->batch->arena, struct value, acks->work_count + 1);
    size_t count = ack_list_ranges(acks, values), limit = ACK_SHORT_ROWS * count;
    struct rows rows;
    if (count < 2) return OK;
    acks->budget -= MIN(limit, acks->budget);
    values[count] = value_int((int64_t)limit);
    enum err err = stmt_run(acks->batch->conn, STMT_INBOX_OF_USERS, values, count + 1, &rows);
    if (err == OK)
        acks->of_users = ARENA_ARRAY(&acks->batch->arena, struct ack_row *, rows_count(&rows));
    while (err == OK && rows_next(&rows))
        acks->of_users[acks->of_users_count++] = ack_take_row(acks, &rows);
    rows_done(&rows);
    bool is_cut = acks->of_users_count == limit;
    for (size_t i = 0; i < acks->work_count && err == OK; i++) {
        struct str user_id = acks->works[i].add->user_id;
        acks->works[i].is_read =
            !is_cut || str_compare(user_id, acks->of_users[limit - 1]->user_id) < 0;
    }
    return err;
}

/* ---- confirming ---- */

static void ack_add_receipt(struct ack_batch *acks, struct ack_work *work,
                            const struct ack_row *row)
{
    struct ack_receipt *receipt = ARENA_NEW(&acks->batch->arena, struct ack_receipt);
    struct delivery *delivery = batch_deliver(acks->batch, row->peer_id);
    delivery->row = (struct inbox_row){
        .kind = INBOX_RECEIPT,
        .message_id = row->message_id,
        .peer_id = work->add->user_id,
        .group_id = row->group_id,
        .created_at_ms = work->add->now_ms,
    };
    receipt->delivery = delivery;
    *work->receipts_end = receipt;
    work->receipts_end = &receipt->next;
    work->receipt_count++;
}

static void ack_confirm(struct ack_batch *acks, struct ack_work *work, struct ack_row *row)
{
    uint32_t bit = BIT(work->slot.slot);
    if (!(row->pending & bit)) return;
    row->pending &= ~bit;
    if (row->kind != INBOX_MESSAGE) return;
    work->acknowledged++;
    if (!(row->pending & PENDING_RECEIPT)) return;
    row->pending &= ~PENDING_RECEIPT; /* the first device to confirm: the sender is told */
    ack_add_receipt(acks, work, row);
}

static void ack_confirm_ids(struct ack_batch *acks, struct ack_work *work)
{
    const struct ack_add *add = work->add;
    for (size_t k = 0; k < add->message_id_count && !add->op.goes_on; k++) {
        struct str key = ack_key(&acks->batch->arena, add->user_id, add->message_ids[k]);
        struct map_link *link = map_find(&acks->by_id, key);
        if (link) ack_confirm(acks, work, container_of(link, struct ack_row, by_id));
    }
}

/* Everything up to the cursor, out of what was read for all. */
static void ack_confirm_read(struct ack_batch *acks, struct ack_work *work)
{
    const struct ack_add *add = work->add;
    size_t low = 0, high = acks->of_users_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (str_compare(acks->of_users[middle]->user_id, add->user_id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < acks->of_users_count; low++) {
        struct ack_row *row = acks->of_users[low];
        if (!str_equal(row->user_id, add->user_id) || row->seq > add->seq) return;
        ack_confirm(acks, work, row);
    }
}

/* Everything up to the cursor, a slice in this batch; the op goes on if that was not all. */
static enum err ack_confirm_range(struct ack_batch *acks, struct ack_work *work)
{
    const struct ack_add *add = work->add;
    struct value values[] = {value_str(add->user_id), value_int((int64_t)add->seq),
                             value_int(BIT(work->slot.slot)), value_int(ACK_RANGE_ROWS)};
    struct rows rows;
    if (!ack_fits(acks, work, ACK_RANGE_ROWS)) return OK;
    enum err err = stmt_run(acks->batch->conn, STMT_INBOX_UP_TO, values, ARRAY_LEN(values), &rows);
    work->add->op.goes_on = rows_count(&rows) == ACK_RANGE_ROWS;
    while (err == OK && rows_next(&rows))
        ack_confirm(acks, work, ack_take_row(acks, &rows));
    rows_done(&rows);
    return err;
}

/* Receipts, expiries and group changes only: by range, without reading them. */
static enum err ack_confirm_passed(struct ack_batch *acks, const struct ack_work *work)
{
    const struct ack_add *add = work->add;
    return device_passed_confirm(acks->batch->conn,
                                 &(struct device_passed){.user_id = add->user_id,
                                                         .device_id = add->device_id,
                                                         .slot = work->slot.slot,
                                                         .known_seq = work->slot.passed_seq,
                                                         .seq = add->seq});
}

static enum err ack_confirm_op(struct ack_batch *acks, struct ack_work *work)
{
    if (work->add->op.err != OK) return OK;
    switch (work->add->form) {
    case ACK_IDS:
        ack_confirm_ids(acks, work);
        return OK;
    case ACK_UP_TO:
        if (!work->is_read) return ack_confirm_range(acks, work);
        ack_confirm_read(acks, work);
        return OK;
    case ACK_PASSED:
        return OK; /* after what the others change is written: it looks at the table alone */
    }
    return ERR_INTERNAL;
}

static void ack_init(struct ack_batch *acks, struct batch *batch, struct db_op **ops,
                     size_t op_count)
{
    *acks = (struct ack_batch){.batch = batch, .work_count = op_count, .budget = ACK_BATCH_ROWS};
    acks->works = ARENA_ARRAY(&batch->arena, struct ack_work, op_count);
    map_init(&acks->by_seq);
    map_init(&acks->by_id);
    for (size_t i = 0; i < op_count; i++) {
        struct ack_work *work = &acks->works[i];
        work->add = container_of(ops[i], struct ack_add, op);
        work->add->work = work;
        work->receipts_end = &work->receipts;
        if (ops[i]->has_gone_on) continue;
        work->add->kept_acknowledged = work->add->kept_receipt_count = 0;
        work->add->receipts_out = NULL; /* a redo's results are empty again */
        work->add->receipts_cap = 0;
    }
}

/* ---- what has changed ---- */

/* MariaDB 10.11 reads the whole table for a DELETE or UPDATE whose row-IN list has one pair, and
 * waits for every lock on its way; two pairs, even the same one twice, take the key. */
static size_t ack_pad_pairs(struct value *pairs, size_t count)
{
    if (count != 1) return count;
    pairs[2] = pairs[0];
    pairs[3] = pairs[1];
    return 2;
}

static enum err ack_write_masks(struct ack_batch *acks, struct value *values, uint32_t mask)
{
    size_t count = 0, head = mask == 0 ? 0 : 1; /* a DELETE has no mask to set */
    enum stmt stmt = mask == 0 ? STMT_INBOX_DELETE : STMT_INBOX_PENDING_PUT;
    enum err err = OK;
    values[0] = value_int(mask);
    for (struct ack_row *row = acks->rows; row && err == OK; row = row->next) {
        uint32_t left = row->pending & PENDING_DEVICES ? row->pending : 0;
        if (row->pending != row->pending_was && left == mask) {
            values[head + 2 * count] = value_str(row->user_id);
            values[head + 2 * count + 1] = value_int((int64_t)row->seq);
            count++;
        }
        if (count == 0 || (count < ACK_SLICE && row->next)) continue;
        count = ack_pad_pairs(values + head, count);
        err = stmt_run(acks->batch->conn, stmt, values, head + 2 * count, NULL);
        count = 0;
    }
    return err;
}

/* The next mask after `mask` that some changed row is left with; 0 if there is none. */
static uint32_t ack_next_mask(const struct ack_batch *acks, uint32_t mask)
{
    uint32_t next = 0;
    for (const struct ack_row *row = acks->rows; row; row = row->next) {
        bool is_left = row->pending != row->pending_was && row->pending & PENDING_DEVICES;
        if (is_left && row->pending > mask && (next == 0 || row->pending < next))
            next = row->pending;
    }
    return next;
}

static enum err ack_write_rows(struct ack_batch *acks)
{
    struct value *values = ARENA_ARRAY(&acks->batch->arena, struct value, 2 * ACK_SLICE + 1);
    enum err err = ack_write_masks(acks, values, 0);
    for (uint32_t mask = ack_next_mask(acks, 0); mask && err == OK;
         mask = ack_next_mask(acks, mask))
        err = ack_write_masks(acks, values, mask);
    return err;
}

static enum err ack_add_prepare(struct batch *batch, struct db_op **ops, size_t op_count)
{
    struct ack_batch acks;
    ack_init(&acks, batch, ops, op_count);
    enum err err = ack_find_slots(&acks);
    for (size_t i = 0; i < op_count; i++)
        ack_check_cursor(&acks.works[i]);
    if (err == OK) err = ack_read_ids(&acks);
    if (err == OK) err = ack_read_ranges(&acks);
    for (size_t i = 0; i < op_count && err == OK; i++)
        err = ack_confirm_op(&acks, &acks.works[i]);
    if (err == OK) err = ack_write_rows(&acks);
    for (size_t i = 0; i < op_count && err == OK; i++) {
        const struct ack_work *work = &acks.works[i];
        if (work->add->form == ACK_PASSED && work->add->op.err == OK)
            err = ack_confirm_passed(&acks, work);
    }
    map_done(&acks.by_seq);
    map_done(&acks.by_id);
    return err;
}

/* Room for so many receipts, with those of earlier batches in it. Doubles, so that an ack of many
 * batches copies each one a few times at most. */
static void ack_reserve_receipts(struct ack_add *add, size_t count)
{
    if (count <= add->receipts_cap) return;
    add->receipts_cap = MAX(count, 2 * add->receipts_cap);
    struct receipt_row *all = ARENA_ARRAY(&add->op.results, struct receipt_row, add->receipts_cap);
    if (add->kept_receipt_count > 0)
        memcpy(all, add->receipts_out, sizeof(*all) * add->kept_receipt_count);
    add->receipts_out = all;
}

/* Behind the receipts of earlier batches, this one's; they outlive the batch's arena. */
static void ack_fill_receipts(struct ack_add *add, const struct ack_work *work)
{
    struct arena *arena = &add->op.results;
    size_t count = add->kept_receipt_count;
    ack_reserve_receipts(add, count + work->receipt_count);
    for (const struct ack_receipt *receipt = work->receipts; receipt; receipt = receipt->next) {
        const struct delivery *delivery = receipt->delivery;
        if (delivery->is_unknown) continue; /* the sender was erased */
        struct receipt_row *out = &add->receipts_out[count++];
        out->user_id = arena_str(arena, delivery->user_id);
        out->row = delivery->row;
        out->row.message_id = arena_str(arena, delivery->row.message_id);
        out->row.group_id = arena_str(arena, delivery->row.group_id);
    }
    add->receipt_count_out = count;
}

static enum err ack_add_conclude(struct batch *batch, struct db_op **ops, size_t op_count)
{
    (void)batch;
    for (size_t i = 0; i < op_count; i++) {
        struct ack_add *add = container_of(ops[i], struct ack_add, op);
        add->acknowledged_out = add->kept_acknowledged + add->work->acknowledged;
        ack_fill_receipts(add, add->work);
    }
    return OK;
}

static void ack_add_committed(struct batch *batch, struct db_op **ops, size_t op_count)
{
    (void)batch;
    for (size_t i = 0; i < op_count; i++) {
        struct ack_add *add = container_of(ops[i], struct ack_add, op);
        if (!add->op.goes_on) continue;
        add->op.has_gone_on = true;
        add->kept_acknowledged = add->acknowledged_out;
        add->kept_receipt_count = add->receipt_count_out;
    }
}

const struct op_kind ACK_ADD = {
    .name = "ack_add",
    .prepare = ack_add_prepare,
    .conclude = ack_add_conclude,
    .committed = ack_add_committed,
};
