/* The hall: how payloads go from one reactor of this process to the others, without Redis.
 * Each relay has a port there, with a queue of letters that any thread may add to; its bell calls
 * the port's own thread, which takes them all. */
#pragma once
#include "live/bell.h"
#include "live/relay.h"

struct relay_letter {
    struct relay_letter *next;
    uint32_t user_id_len, payload_len;
    char bytes[]; /* the user id, then the payload */
};
struct relay_port { /* embedded in the relay */
    struct list link;
    struct bell *bell;                      /* kept by the hall */
    _Atomic(struct relay_letter *) letters; /* newest first */
    _Atomic size_t letters_len;             /* bytes queued: bounded by RELAY_UNSENT_MAX */
};

void relay_hall_enter(struct relay_hall *hall, struct relay_port *port, struct bell *bell);
void relay_hall_leave(struct relay_hall *hall, struct relay_port *port); /* drops its letters */
/* A letter to every port but `from`. A port that reads too slowly misses it. */
void relay_hall_post(struct relay_hall *hall, const struct relay_port *from, struct str user_id,
                     struct str payload);
/* All that came, oldest first, linked by next; the caller frees each. */
struct relay_letter *relay_port_take(struct relay_port *port);
