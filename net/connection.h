/* A byte stream to one client (plain TCP now, TLS behind the same calls later), used for
 * connections that have left libmicrohttpd. Owns the fd. What the socket does not take at once is
 * held, at most one write; a peer that takes nothing for write_ms is closed. One thread; callbacks
 * run from the loop, never inside a call. */
#pragma once
#include "base/buf.h"
#include "base/loop.h"
#include <sys/socket.h>

/* Connections that are over for their owner, but not yet for their peer: a close with unread input
 * sends RST, which can overtake the last answer, so FIN is sent and input is read over for two
 * seconds. Bounded; beyond that a connection is closed at once. */
struct connection_lingers {
    struct list list;
    size_t count;
};
void connection_lingers_init(struct connection_lingers *lingers);
void connection_lingers_end(struct connection_lingers *lingers); /* closes what is left */
/* Hands over an fd that a library has written to: FIN, read over, close. */
void connection_linger(struct connection_lingers *lingers, struct loop *loop, int fd);

struct connection {
    struct watch watch;
    struct loop *loop;
    struct buf unsent;
    struct timer stall; /* runs while something is unsent */
    bool is_stalled;    /* the peer takes nothing: no use in being polite to it */
    /* Set by the owner. */
    void (*drained)(struct connection *connection);  /* unsent has become empty */
    void (*readable)(struct connection *connection); /* bytes are there (not read), level-triggered,
                                                        while input is watched */
    void (*closed)(struct connection *connection);   /* FIN, RST, or stalled; close it now */
    int64_t write_ms;
    struct connection_lingers *lingers; /* for connection_close */
};
/* ERR_SYSTEM: the fd is still the caller's. */
MUST_CHECK enum err connection_open(struct loop *loop, struct connection *connection, int fd);
/* True: all has left. False: the rest is held, write no more until drained (asserted). A broken
 * connection takes everything; `closed` tells of it soon. */
bool connection_write(struct connection *connection, struct str bytes);
/* The same for up to four pieces that belong together, by one system call. */
bool connection_write_parts(struct connection *connection, const struct str *parts, size_t count);
void connection_watch_input(struct connection *connection, bool is_wanted);
/* Gives the fd back to the caller, unwatched; nothing may be unsent. */
int connection_take_fd(struct connection *connection);
/* Sends FIN after what is held, reads over unread input, frees. The struct may be freed at return;
 * a rest goes to `lingers`. */
void connection_close(struct connection *connection);
