/* Addresses of listeners and peers: text to sockaddr and back, without DNS. Thread-safe.
 * Written HOST:PORT or [V6]:PORT; HOST is an IPv4 address or `localhost` (127.0.0.1). */
#pragma once
#include "base/error.h"
#include "base/str.h"
#include <sys/socket.h>

struct address {
    struct sockaddr_storage storage; /* AF_INET or AF_INET6 */
    socklen_t len;                   /* what bind() and connect() ask for */
};

enum { ADDRESS_TEXT_LEN_MAX = 64 }; /* longest text, with its NUL */

MUST_CHECK enum err address_parse(struct str s, struct address *address_out); /* ERR_FIELD */
/* A comma-separated list, spaces allowed around its members. An empty or blank list has none.
 * ERR_FIELD: a member is wrong; ERR_TOO_LARGE: more than count_max. */
MUST_CHECK enum err address_parse_list(struct str s, struct address *addresses_out,
                                       size_t count_max, size_t *count_out);
bool address_is_loopback(const struct address *address); /* 127/8, ::1, ::ffff:127/104 */
uint16_t address_port(const struct address *address);
void address_set_port(struct address *address, uint16_t port);
/* The address as address_parse reads it; "unix" for any other family. Returns out. */
const char *address_format(const struct address *address, char out[ADDRESS_TEXT_LEN_MAX]);
/* The host alone, without brackets: what per-address limits and logs count by. Returns out. */
const char *address_format_host(const struct address *address, char out[ADDRESS_TEXT_LEN_MAX]);
