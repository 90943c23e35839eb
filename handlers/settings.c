/* GET and PUT settings: how long the caller keeps its messages on the server. */
#include "api/reply.h"
#include "db/users.h"
#include "handlers/app.h"
#include "handlers/fields.h"
#include "handlers/resources.h"

enum { RETENTION_DAYS_MAX = 90 };

struct settings {
    struct exchange *ex;
    struct settings_op op;
};

static void settings_answered(struct db_op *op)
{
    struct settings *settings = container_of(op, struct settings, op.op);
    struct exchange *ex = settings->ex;
    if (op->err != OK) {
        reply_error(ex, op->err);
    } else {
        struct json_out *out = reply_json_begin(ex);
        json_out_object(out, NULL);
        json_out_int(out, "retention_days", settings->op.retention_days);
        json_out_close_object(out);
        reply_json(ex, 200);
    }
    exchange_release(ex);
}

static void settings_submit(struct exchange *ex, const struct op_kind *kind, int64_t days)
{
    struct settings *settings = ARENA_NEW(&ex->arena, struct settings);
    settings->ex = ex;
    app_op_init(ex, &settings->op.op, kind, settings_answered);
    settings->op.user_id = ex->caller.user_id;
    settings->op.retention_days = days;
    app_submit(ex, ex->caller.user_id, &settings->op.op);
}

void settings_get(struct exchange *ex)
{
    settings_submit(ex, &SETTINGS_GET, 0);
}

void settings_put(struct exchange *ex)
{
    int64_t days = 0;
    struct json *root = fields_parse(ex);
    if (!root) return;
    (void)field_integer(ex, root, "retention_days", FIELD_REQUIRED, 0, RETENTION_DAYS_MAX, &days);
    if (fields_are_good(ex, root)) settings_submit(ex, &SETTINGS_PUT, days);
}
