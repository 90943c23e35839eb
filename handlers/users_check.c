#include "handlers/users_check.h"
#include "api/reply.h"
#include "handlers/app.h"

static void users_check_done(struct db_op *op)
{
    struct users_check *check = container_of(op, struct users_check, op.op);
    struct exchange *ex = check->ex;
    size_t missing_count = 0;
    if (ex->is_gone) { /* nothing was written yet; and at the server's end there is no store */
        exchange_release(ex);
        return;
    }
    if (op->err != OK) {
        reply_error(ex, op->err);
        exchange_release(ex);
        return;
    }
    for (size_t i = 0; i < check->op.user_count; i++) {
        if (!check->op.is_missing_out[i]) {
            users_known_add(ex->api->known, check->op.user_ids[i]);
            continue;
        }
        size_t at = check->list.at[check->places[i]];
        reply_fault(ex, arena_printf(&ex->arena, "/%s/%zu", check->name, at),
                    "there is no such user");
        missing_count++;
    }
    if (missing_count > 0)
        reply_error(ex, ERR_UNKNOWN_USER);
    else
        check->then(check);
    exchange_release(ex);
}

void users_check_run(struct users_check *check)
{
    struct exchange *ex = check->ex;
    struct str *ids = ARENA_ARRAY(&ex->arena, struct str, check->list.count);
    size_t count = 0;
    check->places = ARENA_ARRAY(&ex->arena, size_t, check->list.count);
    for (size_t i = 0; i < check->list.count; i++) {
        if (users_known_has(ex->api->known, check->list.ids[i])) continue;
        check->places[count] = i;
        ids[count++] = check->list.ids[i];
    }
    if (count == 0) {
        check->then(check);
        return;
    }
    app_op_init(ex, &check->op.op, &USERS_MISSING, users_check_done);
    check->op.user_ids = ids;
    check->op.user_count = count;
    check->op.is_missing_out = ARENA_ARRAY(&ex->arena, bool, count);
    app_submit(ex, ids[0], &check->op.op);
}
