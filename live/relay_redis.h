/* Redis as the relay: channels, subscriber, publisher. One unit: if either connection breaks, both
 * are made anew after a pause, and all channels are subscribed again.
 * Nothing is written inside a call: the relay's bell rings, and relay_redis_flush sends all that
 * came together in this turn by one write a connection. */
#pragma once
#include "live/bell.h"
#include "live/relay.h"

struct relay_redis;
/* `where` is unix:PATH or HOST:PORT, else ERR_CONFIG. It starts out away, and connects by itself.
 */
MUST_CHECK enum err relay_redis_open(struct loop *loop, struct str where, struct bell *bell,
                                     struct relay_sink *sink, struct relay_redis **redis_out);
void relay_redis_close(struct relay_redis *redis); /* NULL is fine */

bool relay_redis_subscribe(struct relay_redis *redis, struct str user_id); /* see relay.h */
void relay_redis_unsubscribe(struct relay_redis *redis, struct str user_id);
void relay_redis_publish(struct relay_redis *redis, struct str user_id, struct str payload);
void relay_redis_flush(struct relay_redis *redis);
bool relay_redis_is_up(const struct relay_redis *redis);
