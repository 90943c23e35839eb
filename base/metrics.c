/* A block of cells a thread, written by that thread alone: plain loads and stores, no locked
 * instruction. A block outlives its thread, so no count is ever lost; threads are few. */
#include "base/metrics.h"
#include "base/memory.h"
#include <pthread.h>
#include <stdatomic.h>

enum {
    METRICS_BOUNDS = 25,                 /* buckets up to 1, 2, 4 ... 2^24; one more has the rest */
    METRICS_SUM_AT = METRICS_BOUNDS + 1, /* where a histogram keeps the sum of its values */
    METRICS_HISTOGRAM_CELLS = METRICS_SUM_AT + 1,
};

/* Where each metric's cells begin. */
enum {
#define COUNTER(constant, name, labels, help) METRICS_CELL_##constant,
#define GAUGE(constant, name, labels, help) METRICS_CELL_##constant,
#define HISTOGRAM(constant, name, labels, help, scale) \
    METRICS_CELL_##constant,                           \
        METRICS_LAST_CELL_##constant = METRICS_CELL_##constant + METRICS_HISTOGRAM_CELLS - 1,
#include "base/metrics.def"
#undef COUNTER
#undef GAUGE
#undef HISTOGRAM
    METRICS_CELL_COUNT
};

enum metrics_kind { METRICS_COUNTER, METRICS_GAUGE, METRICS_HISTOGRAM };

static const struct metrics_row {
    const char *name, *labels, *help;
    double scale;
    enum metrics_kind kind;
    int cell;
} metrics_rows[] = {
#define COUNTER(constant, name, labels, help) \
    [constant] = {name, labels, help, 1, METRICS_COUNTER, METRICS_CELL_##constant},
#define GAUGE(constant, name, labels, help) \
    [constant] = {name, labels, help, 1, METRICS_GAUGE, METRICS_CELL_##constant},
#define HISTOGRAM(constant, name, labels, help, scale) \
    [constant] = {name, labels, help, scale, METRICS_HISTOGRAM, METRICS_CELL_##constant},
#include "base/metrics.def"
#undef COUNTER
#undef GAUGE
#undef HISTOGRAM
};

struct metrics_block {
    struct metrics_block *next;
    _Alignas(64) _Atomic int64_t cells[METRICS_CELL_COUNT];
};

static pthread_mutex_t metrics_lock = PTHREAD_MUTEX_INITIALIZER; /* guards the list */
static struct metrics_block *metrics_blocks;
static _Thread_local struct metrics_block *metrics_own_block;

static struct metrics_block *metrics_block_new(void)
{
    /* The allocator aligns to 16 only: a shared first line costs a little, never a count. */
    struct metrics_block *block = MEMORY_NEW(struct metrics_block);
    pthread_mutex_lock(&metrics_lock);
    block->next = metrics_blocks;
    metrics_blocks = block;
    pthread_mutex_unlock(&metrics_lock);
    metrics_own_block = block;
    return block;
}

static void metrics_cell_add(int cell, int64_t delta)
{
    struct metrics_block *block = metrics_own_block ? metrics_own_block : metrics_block_new();
    int64_t value = atomic_load_explicit(&block->cells[cell], memory_order_relaxed);
    atomic_store_explicit(&block->cells[cell], value + delta, memory_order_relaxed);
}

void metrics_add(enum metric metric, int64_t delta)
{
    const struct metrics_row *row = &metrics_rows[metric];
    assert(row->kind == METRICS_GAUGE || (row->kind == METRICS_COUNTER && delta >= 0));
    metrics_cell_add(row->cell, delta);
}

void metrics_observe(enum metric metric, int64_t value)
{
    const struct metrics_row *row = &metrics_rows[metric];
    assert(row->kind == METRICS_HISTOGRAM);
    value = MAX(value, 0);
    /* The bucket whose bound 2^n is the first at or over value. */
    int bucket = value <= 1 ? 0 : 64 - __builtin_clzll((unsigned long long)value - 1);
    metrics_cell_add(row->cell + MIN(bucket, METRICS_BOUNDS), 1);
    metrics_cell_add(row->cell + METRICS_SUM_AT, value);
}

static int64_t metrics_cell_sum(int cell)
{
    int64_t sum = 0;
    pthread_mutex_lock(&metrics_lock);
    for (struct metrics_block *block = metrics_blocks; block; block = block->next)
        sum += atomic_load_explicit(&block->cells[cell], memory_order_relaxed);
    pthread_mutex_unlock(&metrics_lock);
    return sum;
}

int64_t metrics_value(enum metric metric)
{
    const struct metrics_row *row = &metrics_rows[metric];
    if (row->kind != METRICS_HISTOGRAM) return metrics_cell_sum(row->cell);
    int64_t count = 0;
    for (int i = 0; i <= METRICS_BOUNDS; i++)
        count += metrics_cell_sum(row->cell + i);
    return count;
}

static enum err metrics_render_head(const struct metrics_row *row, struct buf *out)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    return buf_printf(out, "# HELP parley_%s %s\n# TYPE parley_%s %s\n", row->name, row->help,
                      row->name, types[row->kind]);
}

static enum err metrics_render_value(const struct metrics_row *row, struct buf *out)
{
    bool is_bare = row->labels[0] == '\0';
    return buf_printf(out, "parley_%s%s%s%s %lld\n", row->name, is_bare ? "" : "{", row->labels,
                      is_bare ? "" : "}", (long long)metrics_cell_sum(row->cell));
}

/* _count is what the buckets add up to, read once: the text agrees with itself under load. */
static enum err metrics_render_histogram(const struct metrics_row *row, struct buf *out)
{
    const char *comma = row->labels[0] ? "," : "";
    const char *open = row->labels[0] ? "{" : "", *close = row->labels[0] ? "}" : "";
    long long count = 0;
    enum err err = OK;
    for (int i = 0; i < METRICS_BOUNDS && err == OK; i++) {
        count += metrics_cell_sum(row->cell + i);
        err = buf_printf(out, "parley_%s_bucket{%s%sle=\"%.10g\"} %lld\n", row->name, row->labels,
                         comma, (double)BIT(i) / row->scale, count);
    }
    count += metrics_cell_sum(row->cell + METRICS_BOUNDS);
    double sum = (double)metrics_cell_sum(row->cell + METRICS_SUM_AT) / row->scale;
    if (err == OK)
        err = buf_printf(out, "parley_%s_bucket{%s%sle=\"+Inf\"} %lld\n", row->name, row->labels,
                         comma, count);
    if (err == OK)
        err = buf_printf(out, "parley_%s_sum%s%s%s %.15g\n", row->name, open, row->labels, close,
                         sum);
    if (err == OK)
        err = buf_printf(out, "parley_%s_count%s%s%s %lld\n", row->name, open, row->labels, close,
                         count);
    return err;
}

void metrics_render(struct buf *out)
{
    const char *name_before = "";
    for (int i = 0; i < METRIC_COUNT; i++) {
        const struct metrics_row *row = &metrics_rows[i];
        size_t len_before = out->len;
        enum err err = OK;
        if (strcmp(row->name, name_before) != 0) err = metrics_render_head(row, out);
        if (err == OK)
            err = row->kind == METRICS_HISTOGRAM ? metrics_render_histogram(row, out)
                                                 : metrics_render_value(row, out);
        if (err != OK) { /* out is too small: leave whole families only */
            buf_truncate(out, len_before);
            return;
        }
        name_before = row->name;
    }
}
