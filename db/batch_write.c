/* All deliveries of a batch at once: users sorted and locked by one statement, each delivery its
 * seq, then the identities and the inbox rows in multi-row inserts. */
#include "db/batch_write.h"
#include "base/map.h"
#include "db/messages.h"
#include "db/stmt.h"
#include <stdlib.h>

enum {
    WRITE_ROWS_MAX = 1000,             /* of one statement */
    WRITE_BYTES_MAX = 4 * 1024 * 1024, /* likewise; escapes may double it */
    WRITE_ROW_OVERHEAD = 512,
    INBOX_COLUMNS = 13,
    MESSAGES_COLUMNS = 6
};
static const int64_t pending_lifetime_ms = INT64_C(365) * 86400 * 1000;

/* One user of the batch, and how many rows it gets. */
struct write_user {
    struct str user_id;
    size_t count;
    uint64_t next_seq; /* the seq of its next delivery */
    uint32_t epoch, device_mask;
    bool is_known;
};
struct write {
    struct batch *batch;
    struct delivery **deliveries; /* to write, in order */
    size_t delivery_count;
    struct write_user *users; /* sorted */
    size_t user_count;
};

/* ---- check-first: which identities are there already? ---- */

struct write_seen {
    struct map_link link;
    struct delivery *delivery;
};

static struct str write_key(struct arena *arena, struct str user_id, struct str message_id)
{
    return arena_printf(arena, "%.*s/%.*s", STR_FMT(user_id), STR_FMT(message_id));
}

static void write_mark_repeat(struct delivery *delivery, const struct rows *rows)
{
    struct str fingerprint = rows_str(rows, 3);
    delivery->is_repeat = true;
    delivery->row.seq = rows_u64(rows, 2);
    delivery->row.created_at_ms = (int64_t)rows_u64(rows, 4);
    delivery->row.epoch = (uint32_t)rows_u64(rows, 5);
    assert(fingerprint.len == FINGERPRINT_LEN);
    memcpy(delivery->fingerprint_seen, fingerprint.ptr, FINGERPRINT_LEN);
}

static enum err write_find_slice(struct batch *batch, const struct value *values, size_t count,
                                 const struct map *by_key)
{
    struct rows rows;
    enum err err = stmt_run(batch->conn, STMT_MESSAGES_FIND_DELIVERED, values, count, &rows);
    while (err == OK && rows_next(&rows)) {
        struct str key = write_key(&batch->arena, rows_str(&rows, 0), rows_str(&rows, 1));
        struct map_link *link = map_find(by_key, key);
        if (link) write_mark_repeat(container_of(link, struct write_seen, link)->delivery, &rows);
    }
    rows_done(&rows);
    return err;
}

static enum err write_find_repeats(struct batch *batch, size_t count)
{
    struct value *values = ARENA_ARRAY(&batch->arena, struct value, 2 * count);
    struct write_seen *seen = ARENA_ARRAY(&batch->arena, struct write_seen, count);
    struct map by_key;
    size_t place = 0;
    enum err err = OK;
    map_init(&by_key);
    LIST_EACH (&batch->deliveries, link) {
        struct delivery *delivery = container_of(link, struct delivery, link);
        if (!delivery->has_identity || delivery->is_first_try) continue;
        struct str key = write_key(&batch->arena, delivery->user_id, delivery->row.message_id);
        if (map_find(&by_key, key)) continue;
        seen[place].delivery = delivery;
        map_insert(&by_key, &seen[place].link, key);
        values[2 * place] = value_str(delivery->user_id);
        values[2 * place + 1] = value_str(delivery->row.message_id);
        place++;
    }
    for (size_t at = 0; at < place && err == OK; at += WRITE_ROWS_MAX)
        err =
            write_find_slice(batch, values + 2 * at, 2 * MIN(place - at, WRITE_ROWS_MAX), &by_key);
    map_done(&by_key);
    return err;
}

/* ---- users: count, lock, number ---- */

static int write_compare_users(const void *a, const void *b)
{
    const struct delivery *const *x = a, *const *y = b;
    return str_compare((*x)->user_id, (*y)->user_id);
}

