/* One libmicrohttpd daemon in external epoll mode: its epoll descriptor hangs in our loop.
 * It has no listener, no threads, no timeouts and no log of its own. */
#include "api/h1/h1_parts.h"
#include <fcntl.h>
#include <sys/epoll.h>

/* TURBO for two things: libmicrohttpd tries a new connection at once, and it closes without
 * shutdown(2), which is what lets a connection be taken over. */
unsigned h1_cell_flags(void)
{
    return MHD_USE_NO_LISTEN_SOCKET | MHD_USE_EPOLL | MHD_USE_TURBO | MHD_ALLOW_SUSPEND_RESUME;
}

/* Why not STRICT_FOR_CLIENT: what it refuses (no Host, a space in the target) h1_framing refuses as
 * well, and libmicrohttpd 0.9.75 sends the head of such a refusal twice. */

/* Targets stay as they were sent: the router unescapes segment by segment. */
static size_t cell_unescape(void *cls UNUSED, struct MHD_Connection *mhd UNUSED, char *s)
{
    return strlen(s);
}

static void cell_connection_started(struct h1_cell *cell, void **socket_context)
{
    struct h1_socket *socket = cell->h1->adopting;
    socket->cell = cell;
    cell->connection_count++;
    *socket_context = socket;
}

static void cell_connection_closed(struct h1_cell *cell, struct h1_socket *socket)
{
    struct h1 *h1 = cell->h1;
    if (h1->adopting == socket) h1->adopting = NULL; /* it failed halfway */
    socket->cell = NULL;
    cell->connection_count--;
    if (socket->phase == H1_TAKEN) return;
    loop_unwatch(h1->api->loop, &socket->watch);
    if (socket->must_linger && !h1->is_closing) { /* the fd is still open here, for a moment */
        int fd = fcntl(socket->fd, F_DUPFD_CLOEXEC, 0);
        if (fd >= 0) connection_linger(&h1->lingers, h1->api->loop, fd);
    }
    h1_socket_end(socket);
}

static void cell_notify(void *cls, struct MHD_Connection *mhd UNUSED, void **socket_context,
                        enum MHD_ConnectionNotificationCode code)
{
    struct h1_cell *cell = cls;
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        cell_connection_started(cell, socket_context);
    else if (*socket_context)
        cell_connection_closed(cell, *socket_context);
}

static void cell_ready(struct watch *watch, uint32_t events UNUSED)
{
    struct h1_cell *cell = container_of(watch, struct h1_cell, watch);
    cell->is_due = true;
    h1_cells_run(cell->h1);
}

enum err h1_cell_open(struct h1 *h1, struct h1_cell *cell, unsigned connections_max)
{
    cell->h1 = h1;
    cell->watch = (struct watch){.ready = cell_ready, .fd = -1};
    /* clang-format off */
    cell->daemon = MHD_start_daemon(h1_cell_flags(), 0, NULL, NULL, h1_request_handle, h1,
        MHD_OPTION_CONNECTION_LIMIT, connections_max,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)H1_POOL_LEN,
        MHD_OPTION_STRICT_FOR_CLIENT, 0,
        MHD_OPTION_UNESCAPE_CALLBACK, cell_unescape, NULL,
        MHD_OPTION_URI_LOG_CALLBACK, h1_request_begin, h1,
        MHD_OPTION_NOTIFY_COMPLETED, h1_request_completed, h1,
        MHD_OPTION_NOTIFY_CONNECTION, cell_notify, cell,
        MHD_OPTION_END);
    /* clang-format on */
    if (!cell->daemon) return ERR_SYSTEM;
    int fd = MHD_get_daemon_info(cell->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    return loop_watch(h1->api->loop, &cell->watch, fd, EPOLLIN);
}

void h1_cell_close(struct h1_cell *cell)
{
    if (!cell->daemon) return;
    loop_unwatch(cell->h1->api->loop, &cell->watch);
    MHD_stop_daemon(cell->daemon);
    cell->daemon = NULL;
}

struct h1_cell *h1_cell_pick(struct h1 *h1)
{
    struct h1_cell *best = &h1->cells[0];
    for (size_t i = 1; i < h1->cell_count; i++)
        if (h1->cells[i].connection_count < best->connection_count) best = &h1->cells[i];
    return best;
}

/* Without threads libmicrohttpd has no way to wake our loop by itself. */
void h1_cell_ring(struct h1_cell *cell)
{
    if (!cell->is_due) h1_ring(cell->h1);
    cell->is_due = true;
}

static void cell_run(struct h1_cell *cell)
{
    MHD_UNSIGNED_LONG_LONG wait_ms;
    cell->is_due = false;
    do
        MHD_run(cell->daemon);
    while (MHD_get_timeout(cell->daemon, &wait_ms) == MHD_YES && wait_ms == 0);
}

void h1_cells_run(struct h1 *h1)
{
    for (size_t i = 0; i < h1->cell_count; i++)
        if (h1->cells[i].is_due) cell_run(&h1->cells[i]);
    h1_takeover_settle(h1);
}
