#include "db/inbox.h"
#include "base/clock.h"
#include "db/batch.h"
#include "db/device_passed.h"
#include "db/device_slots.h"
#include "db/stmt.h"

static const int64_t inbox_seen_ms = 3600 * 1000; /* last_seen is kept to the hour */

/* ---- one page of rows ---- */

struct inbox_slice {
    struct str user_id;
    uint32_t slot, epoch;
    uint64_t after_seq;
    size_t limit;
    struct inbox_row *rows;
    size_t row_count;
    bool more;
};

static void inbox_copy_row(struct arena *arena, const struct rows *rows, uint32_t epoch,
                           struct inbox_row *row)
{
    row->epoch = epoch;
    row->seq = rows_u64(rows, 0);
    row->kind = (enum inbox_kind)rows_u64(rows, 1);
    row->message_id = arena_str(arena, rows_str(rows, 2));
    row->peer_id = arena_str(arena, rows_str(rows, 3));
    row->peer_device = arena_str(arena, rows_str(rows, 4));
    row->group_id = arena_str(arena, rows_str(rows, 5));
    row->group_seq = rows_u64(rows, 6);
    row->content = arena_str(arena, rows_str(rows, 7));
    row->attachments = arena_str(arena, rows_str(rows, 8));
    row->created_at_ms = (int64_t)rows_u64(rows, 9);
}

/* One row more than asked tells whether there are more. */
static enum err inbox_read(struct conn *conn, struct arena *arena, struct inbox_slice *slice)
{
    struct value values[] = {value_str(slice->user_id), value_int((int64_t)slice->after_seq),
                             value_int(BIT(slice->slot)), value_int((int64_t)slice->limit + 1)};
    struct rows rows;
    slice->row_count = 0;
    slice->more = false;
    enum err err = stmt_run(conn, STMT_INBOX_PAGE, values, ARRAY_LEN(values), &rows);
    if (err == OK) slice->rows = ARENA_ARRAY(arena, struct inbox_row, rows_count(&rows));
    while (err == OK && rows_next(&rows)) {
        slice->more = slice->row_count == slice->limit;
        if (slice->more) break;
        inbox_copy_row(arena, &rows, slice->epoch, &slice->rows[slice->row_count++]);
    }
    rows_done(&rows);
    return err;
}

static enum err inbox_page_run(struct conn *conn, struct db_op *op)
{
    struct inbox_page *page = container_of(op, struct inbox_page, op);
    struct value user = value_str(page->user_id);
    struct rows rows;
    /* The position before the page: everything up to it is committed, so the page holds it. */
    enum err err = stmt_run(conn, STMT_USER_POSITION, &user, 1, &rows);
    if (err == OK && !rows_next(&rows)) err = ERR_UNKNOWN_USER;
    if (err == OK) {
        page->epoch_out = (uint32_t)rows_u64(&rows, 0);
        page->newest_seq_out = rows_u64(&rows, 1) - 1;
    }
    rows_done(&rows);
    if (err != OK) return err;
    struct inbox_slice slice = {.user_id = page->user_id,
                                .slot = page->slot,
                                .epoch = page->epoch_out,
                                .after_seq = page->after_seq,
                                .limit = page->limit};
    err = inbox_read(conn, &op->results, &slice);
    page->rows_out = slice.rows;
    page->row_count_out = slice.row_count;
    page->more_out = slice.more;
    return err;
}

const struct op_kind INBOX_PAGE = {.name = "inbox_page", .run = inbox_page_run};

/* ---- DEVICE_OPEN ---- */

static enum inbox_reset device_open_reset(const struct device_open *open)
{
    if (open->cursor == CURSOR_NONE) return RESET_NONE;
    if (open->cursor == CURSOR_UNKNOWN) return RESET_UNKNOWN_CURSOR;
    if (open->epoch != open->epoch_out) return RESET_EPOCH;
    return open->seq > open->newest_seq_out ? RESET_UNKNOWN_CURSOR : RESET_NONE;
}

