/* Two tables of buckets, each of a fixed size: stripes with a lock of their own, in them sets of
 * eight places. A key's hash names its stripe, its set, and the entry itself: the hash is keyed and
 * has 64 bits, so two callers who share a bucket are as rare as a guessed key. */
#include "api/limits.h"
#include "api/bucket.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/memory.h"
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>

enum { LIMITS_STRIPES = 16, LIMITS_SETS = 1024, LIMITS_PLACES = 8 };
enum { LIMITS_DEV_PER_S = 1000, LIMITS_DEV_ADDRESS_PER_S = 10000 };

struct limits_place {
    uint64_t hash; /* 0: empty */
    struct bucket bucket;
};
struct limits_stripe {
    pthread_mutex_t mutex;
    struct limits_place places[LIMITS_SETS][LIMITS_PLACES];
};
struct limits_table {
    struct bucket_policy policy;
    struct limits_stripe stripes[LIMITS_STRIPES];
};
struct limits {
    struct limits_table users, addresses;
};

static void limits_table_init(struct limits_table *table, struct bucket_policy policy)
{
    table->policy = policy;
    for (size_t i = 0; i < LIMITS_STRIPES; i++)
        pthread_mutex_init(&table->stripes[i].mutex, NULL);
}

static void limits_table_done(struct limits_table *table)
{
    for (size_t i = 0; i < LIMITS_STRIPES; i++)
        pthread_mutex_destroy(&table->stripes[i].mutex);
}

struct limits *limits_new(const struct config *config)
{
    struct limits *limits = MEMORY_NEW(struct limits);
    struct bucket_policy user = {config->rate_user_per_s, config->rate_user_burst};
    struct bucket_policy address = {config->rate_address_per_s, config->rate_address_burst};
    if (config->dev) { /* a test's users work fast, and all of them at one address */
        user.per_s = MAX(user.per_s, LIMITS_DEV_PER_S);
        user.burst = MAX(user.burst, 2 * LIMITS_DEV_PER_S);
        address.per_s = MAX(address.per_s, LIMITS_DEV_ADDRESS_PER_S);
        address.burst = MAX(address.burst, 2 * LIMITS_DEV_ADDRESS_PER_S);
    }
    limits_table_init(&limits->users, user);
    limits_table_init(&limits->addresses, address);
    return limits;
}

void limits_free(struct limits *limits)
{
    if (!limits) return;
    limits_table_done(&limits->users);
    limits_table_done(&limits->addresses);
    free(limits);
}

/* Whose place a newcomer gets: an empty one, else a full bucket's, which says no more than none at
 * all, else that of the bucket that was longest left alone. */
static struct limits_place *limits_victim(const struct limits_table *table,
                                          struct limits_place places[LIMITS_PLACES], int64_t now_us)
{
    struct limits_place *oldest = &places[0];
    for (size_t i = 0; i < LIMITS_PLACES; i++) {
        if (!places[i].hash || bucket_is_full(&places[i].bucket, &table->policy, now_us))
            return &places[i];
        if (places[i].bucket.at_us < oldest->bucket.at_us) oldest = &places[i];
    }
    return oldest;
}

static struct bucket *limits_bucket(struct limits_table *table, struct limits_stripe *stripe,
                                    uint64_t hash, int64_t now_us)
{
    struct limits_place *places = stripe->places[(hash >> 32) % LIMITS_SETS];
    for (size_t i = 0; i < LIMITS_PLACES; i++)
        if (places[i].hash == hash) return &places[i].bucket;
    struct limits_place *place = limits_victim(table, places, now_us);
    place->hash = hash;
    bucket_fill(&place->bucket, &table->policy, now_us);
    return &place->bucket;
}

static uint64_t limits_hash(struct str key)
{
    uint64_t hash = map_hash(key);
    return hash ? hash : 1;
}

/* The policy as the draft words it, q requests in w seconds: w is how long a burst takes to come
 * back, q what comes back in it, so that a bucket never holds more than q. */
static void limits_describe(const struct limits_table *table, const struct bucket *bucket,
                            struct limit_state *state)
{
    const struct bucket_policy *policy = &table->policy;
    state->window_s = (policy->burst + policy->per_s - 1) / policy->per_s;
    state->quota = state->window_s * policy->per_s;
    state->remaining = bucket_whole_tokens(bucket);
    state->reset_s = bucket_full_in_s(bucket, policy);
    state->retry_s = MAX(bucket_token_in_s(bucket, policy), 1);
}

static enum err limits_take(struct limits_table *table, struct str key,
                            struct limit_state *state_out)
{
    uint64_t hash = limits_hash(key);
    struct limits_stripe *stripe = &table->stripes[hash % LIMITS_STRIPES];
    int64_t now_us = clock_mono_us();
    pthread_mutex_lock(&stripe->mutex);
    struct bucket *bucket = limits_bucket(table, stripe, hash, now_us);
    bool is_taken = bucket_take(bucket, &table->policy, now_us);
    limits_describe(table, bucket, state_out);
    pthread_mutex_unlock(&stripe->mutex);
    return is_taken ? OK : ERR_RATE;
}

enum err limits_take_user(struct limits *limits, struct str user_id, struct limit_state *state_out)
{
    return limits_take(&limits->users, user_id, state_out);
}

/* IPv6 by its /64, which one caller has the whole of. */
static struct str limits_address_key(const struct sockaddr_storage *peer)
{
    if (peer->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)peer;
        return str_of((const char *)&v4->sin_addr, sizeof(v4->sin_addr));
    }
    if (peer->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)peer;
        if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
            return str_of((const char *)&v6->sin6_addr.s6_addr[12], 4);
        return str_of((const char *)&v6->sin6_addr, 8);
    }
    return STR_NONE;
}

enum err limits_take_address(struct limits *limits, const struct sockaddr_storage *peer,
                             struct limit_state *state_out)
{
    return limits_take(&limits->addresses, limits_address_key(peer), state_out);
}

void limits_return_address(struct limits *limits, const struct sockaddr_storage *peer)
{
    struct limits_table *table = &limits->addresses;
    uint64_t hash = limits_hash(limits_address_key(peer));
    struct limits_stripe *stripe = &table->stripes[hash % LIMITS_STRIPES];
    int64_t now_us = clock_mono_us();
    pthread_mutex_lock(&stripe->mutex);
    bucket_return(limits_bucket(table, stripe, hash, now_us), &table->policy, now_us);
    pthread_mutex_unlock(&stripe->mutex);
}
