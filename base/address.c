#include "base/address.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

static bool address_copy_host(struct str host, char out[ADDRESS_TEXT_LEN_MAX])
{
    if (host.len == 0 || host.len >= ADDRESS_TEXT_LEN_MAX) return false;
    if (memchr(host.ptr, '\0', host.len)) return false;
    memcpy(out, host.ptr, host.len);
    out[host.len] = '\0';
    return true;
}

static bool address_set_v4(struct address *address, struct str host, uint16_t port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    char text[ADDRESS_TEXT_LEN_MAX];
    if (str_equal(host, STR("localhost"))) host = STR("127.0.0.1");
    if (!address_copy_host(host, text)) return false;
    if (inet_pton(AF_INET, text, &v4.sin_addr) != 1) return false;
    memset(&address->storage, 0, sizeof(address->storage));
    memcpy(&address->storage, &v4, sizeof(v4));
    address->len = sizeof(v4);
    return true;
}

static bool address_set_v6(struct address *address, struct str host, uint16_t port)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    char text[ADDRESS_TEXT_LEN_MAX];
    if (!address_copy_host(host, text)) return false;
    if (inet_pton(AF_INET6, text, &v6.sin6_addr) != 1) return false;
    memset(&address->storage, 0, sizeof(address->storage));
    memcpy(&address->storage, &v6, sizeof(v6));
    address->len = sizeof(v6);
    return true;
}

enum err address_parse(struct str s, struct address *address_out)
{
    const char *colon = s.len ? memrchr(s.ptr, ':', s.len) : NULL;
    if (!colon) return ERR_FIELD;
    struct str host = str_of(s.ptr, (size_t)(colon - s.ptr));
    uint64_t port;
    if (!str_to_u64(str_from(s, host.len + 1), UINT16_MAX, &port)) return ERR_FIELD;

    bool is_bracketed = host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';
    bool is_good = is_bracketed ? address_set_v6(address_out, str_of(host.ptr + 1, host.len - 2),
                                                 (uint16_t)port)
                                : address_set_v4(address_out, host, (uint16_t)port);
    return is_good ? OK : ERR_FIELD;
}

enum err address_parse_list(struct str s, struct address *addresses_out, size_t count_max,
                            size_t *count_out)
{
    size_t count = 0;
    struct str rest = str_trim(s);
    if (str_is_empty(rest)) rest = STR_NONE;
    while (rest.ptr) {
        struct str member = str_trim(str_cut(&rest, ','));
        if (count == count_max) return ERR_TOO_LARGE;
        enum err err = address_parse(member, &addresses_out[count]);
        if (err != OK) return err;
        count++;
    }
    *count_out = count;
    return OK;
}

static const struct sockaddr_in *address_v4(const struct address *address)
{
    return (const struct sockaddr_in *)(const void *)&address->storage;
}

static const struct sockaddr_in6 *address_v6(const struct address *address)
{
    return (const struct sockaddr_in6 *)(const void *)&address->storage;
}

bool address_is_loopback(const struct address *address)
{
    if (address->storage.ss_family == AF_INET)
        return ntohl(address_v4(address)->sin_addr.s_addr) >> 24 == 127;
    if (address->storage.ss_family != AF_INET6) return false;
    const struct in6_addr *host = &address_v6(address)->sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(host)) return host->s6_addr[12] == 127;
    return IN6_IS_ADDR_LOOPBACK(host);
}

uint16_t address_port(const struct address *address)
{
    if (address->storage.ss_family == AF_INET) return ntohs(address_v4(address)->sin_port);
    if (address->storage.ss_family == AF_INET6) return ntohs(address_v6(address)->sin6_port);
    return 0;
}

void address_set_port(struct address *address, uint16_t port)
{
    if (address->storage.ss_family == AF_INET)
        ((struct sockaddr_in *)(void *)&address->storage)->sin_port = htons(port);
    else if (address->storage.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)&address->storage)->sin6_port = htons(port);
}

const char *address_format_host(const struct address *address, char out[ADDRESS_TEXT_LEN_MAX])
{
    const char *text = NULL;
    if (address->storage.ss_family == AF_INET)
        text = inet_ntop(AF_INET, &address_v4(address)->sin_addr, out, ADDRESS_TEXT_LEN_MAX);
    else if (address->storage.ss_family == AF_INET6)
        text = inet_ntop(AF_INET6, &address_v6(address)->sin6_addr, out, ADDRESS_TEXT_LEN_MAX);
    if (!text) snprintf(out, ADDRESS_TEXT_LEN_MAX, "unix");
    return out;
}

const char *address_format(const struct address *address, char out[ADDRESS_TEXT_LEN_MAX])
{
    char host[ADDRESS_TEXT_LEN_MAX];
    address_format_host(address, host);
    if (address->storage.ss_family == AF_INET6)
        snprintf(out, ADDRESS_TEXT_LEN_MAX, "[%.48s]:%u", host, address_port(address));
    else if (address->storage.ss_family == AF_INET)
        snprintf(out, ADDRESS_TEXT_LEN_MAX, "%.48s:%u", host, address_port(address));
    else
        snprintf(out, ADDRESS_TEXT_LEN_MAX, "%s", host);
    return out;
}
