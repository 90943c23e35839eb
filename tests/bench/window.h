/* The measured part of a run: counts and CPU are read at both of its ends. */
#pragma once
#include "tests/bench/run.h"

struct mark {
    int64_t at_us;
    struct book_counts counts;
    int64_t cpu_us[PROC_MAX]; /* of each process of run->procs; -1: gone */
    int64_t own_cpu_us;
};
struct window {
    struct mark from, to;
    uint64_t count; /* what happened in it, as its owner sees it: CPU is told per one of these */
};

void window_begin(struct run *run, struct window *window); /* latencies count from now on */
void window_end(struct run *run, struct window *window);
double window_seconds(const struct window *window);
/* CPU of process i within the window; -1 if it was another process at its end (killed between). */
int64_t window_cpu_us(const struct window *window, size_t i);
/* The same of all together; -1 if one is missing, or none is known. */
int64_t window_cpu_sum_us(const struct run *run, const struct window *window);
