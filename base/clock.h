/* Time, replaceable by tests. Wall time is for what people and the store see; monotonic time is for
 * deadlines. Thread-safe. */
#pragma once
#include "base/compiler.h"

int64_t clock_wall_ms(void); /* Unix milliseconds */
int64_t clock_wall_us(void);
int64_t clock_mono_ms(void); /* milliseconds since some fixed moment; never steps back */
int64_t clock_mono_us(void);

/* Tests: wall time = given time, standing still; 0 gives the real clock back. */
void clock_wall_set(int64_t wall_ms);
/* `parleyd reap --now` and tests: wall time runs on, shifted by delta_ms. */
void clock_wall_shift(int64_t delta_ms);
