#include "db/conn.h"
#include "base/fault.h"
#include "base/memory.h"
#include <errmsg.h>
#include <mysql.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { CONN_TIMEOUT_S = 10, CONN_STATEMENT_TIMEOUT_S = 30 };

struct conn {
    MYSQL *mysql;
    bool is_open;    /* between begin and commit */
    bool has_failed; /* a statement of the transaction failed: nothing may be committed */
    bool is_lost;
    char error[256]; /* the server's text, of the last failure */
};

/* Server and client errors by what they ask of the caller; what is not listed concerns the
 * statement. */
static const struct {
    unsigned number;
    enum err err;
} conn_errors[] = {
    {1062, ERR_DUPLICATE},
    {1213, ERR_RETRY},       /* deadlock */
    {1205, ERR_RETRY},       /* lock wait timeout */
    {1317, ERR_RETRY},       /* vtgate: rolled back */
    {1020, ERR_RETRY},       /* record has changed since last read */
    {1105, ERR_UNAVAILABLE}, /* vtgate: no healthy tablet, and others */
    {1290, ERR_UNAVAILABLE}, /* read-only until repaired */
    {1836, ERR_UNAVAILABLE},
    {1040, ERR_UNAVAILABLE}, /* too many connections */
    {1053, ERR_LOST},        /* shutdown in progress */
    {1927, ERR_LOST},        /* connection was killed */
    {1152, ERR_LOST},        /* aborted */
    {CR_SERVER_GONE_ERROR, ERR_LOST},
    {CR_SERVER_LOST, ERR_LOST},
    {CR_CONNECTION_ERROR, ERR_LOST},
    {CR_CONN_HOST_ERROR, ERR_LOST},
    {2027, ERR_LOST}, /* malformed packet */
    {2055, ERR_LOST}, /* lost, with the system's error */
};

static pthread_once_t conn_library_once = PTHREAD_ONCE_INIT;

static void conn_library_init(void)
{
    int failed = mysql_library_init(0, NULL, NULL);
    assert(!failed);
}

enum err conn_failed(struct conn *conn)
{
    unsigned number = mysql_errno(conn->mysql);
    enum err err = ERR_INTERNAL;
    snprintf(conn->error, sizeof(conn->error), "%u %s", number, mysql_error(conn->mysql));
    for (size_t i = 0; i < ARRAY_LEN(conn_errors); i++)
        if (conn_errors[i].number == number) err = conn_errors[i].err;
    conn->has_failed = true;
    if (err == ERR_LOST) conn->is_lost = true;
    return err;
}

static void conn_set_timeouts(struct conn *conn)
{
    unsigned connect_s = CONN_TIMEOUT_S, statement_s = CONN_STATEMENT_TIMEOUT_S;
    mysql_options(conn->mysql, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
    mysql_options(conn->mysql, MYSQL_OPT_READ_TIMEOUT, &statement_s);
    mysql_options(conn->mysql, MYSQL_OPT_WRITE_TIMEOUT, &statement_s);
    mysql_options(conn->mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
}

enum err conn_execute(struct conn *conn, struct str sql)
{
    if (mysql_real_query(conn->mysql, sql.ptr, sql.len) == 0) return OK;
    return conn_failed(conn);
}

static enum err conn_settle(struct conn *conn)
{
    static const char *const settings[] = {
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
        "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
        "SET autocommit = 1",
    };
    enum err err = OK;
    for (size_t i = 0; i < ARRAY_LEN(settings) && err == OK; i++)
        err = conn_execute(conn, str_from_c(settings[i]));
    return err;
}

enum err conn_open(const struct config *config, struct conn **conn_out)
{
    pthread_once(&conn_library_once, conn_library_init);
    struct conn *conn = MEMORY_NEW(struct conn);
    conn->mysql = mysql_init(NULL);
    assert(conn->mysql);
    conn_set_timeouts(conn);
    bool by_socket = config->db_socket.len > 0;
    enum err err = OK;
    if (!mysql_real_connect(conn->mysql, by_socket ? "localhost" : config->db_host.ptr,
                            config->db_user.ptr, config->db_password.ptr, config->db_name.ptr,
                            (unsigned)config->db_port, by_socket ? config->db_socket.ptr : NULL, 0))
        err = ERR_LOST;
    if (err == OK) err = conn_settle(conn);
    if (err != OK) {
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
    free(conn);
}

enum err conn_begin(struct conn *conn)
{
    assert(!conn->is_open);
    conn->has_failed = false;
    enum err err = conn_execute(conn, STR("BEGIN"));
    conn->is_open = err == OK;
    return err;
}

enum err conn_commit(struct conn *conn)
{
    assert(conn->is_open);
    if (conn->has_failed) {
        conn_rollback(conn);
        return ERR_RETRY;
    }
    if (fault_hits(FAULT_LANE_BEFORE_COMMIT)) {
        conn->is_lost = true;
        conn->is_open = false;
        return ERR_UNCERTAIN;
    }
    conn->is_open = false;
    enum err err = conn_execute(conn, STR("COMMIT"));
    if (err == OK && fault_hits(FAULT_LANE_AFTER_COMMIT)) {
        conn->is_lost = true;
        return ERR_UNCERTAIN;
    }
    if (err == ERR_LOST || err == ERR_UNAVAILABLE) {
        conn->is_lost = true; /* whatever it was: only another connection can tell */
        return ERR_UNCERTAIN;
    }
    return err;
}

void conn_rollback(struct conn *conn)
{
    if (!conn->is_open) return;
    conn->is_open = false;
    if (conn->is_lost) return;
    if (mysql_real_query(conn->mysql, "ROLLBACK", 8) != 0) conn->is_lost = true;
    conn->has_failed = false;
}

void conn_ping(struct conn *conn)
{
    if (mysql_ping(conn->mysql) != 0) conn->is_lost = true;
}

bool conn_is_lost(const struct conn *conn)
{
    return conn->is_lost;
}

const char *conn_error(const struct conn *conn)
{
    return conn->error;
}

void *conn_handle(const struct conn *conn)
{
    return conn->mysql;
}
