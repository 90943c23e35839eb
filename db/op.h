/* An operation on the store: what one handler or job asks of it, done as a whole or not at all.
 * An op is embedded in a struct of its caller (a handler's lies in the exchange's arena), filled
 * in, and given to db_submit. From then until `done` runs it belongs to the lane; `done` runs
 * exactly once, on the loop `home`, never inside db_submit, also if the client is gone by then.
 * Inputs are `struct str` that must live until `done`; results lie in op.results and end when
 * `done` returns, so copy what must stay. */
#pragma once
#include "base/arena.h"
#include "base/loop.h"

struct op_kind;
struct db_op {
    const struct op_kind *kind;
    struct loop *home;
    void (*done)(struct db_op *op); /* read op->err first */
    int64_t deadline_ms;            /* monotonic; past it: ERR_UNAVAILABLE, or ERR_UNCERTAIN */
    enum err err;                   /* the outcome */
    struct arena results;
    struct str request_id; /* for the log; may be empty */
    /* The lane's own. */
    struct task task;
    struct db_op *next;
    int64_t submitted_us;
    bool is_check_first; /* look its keys up before writing */
    bool is_uncertain;   /* a COMMIT that held it was cut off: it may be stored already */
    bool wants_batch;    /* set by `run`: reading was not enough, it has to write */
    bool goes_on;        /* set while writing: not done yet, it takes part in the next batch too */
    bool has_gone_on;    /* its results hold what earlier batches have stored */
};

/* Before every submit. deadline_in_ms counts from now. */
void op_init(struct db_op *op, const struct op_kind *kind, struct loop *home,
             int64_t deadline_in_ms, void (*done)(struct db_op *op));
