/* Writing goes to the socket first: the usual event fits its buffer, and then nothing is held and
 * nothing is watched but the peer's leaving (EPOLLRDHUP; EPOLLERR and EPOLLHUP come unasked). */
#include "net/connection.h"
#include "base/memory.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    CONNECTION_UNSENT_MAX = 64 * 1024 * 1024, /* far above the largest answer */
    CONNECTION_PARTS_MAX = 4,
    LINGER_MS = 2000,
    LINGER_COUNT_MAX = 1024,
    LINGER_READ_MAX = 1024 * 1024
};

/* Nothing now, but maybe later; everything else means that the connection is gone. */
static bool socket_is_full(void)
{
    return errno == EAGAIN || errno == EINTR || errno == ENOBUFS || errno == ENOMEM;
}

static size_t socket_send(int fd, struct iovec *iov, size_t count, bool *is_broken_out)
{
    struct msghdr message = {.msg_iov = iov, .msg_iovlen = count};
    ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    *is_broken_out = sent < 0 && !socket_is_full();
    return sent < 0 ? 0 : (size_t)sent;
}

static size_t socket_send_held(int fd, struct buf *unsent, bool *is_broken_out)
{
    struct iovec iov = {unsent->bytes, unsent->len};
    size_t sent = socket_send(fd, &iov, 1, is_broken_out);
    if (*is_broken_out)
        buf_clear(unsent);
    else
        buf_drop_front(unsent, sent);
    return sent;
}

/* Connections */

static void connection_flush(struct connection *connection)
{
    bool is_broken;
    size_t sent = socket_send_held(connection->watch.fd, &connection->unsent, &is_broken);
    if (connection->unsent.len) {
        if (sent) loop_timer_set(connection->loop, &connection->stall, connection->write_ms);
        return;
    }
    buf_done(&connection->unsent);
    loop_timer_cancel(connection->loop, &connection->stall);
    loop_rewatch(connection->loop, &connection->watch,
                 connection->watch.events & ~(uint32_t)EPOLLOUT);
    if (!is_broken) connection->drained(connection); /* else `closed` comes */
}

/* Each callback may close the connection, so at most one runs; what else is ready comes again. */
static void connection_ready(struct watch *watch, uint32_t events)
{
    struct connection *connection = container_of(watch, struct connection, watch);
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        connection->closed(connection);
    else if (events & EPOLLOUT)
        connection_flush(connection);
    else if (events & EPOLLIN)
        connection->readable(connection);
}

static void connection_stalled(struct timer *timer)
{
    struct connection *connection = container_of(timer, struct connection, stall);
    connection->is_stalled = true;
    connection->closed(connection);
}

enum err connection_open(struct loop *loop, struct connection *connection, int fd)
{
    connection->loop = loop;
    connection->watch = (struct watch){.ready = connection_ready};
    connection->stall = (struct timer){.due = connection_stalled};
    connection->is_stalled = false;
    buf_init(&connection->unsent, CONNECTION_UNSENT_MAX);
    return loop_watch(loop, &connection->watch, fd, EPOLLRDHUP);
}

bool connection_write(struct connection *connection, struct str bytes)
{
    return connection_write_parts(connection, &bytes, 1);
}

static void connection_keep_rest(struct connection *connection, const struct iovec *iov,
                                 size_t count, size_t sent)
{
    for (size_t i = 0; i < count; i++) {
        size_t skip = MIN(sent, iov[i].iov_len);
        sent -= skip;
        struct str rest = str_from(str_of(iov[i].iov_base, iov[i].iov_len), skip);
        enum err err = buf_add(&connection->unsent, rest);
        assert(err == OK); /* answers have lower caps */
    }
}

bool connection_write_parts(struct connection *connection, const struct str *parts, size_t count)
{
    assert(count <= CONNECTION_PARTS_MAX && connection->unsent.len == 0);
    struct iovec iov[CONNECTION_PARTS_MAX];
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        iov[i] = (struct iovec){(void *)(uintptr_t)parts[i].ptr, parts[i].len};
        len += parts[i].len;
    }
    bool is_broken;
    size_t sent = socket_send(connection->watch.fd, iov, count, &is_broken);
    if (sent == len || is_broken) return true;
    connection_keep_rest(connection, iov, count, sent);
    loop_timer_set(connection->loop, &connection->stall, connection->write_ms);
    loop_rewatch(connection->loop, &connection->watch, connection->watch.events | EPOLLOUT);
    return false;
}

void connection_watch_input(struct connection *connection, bool is_wanted)
{
    uint32_t others = connection->watch.events & ~(uint32_t)EPOLLIN;
    loop_rewatch(connection->loop, &connection->watch, is_wanted ? others | EPOLLIN : others);
}

