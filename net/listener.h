/* A listening socket of one reactor (SO_REUSEPORT: the kernel spreads connections over reactors).
 * Accepts in slices, counts, refuses what passes the limits, and parks each connection until its
 * first byte: then `arrived` gets the fd, which is its owner's from there on. */
#pragma once
#include "base/config.h"
#include "base/loop.h"
#include "net/peers.h"
#include <sys/socket.h>

struct net_listener_sink {
    /* The first bytes are there (not read). The fd is non-blocking, close-on-exec, TCP_NODELAY. */
    void (*arrived)(struct net_listener_sink *sink, int fd, const struct sockaddr_storage *peer,
                    socklen_t peer_len);
};
struct net_listener;
MUST_CHECK enum err net_listener_open(struct loop *loop, const struct config *config,
                                      const struct sockaddr_storage *address, struct peers *peers,
                                      struct net_listener_sink *sink,
                                      struct net_listener **listener_out);
int net_listener_port(const struct net_listener *listener); /* the real one if 0 was asked */
void net_listener_stop(struct net_listener *listener);      /* accepts no more; parked ones stay */
void net_listener_close(struct net_listener *listener);     /* parked ones too; NULL is fine */
