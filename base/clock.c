#include "base/clock.h"
#include <stdatomic.h>
#include <time.h>

static _Atomic int64_t clock_standing_ms; /* not 0: wall time stands still here */
static _Atomic int64_t clock_delta_ms;

static int64_t clock_read_us(clockid_t id)
{
    struct timespec time;
    clock_gettime(id, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

int64_t clock_wall_us(void)
{
    int64_t standing_ms = atomic_load_explicit(&clock_standing_ms, memory_order_relaxed);
    int64_t wall_us = standing_ms ? standing_ms * 1000 : clock_read_us(CLOCK_REALTIME);
    return wall_us + atomic_load_explicit(&clock_delta_ms, memory_order_relaxed) * 1000;
}

int64_t clock_wall_ms(void)
{
    return clock_wall_us() / 1000;
}

int64_t clock_mono_ms(void)
{
    return clock_mono_us() / 1000;
}

int64_t clock_mono_us(void)
{
    return clock_read_us(CLOCK_MONOTONIC);
}

/* Either call settles both, so that neither depends on what an earlier test left behind. */
static void clock_wall_replace(int64_t standing_ms, int64_t delta_ms)
{
    atomic_store_explicit(&clock_standing_ms, standing_ms, memory_order_relaxed);
    atomic_store_explicit(&clock_delta_ms, delta_ms, memory_order_relaxed);
}

void clock_wall_set(int64_t wall_ms)
{
    clock_wall_replace(wall_ms, 0);
}

void clock_wall_shift(int64_t delta_ms)
{
    clock_wall_replace(0, delta_ms);
}
