/* An HTTP/1.1 connection of the load tool: one call at a time, connects by itself, keeps alive.
 * Belongs to the loop's thread. `ended` comes exactly once for each call that is not closed, never
 * inside client_call, and is the last thing the client does: it may call again or close. */
#pragma once
#include "base/address.h"
#include "base/loop.h"
#include "tests/bench/http_reader.h"

enum client_state { CLIENT_CLOSED, CLIENT_CONNECTING, CLIENT_IDLE, CLIENT_CALLING };

struct client {
    struct loop *loop;
    const struct address *server;
    uint32_t source; /* IPv4 address to connect from, host order; 0: the kernel's choice */
    void (*piece)(struct client *client, struct str body);  /* NULL: the body is gathered */
    void (*ended)(struct client *client, bool is_answered); /* false: lost, refused or too late */

    enum client_state state;
    struct watch watch;
    struct timer deadline;
    struct buf request;
    size_t request_sent_len;
    struct http_reader answer;
    struct buf body;
};

struct client_call {
    const char *method;
    struct str path;
    struct str token; /* bearer token, or none */
    struct str body;  /* JSON, or none */
    const char *accept;
    int64_t deadline_ms; /* 0: none */
};

/* The caller sets loop, server, source, piece and ended before. */
void client_init(struct client *client);
void client_done(struct client *client); /* closes */
void client_call(struct client *client, const struct client_call *call);
void client_close(struct client *client); /* FIN; the call, if any, is forgotten */
void client_reset(struct client *client); /* the same with RST */
static inline int client_status(const struct client *client) /* of the answer that ended */
{
    return client->answer.status;
}
