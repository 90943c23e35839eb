#include "tests/bench/histogram.h"
#include <math.h>

void histogram_clear(struct histogram *histogram)
{
    *histogram = (struct histogram){.count = 0};
}

/* Below 64 a cell a value. Above, the position of the highest bit names the row and the next six
 * bits the cell, which makes rows of equal length that follow each other without a gap. */
static size_t histogram_cell(uint64_t value)
{
    if (value < HISTOGRAM_CELLS) return value;
    size_t shift = (size_t)(63 - __builtin_clzll(value)) - HISTOGRAM_CELLS_LOG;
    return (shift << HISTOGRAM_CELLS_LOG) + (size_t)(value >> shift);
}

static int64_t histogram_cell_top(size_t cell)
{
    if (cell < HISTOGRAM_CELLS) return (int64_t)cell;
    size_t shift = (cell >> HISTOGRAM_CELLS_LOG) - 1;
    uint64_t bottom = (uint64_t)(cell - (shift << HISTOGRAM_CELLS_LOG)) << shift;
    return (int64_t)(bottom + (UINT64_C(1) << shift) - 1);
}

void histogram_add(struct histogram *histogram, int64_t us)
{
    const int64_t most = (INT64_C(1) << HISTOGRAM_POWER_MAX) - 1;
    us = MIN(MAX(us, 0), most);
    histogram->cells[histogram_cell((uint64_t)us)]++;
    histogram->count++;
    histogram->max_us = MAX(histogram->max_us, us);
}

int64_t histogram_at(const struct histogram *histogram, double share)
{
    uint64_t wanted = (uint64_t)ceil(share * (double)histogram->count), seen = 0;
    if (histogram->count == 0) return 0;
    for (size_t i = 0; i < ARRAY_LEN(histogram->cells); i++) {
        seen += histogram->cells[i];
        if (seen >= MAX(wanted, 1)) return MIN(histogram_cell_top(i), histogram->max_us);
    }
    return histogram->max_us;
}
