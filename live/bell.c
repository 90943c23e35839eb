#include "live/bell.h"
#include "base/memory.h"
#include <stdlib.h>

static void bell_run(struct task *task)
{
    struct bell *bell = container_of(task, struct bell, task);
    /* Before the ear looks: who rings from now on adds something that it may not see any more. */
    atomic_store(&bell->is_rung, false);
    if (bell->ear) bell->ear->rung(bell->ear);
}

struct bell *bell_new(struct loop *loop, struct bell_ear *ear)
{
    struct bell *bell = MEMORY_NEW(struct bell);
    bell->task.run = bell_run;
    bell->loop = loop;
    bell->ear = ear;
    list_init(&bell->link);
    return bell;
}

void bell_ring(struct bell *bell)
{
    if (!atomic_exchange(&bell->is_rung, true)) loop_post(bell->loop, &bell->task);
}

void bell_mute(struct bell *bell)
{
    if (bell) bell->ear = NULL;
}

void bell_free(struct bell *bell)
{
    free(bell);
}
