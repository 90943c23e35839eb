/* Writing the outbox and the identities of groups, many rows a statement. */
#include "db/fanout_job.h"
#include "db/stmt.h"
#include <stdlib.h>

/* A statement's rows stop here: well under the 16 MB that vtgate takes, as one row may have 70 KB
 * of content (a change that names 1,024 users) and as much of recipients. */
enum { JOBS_LEN_MAX = 4 << 20, JOB_VALUES = 16, IDENTITY_VALUES = 6 };

static size_t fanout_job_len(const struct fanout_job *job)
{
    enum { FIXED = 512 };
    return FIXED + job->row.content.len + job->row.attachments.len + job->recipients.len;
}

static void fanout_job_values(const struct fanout_job *job, struct value *v)
{
    static const uint8_t none[FINGERPRINT_LEN];
    const uint8_t *fingerprint = job->fingerprint ? job->fingerprint : none;
    *v++ = value_str(job->group_id);
    *v++ = value_int((int64_t)job->job);
    *v++ = value_int(job->row.kind);
    *v++ = value_str(job->row.message_id);
    *v++ = value_str(job->row.peer_id);
    *v++ = value_str(job->row.peer_device);
    *v++ = value_int((int64_t)job->row.group_seq);
    *v++ = value_str(job->row.content);
    *v++ = value_str(job->row.attachments);
    *v++ = value_int(job->row.created_at_ms);
    *v++ = value_bytes(str_of((const char *)fingerprint, FINGERPRINT_LEN));
    *v++ = value_str(job->groupname);
    *v++ = value_int((int64_t)job->version);
    *v++ = value_str(job->recipients);
    *v++ = value_str(job->outbox->lease_owner);
    *v++ = value_int(job->outbox->lease_ms);
}

enum err fanout_jobs_add(struct batch *batch, const struct fanout_job *jobs, size_t job_count)
{
    struct value *values = ARENA_ARRAY(&batch->arena, struct value, job_count * JOB_VALUES);
    enum err err = OK;
    for (size_t i = 0; i < job_count && err == OK;) {
        size_t first = i, len = 0;
        do {
            fanout_job_values(&jobs[i], values + (i - first) * JOB_VALUES);
            len += fanout_job_len(&jobs[i++]);
        } while (i < job_count && len + fanout_job_len(&jobs[i]) <= JOBS_LEN_MAX);
        err = stmt_run(batch->conn, STMT_FANOUT_ADD, values, (i - first) * JOB_VALUES, NULL);
    }
    return err;
}

enum err group_identities_add(struct batch *batch, struct group_identity *const *added,
                              size_t added_count)
{
    if (added_count == 0) return OK;
    size_t value_count = added_count * IDENTITY_VALUES;
    struct value *values = ARENA_ARRAY(&batch->arena, struct value, value_count), *v = values;
    for (size_t i = 0; i < added_count; i++) {
        const struct group_identity *identity = added[i];
        *v++ = value_str(identity->group_id);
        *v++ = value_str(identity->message_id);
        *v++ = value_int((int64_t)identity->group_seq);
        *v++ = value_str(identity->sender_id);
        *v++ = value_bytes(str_of((const char *)identity->fingerprint, FINGERPRINT_LEN));
        *v++ = value_int(identity->created_at_ms);
    }
    return stmt_run(batch->conn, STMT_MESSAGES_ADD, values, value_count, NULL);
}

static void group_identity_take(struct group_identity *identity, const struct rows *rows)
{
    struct str fingerprint = rows_str(rows, 3);
    assert(fingerprint.len == FINGERPRINT_LEN);
    memcpy(identity->fingerprint_found, fingerprint.ptr, FINGERPRINT_LEN);
    identity->is_found = true;
    identity->group_seq_found = rows_u64(rows, 2);
    identity->created_at_ms_found = (int64_t)rows_u64(rows, 4);
}

static int identities_order(const void *a, const void *b)
{
    const struct group_identity *x = *(struct group_identity *const *)a,
                                *y = *(struct group_identity *const *)b;
    int order = str_compare(x->message_id, y->message_id);
    return order != 0 ? order : str_compare(x->group_id, y->group_id);
}

/* One row may answer several: a client that sends twice at once has both in one batch. */
static void group_identities_match(struct group_identity **sorted, size_t count,
                                   const struct rows *rows)
{
    struct group_identity found = {.group_id = rows_str(rows, 0), .message_id = rows_str(rows, 1)};
    const struct group_identity *key = &found;
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (identities_order(&sorted[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < count && identities_order(&sorted[low], &key) == 0; low++)
        group_identity_take(sorted[low], rows);
}

enum err group_identities_find(struct batch *batch, struct group_identity **wanted,
                               size_t wanted_count)
{
    if (wanted_count == 0) return OK;
    struct group_identity **sorted =
        ARENA_ARRAY(&batch->arena, struct group_identity *, wanted_count);
    memcpy(sorted, wanted, wanted_count * sizeof *sorted);
    qsort(sorted, wanted_count, sizeof(struct group_identity *), identities_order);

    struct value *values = ARENA_ARRAY(&batch->arena, struct value, wanted_count * 2);
    for (size_t i = 0; i < wanted_count; i++) {
        values[2 * i] = value_str(sorted[i]->group_id);
        values[2 * i + 1] = value_str(sorted[i]->message_id);
    }
    struct rows rows = {0};
    enum err err = stmt_run(batch->conn, STMT_MESSAGES_FIND, values, wanted_count * 2, &rows);
    if (err != OK) return err;
    while (rows_next(&rows))
        group_identities_match(sorted, wanted_count, &rows);
    rows_done(&rows);
    return OK;
}
