/* The inside of api/h1: what its files share. Three structs:
 *
 *   h1_cell     one libmicrohttpd daemon (one is enough; the fallback has many small ones)
 *   h1_socket   one client connection through all its lives: with libmicrohttpd, taken over, parked
 *   h1_request  one request on it, from its request line to the end of its answer
 *
 * All on the reactor's thread. */
#pragma once
#include "api/h1/h1.h"
#include "net/connection.h"
#include <microhttpd.h>
#include <netinet/in.h>

enum {
    H1_HEAD_LEN_MAX = 16 * 1024,
    H1_POOL_LEN = 32 * 1024, /* a connection's memory in libmicrohttpd: the largest head fits */
    H1_ANSWER_LEN_MAX = 64 * 1024 * 1024, /* far above what a reply or a page may hold */
    H1_UNREAD_MAX = 128 * 1024 /* a body up to this is read over to keep the connection */
};

struct h1_cell {
    struct h1 *h1;
    struct MHD_Daemon *daemon; /* NULL: not started yet */
    struct watch watch;
    size_t connection_count;
    bool is_due; /* libmicrohttpd has something to do */
};

struct h1 {
    struct api *api;
    struct peers *peers;
    bool is_takeover, is_draining, is_closing;
    struct list sockets;
    size_t socket_count;
    struct h1_cell *cells;
    size_t cell_count;
    struct h1_socket *adopting; /* libmicrohttpd is being given this one */
    struct list taken, due;     /* requests: to be started; to be looked at outside of a handler */
    struct watch bell;          /* an eventfd: the two lists, or a cell, are to be looked at */
    struct connection_lingers lingers;
};

enum h1_phase {
    H1_HEAD,      /* bytes of a head were seen; until it is whole */
    H1_BODY,      /* until the body is whole */
    H1_HANDLING,  /* the server's turn: no deadline of ours */
    H1_ANSWERING, /* libmicrohttpd writes */
    H1_IDLE,      /* libmicrohttpd waits for the next request */
    H1_TAKEN,     /* taken over; the request's connection watches */
    H1_PARKED,    /* ours, between requests */
    H1_ENDING,    /* shut down; libmicrohttpd is about to find out */
    H1_PHASE_COUNT
};

union h1_peer { /* a sockaddr_storage would double the size of a parked connection */
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct h1_socket {
    struct list link;
    struct h1 *h1;
    struct h1_cell *cell;       /* while libmicrohttpd has it */
    struct h1_request *request; /* at most one */
    struct timer deadline;
    struct watch watch; /* parked; or, in the fallback, a waiting client's leaving */
    uint64_t used_len;  /* bytes of all requests so far, as libmicrohttpd counts them */
    uint64_t acked_len; /* H1_ANSWERING: what the client had taken at the last look */
    int64_t idle_at_ms; /* H1_IDLE: since when */
    int fd;
    enum h1_phase phase;
    bool is_uncounted; /* used_len has missed something (chunked bodies) */
    bool must_linger;  /* the client may still be sending: close with care */
    union h1_peer peer;
};

struct h1_request {
    struct transport transport;
    struct h1_socket *socket;
    struct exchange *ex;           /* NULL until the head is whole */
    struct MHD_Connection *mhd;    /* NULL once taken over */
    struct list link;              /* in h1->taken or h1->due */
    struct connection connection;  /* once taken over */
    struct MHD_Response *response; /* a stream's in the fallback */
    struct buf pending;            /* a stream: its head; held, what is to be sent */
    bool is_inside;                /* libmicrohttpd's callback runs and looks at the outcome */
    bool is_suspended, is_queued;  /* libmicrohttpd waits for us; has its response */
    bool is_dead;                  /* the client left: libmicrohttpd is to close */
    bool is_chunked, is_ended;     /* a stream's */
    bool is_last_sent, is_written; /* its last chunk; it wants `writable` */
    bool is_exact;                 /* nothing of a next request was read with this one */
    const char *target_at;         /* where the target stood in libmicrohttpd's buffer */
    size_t target_len;
    char target[]; /* a copy: libmicrohttpd cuts its own to pieces */
};

/* h1_cell.c */
MUST_CHECK enum err h1_cell_open(struct h1 *h1, struct h1_cell *cell, unsigned connections_max);
void h1_cell_close(struct h1_cell *cell);
struct h1_cell *h1_cell_pick(struct h1 *h1); /* with room; NULL: none */
void h1_cell_ring(struct h1_cell *cell); /* it has something to do: all of a turn is run together */
void h1_cells_run(struct h1 *h1);
unsigned h1_cell_flags(void);

/* h1.c */
void h1_ring(struct h1 *h1); /* h1->due or a cell's is_due was set */

/* h1_socket.c */
void h1_socket_give(struct h1_socket *socket); /* to libmicrohttpd; may end it */
void h1_socket_park(struct h1_socket *socket);
void h1_socket_end(struct h1_socket *socket);   /* counts it out, frees; its fd is the caller's */
void h1_socket_close(struct h1_socket *socket); /* parked ones */
void h1_socket_shutdown(struct h1_socket *socket); /* those that libmicrohttpd has */
/* What has come behind the last answer; NONE also if the kernel does not tell (no TCP). */
enum h1_news { H1_NEWS_NONE, H1_NEWS_BYTES, H1_NEWS_LEFT };
enum h1_news h1_socket_news(struct h1_socket *socket);
/* All that libmicrohttpd has read was of this request. */
bool h1_socket_is_exact(struct h1_socket *socket);
struct sockaddr_storage h1_socket_peer(const struct h1_socket *socket);

/* h1_deadline.c */
void h1_enter(struct h1_socket *socket, enum h1_phase to); /* asserts the move, sets the deadline */
void h1_deadline_due(struct timer *timer);

/* h1_request.c: libmicrohttpd's callbacks */
void *h1_request_begin(void *cls, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result h1_request_handle(void *cls, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_len, void **mhd_context);
void h1_request_completed(void *cls, struct MHD_Connection *mhd, void **mhd_context,
                          enum MHD_RequestTerminationCode code);
void h1_request_resume(struct h1_request *request);
void h1_request_suspend(struct h1_request *request);
void h1_request_lost(struct h1_request *request); /* the client is gone */
void h1_request_free(struct h1_request *request); /* tells the exchange, releases it */

/* h1_head.c */
MUST_CHECK enum err h1_head_read(struct h1_request *request, const char *method,
                                 const char *version);

/* h1_answer.c */
bool h1_must_close(const struct h1_request *request);
void h1_answer_add_fields(struct MHD_Response *response, struct reply *reply, bool must_close);
MUST_CHECK enum MHD_Result h1_answer_queue(struct h1_request *request);
void h1_answer_now(struct h1_request *request); /* before the request was read whole: closes */
void h1_answer_head(const struct h1_request *request, bool is_stream, struct buf *head);

/* h1_takeover.c */
MUST_CHECK enum err h1_takeover_begin(struct h1_request *request); /* ERR_BUSY: no descriptor */
void h1_takeover_settle(struct h1 *h1);                            /* the two lists */
void h1_takeover_drop(struct h1_request *request);                 /* closes; the client is gone */

/* h1_hold.c: streams and polls without takeover */
MUST_CHECK enum MHD_Result h1_hold_queue(struct h1_request *request);
void h1_hold_stream_open(struct transport *transport);
bool h1_hold_stream_write(struct transport *transport, struct str bytes);
void h1_hold_stream_end(struct transport *transport);
void h1_hold_watch(struct h1_request *request); /* the client's leaving, while suspended */

/* h1_selftest.c */
bool h1_selftest(void);
