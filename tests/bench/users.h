/* Logs the run's users in, over some connections at once. Runs the loop until all are in. */
#pragma once
#include "tests/bench/run.h"

bool users_login(struct run *run); /* false: not all within a minute; said on stderr */
void users_free(struct run *run);
