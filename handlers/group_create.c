/* POST createGroup: are the members users? Then one op: the group, its members, the outbox job that
 * tells them. */
#include "api/reply.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "db/groups.h"
#include "handlers/app.h"
#include "handlers/fields.h"
#include "handlers/outbox.h"
#include "handlers/resources.h"
#include "handlers/send_key.h"
#include "handlers/users_check.h"

enum { GROUPNAME_POINTS_MAX = 100 };

struct creation {
    struct users_check check;
    struct str groupname, user_id;
    struct send_key key;
    struct uuid group_id;
    struct group_create create;
};

static void group_create_post_stored(struct db_op *op)
{
    struct creation *creation = container_of(op, struct creation, create.op);
    struct exchange *ex = creation->check.ex;
    if (app_op_failed(ex, op)) return;
    if (creation->create.is_replay_out) reply_field(ex, STR("Idempotency-Replayed"), STR("true"));
    struct json_out *out = reply_json_begin(ex);
    json_out_object(out, NULL);
    json_out_str(out, "groupId", uuid_str(&creation->group_id));
    json_out_close_object(out);
    reply_json(ex, 201);
    outbox_kick(ex, &creation->create.outbox, uuid_str(&creation->group_id));
    exchange_release(ex);
}

/* The creator first, then the members as they were named, each once. */
static void group_create_list_members(struct creation *creation)
{
    struct exchange *ex = creation->check.ex;
    const struct id_list *list = &creation->check.list;
    struct str *ids = ARENA_ARRAY(&ex->arena, struct str, list->count + 1);
    size_t count = 0;
    ids[count++] = ex->caller.user_id;
    for (size_t i = 0; i < list->count; i++)
        if (!str_equal(list->ids[i], ex->caller.user_id)) ids[count++] = list->ids[i];
    creation->create.member_ids = ids;
    creation->create.member_count = count;
}

/* Of the name and the list as it was sent: the same call again is the same bytes. */
static void group_create_fingerprint(struct creation *creation)
{
    const struct id_list *list = &creation->check.list;
    struct str *parts = ARENA_ARRAY(&creation->check.ex->arena, struct str, list->count + 1);
    parts[0] = creation->groupname;
    memcpy(parts + 1, list->ids, sizeof(*parts) * list->count);
    send_key_fingerprint(parts, list->count + 1, creation->create.fingerprint);
}

static void group_create_checked(struct users_check *check)
{
    struct creation *creation = container_of(check, struct creation, check);
    struct exchange *ex = check->ex;
    struct group_create *create = &creation->create;
    app_op_init(ex, &create->op, &GROUP_CREATE, group_create_post_stored);
    outbox_init(ex, &create->outbox);
    create->group_id = uuid_str(&creation->group_id);
    create->is_numbered = creation->key.kind != SEND_KEY_NONE;
    create->groupname = creation->groupname;
    create->creator_id = ex->caller.user_id;
    create->now_ms = clock_wall_ms();
    group_create_fingerprint(creation);
    app_submit(ex, create->group_id, &create->op);
}

void group_create_post(struct exchange *ex)
{
    struct json *root = fields_parse(ex);
    if (!root) return;
    struct creation *creation = ARENA_NEW(&ex->arena, struct creation);
    struct users_check *check = &creation->check;
    check->ex = ex;
    check->name = "members";
    check->then = group_create_checked;
    if (field_str(ex, root, "groupname", FIELD_REQUIRED, 1, SIZE_MAX, &creation->groupname) &&
        utf8_count(creation->groupname) > GROUPNAME_POINTS_MAX)
        reply_fault(ex, STR("/groupname"), "is longer than 100 characters");
    (void)field_str(ex, root, "userId", FIELD_OPTIONAL, 0, SIZE_MAX, &creation->user_id);
    (void)field_id_list(ex, root, "members", &check->list);
    send_key_from_header(ex, &creation->key);
    if (!fields_are_good(ex, root)) return;
    if (creation->user_id.ptr && !str_equal(creation->user_id, ex->caller.user_id)) {
        reply_fault(ex, STR("/userId"), "is not the caller");
        reply_error(ex, ERR_FORBIDDEN);
        return;
    }
    group_create_list_members(creation);
    if (creation->create.member_count > GROUP_MEMBERS_MAX) {
        reply_error_detail(ex, ERR_GROUP_FULL, STR("a group may have 1024 members"));
        return;
    }
    creation->group_id =
        send_key_id(ex, &creation->key, STR("createGroup"), STR("")); /* the key is the caller's */
    users_check_run(check);
}
