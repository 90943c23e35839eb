/* One map from an address (or a /64) to its count, under one lock: it is taken twice in the life of
 * a connection. */
#include "net/peers.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/metrics.h"
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>

enum { PEER_KEY_LEN = 9 }; /* the family, then 4 or 8 bytes of address */

struct peer {
    struct map_link link;
    char key[PEER_KEY_LEN];
    int64_t count;
};
struct peers {
    pthread_mutex_t lock;
    struct map map;
    int64_t count, total_max, address_max;
};

struct peers *peers_new(int64_t total_max, int64_t address_max)
{
    struct peers *peers = MEMORY_NEW(struct peers);
    pthread_mutex_init(&peers->lock, NULL);
    map_init(&peers->map);
    peers->total_max = total_max;
    peers->address_max = address_max;
    return peers;
}

static void peer_free(struct map_link *link, void *peers)
{
    struct peer *peer = container_of(link, struct peer, link);
    map_remove(peers, link);
    free(peer);
}

void peers_free(struct peers *peers)
{
    if (!peers) return;
    map_each(&peers->map, peer_free, &peers->map);
    map_done(&peers->map);
    pthread_mutex_destroy(&peers->lock);
    free(peers);
}

/* One customer has a whole /64 of IPv6, so counting single addresses would limit nobody. */
static void peer_key(const struct sockaddr_storage *address, char key[PEER_KEY_LEN])
{
    memset(key, 0, PEER_KEY_LEN);
    key[0] = (char)address->ss_family;
    if (address->ss_family == AF_INET) {
        memcpy(key + 1, &((const struct sockaddr_in *)address)->sin_addr, 4);
    } else if (address->ss_family == AF_INET6) {
        const struct in6_addr *v6 = &((const struct sockaddr_in6 *)address)->sin6_addr;
        bool is_v4 = IN6_IS_ADDR_V4MAPPED(v6);
        if (is_v4) key[0] = AF_INET;
        memcpy(key + 1, v6->s6_addr + (is_v4 ? 12 : 0), is_v4 ? 4 : 8);
    }
}

static struct peer *peers_find(const struct peers *peers, const char *key)
{
    struct map_link *link = map_find(&peers->map, str_of(key, PEER_KEY_LEN));
    return link ? container_of(link, struct peer, link) : NULL;
}

static struct peer *peers_add(struct peers *peers, const char *key)
{
    struct peer *peer = MEMORY_NEW(struct peer);
    memcpy(peer->key, key, PEER_KEY_LEN);
    map_insert(&peers->map, &peer->link, str_of(peer->key, PEER_KEY_LEN));
    return peer;
}

enum err peers_enter(struct peers *peers, const struct sockaddr_storage *address)
{
    char key[PEER_KEY_LEN];
    peer_key(address, key);
    enum err err = ERR_BUSY;
    pthread_mutex_lock(&peers->lock);
    struct peer *peer = peers_find(peers, key);
    if (peers->count < peers->total_max && (!peer || peer->count < peers->address_max)) {
        if (!peer) peer = peers_add(peers, key);
        peer->count++;
        peers->count++;
        err = OK;
    }
    pthread_mutex_unlock(&peers->lock);
    if (err == OK) metrics_add(METRIC_CONNECTIONS, 1);
    return err;
}

void peers_leave(struct peers *peers, const struct sockaddr_storage *address)
{
    char key[PEER_KEY_LEN];
    peer_key(address, key);
    pthread_mutex_lock(&peers->lock);
    struct peer *peer = peers_find(peers, key);
    assert(peer && peer->count > 0);
    peers->count--;
    if (--peer->count == 0) {
        map_remove(&peers->map, &peer->link);
        free(peer);
    }
    pthread_mutex_unlock(&peers->lock);
    metrics_add(METRIC_CONNECTIONS, -1);
}

int64_t peers_count(struct peers *peers)
{
    pthread_mutex_lock(&peers->lock);
    int64_t count = peers->count;
    pthread_mutex_unlock(&peers->lock);
    return count;
}
