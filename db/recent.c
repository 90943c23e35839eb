#include "db/recent.h"
#include "base/map.h"
#include "base/memory.h"
#include <stdlib.h>

struct recent_place {
    struct map_link link;
    struct recent_message message;
    bool is_used;
};
enum { RECENT_BLOCK = 1024 }; /* places are taken as they are needed */

struct recent {
    struct map by_id;
    struct recent_place *blocks[RECENT_MAX / RECENT_BLOCK];
    size_t next;
};

struct recent *recent_new(void)
{
    struct recent *recent = MEMORY_NEW(struct recent);
    map_init(&recent->by_id);
    return recent;
}

void recent_free(struct recent *recent)
{
    if (!recent) return;
    map_done(&recent->by_id);
    for (size_t i = 0; i < ARRAY_LEN(recent->blocks); i++)
        free(recent->blocks[i]);
    free(recent);
}

static struct recent_place *recent_next_place(struct recent *recent)
{
    size_t at = recent->next;
    struct recent_place **block = &recent->blocks[at / RECENT_BLOCK];
    if (!*block) *block = memory_alloc(sizeof(struct recent_place) * RECENT_BLOCK);
    recent->next = (at + 1) % RECENT_MAX;
    return *block + at % RECENT_BLOCK;
}

void recent_add(struct recent *recent, const struct recent_message *message)
{
    if (map_find(&recent->by_id, str_of(message->message_id, UUID_LEN))) return;
    struct recent_place *place = recent_next_place(recent);
    if (place->is_used) map_remove(&recent->by_id, &place->link);
    place->message = *message;
    place->is_used = true;
    map_insert(&recent->by_id, &place->link, str_of(place->message.message_id, UUID_LEN));
}

const struct recent_message *recent_find(const struct recent *recent, struct str message_id)
{
    const struct map_link *link = map_find(&recent->by_id, message_id);
    return link ? &container_of(link, const struct recent_place, link)->message : NULL;
}
