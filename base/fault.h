/* Faults on demand, for tests: PARLEY_FAULT=NAME:ACTION:N (comma-separated) arms a point so that
 * its Nth passage dies (kill), fails (fail) or, for ever from then on, fails (down). Nothing armed:
 * one predictable branch. Thread-safe. */
#pragma once
#include "base/error.h"
#include "base/str.h"

enum fault {
#define POINT(constant, name) constant,
#include "base/fault.def"
#undef POINT
    FAULT_COUNT
};

MUST_CHECK enum err fault_arm(struct str spec); /* ERR_CONFIG: unknown point or action */
void fault_disarm(void);
bool fault_hits(enum fault fault); /* true: the caller behaves as if the call had failed */
