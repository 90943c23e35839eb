/* A turn of the loop accepts at most LISTENER_SLICE connections, so that a storm of new ones does
 * not keep the old ones waiting. Out of descriptors, the queue of the kernel is left alone for a
 * moment: a level-triggered listener would spin otherwise. */
#include "net/listener.h"
#include "base/address.h"
#include "base/memory.h"
#include "base/metrics.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { LISTENER_BACKLOG = 4096, LISTENER_SLICE = 64, LISTENER_PAUSE_MS = 100 };

struct net_listener {
    struct loop *loop;
    struct peers *peers;
    struct net_listener_sink *sink;
    int64_t head_ms;
    int fd, port;
    struct watch watch;
    struct timer pause;
    struct list parked;
};
struct parked { /* accepted, no byte yet */
    struct list link;
    struct net_listener *listener;
    struct watch watch;
    struct timer deadline;
    struct sockaddr_storage peer;
    socklen_t peer_len;
};

/* Parked connections */

static void parked_free(struct parked *parked)
{
    loop_unwatch(parked->listener->loop, &parked->watch);
    loop_timer_cancel(parked->listener->loop, &parked->deadline);
    list_remove(&parked->link);
    free(parked);
}

static void parked_close(struct parked *parked)
{
    int fd = parked->watch.fd;
    peers_leave(parked->listener->peers, &parked->peer);
    parked_free(parked);
    close(fd);
}

static void parked_due(struct timer *timer)
{
    parked_close(container_of(timer, struct parked, deadline));
}

static void parked_ready(struct watch *watch, uint32_t events)
{
    struct parked *parked = container_of(watch, struct parked, watch);
    char byte;
    if ((events & (EPOLLHUP | EPOLLERR)) ||
        recv(watch->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) {
        parked_close(parked);
        return;
    }
    struct net_listener_sink *sink = parked->listener->sink;
    struct sockaddr_storage peer = parked->peer;
    socklen_t peer_len = parked->peer_len;
    int fd = watch->fd;
    parked_free(parked);
    sink->arrived(sink, fd, &peer, peer_len);
}

static void parked_new(struct net_listener *listener, int fd, const struct sockaddr_storage *peer,
                       socklen_t peer_len)
{
    struct parked *parked = MEMORY_NEW(struct parked);
    parked->listener = listener;
    parked->watch = (struct watch){.ready = parked_ready, .fd = fd};
    parked->deadline = (struct timer){.due = parked_due};
    parked->peer = *peer;
    parked->peer_len = peer_len;
    list_init(&parked->link);
    list_push(&listener->parked, &parked->link);
    loop_timer_set(listener->loop, &parked->deadline, listener->head_ms);
    if (loop_watch(listener->loop, &parked->watch, fd, EPOLLIN) != OK) parked_close(parked);
}

/* Accepting */

/* Best effort: the client may not have sent its request yet, and nobody waits for it. */
static void listener_refuse(int fd)
{
    static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n"
                                 "Content-Length: 0\r\nConnection: close\r\n\r\n";
    char bytes[4096];
    if (send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL | MSG_DONTWAIT) > 0) {
        shutdown(fd, SHUT_WR);
        while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0) {
        }
    }
    close(fd);
    metrics_add(METRIC_REFUSED, 1);
}

static void listener_take(struct net_listener *listener, int fd,
                          const struct sockaddr_storage *peer, socklen_t peer_len)
{
    metrics_add(METRIC_ACCEPTED, 1);
    if (peers_enter(listener->peers, peer) != OK) {
        listener_refuse(fd);
        return;
    }
    int on = 1; /* answers and events leave as whole writes; waiting for more only delays them */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    parked_new(listener, fd, peer, peer_len);
}

/* True while there may be more. */
static bool listener_accept(struct net_listener *listener)
{
    struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
    socklen_t peer_len = sizeof(peer);
    int fd =
        accept4(listener->fd, (struct sockaddr *)&peer, &peer_len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        listener_take(listener, fd, &peer, peer_len);
        return true;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        loop_unwatch(listener->loop, &listener->watch);
        loop_timer_set(listener->loop, &listener->pause, LISTENER_PAUSE_MS);
        return false;
    }
    return errno != EAGAIN && errno != EBADF && errno != EINVAL; /* else that client is gone */
}

static void listener_ready(struct watch *watch, uint32_t events UNUSED)
{
    struct net_listener *listener = container_of(watch, struct net_listener, watch);
    for (int i = 0; i < LISTENER_SLICE && listener_accept(listener); i++) {
    }
}

static void listener_pause_over(struct timer *timer)
{
    struct net_listener *listener = container_of(timer, struct net_listener, pause);
    if (loop_watch(listener->loop, &listener->watch, listener->fd, EPOLLIN) != OK)
        loop_timer_set(listener->loop, &listener->pause, LISTENER_PAUSE_MS);
}

/* Opening and closing */

static enum err listener_bind(struct net_listener *listener, const struct sockaddr_storage *address)
{
    bool is_v6 = address->ss_family == AF_INET6;
    socklen_t len = is_v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    int on = 1, fd;
    listener->fd = fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0)
        return ERR_SYSTEM;
    if (is_v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0) return ERR_SYSTEM;
    if (bind(fd, (const struct sockaddr *)address, len) < 0 || listen(fd, LISTENER_BACKLOG) < 0)
        return ERR_SYSTEM;
    struct address real = {.len = sizeof(real.storage)};
    if (getsockname(fd, (struct sockaddr *)&real.storage, &real.len) < 0) return ERR_SYSTEM;
    listener->port = address_port(&real);
    return OK;
}

enum err net_listener_open(struct loop *loop, const struct config *config,
                           const struct sockaddr_storage *address, struct peers *peers,
                           struct net_listener_sink *sink, struct net_listener **listener_out)
{
    struct net_listener *listener = MEMORY_NEW(struct net_listener);
    listener->loop = loop;
    listener->peers = peers;
    listener->sink = sink;
    listener->head_ms = config->head_ms;
    listener->watch.ready = listener_ready;
    listener->pause.due = listener_pause_over;
    list_init(&listener->parked);
    enum err err = listener_bind(listener, address);
    if (err != OK) goto fail;
    err = loop_watch(loop, &listener->watch, listener->fd, EPOLLIN);
    if (err != OK) goto fail;
    *listener_out = listener;
    return OK;
fail:
    net_listener_close(listener);
    return err;
}

int net_listener_port(const struct net_listener *listener)
{
    return listener->port;
}

void net_listener_stop(struct net_listener *listener)
{
    if (listener->fd < 0) return;
    /* Whoever stands in the kernel's queue would get RST from the close. */
    while (watch_is_on(&listener->watch) && listener_accept(listener)) {
    }
    loop_unwatch(listener->loop, &listener->watch);
    loop_timer_cancel(listener->loop, &listener->pause);
    close(listener->fd);
    listener->fd = -1;
}

void net_listener_close(struct net_listener *listener)
{
    if (!listener) return;
    net_listener_stop(listener);
    LIST_EACH_SAFE (&listener->parked, link)
        parked_close(container_of(link, struct parked, link));
    free(listener);
}