int connection_take_fd(struct connection *connection)
{
    assert(connection->unsent.len == 0);
    loop_timer_cancel(connection->loop, &connection->stall);
    loop_unwatch(connection->loop, &connection->watch);
    buf_done(&connection->unsent);
    return connection->watch.fd;
}

/* Lingers */

struct lingering {
    struct list link;
    struct connection_lingers *lingers;
    struct loop *loop;
    struct watch watch;
    struct timer deadline;
    struct buf unsent;
    size_t read_len;
};

void connection_lingers_init(struct connection_lingers *lingers)
{
    list_init(&lingers->list);
    lingers->count = 0;
}

static void lingering_end(struct lingering *lingering)
{
    loop_unwatch(lingering->loop, &lingering->watch);
    loop_timer_cancel(lingering->loop, &lingering->deadline);
    close(lingering->watch.fd);
    buf_done(&lingering->unsent);
    list_remove(&lingering->link);
    lingering->lingers->count--;
    free(lingering);
}

void connection_lingers_end(struct connection_lingers *lingers)
{
    LIST_EACH_SAFE (&lingers->list, link)
        lingering_end(container_of(link, struct lingering, link));
}

/* Reads over what is there; false when no more can come. */
static bool socket_read_over(int fd, size_t *len_out)
{
    char bytes[16 * 1024];
    *len_out = 0;
    while (*len_out < LINGER_READ_MAX) {
        ssize_t got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (got < 0) return socket_is_full();
        if (got == 0) return false;
        *len_out += (size_t)got;
    }
    return true;
}

static void lingering_ready(struct watch *watch, uint32_t events)
{
    struct lingering *lingering = container_of(watch, struct lingering, watch);
    if (lingering->unsent.len && (events & EPOLLOUT)) {
        bool is_broken;
        socket_send_held(watch->fd, &lingering->unsent, &is_broken);
        if (lingering->unsent.len) return;
        shutdown(watch->fd, SHUT_WR);
        loop_rewatch(lingering->loop, watch, EPOLLIN);
        loop_timer_set(lingering->loop, &lingering->deadline, LINGER_MS);
    }
    size_t len;
    bool can_go_on = socket_read_over(watch->fd, &len);
    lingering->read_len += len;
    if (!can_go_on || lingering->read_len > LINGER_READ_MAX) lingering_end(lingering);
}

static void lingering_due(struct timer *timer)
{
    lingering_end(container_of(timer, struct lingering, deadline));
}

/* Takes the fd and the unsent bytes. */
static void lingering_start(struct connection_lingers *lingers, struct loop *loop, int fd,
                            struct buf unsent, int64_t write_ms)
{
    if (!lingers || lingers->count >= LINGER_COUNT_MAX) {
        close(fd);
        buf_done(&unsent);
        return;
    }
    struct lingering *lingering = MEMORY_NEW(struct lingering);
    lingering->lingers = lingers;
    lingering->loop = loop;
    lingering->watch = (struct watch){.ready = lingering_ready, .fd = fd};
    lingering->deadline = (struct timer){.due = lingering_due};
    lingering->unsent = unsent;
    list_init(&lingering->link);
    list_push(&lingers->list, &lingering->link);
    lingers->count++;
    if (!unsent.len) shutdown(fd, SHUT_WR);
    loop_timer_set(loop, &lingering->deadline, unsent.len ? write_ms : LINGER_MS);
    if (loop_watch(loop, &lingering->watch, fd, unsent.len ? EPOLLIN | EPOLLOUT : EPOLLIN) != OK)
        lingering_end(lingering);
}

void connection_linger(struct connection_lingers *lingers, struct loop *loop, int fd)
{
    struct buf nothing;
    buf_init(&nothing, CONNECTION_UNSENT_MAX);
    lingering_start(lingers, loop, fd, nothing, 0);
}

void connection_close(struct connection *connection)
{
    int fd = connection->watch.fd;
    loop_timer_cancel(connection->loop, &connection->stall);
    loop_unwatch(connection->loop, &connection->watch);
    size_t unread_len = 0;
    bool can_go_on = !connection->is_stalled && socket_read_over(fd, &unread_len);
    if (can_go_on && (connection->unsent.len || unread_len)) {
        lingering_start(connection->lingers, connection->loop, fd, connection->unsent,
                        connection->write_ms);
        buf_init(&connection->unsent, CONNECTION_UNSENT_MAX);
        return;
    }
    close(fd);
    buf_done(&connection->unsent);
}
