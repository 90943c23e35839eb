/* The library blocks, so a statement is sent, its answer awaited by poll() up to a deadline in
 * milliseconds, and only then read. A connection that missed its deadline is shut down: nobody can
 * tell any more which answer belongs to which statement. */
#include "db/conn.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/memory.h"
#include <errmsg.h>
#include <errno.h>
#include <mysql.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { CONN_CONNECT_S = 2, CONN_TEXT_LEN_MAX = 16 * 1024 * 1024, CONN_TEXT_LEN_KEPT = 1024 * 1024 };

struct conn {
    MYSQL *mysql;
    int64_t deadline_ms;
    enum { CONN_AUTOCOMMIT, CONN_BEGIN_DUE, CONN_BEGUN } state;
    bool has_failed; /* a statement of the transaction failed: nothing may be committed */
    bool is_lost;
    char error[256]; /* the server's text, of the last failure */
    struct buf text; /* kept from statement to statement, for its memory */
};

/* Server errors by what they ask of the caller. Those of the client library (2000 to 2999) all
 * mean that the connection is lost; what is not listed concerns the statement. */
static const struct {
    unsigned number;
    enum err err;
} conn_errors[] = {
    {1062, ERR_DUPLICATE},   {1213, ERR_RETRY}, /* deadlock */
    {1205, ERR_RETRY},                          /* lock wait timeout */
    {1317, ERR_RETRY},                          /* vtgate: rolled back */
    {1020, ERR_RETRY},                          /* the record has changed since it was read */
    {1105, ERR_UNAVAILABLE},                    /* vtgate: no healthy tablet, and others */
    {1290, ERR_UNAVAILABLE},                    /* read-only until repaired */
    {1836, ERR_UNAVAILABLE},                    /* likewise */
    {1040, ERR_UNAVAILABLE},                    /* too many connections */
    {1203, ERR_UNAVAILABLE},                    /* likewise, of this user */
    {1021, ERR_UNAVAILABLE},                    /* disk full */
    {1114, ERR_UNAVAILABLE},                    /* table full */
    {1053, ERR_LOST},                           /* shutdown in progress */
    {1927, ERR_LOST},                           /* connection was killed */
    {1152, ERR_LOST},                           /* connection was aborted */
};

static void conn_library_init(void)
{
    int failed = mysql_library_init(0, NULL, NULL);
    assert(!failed);
}

/* Shut down, so that neither closing it nor the server waits for the other's next byte. */
static enum err conn_lose(struct conn *conn, const char *why)
{
    if (why) snprintf(conn->error, sizeof(conn->error), "%s", why);
    if (!conn->is_lost) shutdown(mysql_get_socket(conn->mysql), SHUT_RDWR);
    conn->is_lost = conn->has_failed = true;
    return ERR_LOST;
}

enum err conn_failed(struct conn *conn)
{
    unsigned number = mysql_errno(conn->mysql);
    snprintf(conn->error, sizeof(conn->error), "%u %s", number, mysql_error(conn->mysql));
    conn->has_failed = true;
    if (number >= CR_MIN_ERROR && number <= CR_MAX_ERROR) return conn_lose(conn, NULL);
    for (size_t i = 0; i < ARRAY_LEN(conn_errors); i++) {
        if (conn_errors[i].number != number) continue;
        return conn_errors[i].err == ERR_LOST ? conn_lose(conn, NULL) : conn_errors[i].err;
    }
    return ERR_INTERNAL;
}

static enum err conn_wait(struct conn *conn)
{
    struct pollfd ready = {.fd = mysql_get_socket(conn->mysql), .events = POLLIN};
    for (;;) {
        int64_t rest_ms = conn->deadline_ms - clock_mono_ms();
        int timeout_ms = conn->deadline_ms == 0 ? -1 : (int)MAX(rest_ms, INT64_C(0));
        int count = poll(&ready, 1, timeout_ms);
        if (count > 0) return OK;
        if (count == 0) return conn_lose(conn, "no answer before the deadline");
        if (errno != EINTR) return conn_lose(conn, "poll failed");
    }
}

static enum err conn_exchange(struct conn *conn, struct str sql)
{
    if (conn->is_lost) return ERR_LOST;
    if (mysql_send_query(conn->mysql, sql.ptr, (unsigned long)sql.len) != 0)
        return conn_failed(conn);
    enum err err = conn_wait(conn);
    if (err != OK) return err;
    return mysql_read_query_result(conn->mysql) ? conn_failed(conn) : OK;
}

enum err conn_query(struct conn *conn, struct str sql)
{
    enum err err = OK;
    if (conn->state == CONN_BEGIN_DUE) {
        conn->state = CONN_BEGUN;
        err = conn_exchange(conn, STR("BEGIN"));
    }
    if (err == OK && fault_hits(FAULT_LANE_BEFORE_STATEMENT)) err = conn_lose(conn, "fault");
    if (err == OK) err = conn_exchange(conn, sql);
    if (err == OK && fault_hits(FAULT_LANE_AFTER_STATEMENT)) err = conn_lose(conn, "fault");
    return err;
}

