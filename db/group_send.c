/* Sending to groups. All sends of a batch go together, so that a send costs rows, not round trips:
 *   look up identities (only where a redo or a refusal asks for it: replays come before rights)
 *   lock the groups, sorted                                      one SELECT .. FOR UPDATE
 *   read their members: rights, and the jobs' snapshots          one SELECT
 *   write identities, jobs, and the groups' counters             one statement each
 * Sends to one group share the text of its snapshot; the sender is passed over at fan-out. */
#include "db/fanout_job.h"
#include "db/groups.h"
#include "db/members.h"
#include "db/stmt.h"
#include <stdlib.h>

struct send_group {
    struct str group_id;
    bool is_known;
    uint64_t next_group_seq, next_job;
    struct str *member_ids; /* ascending */
    size_t member_count;
    struct str recipients;
};

struct send {
    struct group_send *call;
    struct group_identity identity;
    struct send_group *group;
    struct send *first;   /* an equal one before it in this batch: this one is its replay */
    struct map_link link; /* in sends.by_id, the first of its message id */
    bool is_looked_up;
    bool is_settled; /* by an outcome that needs no write of its own */
};

struct sends {
    struct batch *batch;
    struct send *list; /* in the order submitted */
    size_t count;
    struct send_group *groups; /* ascending by id */
    size_t group_count;
    struct map by_id;
};

static void sends_init(struct sends *sends, struct batch *batch, struct db_op **ops, size_t count)
{
    *sends = (struct sends){
        .batch = batch, .list = ARENA_ARRAY(&batch->arena, struct send, count), .count = count};
    map_init(&sends->by_id);
    for (size_t i = 0; i < count; i++) {
        struct group_send *call = container_of(ops[i], struct group_send, op);
        call->is_replay_out = call->outbox.is_job_out = false;
        sends->list[i] = (struct send){.call = call,
                                       .identity = {.group_id = call->group_id,
                                                    .message_id = call->message_id,
                                                    .sender_id = call->sender_id,
                                                    .fingerprint = call->fingerprint,
                                                    .created_at_ms = call->created_at_ms}};
    }
}

static void send_settle(struct send *send, enum err err)
{
    send->call->op.err = err;
    send->is_settled = true;
}

static void send_settle_found(struct send *send)
{
    struct group_send *call = send->call;
    const struct group_identity *found = &send->identity;
    call->created_at_ms_out = found->created_at_ms_found;
    call->group_seq_out = found->group_seq_found;
    /* Our own earlier try may have committed and left its job to nobody. */
    call->outbox.is_job_out = call->op.is_uncertain;
    bool is_equal = memcmp(found->fingerprint_found, call->fingerprint, FINGERPRINT_LEN) == 0;
    /* An id that was drawn is there only because our own earlier try committed; so may one that was
     * derived, when that try was cut off: nobody has been told yet, so it is no replay. */
    call->is_replay_out = call->is_numbered && is_equal && !call->op.is_uncertain;
    send_settle(send, is_equal || !call->is_numbered ? OK : ERR_KEY_REUSED);
}

static bool send_is_open(const struct send *send)
{
    return !send->is_settled && !send->first;
}

/* Looks up the identities of the open sends that `asks` picks. */
static enum err sends_look_up(struct sends *sends,
                              bool (*asks)(const struct sends *sends, const struct send *send))
{
    struct group_identity **wanted =
        ARENA_ARRAY(&sends->batch->arena, struct group_identity *, sends->count);
    size_t wanted_count = 0;
    for (size_t i = 0; i < sends->count; i++) {
        struct send *send = &sends->list[i];
        if (!send_is_open(send) || send->is_looked_up || !asks(sends, send)) continue;
        send->is_looked_up = true;
        wanted[wanted_count++] = &send->identity;
    }
    enum err err = group_identities_find(sends->batch, wanted, wanted_count);
    if (err != OK) return err;
    for (size_t i = 0; i < wanted_count; i++)
        if (wanted[i]->is_found) send_settle_found(container_of(wanted[i], struct send, identity));
    return OK;
}

static bool send_asks_at_once(const struct sends *sends, const struct send *send)
{
    return send->call->op.is_check_first ||
           (sends->batch->is_check_first && send->call->is_numbered);
}

static int send_groups_order(const void *a, const void *b)
{
    const struct send_group *x = a, *y = b;
    return str_compare(x->group_id, y->group_id);
}

