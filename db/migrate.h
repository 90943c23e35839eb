/* The schema: numbered migrations, forward only, each applied once under a lock in the database.
 * Blocking: for subcommands and start-up, not for a loop. */
#pragma once
#include "base/buf.h"
#include "base/config.h"

/* Applies what is missing. `report` gets a line for each. ERR_LOST: no connection; ERR_CONFIG: the
 * schema is newer than this program, or an applied migration's checksum differs. */
MUST_CHECK enum err migrate_run(const struct config *config, struct buf *report);
/* OK if the schema is exactly this program's; else ERR_CONFIG with the reason in report. */
MUST_CHECK enum err migrate_check(const struct config *config, struct buf *report);
