#include "handlers/app.h"
#include "api/reply.h"

void app_op_init(struct exchange *ex, struct db_op *op, const struct op_kind *kind,
                 void (*done)(struct db_op *op))
{
    op_init(op, kind, ex->api->loop, ex->api->config->db_deadline_ms, done);
    op->request_id = ex->request_id;
}

void app_submit(struct exchange *ex, struct str key, struct db_op *op)
{
    exchange_hold(ex);
    enum err err = db_submit(ex->api->db, key, op);
    if (err == OK) return;
    reply_error(ex, err);
    exchange_release(ex);
}

bool app_op_failed(struct exchange *ex, const struct db_op *op)
{
    if (op->err == OK) return false;
    reply_error(ex, op->err);
    exchange_release(ex);
    return true;
}
