/* Moving groups' lines of jobs on. The copies, the mark of how far a job is, and the members' own
 * lists are one transaction, so a copy is written exactly once whoever dies at whatever moment.
 *
 * The line of a group is ordered by its row locks (two servers at once) and kept in one hand by the
 * lease of its oldest job (two servers in turn). Whoever holds the oldest job takes the others too,
 * and leaves its own lease on the first one that is not finished.
 *
 * All ops of a batch share one budget, so that sends to single users that lie in the same batch
 * wait for milliseconds at most, however large the groups are.
 *
 * With more than one shard the recipients of other shards become ops of their own there, keyed by
 * user: slice_copy() then collects them instead of calling batch_deliver(), and the mark is written
 * by a later op once all have answered. Redone copies then meet their identity (user, message); a
 * change needs an id derived from (group, job) for the same purpose. */
#include "db/fanout.h"
#include "db/batch.h"
#include "db/members.h"
#include "db/stmt.h"
#include <stdlib.h>

enum {
    BATCH_COPIES_MAX = 1000, /* 17-21 us each */
    SLICE_COPIES_MIN = 16,   /* of each group, however many share the batch */
    BATCH_LEN_MAX = 4 << 20, /* bytes of content; a slice makes one copy in any case */
    JOBS_MAX = 128,          /* read by one statement */
};
static const int64_t EXPIRES_IN_MS = INT64_C(365) * 24 * 3600 * 1000;

struct slice_copy {
    struct delivery *delivery;
    struct recipient recipient;
};
/* A change's share of a slice: from it the members' own lists follow, once it is known which of
 * them still exist. */
struct slice_change {
    struct slice_change *next;
    struct str groupname;
    uint64_t version, member_count;
    size_t first, end; /* copies of the slice */
};
struct fanout_slice {
    struct fanout_advance *advance;
    size_t copies_max, len_max, len;
    struct slice_copy *copies;
    size_t count;
    struct slice_change *changes, **changes_end; /* in order */
    bool has_job, is_ended;
    uint64_t finished_job;                /* the last finished one, 0 if there is none */
    uint64_t marked_job, marked_done_len; /* the first unfinished one, 0 if there is none */
};

struct advances {
    struct batch *batch;
    struct fanout_slice **slices; /* ascending by group */
    size_t count;
};

/* A row of `fanout`, its strings in the op's results. */
struct job {
    uint64_t number;
    struct inbox_row row;
    const uint8_t *fingerprint;
    struct str groupname;
    uint64_t version;
    struct str recipients;
    size_t done_len; /* bytes of recipients that have their copy */
};

static struct job job_read(struct arena *arena, struct str group_id, const struct rows *rows)
{
    return (struct job){
        .number = rows_u64(rows, 1),
        .row = {.kind = (enum inbox_kind)rows_u64(rows, 2),
                .message_id = arena_str(arena, rows_str(rows, 3)),
                .peer_id = arena_str(arena, rows_str(rows, 4)),
                .peer_device = arena_str(arena, rows_str(rows, 5)),
                .group_id = group_id,
                .group_seq = rows_u64(rows, 6),
                .content = arena_str(arena, rows_str(rows, 7)),
                .attachments = arena_str(arena, rows_str(rows, 8)),
                .created_at_ms = (int64_t)rows_u64(rows, 9)},
        .fingerprint = (const uint8_t *)arena_str(arena, rows_str(rows, 10)).ptr,
        .groupname = arena_str(arena, rows_str(rows, 11)),
        .version = rows_u64(rows, 12),
        .recipients = arena_str(arena, rows_str(rows, 13)),
        .done_len = (size_t)rows_u64(rows, 14),
    };
}

static bool slice_has_room(const struct fanout_slice *slice, const struct job *job)
{
    size_t len = job->row.content.len + job->row.attachments.len;
    return slice->count < slice->copies_max &&
           (slice->count == 0 || slice->len + len <= slice->len_max);
}

static void slice_copy(struct fanout_slice *slice, struct batch *batch, const struct job *job,
                       const struct recipient *recipient)
{
    struct delivery *delivery = batch_deliver(batch, recipient->user_id);
    delivery->row = job->row;
    delivery->expires_at_ms = job->row.created_at_ms + EXPIRES_IN_MS;
    delivery->has_identity = job->row.kind == INBOX_MESSAGE;
    delivery->sender_id = job->row.peer_id;
    delivery->fingerprint = job->fingerprint;
    slice->copies[slice->count++] = (struct slice_copy){delivery, *recipient};
    slice->len += job->row.content.len + job->row.attachments.len;
}

static void slice_note_change(struct fanout_slice *slice, struct batch *batch,
                              const struct job *job, size_t first)
{
    struct slice_change *change = ARENA_NEW(&batch->arena, struct slice_change);
    *change = (struct slice_change){
        .groupname = job->groupname, .version = job->version, .first = first, .end = slice->count};
    struct str rest = job->recipients;
    for (struct recipient recipient; recipient_next(&rest, &recipient);)
        change->member_count += !recipient.is_gone;
    *slice->changes_end = change;
    slice->changes_end = &change->next;
}