static void write_collect(struct write *write)
{
    struct batch *batch = write->batch;
    size_t count = 0;
    LIST_EACH (&batch->deliveries, link) {
        count += !container_of(link, struct delivery, link)->is_repeat;
    }
    write->deliveries = ARENA_ARRAY(&batch->arena, struct delivery *, count);
    LIST_EACH (&batch->deliveries, link) {
        struct delivery *delivery = container_of(link, struct delivery, link);
        if (!delivery->is_repeat) write->deliveries[write->delivery_count++] = delivery;
    }
}

static void write_group_users(struct write *write)
{
    struct arena *arena = &write->batch->arena;
    size_t count = write->delivery_count;
    struct delivery **sorted = ARENA_ARRAY(arena, struct delivery *, count);
    memcpy(sorted, write->deliveries, sizeof(struct delivery *) * count);
    qsort(sorted, count, sizeof(struct delivery *), write_compare_users);
    write->users = ARENA_ARRAY(arena, struct write_user, count);
    for (size_t i = 0; i < count; i++) {
        struct write_user *last = write->user_count ? &write->users[write->user_count - 1] : NULL;
        if (!last || !str_equal(last->user_id, sorted[i]->user_id)) {
            last = &write->users[write->user_count++];
            last->user_id = sorted[i]->user_id;
        }
        last->count++;
    }
}

static int write_compare_user(const void *key, const void *member)
{
    const struct str *user_id = key;
    const struct write_user *user = member;
    return str_compare(*user_id, user->user_id);
}

static struct write_user *write_user_find(const struct write *write, struct str user_id)
{
    return bsearch(&user_id, write->users, write->user_count, sizeof(struct write_user),
                   write_compare_user);
}

/* The one statement that locks. Most users get one row, and a CASE over all would cost more than
 * the update: it names those that get several. */
static enum err write_lock_slice(struct write *write, const struct write_user *users, size_t count)
{
    struct value *values = ARENA_ARRAY(&write->batch->arena, struct value, 3 * count + 1);
    size_t place = 0;
    for (size_t i = 0; i < count; i++) {
        if (users[i].count == 1) continue;
        values[place++] = value_str(users[i].user_id);
        values[place++] = value_int((int64_t)users[i].count);
    }
    enum stmt stmt = place == 0 ? STMT_USERS_ADVANCE : STMT_USERS_ADVANCE_MORE;
    if (place > 0) values[place++] = value_list_end();
    for (size_t i = 0; i < count; i++)
        values[place++] = value_str(users[i].user_id);
    return stmt_run(write->batch->conn, stmt, values, place, NULL);
}

static enum err write_lock_users(struct write *write)
{
    enum err err = OK;
    for (size_t at = 0; at < write->user_count && err == OK; at += WRITE_ROWS_MAX)
        err = write_lock_slice(write, write->users + at,
                               MIN(write->user_count - at, (size_t)WRITE_ROWS_MAX));
    return err;
}

static enum err write_read_seqs(struct write *write, const struct value *values)
{
    enum err err = OK;
    for (size_t at = 0; at < write->user_count && err == OK; at += WRITE_ROWS_MAX) {
        struct rows rows;
        err = stmt_run(write->batch->conn, STMT_USERS_SEQS, values + at,
                       MIN(write->user_count - at, WRITE_ROWS_MAX), &rows);
        while (err == OK && rows_next(&rows)) {
            struct write_user *user = write_user_find(write, rows_str(&rows, 0));
            if (!user) continue; /* a collation that equates what we do not: not ours */
            user->is_known = true;
            user->next_seq = rows_u64(&rows, 1) - user->count;
            user->epoch = (uint32_t)rows_u64(&rows, 2);
            user->device_mask = (uint32_t)rows_u64(&rows, 3);
        }
        rows_done(&rows);
    }
    return err;
}

static enum err write_number(struct write *write)
{
    struct value *values = ARENA_ARRAY(&write->batch->arena, struct value, write->user_count);
    for (size_t i = 0; i < write->user_count; i++)
        values[i] = value_str(write->users[i].user_id);
    enum err err = write_lock_users(write);
    if (err == OK) err = write_read_seqs(write, values);
    for (size_t i = 0; i < write->delivery_count && err == OK; i++) {
        struct delivery *delivery = write->deliveries[i];
        struct write_user *user = write_user_find(write, delivery->user_id);
        delivery->is_unknown = !user->is_known;
        if (!user->is_known) continue;
        delivery->row.seq = user->next_seq++;
        delivery->row.epoch = user->epoch;
    }
    return err;
}

