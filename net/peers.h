/* How many connections are open, in all and for each address; shared by all reactors, thread-safe.
 * Needed because libmicrohttpd forgets the connections that we take over. IPv6 counts by /64. */
#pragma once
#include "base/config.h"
#include <sys/socket.h>

struct peers;
struct peers *peers_new(int64_t total_max, int64_t address_max);
void peers_free(struct peers *peers);
MUST_CHECK enum err peers_enter(struct peers *peers,
                                const struct sockaddr_storage *peer); /* ERR_BUSY */
void peers_leave(struct peers *peers, const struct sockaddr_storage *peer);
