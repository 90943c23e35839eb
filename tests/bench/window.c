#include "tests/bench/window.h"
#include "base/clock.h"
#include <unistd.h>

static void mark_set(const struct run *run, struct mark *mark)
{
    *mark = (struct mark){.at_us = clock_mono_us(), .counts = run->book.counts};
    for (size_t i = 0; i < run->procs.count; i++)
        mark->cpu_us[i] = proc_cpu_us(run->procs.list[i].pid);
    mark->own_cpu_us = proc_cpu_us(getpid());
}

void window_begin(struct run *run, struct window *window)
{
    mark_set(run, &window->from);
    run->is_measuring = true;
    run->measured_from_us = window->from.at_us;
    histogram_clear(&run->send_us);
    histogram_clear(&run->delivery_us);
}

void window_end(struct run *run, struct window *window)
{
    mark_set(run, &window->to);
    run->is_measuring = false;
}

double window_seconds(const struct window *window)
{
    return (double)(window->to.at_us - window->from.at_us) / 1e6;
}

int64_t window_cpu_us(const struct window *window, size_t i)
{
    if (window->from.cpu_us[i] < 0 || window->to.cpu_us[i] < 0) return -1;
    return window->to.cpu_us[i] - window->from.cpu_us[i];
}

int64_t window_cpu_sum_us(const struct run *run, const struct window *window)
{
    int64_t sum_us = 0;
    for (size_t i = 0; i < run->procs.count; i++) {
        if (window_cpu_us(window, i) < 0) return -1;
        sum_us += window_cpu_us(window, i);
    }
    return run->procs.count ? sum_us : -1;
}
