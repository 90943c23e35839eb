/* Chained, with the full hash kept in the link: a resize hashes nothing, and a chain is walked
 * without touching keys that differ. SipHash-1-3 (Aumasson, Bernstein: one round a word, three at
 * the end): keyed, and cheap on the short keys that we have. */
#include "base/map.h"
#include "base/memory.h"
#include "base/random.h"
#include <pthread.h>
#include <stdlib.h>

enum { MAP_SLOTS_MIN = 16 };

static uint64_t map_key[2];
static pthread_once_t map_key_once = PTHREAD_ONCE_INIT;

static void map_key_draw(void)
{
    random_bytes(map_key, sizeof(map_key));
}

static inline uint64_t map_rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void map_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = map_rotate(v[1], 13) ^ v[0];
    v[0] = map_rotate(v[0], 32);
    v[2] += v[3];
    v[3] = map_rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = map_rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = map_rotate(v[1], 17) ^ v[2];
    v[2] = map_rotate(v[2], 32);
}

uint64_t map_hash(struct str key)
{
    pthread_once(&map_key_once, map_key_draw);
    uint64_t v[4] = {
        map_key[0] ^ UINT64_C(0x736f6d6570736575), map_key[1] ^ UINT64_C(0x646f72616e646f6d),
        map_key[0] ^ UINT64_C(0x6c7967656e657261), map_key[1] ^ UINT64_C(0x7465646279746573)};
    size_t at = 0;
    for (; key.len - at >= 8; at += 8) {
        uint64_t word; /* its byte order does not matter: no hash leaves the process */
        memcpy(&word, key.ptr + at, 8);
        v[3] ^= word;
        map_round(v);
        v[0] ^= word;
    }
    uint64_t last = 0;
    if (key.len > at) memcpy(&last, key.ptr + at, key.len - at);
    last |= (uint64_t)key.len << 56;
    v[3] ^= last;
    map_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        map_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void map_init(struct map *map)
{
    *map = (struct map){0};
}

void map_done(struct map *map)
{
    free(map->slots);
    map_init(map);
}

static struct map_link **map_slot(const struct map *map, uint64_t hash)
{
    return &map->slots[hash & (map->slot_count - 1)];
}

static struct map_link *map_find_hashed(const struct map *map, struct str key, uint64_t hash)
{
    if (map->slot_count == 0) return NULL;
    struct map_link *link = *map_slot(map, hash);
    while (link && (link->hash != hash || !str_equal(link->key, key)))
        link = link->next;
    return link;
}

struct map_link *map_find(const struct map *map, struct str key)
{
    return map->count ? map_find_hashed(map, key, map_hash(key)) : NULL;
}

/* All at once: a million members take some 50 ms, and a table that lives doubles rarely. */
static void map_grow(struct map *map)
{
    struct map old = *map;
    map->slot_count = old.slot_count ? old.slot_count * 2 : MAP_SLOTS_MIN;
    map->slots = memory_alloc(map->slot_count * sizeof(*map->slots));
    for (size_t i = 0; i < old.slot_count; i++) {
        while (old.slots[i]) {
            struct map_link *link = old.slots[i];
            old.slots[i] = link->next;
            struct map_link **slot = map_slot(map, link->hash);
            link->next = *slot;
            *slot = link;
        }
    }
    free(old.slots);
}

void map_insert(struct map *map, struct map_link *link, struct str key)
{
    uint64_t hash = map_hash(key);
    assert(!map_find_hashed(map, key, hash));
    if (map->count == map->slot_count) map_grow(map);
    struct map_link **slot = map_slot(map, hash);
    *link = (struct map_link){.next = *slot, .key = key, .hash = hash};
    *slot = link;
    map->count++;
}

void map_remove(struct map *map, struct map_link *link)
{
    assert(map->count > 0);
    struct map_link **at = map_slot(map, link->hash);
    while (*at && *at != link)
        at = &(*at)->next;
    assert(*at == link);
    *at = link->next;
    link->next = NULL;
    map->count--;
}

void map_each(struct map *map, map_visit_fn *visit, void *context)
{
    for (size_t i = 0; i < map->slot_count; i++) {
        struct map_link *next;
        for (struct map_link *link = map->slots[i]; link; link = next) {
            next = link->next; /* visit may free link */
            visit(link, context);
        }
    }
}
