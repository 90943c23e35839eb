#include "live/relay_link.h"
#include "live/relay.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { RELAY_LINK_READ_LEN = 64 * 1024 };

static void relay_link_event(struct watch *watch, uint32_t events);

static enum err relay_link_connect(struct relay_link *link, const struct address *address)
{
    int family = address->storage.ss_family;
    link->watch.fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (link->watch.fd < 0) return ERR_LOST;
    if (family != AF_UNIX) { /* a wake-up must not wait for more bytes */
        int on = 1;
        (void)setsockopt(link->watch.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    const struct sockaddr *to = (const struct sockaddr *)(const void *)&address->storage;
    if (connect(link->watch.fd, to, address->len) != 0 && errno != EINPROGRESS) return ERR_LOST;
    return OK;
}

enum err relay_link_open(struct relay_link *link, struct loop *loop, const struct address *address)
{
    assert(!link->reader);
    link->loop = loop;
    link->heard_ms = loop_now_ms(loop);
    link->watch = (struct watch){.ready = relay_link_event, .fd = -1};
    buf_init(&link->out, RELAY_UNSENT_MAX);
    link->reader = redisReaderCreate();
    if (!link->reader) abort();
    enum err err = relay_link_connect(link, address);
    if (err != OK) goto fail;
    err = relay_link_add_command(link, 1);
    if (err == OK) err = relay_link_add_argument(link, STR("PING"), STR_NONE);
    if (err == OK)
        err = loop_watch(loop, &link->watch, link->watch.fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP);
    if (err != OK) goto fail;
    return OK;
fail:
    relay_link_close(link);
    return ERR_LOST;
}

void relay_link_close(struct relay_link *link)
{
    if (!link->reader) return;
    loop_unwatch(link->loop, &link->watch);
    if (link->watch.fd >= 0) close(link->watch.fd);
    link->watch.fd = -1;
    redisReaderFree(link->reader);
    link->reader = NULL;
    buf_done(&link->out);
    link->is_connected = link->is_ready = false;
}

enum err relay_link_add_command(struct relay_link *link, size_t argument_count)
{
    return buf_printf(&link->out, "*%zu\r\n", argument_count);
}

enum err relay_link_add_argument(struct relay_link *link, struct str prefix, struct str rest)
{
    size_t len = prefix.len + rest.len;
    enum err err = buf_printf(&link->out, "$%zu\r\n", len);
    if (err == OK) err = buf_add(&link->out, prefix);
    if (err == OK) err = buf_add(&link->out, rest);
    if (err == OK) err = buf_add(&link->out, STR("\r\n"));
    return err;
}

enum err relay_link_flush(struct relay_link *link)
{
    if (!link->is_connected) return OK; /* sent once it is */
    while (link->out.len > 0) {
        ssize_t count = send(link->watch.fd, link->out.bytes, link->out.len, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && errno != EAGAIN) return ERR_LOST;
        if (count < 0) break;
        buf_drop_front(&link->out, (size_t)count);
    }
    uint32_t more = link->out.len > 0 ? EPOLLOUT : 0;
    loop_rewatch(link->loop, &link->watch, EPOLLIN | EPOLLRDHUP | more);
    return OK;
}

static enum err relay_link_reply(struct relay_link *link, const redisReply *reply)
{
    if (link->is_ready) return link->replied(link, reply);
    if (reply->type != REDIS_REPLY_STATUS) return ERR_LOST; /* -LOADING, -NOAUTH ... */
    link->is_ready = true;
    link->became_ready(link);
    return OK;
}

/* One read a turn, so that a busy Redis cannot keep the loop from its other work. */
static enum err relay_link_read(struct relay_link *link)
{
    char bytes[RELAY_LINK_READ_LEN];
    ssize_t count = recv(link->watch.fd, bytes, sizeof(bytes), 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return OK;
    if (count <= 0) return ERR_LOST;
    link->heard_ms = loop_now_ms(link->loop);
    if (redisReaderFeed(link->reader, bytes, (size_t)count) != REDIS_OK) return ERR_LOST;
    for (;;) {
        void *reply = NULL;
        if (redisReaderGetReply(link->reader, &reply) != REDIS_OK) return ERR_LOST;
        if (!reply) return OK;
        enum err err = relay_link_reply(link, reply);
        freeReplyObject(reply);
        if (err != OK) return err;
    }
}

static enum err relay_link_connected(struct relay_link *link)
{
    int error = 0;
    socklen_t len = sizeof(error);
    if (getsockopt(link->watch.fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0) return ERR_LOST;
    if (error != 0) return ERR_LOST;
    link->is_connected = true;
    return OK;
}

static void relay_link_event(struct watch *watch, uint32_t events)
{
    struct relay_link *link = container_of(watch, struct relay_link, watch);
    enum err err = OK;
    if (!link->is_connected) err = relay_link_connected(link);
    if (err == OK && events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        err = relay_link_read(link);
    if (err == OK) err = relay_link_flush(link);
    if (err != OK) link->lost(link);
}
