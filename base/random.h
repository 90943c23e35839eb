/* Random bytes from the kernel (getrandom), buffered a thread; replaceable by tests with a seed. */
#pragma once
#include "base/compiler.h"

void random_bytes(void *out, size_t len);
uint64_t random_u64(void);
uint64_t random_below(uint64_t bound); /* uniform in 0..bound-1; bound > 0 */

/* Tests and the simulation: every later draw of the process follows from seed; 0 ends that. */
void random_seed(uint64_t seed);
