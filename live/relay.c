/* Which way a payload goes: by Redis while it is up, else through the hall. */
#include "live/relay.h"
#include "base/fault.h"
#include "base/memory.h"
#include "live/relay_hall.h"
#include "live/relay_redis.h"
#include <stdlib.h>

struct relay {
    struct relay_sink *sink;
    struct relay_hall *hall;
    struct relay_port port;
    struct bell_ear ear;       /* rung: letters came, or Redis has something to send */
    struct relay_redis *redis; /* NULL: none is configured */
};

static void relay_rung(struct bell_ear *ear)
{
    struct relay *relay = container_of(ear, struct relay, ear);
    for (struct relay_letter *letter = relay_port_take(&relay->port), *next; letter;
         letter = next) {
        next = letter->next;
        relay->sink->received(relay->sink, str_of(letter->bytes, letter->user_id_len),
                              str_of(letter->bytes + letter->user_id_len, letter->payload_len));
        free(letter);
    }
    if (relay->redis) relay_redis_flush(relay->redis);
}

enum err relay_open(struct loop *loop, const struct config *config, struct relay_hall *hall,
                    struct relay_sink *sink, struct relay **relay_out)
{
    struct relay *relay = MEMORY_NEW(struct relay);
    *relay = (struct relay){.sink = sink, .hall = hall, .ear = {.rung = relay_rung}};
    relay_hall_enter(hall, &relay->port, relay_hall_bell(hall, loop, &relay->ear));
    if (!str_is_empty(config->redis)) {
        enum err err = relay_redis_open(loop, config->redis, relay->port.bell, sink, &relay->redis);
        if (err != OK) {
            relay_close(relay);
            return err;
        }
    }
    *relay_out = relay;
    return OK;
}

void relay_close(struct relay *relay)
{
    if (!relay) return;
    relay_hall_leave(relay->hall, &relay->port);
    bell_mute(relay->port.bell);
    relay_redis_close(relay->redis);
    free(relay);
}

bool relay_subscribe(struct relay *relay, struct str user_id)
{
    return relay->redis ? relay_redis_subscribe(relay->redis, user_id) : true;
}

void relay_unsubscribe(struct relay *relay, struct str user_id)
{
    if (relay->redis) relay_redis_unsubscribe(relay->redis, user_id);
}

void relay_publish(struct relay *relay, struct str user_id, struct str payload)
{
    if (fault_hits(FAULT_RELAY_PUBLISH)) return;
    if (relay->redis && relay_redis_is_up(relay->redis))
        relay_redis_publish(relay->redis, user_id, payload);
    else
        relay_hall_post(relay->hall, &relay->port, user_id, payload);
}

bool relay_is_up(const struct relay *relay)
{
    return !relay->redis || relay_redis_is_up(relay->redis);
}
