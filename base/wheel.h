/* The timers of a loop, apart from the clock: a hierarchical wheel of 1 ms ticks (Varghese, Lauck).
 * Level 0 has a slot for each of the next ticks, level 1 one for each 64 ticks, and so on; a timer
 * lies at the level of the highest base-64 digit in which its tick differs from now. So all slots
 * in use lie ahead of now, and a bitmap a level finds the next one by one instruction.
 * Belongs to the loop's thread. */
#pragma once
#include "base/list.h"
#include "base/loop.h"

/* 7 digits: 2^42 ms, 139 years of uptime. */
enum { WHEEL_BITS = 6, WHEEL_SLOTS = 1 << WHEEL_BITS, WHEEL_LEVELS = 7 };

struct wheel {
    int64_t now; /* all timers up to this tick have run */
    uint64_t used[WHEEL_LEVELS];
    struct list slots[WHEEL_LEVELS][WHEEL_SLOTS];
};

void wheel_init(struct wheel *wheel, int64_t now);
/* Runs at tick `at`, in the next tick if that is past. The timer must not be set. */
void wheel_add(struct wheel *wheel, struct timer *timer, int64_t at);
void wheel_remove(struct wheel *wheel, struct timer *timer); /* the timer must be set */
/* Runs what is due up to and including tick `to`, in the order of ticks. What a timer sets while
 * it runs must lie behind `to`, or it runs as well. */
void wheel_advance(struct wheel *wheel, int64_t to);
/* A tick at which there may be something to do, and before which there is not; INT64_MAX: never. */
int64_t wheel_next(const struct wheel *wheel);
