/* The store as its callers see it: which shard holds a key, and that shard's lanes.
 * Thread-safe: db_submit and the questions. One plain MariaDB or MySQL is a map of one shard. */
#pragma once
#include "base/config.h"
#include "db/op.h"

struct db;
/* Opens the lanes; a server that cannot be reached yet is no error, its lanes go on trying. */
MUST_CHECK enum err db_open(const struct config *config, struct db **db_out);
void db_close(struct db *db); /* finishes what runs, fails what waits, joins; NULL is fine */

/* `key` is the user id or group id by which the op's rows are sharded; equal keys keep their order.
 * ERR_BUSY: the queue is full, the op is still the caller's and `done` will not run. */
MUST_CHECK enum err db_submit(struct db *db, struct str key, struct db_op *op);

bool db_is_up(const struct db *db); /* every shard has a lane with a live connection */
/* How long the slowest lane's thread has been without a sign of life; a lane that waits for the
 * database's answer within the op's deadline, or that reconnects, gives signs. */
int64_t db_stuck_ms(const struct db *db);