/* Makes copies while there is room; true if the job is finished. */
static bool slice_take_job(struct fanout_slice *slice, struct batch *batch, struct job *job)
{
    size_t first = slice->count;
    struct str rest = str_from(job->recipients, job->done_len);
    while (!str_is_empty(rest) && slice_has_room(slice, job)) {
        struct recipient recipient;
        recipient_next(&rest, &recipient);
        bool is_sender =
            job->row.kind == INBOX_MESSAGE && str_equal(recipient.user_id, job->row.peer_id);
        if (!is_sender) slice_copy(slice, batch, job, &recipient);
    }
    if (job->row.kind == INBOX_CHANGE && slice->count > first)
        slice_note_change(slice, batch, job, first);
    job->done_len = job->recipients.len - rest.len;
    return str_is_empty(rest);
}

static void advances_take_row(struct advances *advances, struct fanout_slice *slice,
                              const struct rows *rows)
{
    struct fanout_advance *advance = slice->advance;
    if (slice->is_ended) return;
    if (!slice->has_job) { /* the oldest */
        bool is_ours = str_equal(rows_str(rows, 15), advance->lease_owner);
        bool is_leased = rows_u64(rows, 16) != 0;
        slice->has_job = true;
        advance->busy_out = slice->is_ended = is_leased && !is_ours;
        if (slice->is_ended) return;
    }
    struct job job = job_read(&advance->op.results, advance->group_id, rows);
    if (slice_take_job(slice, advances->batch, &job)) {
        slice->finished_job = job.number;
    } else {
        slice->is_ended = advance->more_out = true;
        slice->marked_job = job.number;
        slice->marked_done_len = job.done_len;
    }
}

static int slices_order(const void *a, const void *b)
{
    const struct fanout_slice *x = *(struct fanout_slice *const *)a,
                              *y = *(struct fanout_slice *const *)b;
    return str_compare(x->advance->group_id, y->advance->group_id);
}

/* One op a group; a second one (of another reactor) is told to ask again. */
static void advances_init(struct advances *advances, struct batch *batch, struct db_op **ops,
                          size_t op_count)
{
    struct arena *arena = &batch->arena;
    *advances = (struct advances){.batch = batch,
                                  .slices = ARENA_ARRAY(arena, struct fanout_slice *, op_count)};
    struct fanout_slice *slices = ARENA_ARRAY(arena, struct fanout_slice, op_count);
    for (size_t i = 0; i < op_count; i++) {
        struct fanout_advance *advance = container_of(ops[i], struct fanout_advance, op);
        advance->more_out = advance->busy_out = false;
        advance->copy_count_out = 0;
        advance->slice = &slices[i];
        slices[i].advance = advance;
        slices[i].changes_end = &slices[i].changes;
        advances->slices[i] = &slices[i];
    }
    qsort(advances->slices, op_count, sizeof *advances->slices, slices_order);
    for (size_t i = 0; i < op_count; i++) {
        struct fanout_slice *slice = advances->slices[i];
        if (advances->count > 0 &&
            slices_order(&advances->slices[advances->count - 1], &slice) == 0)
            slice->advance->more_out = true;
        else
            advances->slices[advances->count++] = slice;
    }
    assert(advances->count > 0); /* a kind is only prepared for ops that are there */
    size_t copies_max = MAX((size_t)SLICE_COPIES_MIN, BATCH_COPIES_MAX / advances->count);
    for (size_t i = 0; i < advances->count; i++) {
        struct fanout_slice *slice = advances->slices[i];
        slice->copies_max = MIN(copies_max, (size_t)FANOUT_COPIES_MAX);
        slice->len_max = BATCH_LEN_MAX / advances->count;
        slice->copies = ARENA_ARRAY(arena, struct slice_copy, slice->copies_max);
    }
}

/* Locks and takes the oldest jobs of the groups from slices[at] on; returns up to where it came: a
 * statement reads so many jobs, and a long line may leave none for the groups behind it. */
static enum err advances_take(struct advances *advances, size_t at, size_t *next_out)
{
    size_t group_count = advances->count - at, i = at;
    struct value *values = ARENA_ARRAY(&advances->batch->arena, struct value, group_count + 1);
    for (size_t j = 0; j < group_count; j++)
        values[j] = value_str(advances->slices[at + j]->advance->group_id);
    values[group_count] = value_int(JOBS_MAX);
    struct rows rows = {0};
    enum err err =
        stmt_run(advances->batch->conn, STMT_FANOUT_LOCK_OLDEST, values, group_count + 1, &rows);
    if (err != OK) return err;
    while (rows_next(&rows)) {
        while (!str_equal(advances->slices[i]->advance->group_id, rows_str(&rows, 0))) {
            i++;
            assert(i < advances->count);
        }
        advances_take_row(advances, advances->slices[i], &rows);
    }
    bool is_cut = rows_count(&rows) == JOBS_MAX;
    rows_done(&rows);
    if (is_cut) advances->slices[i]->advance->more_out = true;
    *next_out = is_cut ? i + 1 : advances->count;
    return OK;
}

