/* Sending to one user. message_id is derived by the caller when the client numbers its sends, so a
 * retry meets the same primary key; see docs/ARCHITECTURE.md, "Exactly one message per send". */
#pragma once
#include "base/uuid.h"
#include "db/op.h"

enum { FINGERPRINT_LEN = 16 };

struct message_work;
extern const struct op_kind MESSAGE_ADD; /* batch. key: recipient_id */
struct message_add {
    struct db_op op;
    struct str message_id;
    bool is_numbered; /* message_id is derived: it may have been sent before */
    struct str sender_id, sender_device, recipient_id;
    struct str content;                   /* 1..1000 code points */
    struct str attachments;               /* a JSON array, or empty */
    uint8_t fingerprint[FINGERPRINT_LEN]; /* of content and attachments */
    int64_t created_at_ms;
    /* results; err: ERR_UNKNOWN_USER, ERR_KEY_REUSED (same id, other fingerprint) */
    bool is_replay_out; /* created_at_ms_out is the first one's; publish nothing */
    int64_t created_at_ms_out;
    uint64_t seq_out; /* in the recipient's inbox */
    uint32_t epoch_out;
    struct message_work *work; /* the batch's own */
};
