/* The bed of h1's tests: a reactor on a thread of its own with the real listener, h1 and api, and
 * handlers that do what a test tells them; clients are blocking sockets of the test's thread.
 * All waiting has a deadline (BED_WAIT_MS) and ends in a failed assertion. */
#pragma once
#include "api/h1/h1.h"
#include "api/reply.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "net/listener.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BED_WAIT_MS = 5000, BED_BIG_LEN = 12 * 1024 * 1024 };

struct bed {
    struct config config;
    struct api api;
    struct auth *auth;
    struct peers *peers;
    struct h1 *h1;
    struct net_listener *listener;
    struct net_listener_sink sink;
    pthread_t thread;
    struct buf token;
    int port;
    struct list waiting; /* bed_wait, on the reactor */
    _Atomic int waiting_count, gone_count, writable_count, handled_count;
};
struct bed_wait { /* a poll or a stream that was begun */
    struct list link;
    struct bed *bed;
    struct exchange *ex;
};

/* Handlers */

UNUSED static struct bed *bed_of(struct exchange *ex)
{
    return container_of(ex->api, struct bed, api);
}

UNUSED static void bed_wait_end(struct bed_wait *wait)
{
    list_remove(&wait->link);
    atomic_fetch_sub(&wait->bed->waiting_count, 1);
    exchange_release(wait->ex);
}

UNUSED static void bed_gone(struct exchange *ex)
{
    struct bed_wait *wait = ex->handler;
    atomic_fetch_add(&wait->bed->gone_count, 1);
    bed_wait_end(wait);
}

UNUSED static void bed_writable(struct exchange *ex)
{
    atomic_fetch_add(&bed_of(ex)->writable_count, 1);
}

UNUSED static void bed_wait_begin(struct exchange *ex)
{
    struct bed_wait *wait = ARENA_NEW(&ex->arena, struct bed_wait);
    wait->bed = bed_of(ex);
    wait->ex = ex;
    ex->handler = wait;
    ex->gone = bed_gone;
    ex->writable = bed_writable;
    exchange_hold(ex);
    list_init(&wait->link);
    list_push(&wait->bed->waiting, &wait->link);
    atomic_fetch_add(&wait->bed->waiting_count, 1);
}

UNUSED static void bed_reply(struct exchange *ex)
{
    struct json_out *out = reply_json_begin(ex);
    json_out_object(out, NULL);
    json_out_str(out, "target", ex->request.target);
    json_out_int(out, "len", (int64_t)ex->body.len);
    json_out_close_object(out);
    reply_json(ex, 200);
}

/* More than sockets hold. */
UNUSED static void bed_reply_big(struct exchange *ex)
{
    struct buf text;
    buf_init(&text, BED_BIG_LEN);
    assert_int_equal(buf_reserve(&text, BED_BIG_LEN), OK);
    memset(text.bytes, 'x', BED_BIG_LEN);
    reply_text(ex, 200, "text/plain", str_of(text.bytes, BED_BIG_LEN));
    buf_done(&text);
}

/* POST login: answers at once, or, if the body begins with "wait", when it is told to. */
UNUSED static void bed_login(struct exchange *ex)
{
    atomic_fetch_add(&bed_of(ex)->handled_count, 1);
    if (str_starts(buf_str(&ex->body), STR("wait")))
        bed_wait_begin(ex);
    else if (str_starts(buf_str(&ex->body), STR("big")))
        bed_reply_big(ex);
    else
        bed_reply(ex);
}

UNUSED static void bed_groups(struct exchange *ex)
{
    atomic_fetch_add(&bed_of(ex)->handled_count, 1);
    bed_reply(ex);
}

UNUSED static void bed_sync(struct exchange *ex)
{
    if (str_equal(ex->request.query, STR("now")))
        bed_reply(ex);
    else
        bed_wait_begin(ex);
}

UNUSED static void bed_stream(struct exchange *ex)
{
    bed_wait_begin(ex);
    reply_stream(ex, "text/event-stream");
}

UNUSED static void bed_none(struct exchange *ex)
{
    reply_empty(ex, 204);
}

static handler_fn *bed_handlers[ROUTE_COUNT];

/* On the reactor, from the test's thread */

