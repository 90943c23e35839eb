/* Users and their settings. A user comes into being by its first authenticated call. */
#pragma once
#include "db/op.h"

extern const struct op_kind USER_ENSURE; /* key: user_id. Part of the batch, idempotent */
struct user_ensure {
    struct db_op op;
    struct str user_id;
};

extern const struct op_kind USERS_MISSING; /* read. key: any (all shards are asked) */
struct users_missing {
    struct db_op op;
    const struct str *user_ids; /* at most 1,100, distinct */
    size_t user_count;
    bool *is_missing_out; /* user_count places of the caller's, in the same order */
};

extern const struct op_kind SETTINGS_GET; /* read. key: user_id */
extern const struct op_kind SETTINGS_PUT; /* batch. key: user_id */
struct settings_op {
    struct db_op op;
    struct str user_id;
    int64_t retention_days; /* 0..90; in for PUT, out for GET */
};

extern const struct op_kind NEXT_SEQS; /* read. key: any; the probe */
struct next_seqs {
    struct db_op op;
    const struct str *user_ids; /* at most 1,000 */
    size_t user_count;
    struct user_position {
        uint32_t epoch;
        uint64_t newest_seq; /* 0: nothing yet, or no such user */
    } * positions_out;       /* user_count places of the caller's */
};
