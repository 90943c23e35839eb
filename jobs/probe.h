/* The probe for lost wake-ups, one a reactor. The relay may lose anything; so each listening user's
 * newest seq is asked of the store every config probe_ms (probe_down_ms while Redis is away), and
 * the hub is told. The questions are spread evenly over that time, up to 1,000 users each, and
 * there is never more than one on its way: a slow store is asked less often, not more. */
#pragma once
#include "base/config.h"
#include "db/shards.h"
#include "live/hub.h"

struct probe;
/* `config`, `db` and `hub` outlive it. It runs from now on. */
struct probe *probe_open(struct loop *loop, const struct config *config, struct db *db,
                         struct hub *hub);
/* From the loop's thread, before the hub is closed; a question on its way ends by itself, as long
 * as the loop goes on until the store is closed. NULL is fine. */
void probe_close(struct probe *probe);