struct bed_call {
    struct task task;
    struct bed *bed;
    void (*run)(struct bed *bed);
    sem_t done;
};
UNUSED static void bed_call_run(struct task *task)
{
    struct bed_call *call = container_of(task, struct bed_call, task);
    call->run(call->bed);
    sem_post(&call->done);
}
UNUSED static void bed_do(struct bed *bed, void (*run)(struct bed *bed))
{
    struct bed_call call = {.task.run = bed_call_run, .bed = bed, .run = run};
    sem_init(&call.done, 0, 0);
    loop_post(bed->api.loop, &call.task);
    while (sem_wait(&call.done) < 0) {
    }
    sem_destroy(&call.done);
}

UNUSED static void bed_answer_all(struct bed *bed)
{
    LIST_EACH_SAFE (&bed->waiting, link) {
        struct bed_wait *wait = container_of(link, struct bed_wait, link);
        bed_reply(wait->ex);
        bed_wait_end(wait);
    }
}

UNUSED static void bed_push_all(struct bed *bed)
{
    LIST_EACH (&bed->waiting, link) {
        struct exchange *ex = container_of(link, struct bed_wait, link)->ex;
        ex->transport->ops->stream_write(ex->transport, STR("data: hello...\n\n"));
    }
}

UNUSED static void bed_push_all_streams(struct bed *bed)
{
    LIST_EACH (&bed->waiting, link) {
        struct exchange *ex = container_of(link, struct bed_wait, link)->ex;
        if (ex->state == EX_STREAMING)
            ex->transport->ops->stream_write(ex->transport, STR("data: hello...\n\n"));
    }
}

UNUSED static void bed_end_all(struct bed *bed)
{
    LIST_EACH_SAFE (&bed->waiting, link) {
        struct bed_wait *wait = container_of(link, struct bed_wait, link);
        wait->ex->transport->ops->stream_end(wait->ex->transport);
        bed_wait_end(wait);
    }
}

#define BED_UNTIL(condition)                                 \
    do {                                                     \
        int64_t bed_end_ms = clock_mono_ms() + BED_WAIT_MS;  \
        while (!(condition) && clock_mono_ms() < bed_end_ms) \
            poll(NULL, 0, 1);                                \
        assert_true(condition);                              \
    } while (0)

/* Start and stop */

UNUSED static void bed_arrived(struct net_listener_sink *sink, int fd,
                               const struct sockaddr_storage *peer, socklen_t peer_len)
{
    h1_adopt(container_of(sink, struct bed, sink)->h1, fd, peer, peer_len);
}

UNUSED static void *bed_thread(void *arg)
{
    struct bed *bed = arg;
    loop_run(bed->api.loop);
    return NULL;
}

UNUSED static struct bed *bed_new(void)
{
    struct bed *bed = MEMORY_NEW(struct bed);
    config_init(&bed->config);
    bed->config.dev = true;
    bed->config.rate_user_per_s = bed->config.rate_user_burst = 1000000;
    bed->config.rate_address_per_s = bed->config.rate_address_burst = 1000000;
    list_init(&bed->waiting);
    return bed;
}

