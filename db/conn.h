/* Inside db/ only: one blocking connection to MariaDB, MySQL or vtgate. Belongs to one thread.
 * Read-committed, autocommit on outside conn_begin .. conn_commit, utf8mb4, strict mode. */
#pragma once
#include "base/config.h"

struct conn;
MUST_CHECK enum err conn_open(const struct config *config, struct conn **conn_out); /* ERR_LOST */
void conn_close(struct conn *conn);
MUST_CHECK enum err conn_begin(struct conn *conn);
/* ERR_UNCERTAIN: the connection went away while committing. After a failed statement it refuses to
 * commit (vtgate answers OK and saves nothing) and rolls back. */
MUST_CHECK enum err conn_commit(struct conn *conn);
void conn_rollback(struct conn *conn);
/* One whole statement without rows or values: migrations, and the connection's own. */
MUST_CHECK enum err conn_execute(struct conn *conn, struct str sql);
void conn_ping(struct conn *conn);          /* of an idle one: notices that it is lost */
bool conn_is_lost(const struct conn *conn); /* open another one */

/* What a statement's error means:
 *   ERR_DUPLICATE  1062: look the keys up, redo       ERR_RETRY  1213, 1205: redo the transaction
 *   ERR_LOST       the connection is gone             ERR_UNAVAILABLE  wait with jitter, then redo
 *   ERR_INTERNAL   anything else: split the batch and redo, until the op at fault stands alone */
const char *conn_error(const struct conn *conn); /* the server's text, for the log; never bodies */

/* For stmt.c: the library's handle, and what its last error means (the connection remembers it). */
void *conn_handle(const struct conn *conn);
enum err conn_failed(struct conn *conn);