static struct send_group *sends_group(const struct sends *sends, struct str group_id)
{
    struct send_group key = {.group_id = group_id};
    return bsearch(&key, sends->groups, sends->group_count, sizeof key, send_groups_order);
}

/* The distinct groups of the open sends, sorted: all servers lock them in this order. */
static void sends_collect_groups(struct sends *sends)
{
    struct send_group *groups = ARENA_ARRAY(&sends->batch->arena, struct send_group, sends->count);
    size_t count = 0;
    for (size_t i = 0; i < sends->count; i++)
        if (send_is_open(&sends->list[i]))
            groups[count++] = (struct send_group){.group_id = sends->list[i].call->group_id};
    if (count == 0) return;
    qsort(groups, count, sizeof *groups, send_groups_order);
    size_t distinct = 1;
    for (size_t i = 1; i < count; i++)
        if (!str_equal(groups[i].group_id, groups[distinct - 1].group_id))
            groups[distinct++] = groups[i];
    sends->groups = groups;
    sends->group_count = distinct;
    for (size_t i = 0; i < sends->count; i++)
        sends->list[i].group = sends_group(sends, sends->list[i].call->group_id);
}

static struct value *sends_group_keys(struct sends *sends)
{
    struct value *keys = ARENA_ARRAY(&sends->batch->arena, struct value, sends->group_count);
    for (size_t i = 0; i < sends->group_count; i++)
        keys[i] = value_str(sends->groups[i].group_id);
    return keys;
}

static enum err sends_lock_groups(struct sends *sends)
{
    struct rows rows = {0};
    enum err err = stmt_run(sends->batch->conn, STMT_GROUPS_LOCK, sends_group_keys(sends),
                            sends->group_count, &rows);
    if (err != OK) return err;
    while (rows_next(&rows)) {
        struct send_group *group = sends_group(sends, rows_str(&rows, 0));
        assert(group);
        group->is_known = true;
        group->next_group_seq = rows_u64(&rows, 1);
        group->next_job = rows_u64(&rows, 2);
    }
    rows_done(&rows);
    return OK;
}

/* Rows come by group and, within it, by user: what belongs to one group lies side by side. */
static void sends_take_members(struct sends *sends, struct rows *rows)
{
    struct arena *arena = &sends->batch->arena;
    size_t row_count = rows_count(rows);
    struct str *ids = ARENA_ARRAY(arena, struct str, row_count);
    char *text = arena_alloc(arena, row_count * RECIPIENT_LEN_MAX);
    struct send_group *group = NULL;
    while (rows_next(rows)) {
        if (!group || !str_equal(group->group_id, rows_str(rows, 0))) {
            group = sends_group(sends, rows_str(rows, 0));
            assert(group);
            group->member_ids = ids;
            group->recipients = str_of(text, 0);
        }
        struct recipient member = {.user_id = rows_str(rows, 1),
                                   .role = (enum group_role)rows_u64(rows, 2)};
        size_t len = recipient_write(text, &member);
        *ids++ = str_of(text + 1, member.user_id.len);
        group->member_count++;
        group->recipients.len += len;
        text += len;
    }
}

static enum err sends_read_members(struct sends *sends)
{
    struct rows rows = {0};
    enum err err = stmt_run(sends->batch->conn, STMT_MEMBERS_OF_GROUPS, sends_group_keys(sends),
                            sends->group_count, &rows);
    if (err != OK) return err;
    sends_take_members(sends, &rows);
    rows_done(&rows);
    return OK;
}

static int ids_order(const void *a, const void *b)
{
    const struct str *x = a, *y = b;
    return str_compare(*x, *y);
}

static enum err send_check(const struct send *send)
{
    const struct send_group *group = send->group;
    if (!group->is_known) return ERR_UNKNOWN_GROUP;
    bool is_member =
        group->member_count > 0 && bsearch(&send->call->sender_id, group->member_ids,
                                           group->member_count, sizeof(struct str), ids_order);
    return is_member ? OK : ERR_NOT_MEMBER;
}

static bool send_asks_before_refusal(const struct sends *sends UNUSED, const struct send *send)
{
    return send->call->is_numbered && send_check(send) != OK;
}

static void sends_refuse(struct sends *sends)
{
    for (size_t i = 0; i < sends->count; i++) {
        struct send *send = &sends->list[i];
        if (!send_is_open(send)) continue;
        enum err err = send_check(send);
        if (err != OK) send_settle(send, err);
    }
}

