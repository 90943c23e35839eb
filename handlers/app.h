/* What every handler of one reactor has at hand beyond api/: filled and owned by server/. */
#pragma once
#include "api/api.h"

struct app {
    struct api api;
    struct list deliveries; /* the reactor's streams and waiting polls (handlers/delivery) */
    struct str lease_owner; /* this process, for fan-out jobs */
    /* A group has a new job in its outbox: jobs/fanout, handed in by server/. */
    void (*group_changed)(struct app *app, struct str group_id);
    /* The admin listener's questions; why_out gets one line a fault. NULL elsewhere. */
    bool (*is_live)(struct app *app, struct buf *why_out);
    bool (*is_ready)(struct app *app, struct buf *why_out);
};

static inline struct app *app_of(struct exchange *ex)
{
    return container_of(ex->api, struct app, api);
}

extern handler_fn *const handlers_table[ROUTE_COUNT];

/* For op->done after op_init with the app's loop and the configured deadline. */
void app_op_init(struct exchange *ex, struct db_op *op, const struct op_kind *kind,
                 void (*done)(struct db_op *op));
/* Submits; what the queue refuses is answered with 503 at once and the op's done will not run.
 * Holds the exchange until done: call exchange_release there, last. */
void app_submit(struct exchange *ex, struct str key, struct db_op *op);
/* In done: true if the op failed; its error has been answered then and the hold is given up. */
bool app_op_failed(struct exchange *ex, const struct db_op *op);
