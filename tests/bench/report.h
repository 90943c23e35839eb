/* The one JSON line of a run, written field by field and printed at its end. Figures that could
 * not be measured are null. */
#pragma once
#include "tests/bench/window.h"

struct report {
    struct buf text;
    bool is_begun;
};

void report_init(struct report *report);
void report_text(struct report *report, const char *name, const char *value);
void report_int(struct report *report, const char *name, int64_t value);
void report_real(struct report *report, const char *name, double value); /* < 0: null */
void report_print(struct report *report); /* closes the object; frees */

/* What every mode says. */
void report_run(struct report *report, const struct run *run, const struct window *window);
/* CPU microseconds of each process per window->count, named PREFIX_PROCESS, and their sum, PREFIX.
 */
void report_cpu(struct report *report, const struct run *run, const struct window *window,
                const char *prefix);
