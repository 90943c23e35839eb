/* Inside db/ only. A lane: one thread, one connection, one bounded queue. It takes all that waits,
 * reads first, then writes the rest in ONE transaction (group commit by arrival, no timer),
 * completes every op. Thread-safe: lane_submit and the questions. */
#pragma once
#include "base/config.h"
#include "db/op.h"

struct lane;
MUST_CHECK enum err lane_open(const struct config *config, size_t number, struct lane **lane_out);
MUST_CHECK enum err lane_submit(struct lane *lane, struct db_op *op); /* ERR_BUSY: op is yours */
void lane_close(struct lane *lane); /* finishes what runs, fails what waits, joins; NULL is fine */
bool lane_is_up(const struct lane *lane);
int64_t lane_still_ms(const struct lane *lane); /* how long it has shown no sign of life */
