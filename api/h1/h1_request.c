/* libmicrohttpd's callbacks: it calls h1_request_begin with the request line, h1_request_handle
 * with the whole head, with each piece of the body, and once the request is whole, and
 * h1_request_completed at the end, however it came.
 *
 * An answer that is there before the request was read whole is written by ourselves and closes the
 * connection (h1_answer_now), so nothing behind it is ever read as a request. */
#include "api/h1/h1_parts.h"
#include "base/memory.h"
#include "base/metrics.h"
#include <stdlib.h>

/* After its client is gone an exchange may live on with its handler: it talks to nobody. */
static void gone_reply(struct transport *transport UNUSED) {}
static bool gone_stream_write(struct transport *transport UNUSED, struct str bytes UNUSED)
{
    return false;
}
static const struct transport_ops gone_ops = {gone_reply, gone_reply, gone_stream_write,
                                              gone_reply};
static struct transport gone_transport = {&gone_ops};

static void request_reply(struct transport *transport)
{
    h1_request_resume(container_of(transport, struct h1_request, transport));
}

static const struct transport_ops request_ops = {request_reply, h1_hold_stream_open,
                                                 h1_hold_stream_write, h1_hold_stream_end};

void h1_request_suspend(struct h1_request *request)
{
    request->is_suspended = true;
    MHD_suspend_connection(request->mhd);
}

void h1_request_resume(struct h1_request *request)
{
    if (!request->is_suspended) return;
    request->is_suspended = false;
    MHD_resume_connection(request->mhd);
    h1_cell_ring(request->socket->cell);
}

static bool request_is_over(const struct exchange *ex, const struct h1_request *request)
{
    return ex->state == EX_REPLYING || (ex->state == EX_STREAMING && request->is_ended);
}

static void request_let_go(struct h1_request *request)
{
    struct exchange *ex = request->ex;
    if (!ex) return;
    request->ex = NULL;
    ex->transport = &gone_transport;
    if (request_is_over(ex, request))
        exchange_enter(ex, EX_DONE);
    else
        exchange_client_gone(ex);
    exchange_release(ex);
}

void h1_request_lost(struct h1_request *request)
{
    request->is_dead = true;
    request_let_go(request);
    h1_request_resume(request);
}

void h1_request_free(struct h1_request *request)
{
    request->socket->request = NULL;
    loop_unwatch(request->socket->h1->api->loop, &request->socket->watch);
    list_remove(&request->link);
    request_let_go(request);
    if (request->response) MHD_destroy_response(request->response);
    buf_done(&request->pending);
    free(request);
}

void *h1_request_begin(void *cls UNUSED, const char *uri, struct MHD_Connection *mhd)
{
    struct h1_socket *socket =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    size_t len = uri ? strlen(uri) : 0;
    struct h1_request *request = memory_alloc(sizeof(*request) + len + 1);
    request->transport.ops = &request_ops;
    request->socket = socket;
    request->mhd = mhd;
    request->target_at = uri;
    request->target_len = len;
    if (len) memcpy(request->target, uri, len);
    list_init(&request->link);
    buf_init(&request->pending, H1_ANSWER_LEN_MAX);
    assert(!socket->request);
    socket->request = request;
    if (socket->phase == H1_IDLE) h1_enter(socket, H1_HEAD);
    return request;
}

/* Whether to read the body of a request that has its answer already: then the connection can be
 * kept. Not what is long, nor what the client asks about first. */
static bool request_reads_over(const struct h1_request *request)
{
    const struct exchange *ex = request->ex;
    if (!ex->request.has_body) return true;
    if (h1_must_close(request) || exchange_header(ex, STR("Expect")).len) return false;
    return ex->request.content_length >= 0 && ex->request.content_length <= H1_UNREAD_MAX;
}

static enum MHD_Result request_head(struct h1_request *request, const char *method,
                                    const char *version)
{
    struct h1_socket *socket = request->socket;
    request->ex = exchange_new(socket->h1->api, &request->transport);
    enum err err = h1_head_read(request, method, version);
    if (err == OK)
        exchange_head(request->ex);
    else
        exchange_refuse(request->ex, err);
    if (err != OK || (request->ex->state == EX_REPLYING && !request_reads_over(request))) {
        h1_answer_now(request);
        return MHD_NO;
    }
    if (request->ex->request.has_body) h1_enter(socket, H1_BODY);
    return MHD_YES;
}

static enum MHD_Result request_body(struct h1_request *request, struct str bytes)
{
    struct h1_socket *socket = request->socket;
    struct exchange *ex = request->ex;
    if (ex->request.content_length < 0) socket->is_uncounted = true; /* chunk sizes go unseen */
    socket->used_len += bytes.len;
    if (ex->state == EX_REPLYING) return MHD_YES; /* read over */
    exchange_body(ex, bytes);
    if (ex->state != EX_REPLYING) return MHD_YES;
    h1_answer_now(request);
    return MHD_NO;
}

/* Streams and polls leave here, or wait with libmicrohttpd if they may not. */
static bool request_is_taken_over(struct h1_request *request)
{
    if (!request->socket->h1->is_takeover || !exchange_is_holding(request->ex)) return false;
    if (h1_takeover_begin(request) == OK) return true;
    exchange_refuse(request->ex, ERR_BUSY);
    return false;
}

static enum MHD_Result request_outcome(struct h1_request *request)
{
    enum exchange_state state = request->ex->state;
    if (state == EX_REPLYING) return h1_answer_queue(request);
    if (state == EX_STREAMING) return h1_hold_queue(request);
    if (exchange_is_holding(request->ex)) h1_hold_watch(request);
    h1_request_suspend(request);
    return MHD_YES;
}

/* The request is whole; and again after every resume. */
static enum MHD_Result request_whole(struct h1_request *request, void **mhd_context)
{
    struct h1_socket *socket = request->socket;
    if (socket->phase != H1_HANDLING) {
        if (request->ex->request.has_body && request->ex->request.content_length < 0)
            socket->is_uncounted = true;
        h1_enter(socket, H1_HANDLING);
        if (request_is_taken_over(request)) {
            *mhd_context = NULL;
            return MHD_NO;
        }
        exchange_run(request->ex);
    }
    return request_outcome(request);
}

enum MHD_Result h1_request_handle(void *cls UNUSED, struct MHD_Connection *mhd UNUSED,
                                  const char *url UNUSED, const char *method, const char *version,
                                  const char *upload, size_t *upload_len, void **mhd_context)
{
    struct h1_request *request = *mhd_context;
    if (!request || request->is_dead || request->socket->phase == H1_ENDING) return MHD_NO;
    enum MHD_Result result;
    request->is_inside = true;
    if (!request->ex) {
        result = request_head(request, method, version);
    } else if (*upload_len) {
        result = request_body(request, str_of(upload, *upload_len));
        *upload_len = 0;
    } else {
        result = request_whole(request, mhd_context);
    }
    request->is_inside = false;
    return result;
}

void h1_request_completed(void *cls UNUSED, struct MHD_Connection *mhd UNUSED, void **mhd_context,
                          enum MHD_RequestTerminationCode code)
{
    struct h1_request *request = *mhd_context;
    if (!request) return; /* taken over: it lives on */
    struct h1_socket *socket = request->socket;
    *mhd_context = NULL;
    h1_request_free(request);
    if (code != MHD_REQUEST_TERMINATED_COMPLETED_OK || socket->phase != H1_ANSWERING) return;
    h1_enter(socket, H1_IDLE);
    if (socket->h1->is_draining) h1_socket_shutdown(socket); /* its answer was queued before */
}
