/* What every exchange of one reactor has at hand. Filled by server/, embedded in its reactor;
 * handlers get from ex->api to what is theirs by container_of (handlers/app.h). */
#pragma once
#include "api/auth.h"
#include "api/exchange.h"
#include "api/limits.h"
#include "api/router.h"
#include "api/users_known.h"
#include "base/config.h"
#include "base/loop.h"
#include "db/shards.h"
#include "live/hub.h"

typedef void handler_fn(struct exchange *ex);

struct api {
    const struct config *config;
    struct loop *loop;
    struct db *db;               /* shared by all reactors; NULL on the admin listener's */
    struct hub *hub;             /* this reactor's; NULL likewise */
    const struct auth *auth;     /* shared, read-only */
    struct limits *limits;       /* shared, thread-safe */
    struct users_known *known;   /* this reactor's: users who need no USER_ENSURE */
    handler_fn *const *handlers; /* ROUTE_COUNT of them */
    bool is_admin;               /* the admin listener's */
    bool is_draining;            /* holding routes are answered with busy; replies close */
};
