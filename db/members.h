/* Inside db/ only: the members of one group in memory, and the text by which a fan-out job
 * remembers them: a line for each, first a letter for the role (or for having left), then the id.
 * Ids never hold a line feed. */
#pragma once
#include "base/arena.h"
#include "base/map.h"
#include "db/conn.h"
#include "db/groups.h"

struct member {
    struct str user_id;
    enum group_role role;
    bool is_gone;         /* removed by the call that is being worked out */
    struct map_link link; /* in members.by_id */
};
struct members {
    struct member **list; /* oldest first; room for GROUP_MEMBERS_MAX more */
    size_t count;
    struct map by_id;
};

void members_init(struct members *members, struct arena *arena, size_t count_max);
void members_done(struct members *members); /* frees the table; zeroed memory is fine */
/* init and fill from the store. The caller holds the group's row lock, or does not mind. */
MUST_CHECK enum err members_read(struct conn *conn, struct arena *arena, struct str group_id,
                                 struct members *members_out);
struct member *members_add(struct members *members, struct arena *arena, struct str user_id,
                           enum group_role role);
struct member *members_find(const struct members *members, struct str user_id); /* or NULL */
/* members.joined orders members by age: the version that let them in, then their place in it. */
static inline uint64_t member_joined(uint64_t version, size_t place)
{
    assert(place < GROUP_MEMBERS_MAX);
    return version * GROUP_MEMBERS_MAX + place;
}
struct str members_recipients(const struct members *members, struct arena *arena);
struct str members_recipients_left(const struct members *members, struct arena *arena);

/* One line of such a text. */
struct recipient {
    struct str user_id;
    enum group_role role;
    bool is_gone;
};
enum { RECIPIENT_LEN_MAX = 66 };
size_t recipient_write(char *out, const struct recipient *recipient);   /* the bytes written */
bool recipient_next(struct str *rest, struct recipient *recipient_out); /* false at the end */