/* Passing a cursor confirms receipts, expiries and group changes at or before it. */
static enum err device_open_confirm(struct conn *conn, const struct device_open *open)
{
    return device_passed_confirm(conn, &(struct device_passed){.user_id = open->user_id,
                                                               .device_id = open->device_id,
                                                               .slot = open->slot_out,
                                                               .known_seq = open->passed_seq,
                                                               .seq = open->seq});
}

/* With slot, epoch and newest seq known: what the cursor means, and the first page. */
static enum err device_open_read(struct conn *conn, struct device_open *open)
{
    enum err err = OK;
    open->reset_out = device_open_reset(open);
    bool has_cursor = open->cursor == CURSOR_AT && open->reset_out == RESET_NONE;
    if (has_cursor) err = device_open_confirm(conn, open);
    struct inbox_slice slice = {.user_id = open->user_id,
                                .slot = open->slot_out,
                                .epoch = open->epoch_out,
                                .after_seq = has_cursor ? open->seq : 0,
                                .limit = open->limit};
    if (err == OK) err = inbox_read(conn, &open->op.results, &slice);
    if (err != OK) return err;
    open->rows_out = slice.rows;
    open->row_count_out = slice.row_count;
    open->more_out = slice.more;
    if (has_cursor)
        open->after_seq_out = open->seq;
    else
        open->after_seq_out = slice.row_count > 0 ? slice.rows[0].seq - 1 : open->newest_seq_out;
    return OK;
}

static enum err device_open_touch(struct conn *conn, const struct device_open *open,
                                  int64_t last_seen_ms)
{
    int64_t now_ms = clock_wall_ms();
    if (now_ms - last_seen_ms < inbox_seen_ms) return OK;
    struct value values[] = {value_int(now_ms), value_str(open->user_id),
                             value_str(open->device_id)};
    return stmt_run(conn, STMT_DEVICE_SEEN, values, ARRAY_LEN(values), NULL);
}

static enum err device_open_run(struct conn *conn, struct db_op *op)
{
    struct device_open *open = container_of(op, struct device_open, op);
    struct value values[] = {value_str(open->device_id), value_str(open->user_id)};
    struct rows rows;
    int64_t last_seen_ms = 0;
    enum err err = stmt_run(conn, STMT_DEVICE_OPEN, values, ARRAY_LEN(values), &rows);
    if (err == OK && !rows_next(&rows)) err = ERR_UNKNOWN_USER;
    if (err == OK) {
        op->wants_batch = rows_is_null(&rows, 2);
        open->epoch_out = (uint32_t)rows_u64(&rows, 0);
        open->newest_seq_out = rows_u64(&rows, 1) - 1;
        open->slot_out = (uint32_t)rows_u64(&rows, 2);
        last_seen_ms = (int64_t)rows_u64(&rows, 3);
        open->passed_seq = rows_u64(&rows, 4);
    }
    rows_done(&rows);
    if (err != OK || op->wants_batch) return err;
    err = device_open_touch(conn, open, last_seen_ms);
    return err == OK ? device_open_read(conn, open) : err;
}

static enum err device_open_register(struct conn *conn, struct device_open *open)
{
    struct device_slot slot;
    enum err err = device_slots_take(conn, open->user_id, open->device_id, &slot);
    if (device_slots_is_refusal(err)) {
        open->op.err = err;
        return OK;
    }
    if (err != OK) return err;
    open->slot_out = slot.slot;
    open->epoch_out = slot.epoch;
    open->newest_seq_out = slot.next_seq - 1;
    open->passed_seq = 0;
    return device_open_read(conn, open);
}

static enum err device_open_prepare(struct batch *batch, struct db_op **ops, size_t op_count)
{
    enum err err = OK;
    for (size_t i = 0; i < op_count && err == OK; i++)
        err = device_open_register(batch->conn, container_of(ops[i], struct device_open, op));
    return err;
}

const struct op_kind DEVICE_OPEN = {
    .name = "device_open",
    .run = device_open_run,
    .prepare = device_open_prepare,
};
