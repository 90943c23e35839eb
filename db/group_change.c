/* Add, remove and roles. All three go the same way: lock the group, read its members, work the call
 * out in memory (change_work: rights first, then who changes), and write what came of it together
 * with the job that tells the members. Nothing is written for a call that changes nothing. */
#include "db/fanout_job.h"
#include "db/groups.h"
#include "db/groups_text.h"
#include "db/members.h"
#include "db/stmt.h"

struct change {
    struct batch *batch;
    struct group_change *call;
    struct str groupname;
    uint64_t version, next_job; /* as they are; a change takes the next ones */
    struct members members;
    struct member *promoted; /* the last admin left: the oldest member takes over */
};

struct change_kind {
    const char *name; /* of the event */
    enum err (*work)(struct change *change);
    bool (*holds)(const struct change *change, struct str user_id); /* is that already so? */
    enum err (*write)(struct change *change);
};

static struct arena *change_arena(struct change *change)
{
    return &change->batch->arena;
}

static enum err change_run(struct change *change, enum stmt stmt, const struct value *values,
                           size_t value_count)
{
    return stmt_run(change->batch->conn, stmt, values, value_count, NULL);
}

static void change_note(struct change *change, const struct str *user_id)
{
    change->call->changed_out[change->call->changed_count_out++] = user_id;
}

static size_t change_left_count(const struct change *change)
{
    size_t count = 0;
    for (size_t i = 0; i < change->members.count; i++)
        count += !change->members.list[i]->is_gone;
    return count;
}

static bool change_has_admin(const struct change *change)
{
    for (size_t i = 0; i < change->members.count; i++) {
        const struct member *member = change->members.list[i];
        if (member->role == ROLE_ADMIN && !member->is_gone) return true;
    }
    return false;
}

static enum err change_check_admin(const struct change *change)
{
    const struct member *actor = members_find(&change->members, change->call->actor_id);
    if (!actor) return ERR_NOT_MEMBER;
    return actor->role == ROLE_ADMIN ? OK : ERR_NOT_ADMIN;
}

static bool change_names_actor(const struct group_change *call)
{
    for (size_t i = 0; i < call->user_count; i++)
        if (str_equal(call->user_ids[i], call->actor_id)) return true;
    return false;
}

/* Values of a statement that ends in `user_id IN (..)` over those who changed; `first` come before.
 */
static enum err change_run_changed(struct change *change, enum stmt stmt, const struct value *first,
                                   size_t first_count)
{
    const struct group_change *call = change->call;
    size_t count = first_count + call->changed_count_out;
    struct value *values = ARENA_ARRAY(change_arena(change), struct value, count);
    memcpy(values, first, first_count * sizeof *values);
    for (size_t i = 0; i < call->changed_count_out; i++)
        values[first_count + i] = value_str(*call->changed_out[i]);
    return change_run(change, stmt, values, count);
}

/* GROUP_ADD */

static enum err change_add_work(struct change *change)
{
    struct group_change *call = change->call;
    enum err err = change_check_admin(change);
    if (err != OK) return err;
    for (size_t i = 0; i < call->user_count; i++) {
        if (members_find(&change->members, call->user_ids[i])) continue;
        members_add(&change->members, change_arena(change), call->user_ids[i], ROLE_MEMBER);
        change_note(change, &call->user_ids[i]);
    }
    return change->members.count <= GROUP_MEMBERS_MAX ? OK : ERR_GROUP_FULL;
}

static bool change_add_holds(const struct change *change, struct str user_id)
{
    return members_find(&change->members, user_id) != NULL;
}

static enum err change_add_write(struct change *change)
{
    enum { VALUES = 4 };
    const struct group_change *call = change->call;
    size_t count = call->changed_count_out * VALUES;
    struct value *values = ARENA_ARRAY(change_arena(change), struct value, count), *v = values;
    for (size_t i = 0; i < call->changed_count_out; i++) {
        *v++ = value_str(call->group_id);
        *v++ = value_str(*call->changed_out[i]);
        *v++ = value_int(ROLE_MEMBER);
        *v++ = value_int((int64_t)member_joined(change->version + 1, i));
    }
    return change_run(change, STMT_MEMBERS_INSERT, values, count);
}

