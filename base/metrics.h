/* Counters, gauges and histograms. Each thread writes a block of its own (no shared cache line on
 * the hot path); the text sums the blocks. Thread-safe. */
#pragma once
#include "base/buf.h"

enum metric {
#define COUNTER(constant, name, labels, help) constant,
#define GAUGE(constant, name, labels, help) constant,
#define HISTOGRAM(constant, name, labels, help, scale) constant,
#include "base/metrics.def"
#undef COUNTER
#undef GAUGE
#undef HISTOGRAM
    METRIC_COUNT
};

void metrics_add(enum metric metric, int64_t delta);     /* counters (delta >= 0) and gauges */
void metrics_observe(enum metric metric, int64_t value); /* histograms; below 0 counts as 0 */
int64_t metrics_value(enum metric metric); /* the sum over threads; for tests, /readyz, top */
void metrics_render(struct buf *out); /* Prometheus text format 0.0.4, HELP and TYPE included */
