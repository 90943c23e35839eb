/* One transaction over all that was waiting; db/batch.h draws its course. */
#include "db/batch.h"
#include "db/acks.h"
#include "db/batch_write.h"
#include "db/devices.h"
#include "db/fanout.h"
#include "db/groups.h"
#include "db/inbox.h"
#include "db/messages.h"
#include "db/users.h"

static const struct op_kind *const batch_kinds[] = {
#define KIND(constant) &constant,
#include "db/kinds.def"
#undef KIND
};

void batch_init(struct batch *batch, struct conn *conn, struct recent *recent, bool is_check_first)
{
    *batch = (struct batch){.conn = conn, .recent = recent, .is_check_first = is_check_first};
    arena_init(&batch->arena);
    list_init(&batch->deliveries);
}

void batch_done(struct batch *batch)
{
    arena_done(&batch->arena);
}

struct delivery *batch_deliver(struct batch *batch, struct str user_id)
{
    struct delivery *delivery = ARENA_NEW(&batch->arena, struct delivery);
    delivery->user_id = user_id;
    list_push(&batch->deliveries, &delivery->link);
    return delivery;
}

/* The ops of each kind side by side, in the order submitted. */
struct batch_group {
    const struct op_kind *kind;
    struct db_op **ops;
    size_t op_count;
};
struct batch_plan {
    struct batch_group groups[ARRAY_LEN(batch_kinds)];
};

static void batch_sort(struct batch *batch, struct db_op **ops, size_t op_count,
                       struct batch_plan *plan)
{
    struct db_op **sorted = ARENA_ARRAY(&batch->arena, struct db_op *, op_count);
    size_t place = 0;
    for (size_t k = 0; k < ARRAY_LEN(batch_kinds); k++) {
        struct batch_group *group = &plan->groups[k];
        *group = (struct batch_group){.kind = batch_kinds[k], .ops = sorted + place};
        for (size_t i = 0; i < op_count; i++)
            if (ops[i]->kind == batch_kinds[k]) group->ops[group->op_count++] = ops[i];
        place += group->op_count;
    }
    assert(place == op_count); /* every kind that writes stands in kinds.def */
}

static void batch_reset_ops(struct db_op **ops, size_t op_count)
{
    for (size_t i = 0; i < op_count; i++) {
        ops[i]->err = OK;
        ops[i]->goes_on = false;
        if (!ops[i]->has_gone_on) arena_done(&ops[i]->results);
    }
}

static enum err batch_prepare(struct batch *batch, const struct batch_plan *plan)
{
    enum err err = OK;
    for (size_t k = 0; k < ARRAY_LEN(batch_kinds) && err == OK; k++) {
        const struct batch_group *group = &plan->groups[k];
        if (group->op_count > 0) err = group->kind->prepare(batch, group->ops, group->op_count);
    }
    return err;
}

static enum err batch_conclude(struct batch *batch, const struct batch_plan *plan)
{
    enum err err = OK;
    for (size_t k = 0; k < ARRAY_LEN(batch_kinds) && err == OK; k++) {
        const struct batch_group *group = &plan->groups[k];
        if (group->op_count > 0 && group->kind->conclude)
            err = group->kind->conclude(batch, group->ops, group->op_count);
    }
    return err;
}

static void batch_tell_committed(struct batch *batch, const struct batch_plan *plan)
{
    for (size_t k = 0; k < ARRAY_LEN(batch_kinds); k++) {
        const struct batch_group *group = &plan->groups[k];
        if (group->op_count > 0 && group->kind->committed)
            group->kind->committed(batch, group->ops, group->op_count);
    }
}

enum err batch_run(struct batch *batch, struct db_op **ops, size_t op_count)
{
    struct batch_plan plan;
    batch_reset_ops(ops, op_count);
    batch_sort(batch, ops, op_count, &plan);
    conn_begin(batch->conn);
    enum err err = batch_prepare(batch, &plan);
    if (err == OK) err = batch_write(batch);
    if (err == OK) err = batch_conclude(batch, &plan);
    if (err != OK) {
        conn_rollback(batch->conn);
        return err;
    }
    err = conn_commit(batch->conn);
    if (err == OK) batch_tell_committed(batch, &plan);
    return err;
}
