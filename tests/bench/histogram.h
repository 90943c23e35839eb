/* Latencies, log-linear as HdrHistogram has them: every power of two is cut into 64 equal cells,
 * so a percentile is at most 1.6 % too high, never too low, from 0 to 2^40 us (12 days).
 * By value, fixed size, no allocation. */
#pragma once
#include "base/compiler.h"

enum { HISTOGRAM_CELLS_LOG = 6, HISTOGRAM_CELLS = 1 << HISTOGRAM_CELLS_LOG };
enum { HISTOGRAM_POWER_MAX = 40 };

struct histogram {
    uint64_t count;
    int64_t max_us;
    uint64_t cells[(HISTOGRAM_POWER_MAX - HISTOGRAM_CELLS_LOG + 1) * HISTOGRAM_CELLS];
};

void histogram_clear(struct histogram *histogram);
void histogram_add(struct histogram *histogram, int64_t us); /* below 0 counts as 0 */
/* The value that `share` (0..1) of all values do not pass; 0 while there is none. */
int64_t histogram_at(const struct histogram *histogram, double share);
