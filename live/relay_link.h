/* One connection to Redis: non-blocking, RESP2 out of a buffer and into hiredis' reader. It becomes
 * ready by answering a PING (a Redis that still loads its data does not), and is lost for good at
 * the first error: its owner opens it anew. The loop's thread. */
#pragma once
#include "base/address.h"
#include "base/buf.h"
#include "base/loop.h"
#include <hiredis/hiredis.h>

struct relay_link { /* embedded in its owner, zeroed before the first open */
    /* Set by the owner. Neither runs inside a call of this header. */
    enum err (*replied)(struct relay_link *link, const redisReply *reply); /* not OK: it is lost */
    void (*lost)(struct relay_link *link);
    void (*became_ready)(struct relay_link *link);
    /* The owner adds commands; what is added before it is ready waits. */
    struct buf out;
    /* Its own. */
    struct loop *loop;
    struct watch watch;
    redisReader *reader; /* NULL: closed */
    int64_t heard_ms;    /* monotonic: when the peer last gave a sign of life */
    bool is_connected, is_ready;
};

MUST_CHECK enum err relay_link_open(struct relay_link *link, struct loop *loop,
                                    const struct address *address); /* ERR_LOST */
void relay_link_close(struct relay_link *link);                     /* twice is fine */
/* Writes as much as the socket takes, and goes on by itself. ERR_LOST: close it. */
MUST_CHECK enum err relay_link_flush(struct relay_link *link);
/* A command's head and its arguments. ERR_TOO_LARGE: nothing more fits into `out`. */
MUST_CHECK enum err relay_link_add_command(struct relay_link *link, size_t argument_count);
MUST_CHECK enum err relay_link_add_argument(struct relay_link *link, struct str prefix,
                                            struct str rest);
