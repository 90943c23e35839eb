/* Devices: a user has up to 16, each a slot, which is a bit in the `pending` of its inbox rows.
 * A device comes into being by its first stream, sync or ack. */
#pragma once
#include "db/op.h"

enum { DEVICES_MAX = 16 };

extern const struct op_kind DEVICES_LIST; /* read. key: user_id */
struct devices_list {
    struct db_op op;
    struct str user_id;
    struct device_row {
        struct str device_id;
        int64_t last_seen_ms;
    } * devices_out; /* in results, in order of registration */
    size_t device_count_out;
};

extern const struct op_kind DEVICE_FORGET; /* batch. key: user_id. ERR_NOT_FOUND */
struct device_forget {
    struct db_op op;
    struct str user_id, device_id;
};