static enum err advances_write(struct advances *advances, const struct fanout_slice *slice)
{
    const struct fanout_advance *advance = slice->advance;
    struct value group = value_str(advance->group_id);
    if (slice->finished_job != 0) {
        const struct value values[] = {group, value_int((int64_t)slice->finished_job)};
        enum err err =
            stmt_run(advances->batch->conn, STMT_FANOUT_DELETE, values, ARRAY_LEN(values), NULL);
        if (err != OK) return err;
    }
    if (slice->marked_job == 0) return OK;
    const struct value values[] = {value_int((int64_t)slice->marked_done_len),
                                   value_str(advance->lease_owner), value_int(advance->lease_ms),
                                   group, value_int((int64_t)slice->marked_job)};
    return stmt_run(advances->batch->conn, STMT_FANOUT_MARK, values, ARRAY_LEN(values), NULL);
}

static enum err fanout_advance_prepare(struct batch *batch, struct db_op **ops, size_t op_count)
{
    struct advances advances;
    advances_init(&advances, batch, ops, op_count);
    enum err err = OK;
    for (size_t at = 0; at < advances.count && err == OK;)
        err = advances_take(&advances, at, &at);
    for (size_t i = 0; i < advances.count && err == OK; i++)
        err = advances_write(&advances, advances.slices[i]);
    return err;
}

/* The members' own lists, for those of this slice's recipients who exist. */
static enum err slice_put_memberships(const struct fanout_slice *slice, struct batch *batch,
                                      const struct slice_change *change)
{
    enum { VALUES = 6 };
    struct value *values =
        ARENA_ARRAY(&batch->arena, struct value, (change->end - change->first) * VALUES);
    size_t count = 0;
    for (size_t i = change->first; i < change->end; i++) {
        const struct slice_copy *copy = &slice->copies[i];
        if (copy->recipient.is_gone || copy->delivery->is_unknown) continue;
        values[count++] = value_str(copy->recipient.user_id);
        values[count++] = value_str(slice->advance->group_id);
        values[count++] = value_str(change->groupname);
        values[count++] = value_int(copy->recipient.role);
        values[count++] = value_int((int64_t)change->version);
        values[count++] = value_int((int64_t)change->member_count);
    }
    if (count == 0) return OK;
    return stmt_run(batch->conn, STMT_MEMBERSHIPS_PUT, values, count, NULL);
}

static enum err slice_delete_memberships(const struct fanout_slice *slice, struct batch *batch,
                                         const struct slice_change *change)
{
    struct value *values =
        ARENA_ARRAY(&batch->arena, struct value, change->end - change->first + 1);
    size_t count = 0;
    values[count++] = value_str(slice->advance->group_id);
    for (size_t i = change->first; i < change->end; i++)
        if (slice->copies[i].recipient.is_gone)
            values[count++] = value_str(slice->copies[i].recipient.user_id);
    if (count == 1) return OK;
    return stmt_run(batch->conn, STMT_MEMBERSHIPS_DELETE, values, count, NULL);
}

static void slice_report(const struct fanout_slice *slice)
{
    struct fanout_advance *advance = slice->advance;
    advance->copies_out = ARENA_ARRAY(&advance->op.results, struct fanout_copy, slice->count);
    for (size_t i = 0; i < slice->count; i++) {
        const struct delivery *delivery = slice->copies[i].delivery;
        if (delivery->is_unknown || delivery->is_repeat) continue;
        advance->copies_out[advance->copy_count_out++] =
            (struct fanout_copy){.user_id = delivery->user_id, .row = delivery->row};
    }
}

static enum err fanout_advance_conclude(struct batch *batch, struct db_op **ops, size_t op_count)
{
    enum err err = OK;
    for (size_t i = 0; i < op_count && err == OK; i++) {
        const struct fanout_slice *slice = container_of(ops[i], struct fanout_advance, op)->slice;
        const struct slice_change *change = slice->changes;
        for (; change && err == OK; change = change->next) {
            err = slice_put_memberships(slice, batch, change);
            if (err == OK) err = slice_delete_memberships(slice, batch, change);
        }
        if (err == OK) slice_report(slice);
    }
    return err;
}

const struct op_kind FANOUT_ADVANCE = {.name = "fanout_advance",
                                       .prepare = fanout_advance_prepare,
                                       .conclude = fanout_advance_conclude};

static enum err fanout_expired_run(struct conn *conn, struct db_op *op)
{
    struct fanout_expired *expired = container_of(op, struct fanout_expired, op);
    struct rows rows = {0};
    enum err err = stmt_run(conn, STMT_FANOUT_EXPIRED, NULL, 0, &rows);
    if (err != OK) return err;
    expired->group_count_out = 0;
    expired->group_ids_out = ARENA_ARRAY(&op->results, struct str, rows_count(&rows));
    while (rows_next(&rows))
        expired->group_ids_out[expired->group_count_out++] =
            arena_str(&op->results, rows_str(&rows, 0));
    rows_done(&rows);
    return OK;
}

const struct op_kind FANOUT_EXPIRED = {.name = "fanout_expired", .run = fanout_expired_run};
