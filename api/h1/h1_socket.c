/* A client connection's way between libmicrohttpd and us, and the bytes that it has sent: the
 * kernel counts what came, libmicrohttpd tells the size of each request, and the difference is what
 * was read ahead. */
#include "api/h1/h1_glance.h"
#include "api/h1/h1_parts.h"
#include "base/metrics.h"
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* TCP_CLOSE_WAIT of <netinet/tcp.h>, which cannot stand beside <linux/tcp.h>. */
enum { SOCKET_CLOSE_WAIT = 8, SOCKET_GLANCE_LEN = 4096 };

struct sockaddr_storage h1_socket_peer(const struct h1_socket *socket)
{
    struct sockaddr_storage storage = {.ss_family = AF_UNSPEC};
    memcpy(&storage, &socket->peer, sizeof(socket->peer));
    return storage;
}

void h1_socket_end(struct h1_socket *socket)
{
    struct h1 *h1 = socket->h1;
    assert(!socket->request && !socket->cell && !watch_is_on(&socket->watch));
    struct sockaddr_storage peer = h1_socket_peer(socket);
    peers_leave(h1->peers, &peer);
    loop_timer_cancel(h1->api->loop, &socket->deadline);
    list_remove(&socket->link);
    h1->socket_count--;
    free(socket);
}

/* With libmicrohttpd */

/* What libmicrohttpd would refuse badly: answered and closed here. */
static bool socket_is_refused(struct h1_socket *socket)
{
    struct h1 *h1 = socket->h1;
    char bytes[SOCKET_GLANCE_LEN];
    int fd = socket->fd;
    ssize_t len = recv(fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);
    struct str answer = len > 0 ? h1_glance(str_of(bytes, (size_t)len)) : STR_NONE;
    if (!answer.ptr) return false;
    ssize_t sent = send(fd, answer.ptr, answer.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)sent; /* best effort */
    h1_socket_end(socket);
    connection_linger(&h1->lingers, h1->api->loop, fd);
    return true;
}

void h1_socket_give(struct h1_socket *socket)
{
    struct h1 *h1 = socket->h1;
    if (socket_is_refused(socket)) return;
    struct h1_cell *cell = h1_cell_pick(h1);
    socklen_t peer_len =
        socket->peer.any.sa_family == AF_INET6 ? sizeof(socket->peer.v6) : sizeof(socket->peer.v4);
    h1_enter(socket, H1_HEAD);
    h1->adopting = socket;
    enum MHD_Result result =
        MHD_add_connection(cell->daemon, socket->fd, &socket->peer.any, peer_len);
    bool is_ended = h1->adopting == NULL;
    h1->adopting = NULL;
    if (result == MHD_NO) { /* it has closed the fd, and may have told so */
        if (!is_ended) h1_socket_end(socket);
        return;
    }
    h1_cell_ring(cell);
}

void h1_socket_shutdown(struct h1_socket *socket)
{
    h1_enter(socket, H1_ENDING);
    shutdown(socket->fd, SHUT_RDWR); /* libmicrohttpd's epoll wakes up from that */
}

/* Parked */

static void socket_ready(struct watch *watch, uint32_t events)
{
    struct h1_socket *socket = container_of(watch, struct h1_socket, watch);
    char byte;
    if ((events & (EPOLLHUP | EPOLLERR)) ||
        recv(socket->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) {
        h1_socket_close(socket);
        return;
    }
    loop_unwatch(socket->h1->api->loop, watch);
    metrics_add(METRIC_GIVEBACKS, 1);
    h1_socket_give(socket);
}

void h1_socket_park(struct h1_socket *socket)
{
    h1_enter(socket, H1_PARKED);
    socket->watch = (struct watch){.ready = socket_ready, .fd = socket->fd};
    enum err err = loop_watch(socket->h1->api->loop, &socket->watch, socket->fd, EPOLLIN);
    if (err != OK) h1_socket_close(socket);
}

void h1_socket_close(struct h1_socket *socket)
{
    int fd = socket->fd;
    loop_unwatch(socket->h1->api->loop, &socket->watch);
    h1_socket_end(socket);
    close(fd);
}

/* Counting */

static bool socket_info(int fd, struct tcp_info *info)
{
    socklen_t len = sizeof(*info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &len) < 0) return false; /* no TCP */
    return len >= offsetof(struct tcp_info, tcpi_bytes_received) + sizeof(uint64_t);
}

enum h1_news h1_socket_news(struct h1_socket *socket)
{
    struct tcp_info info;
    if (!socket_info(socket->fd, &info)) return H1_NEWS_NONE;
    /* A FIN that comes along with a request escapes libmicrohttpd: it has seen the edge before. */
    if (info.tcpi_state == SOCKET_CLOSE_WAIT) return H1_NEWS_LEFT;
    if (socket->is_uncounted) { /* begin anew: it is asked when nothing is under way */
        socket->used_len = info.tcpi_bytes_received;
        socket->is_uncounted = false;
    }
    return info.tcpi_bytes_received > socket->used_len ? H1_NEWS_BYTES : H1_NEWS_NONE;
}

/* More may come between the two looks, so the first one is repeated until it stands still. */
bool h1_socket_is_exact(struct h1_socket *socket)
{
    struct tcp_info before, after;
    int queued_len;
    if (socket->is_uncounted) return false;
    do {
        if (!socket_info(socket->fd, &before)) return false;
        if (ioctl(socket->fd, SIOCINQ, &queued_len) < 0) return false;
        if (!socket_info(socket->fd, &after)) return false;
    } while (before.tcpi_bytes_received != after.tcpi_bytes_received);
    return before.tcpi_bytes_received - (uint64_t)queued_len == socket->used_len;
}
