/* Groups come into being here, and are read. Every write is one transaction of the group's shard
 * that also writes the fan-out job; members' inboxes and lists follow from that job alone. */
#include "db/groups.h"
#include "db/fanout_job.h"
#include "db/groups_text.h"
#include "db/members.h"
#include "db/stmt.h"

/* createGroup's idempotency: a message of the group to itself, which nobody is ever sent. */
static struct group_identity group_create_identity(const struct group_create *create)
{
    return (struct group_identity){.group_id = create->group_id,
                                   .message_id = create->group_id,
                                   .sender_id = create->creator_id,
                                   .fingerprint = create->fingerprint,
                                   .created_at_ms = create->now_ms};
}

static void group_create_settle(struct group_create *create, const struct group_identity *identity)
{
    /* An id that was drawn, not derived, is only there because our own earlier try committed. */
    if (!create->is_numbered) {
        create->outbox.is_job_out = true;
    } else if (memcmp(identity->fingerprint_found, create->fingerprint, FINGERPRINT_LEN) != 0) {
        create->op.err = ERR_KEY_REUSED;
    } else {
        create->is_replay_out = !create->op.is_uncertain; /* likewise when that try was cut off */
        create->outbox.is_job_out = create->op.is_uncertain;
    }
}

static enum err group_create_members(struct batch *batch, const struct group_create *create,
                                     struct members *members)
{
    enum { VALUES = 4 };
    struct arena *arena = &batch->arena;
    struct value *values = ARENA_ARRAY(arena, struct value, create->member_count * VALUES);
    struct value *v = values;
    for (size_t i = 0; i < create->member_count; i++) {
        enum group_role role = i == 0 ? ROLE_ADMIN : ROLE_MEMBER;
        members_add(members, arena, create->member_ids[i], role);
        *v++ = value_str(create->group_id);
        *v++ = value_str(create->member_ids[i]);
        *v++ = value_int(role);
        *v++ = value_int((int64_t)member_joined(1, i));
    }
    return stmt_run(batch->conn, STMT_MEMBERS_INSERT, values, create->member_count * VALUES, NULL);
}

static enum err group_create_job(struct batch *batch, struct group_create *create,
                                 const struct members *members)
{
    struct arena *arena = &batch->arena;
    struct group_news news = {.groupname = create->groupname,
                              .change = "created",
                              .user_ids = create->member_ids,
                              .user_count = create->member_count,
                              .by = create->creator_id,
                              .version = 1};
    struct fanout_job job = {.group_id = create->group_id,
                             .job = 1,
                             .row = {.kind = INBOX_CHANGE,
                                     .peer_id = create->creator_id,
                                     .content = groups_text(arena, &news),
                                     .created_at_ms = create->now_ms},
                             .groupname = create->groupname,
                             .version = 1,
                             .recipients = members_recipients(members, arena),
                             .outbox = &create->outbox};
    enum err err = fanout_jobs_add(batch, &job, 1);
    if (err == OK) create->outbox.is_job_out = true;
    return err;
}

static enum err group_create_write(struct batch *batch, struct group_create *create,
                                   struct group_identity *identity)
{
    const struct value values[] = {value_str(create->group_id),
                                   value_str(create->groupname),
                                   value_int(1),
                                   value_int(1),
                                   value_int(2),
                                   value_str(create->creator_id),
                                   value_int(create->now_ms)};
    struct members members;
    members_init(&members, &batch->arena, create->member_count);
    enum err err = group_identities_add(batch, &identity, 1);
    if (err == OK) err = stmt_run(batch->conn, STMT_GROUP_INSERT, values, ARRAY_LEN(values), NULL);
    if (err == OK) err = group_create_members(batch, create, &members);
    if (err == OK) err = group_create_job(batch, create, &members);
    members_done(&members);
    return err;
}

static enum err group_create_prepare(struct batch *batch, struct db_op **ops, size_t op_count)
{
    enum err err = OK;
    for (size_t i = 0; i < op_count && err == OK; i++) {
        struct group_create *create = container_of(ops[i], struct group_create, op);
        assert(create->member_count >= 1 && create->member_count <= GROUP_MEMBERS_MAX);
        create->is_replay_out = create->outbox.is_job_out = false;
        struct group_identity identity = group_create_identity(create), *wanted = &identity;
        if (create->is_numbered || ops[i]->is_check_first)
            err = group_identities_find(batch, &wanted, 1);
        if (err != OK) break;
        if (identity.is_found)
            group_create_settle(create, &identity);
        else
            err = group_create_write(batch, create, &identity);
    }
    return err;
}

const struct op_kind GROUP_CREATE = {.name = "group_create", .prepare = group_create_prepare};

/* Group and members in one statement: one look, one moment. */
static enum err group_get_run(struct conn *conn, struct db_op *op)
{
    struct group_get *get = container_of(op, struct group_get, op);
    struct value key = value_str(get->group_id);
    struct rows rows = {0};
    enum err err = stmt_run(conn, STMT_GROUP_GET, &key, 1, &rows);
    if (err != OK) return err;
    bool is_member = false;
    get->member_count_out = 0;
    get->members_out = ARENA_ARRAY(&op->results, struct member_row, rows_count(&rows));
    while (rows_next(&rows)) {
        if (get->member_count_out == 0) {
            get->groupname_out = arena_str(&op->results, rows_str(&rows, 0));
            get->created_by_out = arena_str(&op->results, rows_str(&rows, 1));
            get->version_out = rows_u64(&rows, 2);
        }
        struct member_row *member = &get->members_out[get->member_count_out++];
        member->user_id = arena_str(&op->results, rows_str(&rows, 3));
        member->role = (enum group_role)rows_u64(&rows, 4);
        is_member |= str_equal(member->user_id, get->caller_id);
    }
    rows_done(&rows);
    if (get->member_count_out == 0) return ERR_UNKNOWN_GROUP;
    return is_member ? OK : ERR_NOT_MEMBER;
}

const struct op_kind GROUP_GET = {.name = "group_get", .run = group_get_run};

static enum err groups_list_run(struct conn *conn, struct db_op *op)
{
    struct groups_list *list = container_of(op, struct groups_list, op);
    struct value key = value_str(list->user_id);
    struct rows rows = {0};
    enum err err = stmt_run(conn, STMT_MEMBERSHIPS_OF_USER, &key, 1, &rows);
    if (err != OK) return err;
    list->group_count_out = 0;
    list->groups_out = ARENA_ARRAY(&op->results, struct group_row, rows_count(&rows));
    while (rows_next(&rows)) {
        list->groups_out[list->group_count_out++] =
            (struct group_row){.group_id = arena_str(&op->results, rows_str(&rows, 0)),
                               .groupname = arena_str(&op->results, rows_str(&rows, 1)),
                               .role = (enum group_role)rows_u64(&rows, 2),
                               .version = rows_u64(&rows, 3),
                               .member_count = rows_u64(&rows, 4)};
    }
    rows_done(&rows);
    return OK;
}

const struct op_kind GROUPS_LIST = {.name = "groups_list", .run = groups_list_run};
