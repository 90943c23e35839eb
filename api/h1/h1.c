/* Opening, closing, and the bell: what must not happen inside a callback of libmicrohttpd or of a
 * handler (starting what was taken over, putting away what was answered) happens when it rings. */
#include "api/h1/h1.h"
#include "api/h1/h1_parts.h"
#include "base/log.h"
#include "base/memory.h"
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A resume costs a walk over all that is suspended, so the fallback keeps its daemons small. */
enum { H1_HOLD_CELLS = 72, H1_HOLD_CELL_CONNECTIONS = 250, H1_CONNECTIONS_MAX = 4000000 };

void h1_ring(struct h1 *h1)
{
    ssize_t written = write(h1->bell.fd, &(uint64_t){1}, sizeof(uint64_t));
    assert(written == sizeof(uint64_t)); /* it would take 2^64 - 1 rings to fill it */
}

/* Edge-triggered: each ring is an edge, so the count is never read. */
static void h1_rung(struct watch *watch, uint32_t events UNUSED)
{
    h1_cells_run(container_of(watch, struct h1, bell));
}

static enum err h1_open_bell(struct h1 *h1)
{
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd < 0) return ERR_SYSTEM;
    h1->bell = (struct watch){.ready = h1_rung, .fd = fd};
    return loop_watch(h1->api->loop, &h1->bell, fd, EPOLLIN | EPOLLET);
}

static enum err h1_open_cells(struct h1 *h1)
{
    h1->cell_count = h1->is_takeover ? 1 : H1_HOLD_CELLS;
    h1->cells = memory_alloc(h1->cell_count * sizeof(h1->cells[0]));
    unsigned connections_max = h1->is_takeover ? H1_CONNECTIONS_MAX : H1_HOLD_CELL_CONNECTIONS;
    for (size_t i = 0; i < h1->cell_count; i++) {
        enum err err = h1_cell_open(h1, &h1->cells[i], connections_max);
        if (err != OK) return err;
    }
    return OK;
}

enum err h1_open(struct api *api, struct peers *peers, struct h1 **h1_out)
{
    struct h1 *h1 = MEMORY_NEW(struct h1);
    h1->api = api;
    h1->peers = peers;
    h1->bell.fd = -1;
    list_init(&h1->sockets);
    list_init(&h1->taken);
    list_init(&h1->due);
    connection_lingers_init(&h1->lingers);
    h1->is_takeover = api->config->h1_takeover && h1_selftest();
    if (!h1->is_takeover) log_event(LOG_WARN, "h1_takeover_off", log_c("instead", "suspend"));
    enum err err = h1_open_bell(h1);
    if (err != OK) goto fail;
    err = h1_open_cells(h1);
    if (err != OK) goto fail;
    *h1_out = h1;
    return OK;
fail:
    h1_close(h1);
    return err;
}

/* libmicrohttpd ends its own when it stops, but nothing may be suspended then. */
static void h1_close_sockets(struct h1 *h1)
{
    LIST_EACH_SAFE (&h1->sockets, link) {
        struct h1_socket *socket = container_of(link, struct h1_socket, link);
        if (socket->phase == H1_TAKEN)
            h1_takeover_drop(socket->request);
        else if (socket->phase == H1_PARKED)
            h1_socket_close(socket);
        else if (socket->request)
            h1_request_lost(socket->request);
    }
}

void h1_close(struct h1 *h1)
{
    if (!h1) return;
    h1->is_closing = true;
    h1_close_sockets(h1);
    for (size_t i = 0; i < h1->cell_count; i++)
        h1_cell_close(&h1->cells[i]);
    connection_lingers_end(&h1->lingers);
    assert(h1->socket_count == 0);
    loop_unwatch(h1->api->loop, &h1->bell);
    if (h1->bell.fd >= 0) close(h1->bell.fd);
    free(h1->cells);
    free(h1);
}

void h1_adopt(struct h1 *h1, int fd, const struct sockaddr_storage *peer, socklen_t peer_len)
{
    struct h1_socket *socket = MEMORY_NEW(struct h1_socket);
    socket->h1 = h1;
    socket->fd = fd;
    socket->phase = H1_PARKED;
    socket->deadline.due = h1_deadline_due;
    memcpy(&socket->peer, peer, MIN((size_t)peer_len, sizeof(socket->peer)));
    if (!peer_len) socket->peer.any.sa_family = peer->ss_family;
    list_init(&socket->link);
    list_push(&h1->sockets, &socket->link);
    h1->socket_count++;
    h1_socket_give(socket);
}

void h1_drain(struct h1 *h1)
{
    h1->is_draining = true;
    LIST_EACH_SAFE (&h1->sockets, link) {
        struct h1_socket *socket = container_of(link, struct h1_socket, link);
        if (socket->phase == H1_PARKED)
            h1_socket_close(socket);
        else if (socket->phase == H1_IDLE && h1_socket_news(socket) != H1_NEWS_BYTES)
            h1_socket_shutdown(socket);
    }
}

size_t h1_connection_count(const struct h1 *h1)
{
    return h1->socket_count;
}

bool h1_is_takeover(const struct h1 *h1)
{
    return h1->is_takeover;
}
