/* The mode `streams`: what many waiting streams cost. Memory of each, CPU at rest, CPU of a push
 * (against the same sends to users who have no stream), and how soon a hang-up is noticed. */
#pragma once
#include "tests/bench/run.h"

MUST_CHECK bool streams_run(struct run *run);
