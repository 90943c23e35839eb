#include "handlers/passed.h"
#include "base/clock.h"
#include "base/memory.h"
#include "db/acks.h"
#include "handlers/ids.h"
#include <stdlib.h>

struct passed {
    struct ack_add add;
    char ids[]; /* user id and device id */
};

static void passed_stored(struct db_op *op)
{
    free(container_of(op, struct passed, add.op));
}

void passed_confirm(struct app *app, const struct listener *listener, uint32_t epoch, uint64_t seq)
{
    struct ids reader = {listener->user_id, listener->device_id};
    struct passed *passed = memory_alloc(sizeof(*passed) + ids_len(reader));
    struct ids ids = ids_copy(reader, passed->ids);
    struct ack_add *add = &passed->add;
    op_init(&add->op, &ACK_ADD, app->api.loop, app->api.config->db_deadline_ms, passed_stored);
    add->user_id = ids.user_id;
    add->device_id = ids.device_id;
    add->form = ACK_PASSED;
    add->epoch = epoch;
    add->seq = seq;
    add->now_ms = clock_wall_ms();
    if (db_submit(app->api.db, add->user_id, &add->op) != OK) free(passed);
}
