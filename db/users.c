#include "db/users.h"
#include "base/clock.h"
#include "base/map.h"
#include "db/batch.h"
#include "db/stmt.h"
#include <stdlib.h>

/* ---- USER_ENSURE ---- */

static int user_ids_compare(const void *a, const void *b)
{
    const struct value *x = a, *y = b;
    return str_compare(x->s, y->s);
}

/* Which of the sorted ids are users already: most, and those are left alone. An INSERT that finds
 * its row would lock it, out of the order in which the batch locks users. */
static enum err user_ensure_find(struct batch *batch, const struct value *ids, size_t count,
                                 bool *is_user)
{
    struct rows rows;
    enum err err = stmt_run(batch->conn, STMT_USERS_EXIST, ids, count, &rows);
    while (err == OK && rows_next(&rows)) {
        struct value key = value_str(rows_str(&rows, 0));
        const struct value *found = bsearch(&key, ids, count, sizeof(key), user_ids_compare);
        if (found) is_user[found - ids] = true;
    }
    rows_done(&rows);
    return err;
}

static enum err user_ensure_prepare(struct batch *batch, struct db_op **ops, size_t op_count)
{
    enum { COLUMNS = 3 };
    struct value *ids = ARENA_ARRAY(&batch->arena, struct value, op_count);
    struct value *values = ARENA_ARRAY(&batch->arena, struct value, COLUMNS * op_count);
    bool *is_user = ARENA_ARRAY(&batch->arena, bool, op_count);
    int64_t now_ms = clock_wall_ms();
    size_t count = 0;
    for (size_t i = 0; i < op_count; i++)
        ids[i] = value_str(container_of(ops[i], struct user_ensure, op)->user_id);
    qsort(ids, op_count, sizeof(*ids), user_ids_compare);
    enum err err = user_ensure_find(batch, ids, op_count, is_user);
    if (err != OK) return err;
    for (size_t i = 0; i < op_count; i++) {
        if (is_user[i]) continue;
        values[count++] = ids[i];
        values[count++] = value_int(now_ms / 1000); /* the epoch: who comes back has another */
        values[count++] = value_int(now_ms);
    }
    return count == 0 ? OK : stmt_run(batch->conn, STMT_USERS_ENSURE, values, count, NULL);
}

const struct op_kind USER_ENSURE = {.name = "user_ensure", .prepare = user_ensure_prepare};

/* ---- reads over many users ---- */

struct user_place {
    struct map_link link;
    size_t at;
};

/* A map from each id to its place, and the ids as values. */
static struct user_place *users_index(struct arena *arena, const struct str *user_ids, size_t count,
                                      struct map *by_id, struct value *values)
{
    struct user_place *places = ARENA_ARRAY(arena, struct user_place, count);
    map_init(by_id);
    for (size_t i = 0; i < count; i++) {
        places[i].at = i;
        values[i] = value_str(user_ids[i]);
        if (!map_find(by_id, user_ids[i])) map_insert(by_id, &places[i].link, user_ids[i]);
    }
    return places;
}

static struct user_place *users_place(const struct map *by_id, struct str user_id)
{
    struct map_link *link = map_find(by_id, user_id);
    return link ? container_of(link, struct user_place, link) : NULL;
}

static enum err users_missing_run(struct conn *conn, struct db_op *op)
{
    struct users_missing *missing = container_of(op, struct users_missing, op);
    struct value *values = ARENA_ARRAY(&op->results, struct value, missing->user_count);
    struct map by_id;
    struct rows rows;
    users_index(&op->results, missing->user_ids, missing->user_count, &by_id, values);
    for (size_t i = 0; i < missing->user_count; i++)
        missing->is_missing_out[i] = true;
    enum err err = stmt_run(conn, STMT_USERS_EXIST, values, missing->user_count, &rows);
    while (err == OK && rows_next(&rows)) {
        const struct user_place *place = users_place(&by_id, rows_str(&rows, 0));
        if (place) missing->is_missing_out[place->at] = false;
    }
    rows_done(&rows);
    map_done(&by_id);
    return err;
}

const struct op_kind USERS_MISSING = {.name = "users_missing", .run = users_missing_run};

static enum err next_seqs_run(struct conn *conn, struct db_op *op)
{
    struct next_seqs *seqs = container_of(op, struct next_seqs, op);
    struct value *values = ARENA_ARRAY(&op->results, struct value, seqs->user_count);
    struct map by_id;
    struct rows rows;
    users_index(&op->results, seqs->user_ids, seqs->user_count, &by_id, values);
    memset(seqs->positions_out, 0, sizeof(struct user_position) * seqs->user_count);
    enum err err = stmt_run(conn, STMT_USERS_POSITIONS, values, seqs->user_count, &rows);
    while (err == OK && rows_next(&rows)) {
        const struct user_place *place = users_place(&by_id, rows_str(&rows, 0));
        if (!place) continue;
        seqs->positions_out[place->at] = (struct user_position){
            .epoch = (uint32_t)rows_u64(&rows, 1), .newest_seq = rows_u64(&rows, 2) - 1};
    }
    rows_done(&rows);
    map_done(&by_id);
    return err;
}

const struct op_kind NEXT_SEQS = {.name = "next_seqs", .run = next_seqs_run};

/* ---- settings ---- */

static enum err settings_get_run(struct conn *conn, struct db_op *op)
{
    struct settings_op *settings = container_of(op, struct settings_op, op);
    struct value user = value_str(settings->user_id);
    struct rows rows;
    enum err err = stmt_run(conn, STMT_USER_SETTINGS, &user, 1, &rows);
    if (err == OK && !rows_next(&rows)) err = ERR_UNKNOWN_USER;
    if (err == OK) settings->retention_days = (int64_t)rows_u64(&rows, 0);
    rows_done(&rows);
    return err;
}

const struct op_kind SETTINGS_GET = {.name = "settings_get", .run = settings_get_run};

static enum err settings_put_prepare(struct batch *batch, struct db_op **ops, size_t op_count)
{
    enum err err = OK;
    for (size_t i = 0; i < op_count && err == OK; i++) {
        struct settings_op *settings = container_of(ops[i], struct settings_op, op);
        struct value values[] = {value_int(settings->retention_days), value_str(settings->user_id)};
        err = stmt_run(batch->conn, STMT_USER_SETTINGS_PUT, values, ARRAY_LEN(values), NULL);
    }
    return err;
}

const struct op_kind SETTINGS_PUT = {.name = "settings_put", .prepare = settings_put_prepare};
