#include "tests/bench/client.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { CLIENT_BODY_LEN_MAX = 16 << 20, CLIENT_REQUEST_LEN_MAX = 1 << 20 };

static void client_ready(struct watch *watch, uint32_t events);
static void client_too_late(struct timer *timer);

void client_init(struct client *client)
{
    client->state = CLIENT_CLOSED;
    client->watch = (struct watch){.ready = client_ready, .fd = -1, .slot = -1};
    client->deadline = (struct timer){.due = client_too_late};
    buf_init(&client->request, CLIENT_REQUEST_LEN_MAX);
    buf_init(&client->body, CLIENT_BODY_LEN_MAX);
    http_reader_init(&client->answer);
}

void client_close(struct client *client)
{
    loop_timer_cancel(client->loop, &client->deadline);
    loop_unwatch(client->loop, &client->watch);
    if (client->watch.fd >= 0) close(client->watch.fd);
    client->watch.fd = -1;
    client->state = CLIENT_CLOSED;
}

void client_reset(struct client *client)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    if (client->watch.fd >= 0)
        setsockopt(client->watch.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    client_close(client);
}

void client_done(struct client *client)
{
    client_close(client);
    buf_done(&client->request);
    buf_done(&client->body);
    http_reader_done(&client->answer);
}

static void client_end(struct client *client, bool is_answered)
{
    loop_timer_cancel(client->loop, &client->deadline);
    if (is_answered && client->answer.keeps_alive)
        client->state = CLIENT_IDLE;
    else
        client_close(client);
    client->ended(client, is_answered);
}

static void client_too_late(struct timer *timer)
{
    client_end(container_of(timer, struct client, deadline), false);
}

/* Connecting */

static bool client_open_socket(struct client *client)
{
    int family = client->server->storage.ss_family;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    client->watch.fd = fd;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (client->source == 0 || family != AF_INET) return true;
    /* The port is chosen at connect, when the peer is known: the range counts per address pair. */
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    const struct sockaddr_in source = {.sin_family = AF_INET,
                                       .sin_addr.s_addr = htonl(client->source)};
    return bind(fd, (const struct sockaddr *)&source, sizeof(source)) == 0;
}

static bool client_connect(struct client *client)
{
    if (!client_open_socket(client)) return false;
    const struct sockaddr *peer = (const struct sockaddr *)&client->server->storage;
    if (connect(client->watch.fd, peer, client->server->len) < 0 && errno != EINPROGRESS)
        return false;
    int fd = client->watch.fd;
    client->state = CLIENT_CONNECTING;
    return loop_watch(client->loop, &client->watch, fd, EPOLLIN | EPOLLOUT) == OK;
}

/* Writing */

static void client_write(struct client *client)
{
    struct str rest = str_from(buf_str(&client->request), client->request_sent_len);
    ssize_t len = send(client->watch.fd, rest.ptr, rest.len, MSG_NOSIGNAL);
    if (len > 0) client->request_sent_len += (size_t)len;
    bool is_all = client->request_sent_len == client->request.len;
    /* An error shows again as an event of the descriptor, which is where it is dealt with. */
    loop_rewatch(client->loop, &client->watch, is_all ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

static void client_write_request(struct client *client, const struct client_call *call)
{
    char host[ADDRESS_TEXT_LEN_MAX];
    struct buf *out = &client->request;
    buf_clear(out);
    client->request_sent_len = 0;
    enum err err = buf_printf(out, "%s %.*s HTTP/1.1\r\nHost: %s\r\n", call->method,
                              STR_FMT(call->path), address_format(client->server, host));
    if (err == OK && call->token.len)
        err = buf_printf(out, "Authorization: Bearer %.*s\r\n", STR_FMT(call->token));
    if (err == OK && call->accept) err = buf_printf(out, "Accept: %s\r\n", call->accept);
    if (err == OK && call->body.len)
        err = buf_printf(out, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
                         call->body.len);
    if (err == OK) err = buf_add(out, STR("\r\n"));
    if (err == OK) err = buf_add(out, call->body);
    assert(err == OK);
}

void client_call(struct client *client, const struct client_call *call)
{
    assert(client->state == CLIENT_CLOSED || client->state == CLIENT_IDLE);
    client_write_request(client, call);
    buf_clear(&client->body);
    http_reader_restart(&client->answer);
    if (call->deadline_ms) loop_timer_set(client->loop, &client->deadline, call->deadline_ms);
    if (client->state == CLIENT_IDLE) {
        client->state = CLIENT_CALLING;
        client_write(client);
    } else if (!client_connect(client)) {
        client_close(client);
        loop_timer_set(client->loop, &client->deadline, 1); /* told from there, not from here */
    }
}

/* Reading */

static void client_feed(struct client *client, struct str bytes)
{
    while (bytes.len) {
        struct str piece = http_reader_take(&client->answer, &bytes);
        if (piece.len == 0) break;
        if (!client->piece) {
            if (buf_add(&client->body, piece) != OK) client->answer.state = HTTP_BROKEN;
        } else {
            client->piece(client, piece);
            if (client->state != CLIENT_CALLING) return; /* closed by whom it served */
        }
    }
    if (client->answer.state == HTTP_WHOLE && bytes.len == 0)
        client_end(client, true);
    else if (client->answer.state == HTTP_BROKEN || client->answer.state == HTTP_WHOLE)
        client_end(client, false); /* more than one answer to one request is none */
}

static void client_read(struct client *client)
{
    static char bytes[64 * 1024]; /* one thread, and nothing of it outlives the feed */
    ssize_t len = read(client->watch.fd, bytes, sizeof(bytes));
    if (len < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (client->state == CLIENT_IDLE)
        client_close(client); /* closed while at rest; the next call opens another */
    else if (len > 0)
        client_feed(client, str_of(bytes, (size_t)len));
    else
        client_end(client, len == 0 && http_reader_may_end(&client->answer));
}

static void client_connected(struct client *client, uint32_t events)
{
    if (events & (EPOLLERR | EPOLLHUP)) {
        client_end(client, false);
        return;
    }
    client->state = CLIENT_CALLING;
    client_write(client);
}

static void client_ready(struct watch *watch, uint32_t events)
{
    struct client *client = container_of(watch, struct client, watch);
    if (client->state == CLIENT_CONNECTING) {
        client_connected(client, events);
        return;
    }
    if (events & EPOLLOUT) client_write(client);
    if (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) client_read(client);
}
