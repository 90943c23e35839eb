#include "server/server.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "base/uuid.h"
#include "server/reactor.h"
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    SERVER_REACTOR_STUCK_MS = 5000, /* a loop comes round every second */
    SERVER_LANE_STUCK_MS = 30000,
    SERVER_ADMIN_CONNECTIONS_MAX = 256
};

struct server {
    const struct config *config;
    struct address addresses[REACTOR_ADDRESSES_MAX], admin_addresses[REACTOR_ADDRESSES_MAX];
    size_t address_count, admin_address_count;
    struct auth *auth;
    struct limits *limits;
    struct peers *peers, *admin_peers;
    struct relay_hall *hall;
    struct db *db;
    struct reactor **reactors;
    size_t reactor_count;
    struct reactor *admin;
    struct uuid lease_owner;
    atomic_bool is_draining;
    char url[ADDRESS_TEXT_LEN_MAX + 8];
};

/* The admin pages ask the one server of this process. */
static struct server *server_of_process;

static bool server_is_live(struct app *app, struct buf *why_out)
{
    (void)app;
    const struct server *server = server_of_process;
    int64_t now_ms = clock_mono_ms();
    enum err err = OK;
    for (size_t i = 0; i < server->reactor_count && err == OK; i++) {
        int64_t still_ms = now_ms - reactor_beat_ms(server->reactors[i]);
        if (still_ms > SERVER_REACTOR_STUCK_MS)
            err = buf_printf(why_out, "reactor %zu has not moved for %lld ms\n", i,
                             (long long)still_ms);
    }
    int64_t lane_ms = db_stuck_ms(server->db);
    if (lane_ms > SERVER_LANE_STUCK_MS && err == OK)
        err =
            buf_printf(why_out, "a database lane has not moved for %lld ms\n", (long long)lane_ms);
    return why_out->len == 0 && err == OK;
}

static bool server_admin_is_ready(struct app *app, struct buf *why_out)
{
    (void)app;
    const struct server *server = server_of_process;
    enum err err = OK;
    if (atomic_load(&server->is_draining)) err = buf_add(why_out, STR("the server drains\n"));
    if (!db_is_up(server->db) && err == OK)
        err = buf_add(why_out, STR("the database cannot be reached\n"));
    return why_out->len == 0 && err == OK;
}

static enum err server_read_addresses(struct server *server)
{
    const struct config *config = server->config;
    enum err err = address_parse_list(config->listen, server->addresses, REACTOR_ADDRESSES_MAX,
                                      &server->address_count);
    if (err != OK) return err;
    return address_parse_list(config->admin_listen, server->admin_addresses, REACTOR_ADDRESSES_MAX,
                              &server->admin_address_count);
}

static enum err server_open_shared(struct server *server)
{
    struct buf why;
    buf_init(&why, 4096);
    const struct config *config = server->config;
    enum err err = server_read_addresses(server);
    if (err == OK) err = auth_open(config, &server->auth, &why);
    if (err == OK) err = db_open(config, &server->db);
    if (why.len > 0) log_event(LOG_ERROR, "cannot_start", log_str("why", buf_str(&why)));
    server->limits = limits_new(config);
    server->peers = peers_new(config->connections_max, config->connections_address_max);
    server->admin_peers = peers_new(SERVER_ADMIN_CONNECTIONS_MAX, SERVER_ADMIN_CONNECTIONS_MAX);
    server->hall = relay_hall_new();
    server->lease_owner = uuid_v7();
    buf_done(&why);
    return err;
}

static enum err server_open_reactors(struct server *server)
{
    const struct config *config = server->config;
    size_t wanted = (size_t)config->reactors;
    if (wanted == 0) wanted = (size_t)MAX(sysconf(_SC_NPROCESSORS_ONLN), 1);
    server->reactors = memory_alloc(sizeof(*server->reactors) * wanted);
    struct reactor_config own = {.config = config,
                                 .addresses = server->addresses,
                                 .address_count = server->address_count,
                                 .db = server->db,
                                 .hall = server->hall,
                                 .auth = server->auth,
                                 .limits = server->limits,
                                 .peers = server->peers,
                                 .lease_owner = uuid_str(&server->lease_owner)};
    while (server->reactor_count < wanted) {
        own.number = server->reactor_count;
        enum err err = reactor_open(&own, &server->reactors[server->reactor_count]);
        if (err != OK) return err;
        server->reactor_count++;
    }
    return OK;
}

