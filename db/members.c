/* Members in memory. Whoever changes a group reads all of them: at most 1,024 short rows, and every
 * rule (last admin, oldest member, full group) becomes plain C instead of a query. */
#include "db/members.h"
#include "db/stmt.h"

void members_init(struct members *members, struct arena *arena, size_t count_max)
{
    *members = (struct members){.list = ARENA_ARRAY(arena, struct member *, count_max)};
    map_init(&members->by_id);
}

void members_done(struct members *members)
{
    map_done(&members->by_id);
}

struct member *members_add(struct members *members, struct arena *arena, struct str user_id,
                           enum group_role role)
{
    struct member *member = ARENA_NEW(arena, struct member);
    *member = (struct member){.user_id = user_id, .role = role};
    members->list[members->count++] = member;
    map_insert(&members->by_id, &member->link, user_id);
    return member;
}

enum err members_read(struct conn *conn, struct arena *arena, struct str group_id,
                      struct members *members_out)
{
    struct rows rows = {0};
    struct value key = value_str(group_id);
    enum err err = stmt_run(conn, STMT_MEMBERS_OF_GROUP, &key, 1, &rows);
    if (err != OK) return err;
    members_init(members_out, arena, rows_count(&rows) + GROUP_MEMBERS_MAX);
    while (rows_next(&rows)) {
        struct str user_id = arena_str(arena, rows_str(&rows, 0));
        members_add(members_out, arena, user_id, (enum group_role)rows_u64(&rows, 1));
    }
    rows_done(&rows);
    return OK;
}

struct member *members_find(const struct members *members, struct str user_id)
{
    struct map_link *link = map_find(&members->by_id, user_id);
    return link ? container_of(link, struct member, link) : NULL;
}

static struct str members_text(const struct members *members, struct arena *arena, bool with_gone)
{
    char *text = arena_alloc(arena, members->count * RECIPIENT_LEN_MAX);
    size_t len = 0;
    for (size_t i = 0; i < members->count; i++) {
        const struct member *member = members->list[i];
        if (member->is_gone && !with_gone) continue;
        len += recipient_write(text + len, &(struct recipient){.user_id = member->user_id,
                                                               .role = member->role,
                                                               .is_gone = member->is_gone});
    }
    return str_of(text, len);
}

struct str members_recipients(const struct members *members, struct arena *arena)
{
    return members_text(members, arena, true);
}

struct str members_recipients_left(const struct members *members, struct arena *arena)
{
    return members_text(members, arena, false);
}

size_t recipient_write(char *out, const struct recipient *recipient)
{
    assert(recipient->user_id.len + 2 <= RECIPIENT_LEN_MAX);
    out[0] = recipient->is_gone ? 'x' : recipient->role == ROLE_ADMIN ? 'a' : 'm';
    memcpy(out + 1, recipient->user_id.ptr, recipient->user_id.len);
    out[1 + recipient->user_id.len] = '\n';
    return recipient->user_id.len + 2;
}

bool recipient_next(struct str *rest, struct recipient *recipient_out)
{
    if (str_is_empty(*rest)) return false;
    struct str line = str_cut(rest, '\n');
    assert(line.len >= 2);
    *recipient_out = (struct recipient){.user_id = str_from(line, 1),
                                        .role = line.ptr[0] == 'a' ? ROLE_ADMIN : ROLE_MEMBER,
                                        .is_gone = line.ptr[0] == 'x'};
    return true;
}
