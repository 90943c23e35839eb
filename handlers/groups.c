/* GET groups and GET groups/{groupId}: the caller's groups, and one of them with its members. */
#include "db/groups.h"
#include "api/reply.h"
#include "handlers/app.h"
#include "handlers/resources.h"

static struct str groups_role(enum group_role role)
{
    return role == ROLE_ADMIN ? STR("admin") : STR("member");
}

struct groups {
    struct exchange *ex;
    struct groups_list list;
};

static void groups_get_read(struct db_op *op)
{
    struct groups *groups = container_of(op, struct groups, list.op);
    struct exchange *ex = groups->ex;
    if (app_op_failed(ex, op)) return;
    struct json_out *out = reply_json_begin(ex);
    json_out_object(out, NULL);
    json_out_array(out, "groups");
    for (size_t i = 0; i < groups->list.group_count_out; i++) {
        const struct group_row *row = &groups->list.groups_out[i];
        json_out_object(out, NULL);
        json_out_str(out, "groupId", row->group_id);
        json_out_str(out, "groupname", row->groupname);
        json_out_str(out, "role", groups_role(row->role));
        json_out_int(out, "version", (int64_t)row->version);
        json_out_int(out, "members", (int64_t)row->member_count);
        json_out_close_object(out);
    }
    json_out_close_array(out);
    json_out_close_object(out);
    reply_json(ex, 200);
    exchange_release(ex);
}

void groups_get(struct exchange *ex)
{
    struct groups *groups = ARENA_NEW(&ex->arena, struct groups);
    groups->ex = ex;
    app_op_init(ex, &groups->list.op, &GROUPS_LIST, groups_get_read);
    groups->list.user_id = ex->caller.user_id;
    app_submit(ex, ex->caller.user_id, &groups->list.op);
}

struct group {
    struct exchange *ex;
    struct group_get get;
};

static void group_get_one_read(struct db_op *op)
{
    struct group *group = container_of(op, struct group, get.op);
    const struct group_get *get = &group->get;
    struct exchange *ex = group->ex;
    if (app_op_failed(ex, op)) return;
    struct json_out *out = reply_json_begin(ex);
    json_out_object(out, NULL);
    json_out_str(out, "groupId", get->group_id);
    json_out_str(out, "groupname", get->groupname_out);
    json_out_int(out, "version", (int64_t)get->version_out);
    json_out_str(out, "created_by", get->created_by_out);
    json_out_array(out, "members");
    for (size_t i = 0; i < get->member_count_out; i++) {
        json_out_object(out, NULL);
        json_out_str(out, "userId", get->members_out[i].user_id);
        json_out_str(out, "role", groups_role(get->members_out[i].role));
        json_out_close_object(out);
    }
    json_out_close_array(out);
    json_out_close_object(out);
    reply_json(ex, 200);
    exchange_release(ex);
}

void group_get_one(struct exchange *ex)
{
    struct uuid group_id;
    if (!uuid_parse(ex->params[0], &group_id)) {
        reply_error(ex, ERR_UNKNOWN_GROUP);
        return;
    }
    struct group *group = ARENA_NEW(&ex->arena, struct group);
    group->ex = ex;
    app_op_init(ex, &group->get.op, &GROUP_GET, group_get_one_read);
    group->get.group_id = arena_str(&ex->arena, uuid_str(&group_id));
    group->get.caller_id = ex->caller.user_id;
    app_submit(ex, group->get.group_id, &group->get.op);
}
