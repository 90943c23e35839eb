/* The modes `life` (sent, delivered, acknowledged, receipt seen) and `sends` (the first of these
 * alone). False: it could not be carried out; said on stderr. */
#pragma once
#include "tests/bench/run.h"

MUST_CHECK bool life_run(struct run *run);
