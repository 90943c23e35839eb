/* Deadlines by phase. libmicrohttpd's own timeout starts anew with every byte, so one byte a second
 * would hold a connection for ever; these start when the phase does.
 *
 * The first byte behind an answer is libmicrohttpd's to see, not ours, so an idle connection is
 * looked at four times in head_ms: a head is cut off between head_ms and a quarter more. */
#include "api/h1/h1_parts.h"
#include <linux/tcp.h>

static const uint32_t phase_next[H1_PHASE_COUNT] = {
    [H1_HEAD] = BIT(H1_BODY) | BIT(H1_HANDLING) | BIT(H1_ENDING),
    [H1_BODY] = BIT(H1_HANDLING) | BIT(H1_ENDING),
    [H1_HANDLING] = BIT(H1_ANSWERING) | BIT(H1_TAKEN) | BIT(H1_ENDING),
    [H1_ANSWERING] = BIT(H1_IDLE) | BIT(H1_HANDLING) | BIT(H1_ENDING),
    [H1_IDLE] = BIT(H1_HEAD) | BIT(H1_ENDING),
    [H1_TAKEN] = BIT(H1_PARKED),
    [H1_PARKED] = BIT(H1_HEAD),
};

static int64_t deadline_idle_look_ms(const struct config *config)
{
    return MIN(config->idle_ms, MAX(config->head_ms / 4, 1));
}

static int64_t deadline_ms(const struct config *config, enum h1_phase phase)
{
    switch (phase) {
    case H1_HEAD:
        return config->head_ms;
    case H1_BODY:
        return config->body_ms;
    case H1_ANSWERING:
        return config->stream_write_ms;
    case H1_IDLE:
        return deadline_idle_look_ms(config);
    case H1_PARKED:
        return config->idle_ms;
    default:
        return 0; /* none */
    }
}

void h1_enter(struct h1_socket *socket, enum h1_phase to)
{
    struct loop *loop = socket->h1->api->loop;
    assert(phase_next[socket->phase] & BIT(to));
    socket->phase = to;
    if (to == H1_IDLE) socket->idle_at_ms = loop_now_ms(loop);
    if (to == H1_ANSWERING) socket->acked_len = 0;
    int64_t in_ms = deadline_ms(socket->h1->api->config, to);
    if (in_ms)
        loop_timer_set(loop, &socket->deadline, in_ms);
    else
        loop_timer_cancel(loop, &socket->deadline);
}

static void deadline_head(struct h1_socket *socket)
{
    static const char answer[] = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n"
                                 "Connection: close\r\n\r\n";
    /* Best effort; libmicrohttpd is reading, so nothing else is being written. */
    ssize_t sent = send(socket->fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)sent;
    socket->must_linger = true;
    h1_socket_shutdown(socket);
}

static void deadline_body(struct h1_socket *socket)
{
    struct h1_request *request = socket->request;
    request->is_inside = true;
    exchange_refuse(request->ex, ERR_REQUEST_TIMEOUT);
    request->is_inside = false;
    h1_answer_now(request);
    shutdown(socket->fd, SHUT_RDWR);
}

/* Nothing for the whole time since the last look: the client has stopped reading. (The first look
 * finds what came before the answer, so it takes up to twice the time.) */
static void deadline_answer(struct h1_socket *socket)
{
    struct tcp_info info;
    socklen_t info_len = sizeof(info);
    if (getsockopt(socket->fd, IPPROTO_TCP, TCP_INFO, &info, &info_len) == 0 &&
        info.tcpi_bytes_acked != socket->acked_len) {
        socket->acked_len = info.tcpi_bytes_acked;
        loop_timer_set(socket->h1->api->loop, &socket->deadline,
                       socket->h1->api->config->stream_write_ms);
        return;
    }
    h1_socket_shutdown(socket);
}

static void deadline_idle(struct h1_socket *socket)
{
    const struct config *config = socket->h1->api->config;
    enum h1_news news = h1_socket_news(socket);
    int64_t left_ms = config->idle_ms - (loop_now_ms(socket->h1->api->loop) - socket->idle_at_ms);
    if (news == H1_NEWS_BYTES)
        h1_enter(socket, H1_HEAD);
    else if (news == H1_NEWS_LEFT || left_ms <= 0)
        h1_socket_shutdown(socket);
    else
        loop_timer_set(socket->h1->api->loop, &socket->deadline,
                       MIN(left_ms, deadline_idle_look_ms(config)));
}

void h1_deadline_due(struct timer *timer)
{
    struct h1_socket *socket = container_of(timer, struct h1_socket, deadline);
    switch (socket->phase) {
    case H1_HEAD:
        deadline_head(socket);
        break;
    case H1_BODY:
        deadline_body(socket);
        break;
    case H1_ANSWERING:
        deadline_answer(socket);
        break;
    case H1_IDLE:
        deadline_idle(socket);
        break;
    case H1_PARKED:
        h1_socket_close(socket);
        break;
    default:
        assert(!"a phase without a deadline");
    }
}
