/* Reading an inbox: what a stream or a poll starts with, and the pages of its catch-up. */
#pragma once
#include "db/op.h"
#include "db/row.h"

enum cursor_kind {
    CURSOR_NONE,   /* all that the device has not confirmed */
    CURSOR_AT,     /* epoch and seq as given */
    CURSOR_UNKNOWN /* it could not be parsed: the device is opened as without, and told so */
};
enum inbox_reset { RESET_NONE, RESET_UNKNOWN_CURSOR, RESET_EPOCH };

/* Opens a device (registering it if it is new: everything still pending becomes pending for it too;
 * if it is the user's first, it takes the slot that waited), confirms the receipts, expiries and
 * group changes at or before the cursor, and reads the first page.
 * A cursor of another epoch or past the newest seq is answered by `reset` and treated as none.
 * ERR_TOO_MANY_DEVICES. last_seen is kept to the hour. */
extern const struct op_kind DEVICE_OPEN; /* read, or batch for a new device. key: user_id */
struct device_open {
    struct db_op op;
    struct str user_id, device_id;
    enum cursor_kind cursor;
    uint32_t epoch; /* CURSOR_AT */
    uint64_t seq;
    size_t limit; /* rows of the first page, 0..500; 0 reads none */
    /* results */
    enum inbox_reset reset_out;
    uint32_t epoch_out;
    uint64_t newest_seq_out;    /* read before the page: everything up to it is committed */
    uint32_t slot_out;          /* 0..15 */
    struct inbox_row *rows_out; /* ascending by seq, this device's unconfirmed only */
    size_t row_count_out;
    bool more_out;          /* there are rows behind the page */
    uint64_t after_seq_out; /* where the page starts after: the cursor's seq; without a cursor the
                               seq before the first row, or newest_seq_out if there is none */
    uint64_t passed_seq;    /* the store's own: what the device passed before */
};

/* One page of a catch-up, and where the inbox ends. */
extern const struct op_kind INBOX_PAGE; /* read. key: user_id */
struct inbox_page {
    struct db_op op;
    struct str user_id;
    uint32_t slot; /* as device_open told; rows this device has confirmed are left out */
    uint64_t after_seq;
    size_t limit; /* 1..500 */
    uint32_t epoch_out;
    uint64_t newest_seq_out;
    struct inbox_row *rows_out;
    size_t row_count_out;
    bool more_out;
};
