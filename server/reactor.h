/* One reactor: a thread, a loop, and all that hangs in it: listeners, h1, the hub, group fan-out,
 * the probe. Nothing on its hot path is shared with the others. The admin listener is a reactor
 * too, alone with h1 on a thread of its own, so that it answers when the others cannot. */
#pragma once
#include "api/auth.h"
#include "api/limits.h"
#include "base/address.h"
#include "base/config.h"
#include "db/shards.h"
#include "handlers/app.h"
#include "live/relay.h"
#include "net/peers.h"

enum { REACTOR_ADDRESSES_MAX = 16 };

struct reactor;
struct reactor_config {
    const struct config *config;
    size_t number; /* 0, 1, ...: the first looks for orphaned fan-out jobs */
    bool is_admin;
    struct address
        *addresses; /* port 0 becomes the real one with the first reactor that binds it */
    size_t address_count;
    struct db *db; /* NULL for the admin one, as hall is */
    struct relay_hall *hall;
    const struct auth *auth;
    struct limits *limits;
    struct peers *peers;
    struct str lease_owner;
    bool (*is_live)(struct app *app, struct buf *why_out); /* the admin one's */
    bool (*is_ready)(struct app *app, struct buf *why_out);
};

MUST_CHECK enum err reactor_open(const struct reactor_config *config, struct reactor **reactor_out);
MUST_CHECK enum err reactor_start(
    struct reactor *reactor); /* the thread; connections come from now on */

/* To stop, in this order, each from the main thread; reactor_close takes one that was never
 * started. */
void reactor_drain(struct reactor *reactor, int64_t in_ms); /* accept no more, streams get bye */
bool reactor_is_idle(const struct reactor *reactor);        /* no connection is left */
void reactor_cut(struct reactor *reactor);  /* ends what is left; returns when that is done */
void reactor_join(struct reactor *reactor); /* after db_close: runs the last completions, ends */
void reactor_close(struct reactor *reactor);

int64_t reactor_beat_ms(const struct reactor *reactor); /* any thread; see loop_beat_ms */
