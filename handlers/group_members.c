/* POST add, remove, groups/{groupId}/roles: who belongs to a group, and as what. */
#include "api/reply.h"
#include "base/clock.h"
#include "db/groups.h"
#include "handlers/app.h"
#include "handlers/fields.h"
#include "handlers/outbox.h"
#include "handlers/resources.h"
#include "handlers/users_check.h"

struct change {
    struct users_check check; /* holds the list; asked only for add */
    const struct op_kind *kind;
    struct str group_id;
    enum group_role role;
    struct group_change op;
};

static void group_members_stored(struct db_op *op)
{
    struct change *change = container_of(op, struct change, op.op);
    struct exchange *ex = change->check.ex;
    if (app_op_failed(ex, op)) return;
    struct json_out *out = reply_json_begin(ex);
    json_out_object(out, NULL);
    json_out_str(out, "status", STR("success"));
    json_out_str(out, "groupId", change->group_id);
    json_out_array(out, "userId");
    for (size_t i = 0; i < change->op.changed_count_out; i++)
        json_out_str(out, NULL, *change->op.changed_out[i]);
    json_out_close_array(out);
    json_out_close_object(out);
    reply_json(ex, 200);
    outbox_kick(ex, &change->op.outbox, change->group_id);
    exchange_release(ex);
}

static void group_members_submit(struct users_check *check)
{
    struct change *change = container_of(check, struct change, check);
    struct exchange *ex = check->ex;
    app_op_init(ex, &change->op.op, change->kind, group_members_stored);
    outbox_init(ex, &change->op.outbox);
    change->op.group_id = change->group_id;
    change->op.actor_id = ex->caller.user_id;
    change->op.user_ids = check->list.ids;
    change->op.user_count = check->list.count;
    change->op.role = change->role;
    change->op.now_ms = clock_wall_ms();
    app_submit(ex, change->group_id, &change->op.op);
}

static struct change *group_members_new(struct exchange *ex, const struct op_kind *kind)
{
    struct change *change = ARENA_NEW(&ex->arena, struct change);
    change->kind = kind;
    change->check.ex = ex;
    change->check.name = "userId";
    change->check.then = group_members_submit;
    return change;
}

/* A list no group can hold is refused before anything is asked of the store. */
static bool group_members_are_too_many(struct exchange *ex, const struct change *change)
{
    if (change->check.list.count <= GROUP_MEMBERS_MAX) return false;
    reply_error_detail(ex, ERR_GROUP_FULL, STR("a group may have 1024 members"));
    return true;
}

/* The body of add and remove; NULL: answered. */
static struct change *group_members_read(struct exchange *ex, const struct op_kind *kind)
{
    struct json *root = fields_parse(ex);
    if (!root) return NULL;
    struct change *change = group_members_new(ex, kind);
    (void)field_id_list(ex, root, "userId", &change->check.list);
    (void)field_uuid(ex, root, "groupId", FIELD_REQUIRED, &change->group_id);
    if (!fields_are_good(ex, root) || group_members_are_too_many(ex, change)) return NULL;
    return change;
}

void group_add_post(struct exchange *ex)
{
    struct change *change = group_members_read(ex, &GROUP_ADD);
    if (change) users_check_run(&change->check);
}

void group_remove_post(struct exchange *ex)
{
    struct change *change = group_members_read(ex, &GROUP_REMOVE);
    if (change) group_members_submit(&change->check);
}

static void group_roles_read_role(struct change *change, const struct json *root)
{
    struct exchange *ex = change->check.ex;
    struct str role;
    if (!field_str(ex, root, "role", FIELD_REQUIRED, 0, 64, &role)) return;
    if (str_equal(role, STR("admin")))
        change->role = ROLE_ADMIN;
    else if (str_equal(role, STR("member")))
        change->role = ROLE_MEMBER;
    else
        reply_fault(ex, STR("/role"), "must be \"admin\" or \"member\"");
}

void group_roles_post(struct exchange *ex)
{
    struct uuid group_id;
    if (!uuid_parse(ex->params[0], &group_id)) {
        reply_error(ex, ERR_UNKNOWN_GROUP);
        return;
    }
    struct json *root = fields_parse(ex);
    if (!root) return;
    struct change *change = group_members_new(ex, &GROUP_ROLES);
    change->group_id = arena_str(&ex->arena, uuid_str(&group_id));
    (void)field_id_list(ex, root, "userId", &change->check.list);
    group_roles_read_role(change, root);
    if (!fields_are_good(ex, root) || group_members_are_too_many(ex, change)) return;
    group_members_submit(&change->check);
}