static void conn_set_options(struct conn *conn, const struct config *config)
{
    unsigned connect_s = CONN_CONNECT_S, wait_s = (unsigned)(config->db_deadline_ms / 1000 + 1);
    mysql_options(conn->mysql, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
    mysql_options(conn->mysql, MYSQL_OPT_READ_TIMEOUT, &wait_s);
    mysql_options(conn->mysql, MYSQL_OPT_WRITE_TIMEOUT, &wait_s);
    mysql_options(conn->mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
}

static enum err conn_set_session(struct conn *conn)
{
    static const char *const settings[] = {
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
        "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
        "SET SESSION autocommit = 1",
        /* A DELETE or UPDATE goes by the key, always: a table that its statistics call tiny would
         * be scanned instead, waiting for other lanes' row locks on its way. */
        "SET SESSION sql_safe_updates = 1",
    };
    enum err err = OK;
    conn->deadline_ms = clock_mono_ms() + CONN_CONNECT_S * 1000;
    for (size_t i = 0; i < ARRAY_LEN(settings) && err == OK; i++)
        err = conn_exchange(conn, str_from_c(settings[i]));
    conn->deadline_ms = 0;
    return err;
}

enum err conn_open(const struct config *config, struct buf *why, struct conn **conn_out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, conn_library_init);
    struct conn *conn = MEMORY_NEW(struct conn);
    buf_init(&conn->text, CONN_TEXT_LEN_MAX);
    conn->mysql = mysql_init(NULL);
    assert(conn->mysql);
    conn_set_options(conn, config);
    bool by_socket = config->db_socket.len > 0;
    enum err err = OK;
    if (!mysql_real_connect(conn->mysql, by_socket ? "localhost" : config->db_host.ptr,
                            config->db_user.ptr, config->db_password.ptr,
                            config->db_name.len ? config->db_name.ptr : NULL,
                            (unsigned)config->db_port, by_socket ? config->db_socket.ptr : NULL, 0))
        err = conn_failed(conn);
    if (err == OK) err = conn_set_session(conn);
    if (err != OK) {
        enum err said = why ? buf_printf(why, "%s", conn->error) : OK;
        (void)said; /* a full `why` has told enough */
        conn_close(conn);
        return ERR_LOST;
    }
    conn->has_failed = false;
    *conn_out = conn;
    return OK;
}

void conn_close(struct conn *conn)
{
    if (!conn) return;
    mysql_close(conn->mysql);
    buf_done(&conn->text);
    free(conn);
}

void conn_set_deadline(struct conn *conn, int64_t deadline_ms)
{
    conn->deadline_ms = deadline_ms;
}

void conn_begin(struct conn *conn)
{
    assert(conn->state == CONN_AUTOCOMMIT);
    conn->state = CONN_BEGIN_DUE;
    conn->has_failed = false;
}

enum err conn_commit(struct conn *conn)
{
    assert(conn->state != CONN_AUTOCOMMIT);
    if (conn->has_failed) {
        conn_rollback(conn);
        return ERR_RETRY;
    }
    bool is_empty = conn->state == CONN_BEGIN_DUE;
    conn->state = CONN_AUTOCOMMIT;
    if (is_empty) return OK;
    if (fault_hits(FAULT_LANE_BEFORE_COMMIT)) {
        (void)conn_lose(conn, "fault");
        return ERR_UNCERTAIN;
    }
    enum err err = conn_exchange(conn, STR("COMMIT"));
    if (err == OK && fault_hits(FAULT_LANE_AFTER_COMMIT)) err = conn_lose(conn, "fault");
    if (err == OK || err == ERR_RETRY) return err; /* a cluster's certification may still refuse */
    (void)conn_lose(conn, NULL); /* whatever it was: only another connection can tell */
    return ERR_UNCERTAIN;
}

void conn_rollback(struct conn *conn)
{
    bool has_begun = conn->state == CONN_BEGUN;
    conn->state = CONN_AUTOCOMMIT;
    conn->has_failed = false;
    if (!has_begun || conn->is_lost) return;
    char error[sizeof(conn->error)]; /* of the statement: it is what the log wants */
    memcpy(error, conn->error, sizeof(error));
    if (conn_exchange(conn, STR("ROLLBACK")) != OK) (void)conn_lose(conn, NULL);
    memcpy(conn->error, error, sizeof(error));
}

bool conn_is_lost(const struct conn *conn)
{
    return conn->is_lost;
}

const char *conn_error(const struct conn *conn)
{
    return conn->error;
}

struct st_mysql *conn_library(const struct conn *conn)
{
    return conn->mysql;
}

/* A single huge statement shall not hold its memory for ever. */
struct buf *conn_text(struct conn *conn)
{
    if (conn->text.cap > CONN_TEXT_LEN_KEPT) buf_done(&conn->text);
    buf_clear(&conn->text);
    return &conn->text;
}
