/* The transactional outbox of groups: a job is one row of `fanout`, written with the change or
 * message that it carries. FANOUT_ADVANCE moves a group's oldest jobs on, in order (so every member
 * sees the group's events in one order), by a bounded number of copies a transaction. */
#pragma once
#include "db/op.h"
#include "db/row.h"

enum { FANOUT_COPIES_MAX = 500 };

extern const struct op_kind FANOUT_ADVANCE; /* batch. key: group_id */
struct fanout_advance {
    struct db_op op;
    struct str group_id;
    struct str lease_owner; /* this process */
    int64_t lease_ms;
    /* results */
    bool more_out; /* submit again */
    bool busy_out; /* another server's lease holds the oldest job: ask again later. Only the oldest
                      job's lease counts: its holder moves the whole line on, whoever's jobs they
                      are */
    struct fanout_copy {
        struct str user_id;
        struct inbox_row row;
    } * copies_out; /* to publish; users that are gone got none */
    size_t copy_count_out;
    struct fanout_slice *slice; /* the store's own, between prepare and conclude */
};

/* Groups whose oldest job's lease has run out: their server died. Asks every shard. */
extern const struct op_kind FANOUT_EXPIRED; /* read. key: any */
struct fanout_expired {
    struct db_op op;
    struct str *group_ids_out; /* at most 100 */
    size_t group_count_out;
};