/* GROUP_REMOVE */

static enum err change_remove_work(struct change *change)
{
    struct group_change *call = change->call;
    bool is_leaving = call->user_count == 1 && change_names_actor(call);
    enum err err = change_check_admin(change);
    if (err == ERR_NOT_ADMIN && is_leaving) err = OK;
    if (err != OK) return err;
    for (size_t i = 0; i < call->user_count; i++) {
        struct member *member = members_find(&change->members, call->user_ids[i]);
        if (!member) continue;
        member->is_gone = true;
        change_note(change, &call->user_ids[i]);
    }
    if (change_has_admin(change)) return OK;
    for (size_t i = 0; i < change->members.count && !change->promoted; i++)
        if (!change->members.list[i]->is_gone) change->promoted = change->members.list[i];
    return OK;
}

static bool change_remove_holds(const struct change *change, struct str user_id)
{
    return members_find(&change->members, user_id) == NULL;
}

static enum err change_remove_write(struct change *change)
{
    struct value group = value_str(change->call->group_id);
    enum err err = change_run_changed(change, STMT_MEMBERS_DELETE, &group, 1);
    if (err != OK || !change->promoted) return err;
    const struct value values[] = {value_int(ROLE_ADMIN), group,
                                   value_str(change->promoted->user_id)};
    return change_run(change, STMT_MEMBERS_ROLE, values, ARRAY_LEN(values));
}

/* GROUP_ROLES */

static enum err change_roles_work(struct change *change)
{
    struct group_change *call = change->call;
    enum err err = change_check_admin(change);
    if (err != OK) return err;
    for (size_t i = 0; i < call->user_count; i++) {
        struct member *member = members_find(&change->members, call->user_ids[i]);
        if (!member || member->role == call->role) continue;
        member->role = call->role;
        change_note(change, &call->user_ids[i]);
    }
    return change_has_admin(change) ? OK : ERR_LAST_ADMIN;
}

static bool change_roles_holds(const struct change *change, struct str user_id)
{
    const struct member *member = members_find(&change->members, user_id);
    return member && member->role == change->call->role;
}

static enum err change_roles_write(struct change *change)
{
    const struct value first[] = {value_int(change->call->role), value_str(change->call->group_id)};
    return change_run_changed(change, STMT_MEMBERS_ROLE, first, ARRAY_LEN(first));
}

/* What the three have in common. */

static enum err change_load(struct change *change, bool *is_known_out)
{
    struct arena *arena = change_arena(change);
    struct value key = value_str(change->call->group_id);
    struct rows rows = {0};
    enum err err = stmt_run(change->batch->conn, STMT_GROUP_LOCK, &key, 1, &rows);
    if (err != OK) return err;
    *is_known_out = rows_next(&rows);
    if (*is_known_out) {
        change->groupname = arena_str(arena, rows_str(&rows, 0));
        change->version = rows_u64(&rows, 1);
        change->next_job = rows_u64(&rows, 2);
    }
    rows_done(&rows);
    if (!*is_known_out) return OK;
    return members_read(change->batch->conn, arena, change->call->group_id, &change->members);
}

/* After a commit of unknown outcome the call runs again. If all that it asks for holds, and its
 * actor had the right or was itself changed (it left, or gave up its role), then it was done. */
static bool change_was_done(struct change *change, const struct change_kind *kind, bool is_known)
{
    struct group_change *call = change->call;
    if (!call->op.is_uncertain) return false;
    bool was_allowed = change_names_actor(call) || (is_known && change_check_admin(change) == OK);
    for (size_t i = 0; i < call->user_count && was_allowed; i++)
        was_allowed = kind->holds(change, call->user_ids[i]);
    if (!was_allowed) return false;
    for (size_t i = 0; i < call->user_count; i++)
        change_note(change, &call->user_ids[i]);
    call->outbox.is_job_out = true;
    return true;
}

static struct fanout_job change_job(struct change *change, const char *name,
                                    const struct str *user_ids, size_t user_count)
{
    const struct group_change *call = change->call;
    struct group_news news = {.groupname = change->groupname,
                              .change = name,
                              .user_ids = user_ids,
                              .user_count = user_count,
                              .by = call->actor_id,
                              .version = ++change->version};
    return (struct fanout_job){.group_id = call->group_id,
                               .job = change->next_job++,
                               .row = {.kind = INBOX_CHANGE,
                                       .peer_id = call->actor_id,
                                       .content = groups_text(change_arena(change), &news),
                                       .created_at_ms = call->now_ms},
                               .groupname = change->groupname,
                               .version = change->version,
                               .outbox = &call->outbox};
}

