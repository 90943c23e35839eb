/* A request that may wait long leaves libmicrohttpd: its descriptor is duplicated, and
 * libmicrohttpd, told MHD_NO, closes its own without a shutdown, so the client sees nothing of it.
 * Then the connection is ours: we write the answer, or the stream's head and chunks. Behind a whole
 * answer the connection is parked and goes back with the client's next bytes.
 *
 * Bytes of a next request that libmicrohttpd had read with this one are lost with it. Then the
 * answer says `Connection: close`, and the client knows that it must ask again. What comes later
 * stays in the socket until the answer has gone. */
#include "api/h1/h1_parts.h"
#include "base/metrics.h"
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { TAKEOVER_HEAD_MAX = 64 * 1024 };

/* Whether the client lets its connection live on (RFC 9112 9.3). */
static bool takeover_is_kept_by_client(const struct exchange *ex)
{
    bool is_kept = ex->request.version >= 11;
    for (size_t i = 0; i < ex->request.header_count; i++) {
        if (!str_equal_nocase(ex->request.headers[i].name, STR("Connection"))) continue;
        struct str rest = ex->request.headers[i].value;
        while (rest.ptr) {
            struct str option = str_trim(str_cut(&rest, ','));
            if (str_equal_nocase(option, STR("close"))) return false;
            is_kept |= str_equal_nocase(option, STR("keep-alive"));
        }
    }
    return is_kept;
}

/* Starting */

static void taken_drained(struct connection *connection);
static void taken_closed(struct connection *connection);
static const struct transport_ops taken_ops;

enum err h1_takeover_begin(struct h1_request *request)
{
    struct h1_socket *socket = request->socket;
    struct h1 *h1 = socket->h1;
    int fd = fcntl(socket->fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) return ERR_BUSY;
    request->is_exact = h1_socket_is_exact(socket);
    request->mhd = NULL;
    request->transport.ops = &taken_ops;
    socket->fd = fd;
    h1_enter(socket, H1_TAKEN);
    list_push(&h1->taken, &request->link);
    metrics_add(METRIC_TAKEOVERS, 1);
    return OK;
}

static void takeover_start(struct h1_request *request)
{
    struct h1_socket *socket = request->socket;
    struct h1 *h1 = socket->h1;
    request->connection = (struct connection){.drained = taken_drained,
                                              .closed = taken_closed,
                                              .write_ms = h1->api->config->stream_write_ms,
                                              .lingers = &h1->lingers};
    if (connection_open(h1->api->loop, &request->connection, socket->fd) != OK) {
        int fd = socket->fd;
        h1_request_free(request);
        h1_socket_end(socket);
        close(fd);
        return;
    }
    if (!request->is_exact || !takeover_is_kept_by_client(request->ex))
        request->ex->reply.must_close = true;
    exchange_run(request->ex);
}

/* Ending */

void h1_takeover_drop(struct h1_request *request)
{
    struct h1_socket *socket = request->socket;
    connection_close(&request->connection);
    h1_request_free(request);
    h1_socket_end(socket);
}

static void taken_closed(struct connection *connection)
{
    h1_takeover_drop(container_of(connection, struct h1_request, connection));
}

/* The answer has left. */
static void taken_finish(struct h1_request *request)
{
    struct h1_socket *socket = request->socket;
    if (h1_must_close(request)) {
        h1_takeover_drop(request);
        return;
    }
    socket->fd = connection_take_fd(&request->connection);
    h1_request_free(request);
    h1_socket_park(socket);
}

/* The handler is still in the call that began or ended the answer: wait for the bell. */
static void taken_settle_soon(struct h1_request *request)
{
    struct h1 *h1 = request->socket->h1;
    if (list_is_empty(&h1->due)) h1_ring(h1);
    list_remove(&request->link);
    list_push(&h1->due, &request->link);
}

/* A head that no event has taken along goes alone; what the socket does not take waits again. */
static void taken_send_head(struct h1_request *request)
{
    struct buf *head = &request->pending;
    int fd = request->connection.watch.fd;
    ssize_t sent = send(fd, head->bytes, head->len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) buf_drop_front(head, (size_t)sent);
    if (!head->len) buf_done(head);
}

static void taken_settle(struct h1_request *request)
{
    if (request->connection.unsent.len) return; /* taken_drained sees to it */
    if (request->ex->state == EX_REPLYING || request->is_last_sent)
        taken_finish(request);
    else if (request->pending.len)
        taken_send_head(request);
}

static bool taken_write_last_chunk(struct h1_request *request)
{
    struct str parts[] = {buf_str(&request->pending),
                          request->is_chunked ? STR("0\r\n\r\n") : STR_NONE};
    bool has_left = connection_write_parts(&request->connection, parts, ARRAY_LEN(parts));
    buf_done(&request->pending);
    request->is_last_sent = true;
    return has_left;
}

static void taken_drained(struct connection *connection)
{
    struct h1_request *request = container_of(connection, struct h1_request, connection);
    struct exchange *ex = request->ex;
    if (ex->state == EX_REPLYING) {
        taken_finish(request);
    } else if (request->is_ended) {
        if (request->is_last_sent || taken_write_last_chunk(request)) taken_finish(request);
    } else if (ex->writable) {
        ex->writable(ex);
    }
}

void h1_takeover_settle(struct h1 *h1)
{
    struct list *link;
    while ((link = list_pop(&h1->taken)))
        takeover_start(container_of(link, struct h1_request, link));
    while ((link = list_pop(&h1->due)))
        taken_settle(container_of(link, struct h1_request, link));
}

/* What the exchange asks for */

static void taken_reply(struct transport *transport)
{
    struct h1_request *request = container_of(transport, struct h1_request, transport);
    struct buf head;
    buf_init(&head, TAKEOVER_HEAD_MAX);
    h1_answer_head(request, false, &head);
    bool has_body = request->ex->request.method != METHOD_HEAD;
    struct str parts[] = {buf_str(&head), buf_str(&request->ex->reply.body)};
    if (connection_write_parts(&request->connection, parts, has_body ? 2 : 1))
        taken_settle_soon(request);
    buf_done(&head);
}

static void taken_stream_open(struct transport *transport)
{
    struct h1_request *request = container_of(transport, struct h1_request, transport);
    request->is_chunked = request->ex->request.version >= 11;
    if (!request->is_chunked) request->ex->reply.must_close = true;
    h1_answer_head(request, true, &request->pending); /* with the first event, if that comes now */
    buf_done(&request->ex->reply.fields);             /* a stream is long */
    taken_settle_soon(request);
}

static bool taken_stream_write(struct transport *transport, struct str bytes)
{
    struct h1_request *request = container_of(transport, struct h1_request, transport);
    assert(!request->is_ended);
    char size[24] = "";
    if (str_is_empty(bytes)) return true; /* an empty chunk would be the last */
    if (request->is_chunked) snprintf(size, sizeof(size), "%zx\r\n", bytes.len);
    struct str parts[] = {buf_str(&request->pending), str_from_c(size), bytes,
                          request->is_chunked ? STR("\r\n") : STR_NONE};
    bool has_left = connection_write_parts(&request->connection, parts, ARRAY_LEN(parts));
    buf_done(&request->pending);
    return has_left;
}

static void taken_stream_end(struct transport *transport)
{
    struct h1_request *request = container_of(transport, struct h1_request, transport);
    request->is_ended = true;
    if (request->connection.unsent.len) return; /* the last chunk follows it */
    if (taken_write_last_chunk(request)) taken_settle_soon(request);
}

static const struct transport_ops taken_ops = {taken_reply, taken_stream_open, taken_stream_write,
                                               taken_stream_end};
