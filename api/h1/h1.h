/* HTTP/1.0 and 1.1 for one reactor: libmicrohttpd in external epoll mode for requests, and
 * connections of our own for streams and waiting polls, which are taken over (see
 * docs/ARCHITECTURE.md). */
#pragma once
#include "api/api.h"
#include "net/peers.h"
#include <sys/socket.h>

struct h1;
/* Tries the takeover on a loopback pair first (once a process is enough); if the peer would see it,
 * or config h1_takeover is off, streams are suspended in many small daemons instead. */
MUST_CHECK enum err h1_open(struct api *api, struct peers *peers, struct h1 **h1_out);
void h1_close(
    struct h1 *h1); /* ends every connection; exchanges are told that the client is gone */
/* A connection whose first bytes are there. The fd is h1's from now on. */
void h1_adopt(struct h1 *h1, int fd, const struct sockaddr_storage *peer, socklen_t peer_len);
void h1_drain(struct h1 *h1); /* idle connections are closed, busy ones after their answer */
size_t h1_connection_count(const struct h1 *h1);
bool h1_is_takeover(const struct h1 *h1);
