/* Groups: membership, roles and rights, each change in one transaction of the group's shard
 * together with a fan-out job (db/fanout.h) that carries it to the members' inboxes and lists.
 * Rights: only admins add, remove others and change roles; anyone may leave; when the last admin
 * leaves, the oldest member is promoted; an empty group is gone. */
#pragma once
#include "base/uuid.h"
#include "db/messages.h"
#include "db/op.h"

enum { GROUP_MEMBERS_MAX = 1024 };
enum group_role { ROLE_MEMBER = 0, ROLE_ADMIN = 1 };

/* `outbox` tells how the job is left: the caller that gets OK with is_job_out runs jobs/fanout for
 * the group at once; lease_owner keeps other servers away from it until lease_ms are over. */
struct group_outbox {
    struct str lease_owner; /* in: this process, unique a start, 1..36 bytes */
    int64_t lease_ms;
    bool is_job_out;
};

extern const struct op_kind GROUP_CREATE; /* batch. key: group_id */
struct group_create {
    struct db_op op;
    struct group_outbox outbox;
    struct str group_id;
    bool is_numbered; /* group_id is derived from an idempotency key */
    uint8_t fingerprint[FINGERPRINT_LEN];
    struct str groupname, creator_id;
    const struct str *member_ids; /* distinct, the creator first, 1..GROUP_MEMBERS_MAX, all known */
    size_t member_count;
    int64_t now_ms;
    bool is_replay_out; /* err: ERR_KEY_REUSED */
};

/* Add, remove and roles: the ids that changed come back, in the order asked. Those already in, out
 * or of that role are not listed, nor are non-members whose role is asked for. Every change told to
 * the members has a version of its own: a removal that promotes somebody takes two. */
extern const struct op_kind GROUP_ADD;    /* batch. key: group_id. ERR_GROUP_FULL */
extern const struct op_kind GROUP_REMOVE; /* batch. key: group_id */
extern const struct op_kind GROUP_ROLES;  /* batch. key: group_id. ERR_LAST_ADMIN, ERR_NOT_FOUND */
struct group_change {
    struct db_op op; /* err: ERR_UNKNOWN_GROUP, ERR_NOT_MEMBER, ERR_NOT_ADMIN */
    struct group_outbox outbox;
    struct str group_id, actor_id;
    const struct str *user_ids; /* distinct, 1..GROUP_MEMBERS_MAX; for GROUP_ADD all known */
    size_t user_count;
    enum group_role role; /* GROUP_ROLES */
    int64_t now_ms;
    const struct str **changed_out; /* pointers into user_ids, in results */
    size_t changed_count_out;
};

extern const struct op_kind GROUP_SEND; /* batch. key: group_id */
struct group_send {
    struct db_op
        op; /* err: ERR_UNKNOWN_GROUP, ERR_NOT_MEMBER, ERR_KEY_REUSED; replays before rights */
    struct group_outbox outbox;
    struct str message_id;
    bool is_numbered;
    struct str group_id, sender_id, sender_device, content, attachments;
    uint8_t fingerprint[FINGERPRINT_LEN];
    int64_t created_at_ms;
    bool is_replay_out;
    int64_t created_at_ms_out;
    uint64_t group_seq_out;
};

extern const struct op_kind GROUP_GET; /* read. key: group_id. ERR_UNKNOWN_GROUP, ERR_NOT_MEMBER */
struct group_get {
    struct db_op op;
    struct str group_id, caller_id;
    struct str groupname_out, created_by_out;
    uint64_t version_out;
    struct member_row {
        struct str user_id;
        enum group_role role;
    } * members_out; /* oldest first */
    size_t member_count_out;
};

extern const struct op_kind GROUPS_LIST; /* read. key: user_id */
struct groups_list {
    struct db_op op;
    struct str user_id;
    struct group_row {
        struct str group_id, groupname;
        enum group_role role;
        uint64_t version, member_count;
    } * groups_out; /* by groupname, then id */
    size_t group_count_out;
};
