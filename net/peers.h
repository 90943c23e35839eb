/* How many connections are open, in all and for each address; shared by all reactors, thread-safe.
 * Needed because libmicrohttpd forgets the connections that we take over. IPv6 counts by /64.
 * Keeps METRIC_CONNECTIONS. */
#pragma once
#include "base/config.h"
#include <sys/socket.h>

struct peers;
struct peers *peers_new(int64_t total_max, int64_t address_max);
void peers_free(struct peers *peers); /* NULL is fine */
MUST_CHECK enum err peers_enter(struct peers *peers,
                                const struct sockaddr_storage *address); /* ERR_BUSY */
void peers_leave(struct peers *peers, const struct sockaddr_storage *address);
int64_t peers_count(struct peers *peers); /* those that have entered and not left */
