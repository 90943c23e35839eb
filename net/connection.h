/* A byte stream to one client (plain TCP now, TLS behind the same calls later), used for
 * connections that have left libmicrohttpd. Owns the fd. What the socket does not take at once is
 * held, at most one write; a peer that takes nothing for write_ms is closed. One thread; callbacks
 * run from the loop, never inside a call. */
#pragma once
#include "base/buf.h"
#include "base/loop.h"
#include <sys/socket.h>

struct connection {
    struct watch watch;
    struct loop *loop;
    struct buf unsent;
    struct timer stall; /* runs while something is unsent */
    /* Set by the owner. */
    void (*drained)(struct connection *connection);  /* unsent has become empty */
    void (*readable)(struct connection *connection); /* bytes are there (not read), level-triggered
                                                        until connection_ignore_input */
    void (*closed)(struct connection *connection);   /* FIN, RST, or stalled; close it now */
    int64_t write_ms;
};
MUST_CHECK enum err connection_open(struct loop *loop, struct connection *connection, int fd);
/* True: all has left. False: the rest is held, write no more until drained (asserted). */
bool connection_write(struct connection *connection, struct str bytes);
void connection_watch_input(struct connection *connection, bool is_wanted);
/* Gives the fd back to the caller, unwatched; nothing may be unsent. */
int connection_take_fd(struct connection *connection);
/* Sends FIN after what is held, drains unread input (close with unread input sends RST), frees. The
 * struct may be freed at return; a lingering rest is handed to the loop. */
void connection_close(struct connection *connection);