/* ---- rows ---- */

static void write_identity(const struct delivery *delivery, struct value *values)
{
    static const char none[FINGERPRINT_LEN];
    const char *fingerprint = delivery->fingerprint ? (const char *)delivery->fingerprint : none;
    values[0] = value_str(delivery->user_id);
    values[1] = value_str(delivery->row.message_id);
    values[2] = value_int((int64_t)delivery->row.seq);
    values[3] = value_str(delivery->sender_id);
    values[4] = value_bytes(str_of(fingerprint, FINGERPRINT_LEN));
    values[5] = value_int(delivery->row.created_at_ms);
}

static void write_inbox_row(const struct write *write, const struct delivery *delivery,
                            struct value *values)
{
    const struct inbox_row *row = &delivery->row;
    uint32_t pending = write_user_find(write, delivery->user_id)->device_mask;
    if (row->kind == INBOX_MESSAGE) pending |= PENDING_RECEIPT;
    int64_t expires_at_ms = delivery->expires_at_ms ? delivery->expires_at_ms
                                                    : row->created_at_ms + pending_lifetime_ms;
    values[0] = value_str(delivery->user_id);
    values[1] = value_int((int64_t)row->seq);
    values[2] = value_int(row->kind);
    values[3] = value_str(row->message_id);
    values[4] = value_str(row->peer_id);
    values[5] = value_str(row->peer_device);
    values[6] = value_str(row->group_id);
    values[7] = value_int((int64_t)row->group_seq);
    values[8] = value_str(row->content);
    values[9] = value_str(row->attachments);
    values[10] = value_int(row->created_at_ms);
    values[11] = value_int(expires_at_ms);
    values[12] = value_int(pending);
}

static enum err write_identities(struct write *write)
{
    struct value *values =
        ARENA_ARRAY(&write->batch->arena, struct value, MESSAGES_COLUMNS * WRITE_ROWS_MAX);
    size_t count = 0;
    enum err err = OK;
    for (size_t i = 0; i < write->delivery_count && err == OK; i++) {
        const struct delivery *delivery = write->deliveries[i];
        if (delivery->has_identity && !delivery->is_unknown)
            write_identity(delivery, values + MESSAGES_COLUMNS * count++);
        bool is_last = i + 1 == write->delivery_count;
        if (count == 0 || (count < WRITE_ROWS_MAX && !is_last)) continue;
        err =
            stmt_run(write->batch->conn, STMT_MESSAGES_ADD, values, MESSAGES_COLUMNS * count, NULL);
        count = 0;
    }
    return err;
}

static enum err write_inbox(struct write *write)
{
    struct value *values =
        ARENA_ARRAY(&write->batch->arena, struct value, INBOX_COLUMNS * WRITE_ROWS_MAX);
    size_t count = 0, bytes = 0;
    enum err err = OK;
    for (size_t i = 0; i < write->delivery_count && err == OK; i++) {
        const struct delivery *delivery = write->deliveries[i];
        if (!delivery->is_unknown) {
            write_inbox_row(write, delivery, values + INBOX_COLUMNS * count++);
            bytes += delivery->row.content.len + delivery->row.attachments.len;
            bytes += WRITE_ROW_OVERHEAD;
        }
        bool is_last = i + 1 == write->delivery_count;
        bool is_full = count == WRITE_ROWS_MAX || bytes >= WRITE_BYTES_MAX;
        if (count == 0 || (!is_full && !is_last)) continue;
        err = stmt_run(write->batch->conn, STMT_INBOX_ADD, values, INBOX_COLUMNS * count, NULL);
        count = bytes = 0;
    }
    return err;
}

enum err batch_write(struct batch *batch)
{
    struct write write = {.batch = batch};
    size_t identity_count = 0;
    enum err err = OK;
    LIST_EACH (&batch->deliveries, link) {
        identity_count += container_of(link, struct delivery, link)->has_identity;
    }
    if (batch->is_check_first && identity_count > 0)
        err = write_find_repeats(batch, identity_count);
    if (err != OK) return err;
    write_collect(&write);
    if (write.delivery_count == 0) return OK;
    write_group_users(&write);
    err = write_number(&write);
    if (err == OK) err = write_identities(&write);
    return err == OK ? write_inbox(&write) : err;
}
