/* A hash map from strings to structs that hold their own link: no allocation a member, the table
 * grows by itself. SipHash with a key drawn at start, so no client can choose collisions.
 * The key's bytes belong to the member and must not change while it is linked. Not thread-safe. */
#pragma once
#include "base/str.h"

struct map_link {
    struct map_link *next;
    struct str key;
    uint64_t hash;
};
struct map {
    struct map_link **slots;
    size_t slot_count, count; /* slot_count is a power of two, or 0 while empty */
};

void map_init(struct map *map);
void map_done(struct map *map); /* frees the table, not the members */
struct map_link *map_find(const struct map *map, struct str key); /* NULL if there is none */
void map_insert(struct map *map, struct map_link *link,
                struct str key);                         /* asserts that key is new */
void map_remove(struct map *map, struct map_link *link); /* asserts that it is linked */

/* Any order. The callback may remove the member it is given, and no other. */
typedef void map_visit_fn(struct map_link *link, void *context);
void map_each(struct map *map, map_visit_fn *visit, void *context);

uint64_t map_hash(struct str key); /* the same keyed hash, for tables of a fixed size */