static enum err server_open_admin(struct server *server)
{
    if (server->admin_address_count == 0) return OK;
    return reactor_open(&(struct reactor_config){.config = server->config,
                                                 .is_admin = true,
                                                 .addresses = server->admin_addresses,
                                                 .address_count = server->admin_address_count,
                                                 .auth = server->auth,
                                                 .limits = server->limits,
                                                 .peers = server->admin_peers,
                                                 .is_live = server_is_live,
                                                 .is_ready = server_admin_is_ready},
                        &server->admin);
}

static enum err server_start(struct server *server)
{
    enum err err = server->admin ? reactor_start(server->admin) : OK;
    for (size_t i = 0; i < server->reactor_count && err == OK; i++)
        err = reactor_start(server->reactors[i]);
    return err;
}

static void server_log_started(const struct server *server)
{
    for (size_t i = 0; i < server->address_count; i++) {
        char text[ADDRESS_TEXT_LEN_MAX];
        log_event(LOG_INFO, "listening",
                  log_c("address", address_format(&server->addresses[i], text)),
                  log_int("reactors", (int64_t)server->reactor_count));
    }
    for (size_t i = 0; i < server->admin_address_count; i++) {
        char text[ADDRESS_TEXT_LEN_MAX];
        log_event(LOG_INFO, "admin_listening",
                  log_c("address", address_format(&server->admin_addresses[i], text)));
    }
}

enum err server_open(const struct config *config, struct server **server_out)
{
    struct server *server = MEMORY_NEW(struct server);
    server->config = config;
    server_of_process = server;
    enum err err = server_open_shared(server);
    if (err != OK) goto fail;
    err = server_open_reactors(server);
    if (err != OK) goto fail;
    err = server_open_admin(server);
    if (err != OK) goto fail;
    err = server_start(server);
    if (err != OK) goto fail;

    char text[ADDRESS_TEXT_LEN_MAX];
    snprintf(server->url, sizeof(server->url), "http://%s",
             address_format(&server->addresses[0], text));
    server_log_started(server);
    *server_out = server;
    return OK;
fail:
    server_close(server);
    return err;
}

bool server_is_ready(const struct server *server)
{
    return !atomic_load(&server->is_draining) && db_is_up(server->db);
}

const char *server_url(const struct server *server)
{
    return server->url;
}

void server_drain(struct server *server)
{
    /* Byes take three quarters of the time, so that the last ones can still be read. */
    int64_t in_ms = server->config->drain_ms * 3 / 4;
    atomic_store(&server->is_draining, true);
    for (size_t i = 0; i < server->reactor_count; i++)
        reactor_drain(server->reactors[i], in_ms);
}

bool server_is_idle(const struct server *server)
{
    for (size_t i = 0; i < server->reactor_count; i++)
        if (!reactor_is_idle(server->reactors[i])) return false;
    return true;
}

/* The admin reactor goes first: its pages ask the others. Clients before lanes, since an exchange
 * may wait for its op; lanes before loops, since what they end is told there. */
void server_close(struct server *server)
{
    if (!server) return;
    if (server->admin) reactor_join(server->admin);
    reactor_close(server->admin);
    for (size_t i = 0; i < server->reactor_count; i++)
        reactor_cut(server->reactors[i]);
    db_close(server->db);
    for (size_t i = 0; i < server->reactor_count; i++)
        reactor_join(server->reactors[i]);
    for (size_t i = 0; i < server->reactor_count; i++)
        reactor_close(server->reactors[i]);
    free(server->reactors);
    relay_hall_free(server->hall);
    peers_free(server->peers);
    peers_free(server->admin_peers);
    limits_free(server->limits);
    auth_close(server->auth);
    server_of_process = NULL;
    free(server);
}