/* One job; a second one if somebody was promoted, which is a change with a version of its own. */
static enum err change_tell(struct change *change, const struct change_kind *kind)
{
    struct group_change *call = change->call;
    struct arena *arena = change_arena(change);
    struct str *user_ids = ARENA_ARRAY(arena, struct str, call->changed_count_out);
    for (size_t i = 0; i < call->changed_count_out; i++)
        user_ids[i] = *call->changed_out[i];

    struct fanout_job jobs[2];
    size_t job_count = 0;
    jobs[job_count] = change_job(change, kind->name, user_ids, call->changed_count_out);
    jobs[job_count++].recipients = members_recipients(&change->members, arena);
    if (change->promoted) {
        change->promoted->role = ROLE_ADMIN;
        jobs[job_count] = change_job(change, "role", &change->promoted->user_id, 1);
        jobs[job_count++].recipients = members_recipients_left(&change->members, arena);
    }
    enum err err = fanout_jobs_add(change->batch, jobs, job_count);
    if (err == OK) call->outbox.is_job_out = true;
    return err;
}

static enum err change_write(struct change *change, const struct change_kind *kind)
{
    enum err err = kind->write(change);
    if (err == OK) err = change_tell(change, kind);
    if (err != OK) return err;
    struct value group = value_str(change->call->group_id);
    if (change_left_count(change) == 0) return change_run(change, STMT_GROUP_DELETE, &group, 1);
    const struct value values[] = {value_int((int64_t)change->version),
                                   value_int((int64_t)change->next_job), group};
    return change_run(change, STMT_GROUP_UPDATE, values, ARRAY_LEN(values));
}

static enum err change_one(struct batch *batch, struct group_change *call,
                           const struct change_kind *kind)
{
    assert(call->user_count >= 1 && call->user_count <= GROUP_MEMBERS_MAX);
    struct change change = {.batch = batch, .call = call};
    call->outbox.is_job_out = false;
    call->changed_count_out = 0;
    call->changed_out = ARENA_ARRAY(&call->op.results, const struct str *, call->user_count);

    bool is_known = false;
    enum err err = change_load(&change, &is_known);
    if (err == OK && !change_was_done(&change, kind, is_known)) {
        call->op.err = is_known ? kind->work(&change) : ERR_UNKNOWN_GROUP;
        if (call->op.err == OK && call->changed_count_out > 0) err = change_write(&change, kind);
    }
    members_done(&change.members);
    return err;
}

static enum err change_each(struct batch *batch, struct db_op **ops, size_t op_count,
                            const struct change_kind *kind)
{
    enum err err = OK;
    for (size_t i = 0; i < op_count && err == OK; i++)
        err = change_one(batch, container_of(ops[i], struct group_change, op), kind);
    return err;
}

static enum err group_add_prepare(struct batch *batch, struct db_op **ops, size_t op_count)
{
    static const struct change_kind kind = {"added", change_add_work, change_add_holds,
                                            change_add_write};
    return change_each(batch, ops, op_count, &kind);
}

static enum err group_remove_prepare(struct batch *batch, struct db_op **ops, size_t op_count)
{
    static const struct change_kind kind = {"removed", change_remove_work, change_remove_holds,
                                            change_remove_write};
    return change_each(batch, ops, op_count, &kind);
}

static enum err group_roles_prepare(struct batch *batch, struct db_op **ops, size_t op_count)
{
    static const struct change_kind kind = {"role", change_roles_work, change_roles_holds,
                                            change_roles_write};
    return change_each(batch, ops, op_count, &kind);
}

const struct op_kind GROUP_ADD = {.name = "group_add", .prepare = group_add_prepare};
const struct op_kind GROUP_REMOVE = {.name = "group_remove", .prepare = group_remove_prepare};
const struct op_kind GROUP_ROLES = {.name = "group_roles", .prepare = group_roles_prepare};
