/* The fallback: libmicrohttpd keeps what waits, suspended. A stream is a response from a callback
 * that suspends whenever it has nothing to send; a write resumes it. The client's leaving, which
 * libmicrohttpd does not see while it is suspended, is watched on the same descriptor. */
#include "api/h1/h1_parts.h"
#include <stdlib.h>
#include <sys/epoll.h>

enum { HOLD_BLOCK_LEN = 4096 };

static void hold_left(struct watch *watch, uint32_t events UNUSED)
{
    struct h1_socket *socket = container_of(watch, struct h1_socket, watch);
    loop_unwatch(socket->h1->api->loop, watch);
    h1_request_lost(socket->request);
}

void h1_hold_watch(struct h1_request *request)
{
    struct h1_socket *socket = request->socket;
    if (watch_is_on(&socket->watch)) return;
    socket->watch = (struct watch){.ready = hold_left};
    /* Without it the client's leaving shows at the next write. */
    enum err err = loop_watch(socket->h1->api->loop, &socket->watch, socket->fd, EPOLLRDHUP);
    (void)err;
}

/* What was written has left: the handler may write on, and does so into `pending`. */
static void hold_tell_written(struct h1_request *request)
{
    struct exchange *ex = request->ex;
    if (!request->is_written || request->pending.len) return;
    request->is_written = false;
    buf_done(&request->pending);
    if (!request->is_ended && ex->writable) ex->writable(ex);
}

static ssize_t hold_read(void *cls, uint64_t at UNUSED, char *out, size_t len_max)
{
    struct h1_request *request = cls;
    if (request->is_dead) return MHD_CONTENT_READER_END_WITH_ERROR;
    request->is_inside = true;
    hold_tell_written(request);
    request->is_inside = false;
    struct buf *pending = &request->pending;
    size_t len = MIN(pending->len, len_max);
    if (len) {
        memcpy(out, pending->bytes, len);
        buf_drop_front(pending, len);
        return (ssize_t)len;
    }
    if (request->is_ended) return MHD_CONTENT_READER_END_OF_STREAM;
    h1_enter(request->socket, H1_HANDLING);
    h1_request_suspend(request);
    return 0;
}

enum MHD_Result h1_hold_queue(struct h1_request *request)
{
    if (request->is_queued) return MHD_YES;
    h1_hold_watch(request);
    h1_enter(request->socket, H1_ANSWERING);
    request->is_queued = true;
    return MHD_queue_response(request->mhd, (unsigned)request->ex->reply.status, request->response);
}

/* What the exchange asks for */

/* The reply's fields are its handler's to give back as soon as this returns. */
void h1_hold_stream_open(struct transport *transport)
{
    struct h1_request *request = container_of(transport, struct h1_request, transport);
    request->response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, HOLD_BLOCK_LEN,
                                                          hold_read, request, NULL);
    if (!request->response) abort(); /* memory */
    h1_answer_add_fields(request->response, &request->ex->reply, h1_must_close(request));
    h1_request_resume(request);
}

bool h1_hold_stream_write(struct transport *transport, struct str bytes)
{
    struct h1_request *request = container_of(transport, struct h1_request, transport);
    assert(!request->is_ended && !request->is_written);
    if (str_is_empty(bytes)) return true;
    enum err err = buf_add(&request->pending, bytes);
    assert(err == OK); /* it holds at most one write */
    request->is_written = true;
    if (request->is_suspended && request->is_queued) h1_enter(request->socket, H1_ANSWERING);
    h1_request_resume(request);
    return false;
}

void h1_hold_stream_end(struct transport *transport)
{
    struct h1_request *request = container_of(transport, struct h1_request, transport);
    request->is_ended = true;
    if (request->is_suspended && request->is_queued) h1_enter(request->socket, H1_ANSWERING);
    h1_request_resume(request);
}