/* A client that did not wait for its answer may have both tries in one batch. */
static void sends_pair(struct sends *sends)
{
    for (size_t i = 0; i < sends->count; i++) {
        struct send *send = &sends->list[i];
        if (!send_is_open(send)) continue;
        struct map_link *link = map_find(&sends->by_id, send->call->message_id);
        struct send *first = link ? container_of(link, struct send, link) : NULL;
        if (!first)
            map_insert(&sends->by_id, &send->link, send->call->message_id);
        else if (first->group == send->group)
            send->first = first;
    }
}

static enum err sends_write(struct sends *sends)
{
    struct arena *arena = &sends->batch->arena;
    struct group_identity **identities = ARENA_ARRAY(arena, struct group_identity *, sends->count);
    struct fanout_job *jobs = ARENA_ARRAY(arena, struct fanout_job, sends->count);
    size_t count = 0;
    for (size_t i = 0; i < sends->count; i++) {
        struct send *send = &sends->list[i];
        struct group_send *call = send->call;
        if (!send_is_open(send)) continue;
        send->identity.group_seq = send->group->next_group_seq++;
        call->group_seq_out = send->identity.group_seq;
        call->created_at_ms_out = call->created_at_ms;
        call->outbox.is_job_out = true;
        identities[count] = &send->identity;
        jobs[count++] = (struct fanout_job){.group_id = call->group_id,
                                            .job = send->group->next_job++,
                                            .row = {.kind = INBOX_MESSAGE,
                                                    .message_id = call->message_id,
                                                    .peer_id = call->sender_id,
                                                    .peer_device = call->sender_device,
                                                    .group_seq = call->group_seq_out,
                                                    .content = call->content,
                                                    .attachments = call->attachments,
                                                    .created_at_ms = call->created_at_ms},
                                            .fingerprint = call->fingerprint,
                                            .recipients = send->group->recipients,
                                            .outbox = &call->outbox};
    }
    if (count == 0) return OK;
    enum err err = group_identities_add(sends->batch, identities, count);
    return err == OK ? fanout_jobs_add(sends->batch, jobs, count) : err;
}

/* Every group that was locked, also one whose sends were all refused: it keeps its values. */
static enum err sends_write_groups(struct sends *sends)
{
    enum { VALUES = 3 };
    struct value *values =
        ARENA_ARRAY(&sends->batch->arena, struct value, sends->group_count * VALUES);
    size_t count = 0;
    for (size_t i = 0; i < sends->group_count; i++) {
        const struct send_group *group = &sends->groups[i];
        if (!group->is_known) continue;
        values[count++] = value_str(group->group_id);
        values[count++] = value_int((int64_t)group->next_group_seq);
        values[count++] = value_int((int64_t)group->next_job);
    }
    if (count == 0) return OK;
    return stmt_run(sends->batch->conn, STMT_GROUPS_ADVANCE, values, count, NULL);
}

static void sends_settle_pairs(struct sends *sends)
{
    for (size_t i = 0; i < sends->count; i++) {
        struct send *send = &sends->list[i];
        if (!send->first) continue;
        const struct group_send *first = send->first->call;
        send->identity.group_seq_found = first->group_seq_out;
        send->identity.created_at_ms_found = first->created_at_ms_out;
        memcpy(send->identity.fingerprint_found, first->fingerprint, FINGERPRINT_LEN);
        send_settle_found(send);
    }
}

static enum err group_send_prepare(struct batch *batch, struct db_op **ops, size_t op_count)
{
    struct sends sends;
    sends_init(&sends, batch, ops, op_count);
    enum err err = sends_look_up(&sends, send_asks_at_once);
    if (err != OK) goto done;
    sends_collect_groups(&sends);
    if (sends.group_count == 0) goto done; /* replays only */
    err = sends_lock_groups(&sends);
    if (err == OK) err = sends_read_members(&sends);
    if (err == OK) err = sends_look_up(&sends, send_asks_before_refusal);
    if (err != OK) goto done;
    sends_refuse(&sends);
    sends_pair(&sends);
    err = sends_write(&sends);
    if (err == OK) err = sends_write_groups(&sends);
    if (err == OK) sends_settle_pairs(&sends);
done:
    map_done(&sends.by_id);
    return err;
}

const struct op_kind GROUP_SEND = {.name = "group_send", .prepare = group_send_prepare};
