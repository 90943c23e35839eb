/* A device confirms. In one transaction: the pending bits are cleared, rows that no device waits
 * for are deleted, and the first device's confirmation of a message writes its sender's receipt. */
#pragma once
#include "base/uuid.h"
#include "db/op.h"
#include "db/row.h"

enum { ACK_IDS_MAX = 1000 };

struct ack_work;
extern const struct op_kind ACK_ADD; /* batch. key: user_id */
struct ack_add {
    struct db_op op;
    struct str user_id, device_id; /* a device that does not exist yet is registered */
    enum ack_form {
        ACK_IDS,   /* messages by id; ids that are not waiting are no error */
        ACK_UP_TO, /* everything at or before a cursor */
        ACK_PASSED /* only receipts, expiries and group changes at or before it: a poll moved on */
    } form;
    const struct str *message_ids; /* ACK_IDS: 1..ACK_IDS_MAX valid UUIDs, lower case */
    size_t message_id_count;
    uint32_t epoch; /* ACK_UP_TO, ACK_PASSED */
    uint64_t seq;
    int64_t now_ms; /* the receipts' time */
    /* results; err: ERR_CURSOR (other epoch, or past the newest), ERR_TOO_MANY_DEVICES */
    size_t acknowledged_out; /* messages newly confirmed by this device */
    struct receipt_row {
        struct str user_id;   /* whose inbox it went to: the message's sender */
        struct inbox_row row; /* kind INBOX_RECEIPT, seq and epoch set */
    } * receipts_out;         /* to publish */
    size_t receipt_count_out;
    /* The batch's own; kept: by earlier transactions of an ack that takes several. */
    struct ack_work *work;
    size_t kept_acknowledged, kept_receipt_count, receipts_cap;
};
