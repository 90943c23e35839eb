#include "db/op.h"
#include "base/clock.h"
#include "db/batch.h"

void op_init(struct db_op *op, const struct op_kind *kind, struct loop *home,
             int64_t deadline_in_ms, void (*done)(struct db_op *op))
{
    *op = (struct db_op){
        .kind = kind,
        .home = home,
        .done = done,
        .deadline_ms = clock_mono_ms() + deadline_in_ms,
    };
    arena_init(&op->results);
}
