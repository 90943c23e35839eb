/* Inside db/ only: what a group_changed event says beyond its envelope, as the JSON members (no
 * braces) that lie in inbox.content. */
#pragma once
#include "base/arena.h"
#include "base/str.h"

struct group_news {
    struct str groupname;
    const char *change;         /* created, added, removed, role */
    const struct str *user_ids; /* ids need no escape: see API.md, Auth */
    size_t user_count;
    struct str by;
    uint64_t version;
};
struct str groups_text(struct arena *arena, const struct group_news *news);
