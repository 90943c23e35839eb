/* A key's keyspace id is XXH64(key), seed 0, as eight little-endian bytes (Vitess' xxhash vindex);
 * shards are ranges of keyspace ids, compared like memcmp. Without Vitess there is one shard, which
 * is all. */
#include "db/shards.h"
#include "base/map.h"
#include "base/memory.h"
#include "db/lane.h"
#include <stdlib.h>
#include <xxhash.h>

enum { KEYSPACE_ID_LEN = 8 };

struct shard {
    uint8_t start[KEYSPACE_ID_LEN]; /* its first keyspace id; it ends where the next one starts */
    struct lane **lanes;
    size_t lane_count;
};
struct db {
    struct shard *shards; /* by start, ascending; the first starts at zero */
    size_t shard_count;
};

static enum err shard_open(const struct config *config, struct shard *shard)
{
    size_t wanted = (size_t)config->db_lanes;
    shard->lanes = memory_alloc(sizeof(struct lane *) * wanted);
    enum err err = OK;
    while (shard->lane_count < wanted && err == OK) {
        err = lane_open(config, shard->lane_count, &shard->lanes[shard->lane_count]);
        if (err == OK) shard->lane_count++;
    }
    return err;
}

enum err db_open(const struct config *config, struct db **db_out)
{
    struct db *db = MEMORY_NEW(struct db);
    db->shards = MEMORY_NEW(struct shard);
    db->shard_count = 1;
    enum err err = shard_open(config, &db->shards[0]);
    if (err != OK) {
        db_close(db);
        return err;
    }
    *db_out = db;
    return OK;
}

void db_close(struct db *db)
{
    if (!db) return;
    for (size_t i = 0; i < db->shard_count; i++) {
        for (size_t k = 0; k < db->shards[i].lane_count; k++)
            lane_close(db->shards[i].lanes[k]);
        free(db->shards[i].lanes);
    }
    free(db->shards);
    free(db);
}

static const struct shard *shards_find(const struct db *db, struct str key)
{
    uint64_t hash = XXH64(key.ptr, key.len, 0);
    uint8_t id[KEYSPACE_ID_LEN];
    for (size_t i = 0; i < KEYSPACE_ID_LEN; i++)
        id[i] = (uint8_t)(hash >> (8 * i));
    size_t at = db->shard_count - 1;
    while (at > 0 && memcmp(id, db->shards[at].start, KEYSPACE_ID_LEN) < 0)
        at--;
    return &db->shards[at];
}

enum err db_submit(struct db *db, struct str key, struct db_op *op)
{
    const struct shard *shard = shards_find(db, key);
    return lane_submit(shard->lanes[map_hash(key) % shard->lane_count], op);
}

bool db_is_up(const struct db *db)
{
    for (size_t i = 0; i < db->shard_count; i++) {
        bool is_up = false;
        for (size_t k = 0; k < db->shards[i].lane_count && !is_up; k++)
            is_up = lane_is_up(db->shards[i].lanes[k]);
        if (!is_up) return false;
    }
    return true;
}

int64_t db_stuck_ms(const struct db *db)
{
    int64_t longest_ms = 0;
    for (size_t i = 0; i < db->shard_count; i++)
        for (size_t k = 0; k < db->shards[i].lane_count; k++)
            longest_ms = MAX(longest_ms, lane_still_ms(db->shards[i].lanes[k]));
    return longest_ms;
}
