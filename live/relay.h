/* The relay carries payloads between the reactors of all servers: a channel a user. It may drop,
 * repeat or reorder anything; seq and the probe mend that.
 *   Redis configured: one subscriber and one publisher connection a reactor (pub/sub, RESP2, driven
 * by hiredis' reader on sockets of our own), pipelined, reconnected with backoff and jitter, all
 *     channels resubscribed. While it is away payloads still reach the other reactors of this
 * process. None: the hall alone. Everything but the hall belongs to the loop's thread. No callback
 * runs inside a call of this header. */
#pragma once
#include "base/config.h"
#include "base/loop.h"

/* What all reactors of this process share: a payload posted to one reaches all the others. */
struct relay_hall;
struct relay_hall *relay_hall_new(void);
/* After all its relays are closed and their loops run no more. NULL is fine. */
void relay_hall_free(struct relay_hall *hall);

/* A bell (live/bell.h) that the hall frees at its own end. Any thread. */
struct bell;
struct bell_ear;
struct bell *relay_hall_bell(struct relay_hall *hall, struct loop *loop, struct bell_ear *ear);

struct relay_sink { /* the hub; embedded there */
    void (*received)(struct relay_sink *sink, struct str user_id, struct str payload);
    void (*subscribed)(struct relay_sink *sink, struct str user_id); /* payloads come from now on */
    void (*state)(struct relay_sink *sink, bool is_up); /* lost: what was subscribed is in doubt */
};

enum { RELAY_UNSENT_MAX = 8 * 1024 * 1024 }; /* bytes that wait for a reader; beyond: dropped */

struct relay;
/* ERR_CONFIG: config.redis is neither empty, nor unix:PATH, nor HOST:PORT. */
MUST_CHECK enum err relay_open(struct loop *loop, const struct config *config,
                               struct relay_hall *hall, struct relay_sink *sink,
                               struct relay **relay_out);
void relay_close(struct relay *relay);

/* True if the channel stands at once (no Redis, or Redis is away and will be subscribed later);
 * else `subscribed` follows. The relay copies user_id; one subscribe a user until unsubscribe. */
bool relay_subscribe(struct relay *relay, struct str user_id);
void relay_unsubscribe(struct relay *relay, struct str user_id);
/* Never blocks and never fails: beyond RELAY_UNSENT_MAX it drops. Not delivered to the
 * publisher's own reactor by the hall; from Redis it may come back. */
void relay_publish(struct relay *relay, struct str user_id, struct str payload);
bool relay_is_up(const struct relay *relay); /* no Redis configured counts as up */
