/* Inside db/ only: one transaction in the making. A lane hands over all ops that were waiting;
 * kinds prepare (read and lock what is theirs, name the rows to deliver), then all deliveries are
 * written at once, then kinds conclude (delete, update), then the lane commits.
 *
 *   prepare, kind by kind in the order of OP_KINDS        locks: inbox rows, groups, fan-out rows
 *   UPDATE users .. next_seq + k WHERE user_id IN (..)    locks: users, sorted, so that no two
 *                                                         lanes wait for each other
 *   SELECT user_id, next_seq, epoch, device_mask          the seq of every delivery; unknown users
 *   INSERT messages (identities), INSERT inbox
 *   conclude, kind by kind
 *
 * A redo starts from prepare again: prepare sets every output anew and takes memory from the
 * batch's arena or the op's results (both are emptied before a redo).
 *
 * An op may need several batches: its kind sets op->goes_on, and the op leads the next one. What
 * earlier ones have stored is then true already: `committed` keeps it and sets has_gone_on, which
 * also keeps the results. */
#pragma once
#include "base/arena.h"
#include "base/list.h"
#include "db/conn.h"
#include "db/op.h"
#include "db/row.h"

/* In inbox.pending, above the devices' bits: the sender has not been told yet that a device
 * confirmed. */
#define PENDING_RECEIPT BIT(16)
#define PENDING_DEVICES UINT32_C(0xffff)

struct delivery {
    struct list link;     /* the batch's */
    struct str user_id;   /* whose inbox */
    struct inbox_row row; /* seq and epoch are set before conclude */
    int64_t expires_at_ms;
    /* A row in `messages` goes with it (messages and fan-out copies do, receipts and changes do
     * not): ids find their seq, and a second copy meets the primary key. */
    bool has_identity;
    bool is_first_try; /* its id was drawn and never tried before: it need not be looked up */
    struct str sender_id;
    const uint8_t *fingerprint; /* FINGERPRINT_LEN, or NULL for zeroes */
    bool is_unknown;            /* out: there is no such user, nothing was written */
    bool is_repeat; /* out, check-first only: the identity was there already, nothing was written;
                       row.seq, epoch and created_at_ms are the earlier one's */
    uint8_t fingerprint_seen[16]; /* out with is_repeat */
};

struct recent; /* the lane's memory of message ids, db/recent.h */

struct batch {
    struct conn *conn;
    struct arena arena;
    struct list deliveries;
    struct recent *recent;
    bool is_check_first; /* look identities up before writing them */
};
/* Rows go out in the order of these calls, for each user; the delivery lives in the batch's arena.
 */
struct delivery *batch_deliver(struct batch *batch, struct str user_id);

struct op_kind {
    const char *name; /* for logs and metrics */
    /* Reads: alone, in autocommit. NULL for what writes. */
    enum err (*run)(struct conn *conn, struct db_op *op);
    /* Writes: all ops of the kind in this batch, in the order submitted. What concerns one op (not
     * a member, bad cursor) is set in its op->err and it takes no further part; what is returned
     * concerns the transaction (conn.h tells which errors are redone, split, or lost). */
    enum err (*prepare)(struct batch *batch, struct db_op **ops, size_t op_count);
    enum err (*conclude)(struct batch *batch, struct db_op **ops,
                         size_t op_count); /* may be NULL */
    /* After COMMIT, for what this process remembers. May be NULL. */
    void (*committed)(struct batch *batch, struct db_op **ops, size_t op_count);
};

void batch_init(struct batch *batch, struct conn *conn, struct recent *recent, bool is_check_first);
void batch_done(struct batch *batch);
/* One try: prepare .. COMMIT. Errors are conn.h's; after any the transaction is rolled back. Each
 * op's own outcome is in op->err; those with goes_on are not done yet. */
MUST_CHECK enum err batch_run(struct batch *batch, struct db_op **ops, size_t op_count);
