#include "api/users_known.h"
#include "base/list.h"
#include "base/map.h"
#include "base/memory.h"
#include <stdlib.h>

enum { USERS_KNOWN_MAX = 65536 };

struct known_user {
    struct map_link link;
    struct list age; /* in the order of being met */
    char id[];
};
struct users_known {
    struct map by_id;
    struct list oldest_first;
};

struct users_known *users_known_new(void)
{
    struct users_known *known = MEMORY_NEW(struct users_known);
    map_init(&known->by_id);
    list_init(&known->oldest_first);
    return known;
}

static void users_known_forget(struct users_known *known, struct known_user *user)
{
    map_remove(&known->by_id, &user->link);
    list_remove(&user->age);
    free(user);
}

void users_known_free(struct users_known *known)
{
    if (!known) return;
    LIST_EACH_SAFE (&known->oldest_first, age)
        users_known_forget(known, container_of(age, struct known_user, age));
    map_done(&known->by_id);
    free(known);
}

bool users_known_has(const struct users_known *known, struct str user_id)
{
    return map_find(&known->by_id, user_id) != NULL;
}

void users_known_add(struct users_known *known, struct str user_id)
{
    if (users_known_has(known, user_id)) return;
    if (known->by_id.count == USERS_KNOWN_MAX)
        users_known_forget(known, container_of(known->oldest_first.next, struct known_user, age));
    struct known_user *user = memory_alloc(sizeof(*user) + user_id.len);
    memcpy(user->id, user_id.ptr, user_id.len);
    map_insert(&known->by_id, &user->link, str_of(user->id, user_id.len));
    list_push(&known->oldest_first, &user->age);
}

void users_known_remove(struct users_known *known, struct str user_id)
{
    struct map_link *link = map_find(&known->by_id, user_id);
    if (link) users_known_forget(known, container_of(link, struct known_user, link));
}
