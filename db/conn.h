/* Inside db/ only: one blocking connection to MariaDB, MySQL or vtgate. Belongs to one thread.
 * Read-committed, autocommit on outside conn_begin .. conn_commit, utf8mb4, strict mode. */
#pragma once
#include "base/buf.h"
#include "base/config.h"

struct conn;
/* ERR_LOST, with the reason in `why` (may be NULL). */
MUST_CHECK enum err conn_open(const struct config *config, struct buf *why, struct conn **conn_out);
void conn_close(struct conn *conn); /* NULL is fine; what was not committed is rolled back */
/* No answer is waited for longer than that (monotonic; 0: for ever): the connection is lost then.
 */
void conn_set_deadline(struct conn *conn, int64_t deadline_ms);
/* BEGIN goes out with the first statement, so a transaction that needs none costs nothing. */
void conn_begin(struct conn *conn);
/* ERR_UNCERTAIN: the connection went away while committing. After a failed statement it refuses to
 * commit (vtgate answers OK and saves nothing), rolls back and returns ERR_RETRY. */
MUST_CHECK enum err conn_commit(struct conn *conn);
void conn_rollback(struct conn *conn);
bool conn_is_lost(const struct conn *conn); /* open another one */

/* What a statement's error means:
 *   ERR_DUPLICATE  1062: look the keys up, redo       ERR_RETRY  1213, 1205: redo the transaction
 *   ERR_LOST       the connection is gone             ERR_UNAVAILABLE  wait with jitter, then redo
 *   ERR_INTERNAL   anything else: split the batch and redo, until the op at fault stands alone */
const char *conn_error(const struct conn *conn); /* the server's text, for the log; never bodies */

/* For stmt.c and migrations: sends one statement (and BEGIN before it, if due) and waits. */
MUST_CHECK enum err conn_query(struct conn *conn, struct str sql);
/* For stmt.c alone: the library's handle, a buffer for the text, and what the handle's last error
 * means (the connection remembers it). */
struct st_mysql *conn_library(const struct conn *conn);
struct buf *conn_text(struct conn *conn);
MUST_CHECK enum err conn_failed(struct conn *conn);