UNUSED static void bed_start(struct bed *bed)
{
    for (size_t i = 0; i < ROUTE_COUNT; i++)
        bed_handlers[i] = bed_none;
    bed_handlers[ROUTE_LOGIN] = bed_login;
    bed_handlers[ROUTE_GROUPS] = bed_groups;
    bed_handlers[ROUTE_SYNC] = bed_sync;
    bed_handlers[ROUTE_STREAM] = bed_stream;
    struct buf why;
    buf_init(&why, 4096);
    assert_int_equal(auth_open(&bed->config, &bed->auth, &why), OK);
    buf_done(&why);
    buf_init(&bed->token, 4096);
    struct token_claims claims = {.user_id = STR("ann"),
                                  .issued_at_s = clock_wall_ms() / 1000,
                                  .expires_at_s = clock_wall_ms() / 1000 + 3600};
    auth_mint(bed->auth, &claims, &bed->token);
    bed->api = (struct api){.config = &bed->config,
                            .auth = bed->auth,
                            .limits = limits_new(&bed->config),
                            .known = users_known_new(),
                            .handlers = bed_handlers};
    users_known_add(bed->api.known, STR("ann"));
    assert_int_equal(loop_open(&bed->api.loop), OK);
    bed->peers = peers_new(bed->config.connections_max, bed->config.connections_address_max);
    assert_int_equal(h1_open(&bed->api, bed->peers, &bed->h1), OK);
    struct sockaddr_storage address = {.ss_family = AF_INET};
    ((struct sockaddr_in *)&address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bed->sink.arrived = bed_arrived;
    assert_int_equal(net_listener_open(bed->api.loop, &bed->config, &address, bed->peers,
                                       &bed->sink, &bed->listener),
                     OK);
    bed->port = net_listener_port(bed->listener);
    assert_int_equal(pthread_create(&bed->thread, NULL, bed_thread, bed), 0);
}

UNUSED static void bed_stop(struct bed *bed)
{
    loop_stop(bed->api.loop);
    pthread_join(bed->thread, NULL);
    net_listener_close(bed->listener);
    h1_close(bed->h1);
    assert_int_equal(bed->waiting_count, 0); /* all have heard it */
    assert_int_equal(peers_count(bed->peers), 0);
    peers_free(bed->peers);
    users_known_free((struct users_known *)bed->api.known);
    limits_free(bed->api.limits);
    auth_close(bed->auth);
    loop_close(bed->api.loop);
    buf_done(&bed->token);
    config_done(&bed->config);
    free(bed);
}

/* Clients */

UNUSED static int client_open(const struct bed *bed)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)bed->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* "%T" in the text stands for the token. */
UNUSED static void client_send(const struct bed *bed, int fd, struct str text)
{
    struct buf out;
    buf_init(&out, 4 * 1024 * 1024);
    for (size_t i = 0; i < text.len; i++) {
        bool is_token = i + 1 < text.len && text.ptr[i] == '%' && text.ptr[i + 1] == 'T';
        struct str piece = is_token ? buf_str(&bed->token) : str_of(text.ptr + i, 1);
        assert_int_equal(buf_add(&out, piece), OK);
        i += is_token;
    }
    for (size_t at = 0; at < out.len;) {
        ssize_t sent = send(fd, out.bytes + at, out.len - at, MSG_NOSIGNAL);
        if (sent < 0) break; /* the server may close midway */
        at += (size_t)sent;
    }
    buf_done(&out);
}

/* False at the end of the stream (or a reset), or when nothing came in time. */
UNUSED static bool client_more(int fd, struct buf *in)
{
    struct pollfd pollfd = {.fd = fd, .events = POLLIN};
    if (poll(&pollfd, 1, BED_WAIT_MS) != 1) fail_msg("nothing came in time");
    char bytes[65536];
    ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
    if (got <= 0) return false;
    assert_int_equal(buf_add(in, str_of(bytes, (size_t)got)), OK);
    return true;
}

UNUSED static bool client_read_until(int fd, struct buf *in, const char *marker)
{
    while (!(in->len && memmem(in->bytes, in->len, marker, strlen(marker))))
        if (!client_more(fd, in)) return false;
    return true;
}

UNUSED static const char *client_find(struct buf *in, const char *what)
{
    return in->len ? strstr(buf_c(in), what) : NULL;
}

/* Reads one answer with a Content-Length (or none) off the front of `in`; returns its status. The
 * head and the body are left in `answer`. */
UNUSED static int client_answer(int fd, struct buf *in, struct buf *answer, bool is_head)
{
    buf_clear(answer);
    if (!client_read_until(fd, in, "\r\n\r\n")) return -1;
    size_t head_len = (size_t)(client_find(in, "\r\n\r\n") - in->bytes) + 4;
    const char *field = client_find(in, "Content-Length: ");
    size_t body_len =
        field && field < in->bytes + head_len && !is_head ? strtoul(field + 16, NULL, 10) : 0;
    while (in->len < head_len + body_len)
        if (!client_more(fd, in)) return -1;
    assert_int_equal(buf_add(answer, str_of(in->bytes, head_len + body_len)), OK);
    buf_drop_front(in, head_len + body_len);
    return (int)strtol(buf_c(answer) + 9, NULL, 10);
}

UNUSED static void client_expect_end(int fd, struct buf *in)
{
    while (client_more(fd, in)) {
    }
}

/* A whole talk on a connection of its own: sends, reads to the end (the server must close). */
UNUSED static void client_talk(const struct bed *bed, struct str text, struct buf *in)
{
    int fd = client_open(bed);
    buf_clear(in);
    client_send(bed, fd, text);
    client_expect_end(fd, in);
    close(fd);
}
UNUSED static size_t client_count(struct buf *in, const char *what)
{
    size_t count = 0;
    for (const char *at = client_find(in, what); at; at = strstr(at + 1, what))
        count++;
    return count;
}
