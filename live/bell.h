/* A bell wakes its ear once from its loop, however often it was rung before. Any thread may ring.
 * Why it is not a task inside the ear: a posted task belongs to the loop until it runs, and an ear
 * may be closed before that. The bell stays, muted, until the loop has ended. */
#pragma once
#include "base/loop.h"
#include <stdatomic.h>

struct bell_ear { /* embedded in who is woken */
    void (*rung)(struct bell_ear *ear);
};

struct bell {
    struct task task;
    struct list link; /* its keeper's */
    struct loop *loop;
    struct bell_ear *ear; /* NULL: muted. The loop's thread alone touches it */
    _Atomic bool is_rung;
};

struct bell *bell_new(struct loop *loop, struct bell_ear *ear);
void bell_ring(struct bell *bell); /* any thread; never wakes inside the call */
void bell_mute(struct bell *bell); /* the loop's thread; NULL is fine */
void bell_free(struct bell *bell); /* once the loop runs no more; NULL is fine */
