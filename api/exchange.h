/* One request and its answer, whatever protocol carries them. A transport (api/h1, later api/h2)
 * makes it, fills `request`, and drives it:
 *
 *   exchange_new -> exchange_head -> (exchange_body ..)* -> exchange_run -> guard -> handler ->
 * reply
 *
 * EX_HEAD      head known; exchange_head routes it and makes every check that needs no body
 * EX_BODY      bytes arrive, under the route's cap
 * EX_HANDLING  guard and handler; one db op may be in flight
 * EX_REPLYING  `reply` is complete and was given to the transport
 * EX_STREAMING the head is out, events follow (a stream), until transport_end
 * EX_DONE      nothing more is sent; what remains is waiting for its holds
 *
 * Memory: everything of the exchange lives in its arena and goes when the last hold goes. The
 * transport has one hold until its side is over; whoever keeps the exchange over a callback takes
 * one. One thread: its reactor's. */
#pragma once
#include "api/transport.h"
#include "base/arena.h"
#include "base/buf.h"
#include <sys/socket.h>

struct api;
struct json_out;
struct route;

enum exchange_state {
    EX_HEAD,
    EX_BODY,
    EX_HANDLING,
    EX_REPLYING,
    EX_STREAMING,
    EX_DONE,
    EX_STATE_COUNT
};
enum method { /* bits, so that a route's methods are a set */
              METHOD_GET = 1,
              METHOD_HEAD = 2,
              METHOD_POST = 4,
              METHOD_PUT = 8,
              METHOD_DELETE = 16,
              METHOD_OPTIONS = 32,
              METHOD_OTHER = 64
};

struct header {
    struct str name, value;
};
struct request {
    enum method method;
    struct str target;            /* as sent: path and query, escapes untouched */
    struct str path, query;       /* slices of target; query without '?' */
    int version;                  /* 10, 11, 20 */
    const struct header *headers; /* in order; names as sent */
    size_t header_count;
    int64_t content_length; /* -1: not given (chunked, or none) */
    bool has_body;
    struct sockaddr_storage peer;
};

enum { SCOPE_SEND = 1, SCOPE_READ = 2, SCOPE_ADMIN = 4 };
struct caller { /* after the guard */
    struct str user_id, device_id;
    bool is_device_given; /* by the token or X-Device-Id; else "default" */
    unsigned scopes;
    int64_t expires_at_s; /* of the token, Unix seconds */
};

struct reply {
    int status;
    const char *content_type; /* NULL: no body */
    struct buf fields;        /* further header fields, "Name: value\r\n" each */
    struct buf body;
    bool must_close;       /* Connection: close; nothing behind this request is read */
    struct json_out *json; /* reply_json_begin's, in the arena */
};

struct field_fault { /* one entry of a problem's `errors` */
    struct field_fault *next;
    struct str pointer, reason;
};

struct exchange {
    enum exchange_state state;
    uint32_t holds;
    bool is_gone; /* the client left; replies and writes are dropped quietly */
    struct api *api;
    struct transport *transport;
    struct arena arena;
    struct request request;
    struct buf body;
    const struct route *route; /* NULL until routed */
    struct str params[2];      /* {..} of the path, unescaped, in order */
    struct caller caller;
    struct str request_id;
    struct reply reply;
    struct str detail; /* what a problem document says if reply_error is given no other */
    struct field_fault *faults;
    size_t fault_count;
    int64_t started_us;
    /* Set by a handler that waits or streams; both run from the loop. */
    void (*gone)(struct exchange *ex);     /* the client left: stop, release your hold */
    void (*writable)(struct exchange *ex); /* all that was written has left: write on */
    void *handler; /* the handler's own struct in the arena, for gone and writable */
};

struct exchange *exchange_new(struct api *api, struct transport *transport);
void exchange_hold(struct exchange *ex);
void exchange_release(struct exchange *ex); /* the last one frees */
/* A stream is long: once its head is out, it does without its request and all else in the arena. */
void exchange_shed(struct exchange *ex);
void exchange_enter(struct exchange *ex, enum exchange_state to); /* asserts the move */

/* For transports. exchange_head and exchange_run may reply before they return. */
void exchange_head(struct exchange *ex);
bool exchange_is_holding(
    const struct exchange *ex); /* may wait long: take the connection over now */
void exchange_body(struct exchange *ex, struct str bytes); /* past the cap it replies 413, once */
void exchange_run(struct exchange *ex); /* after the last byte, if nothing has been replied */
void exchange_refuse(struct exchange *ex, enum err err); /* framing, deadlines: reply and close */
void exchange_client_gone(struct exchange *ex);          /* before the transport's release */

struct str exchange_header(const struct exchange *ex, struct str name); /* first one, or STR_NONE */
size_t exchange_header_count(const struct exchange *ex, struct str name);
/* A query parameter, unescaped into the arena. ERR_NOT_FOUND: not there. Given twice: a fault is
 * noted, ERR_FIELD. */
MUST_CHECK enum err exchange_query(struct exchange *ex, struct str name, struct str *value_out);
