/* From method and path to a route: a pure function over routes.def. */
#pragma once
#include "api/exchange.h"

enum {
    ROUTE_SLASH = 1,  /* with and without the trailing slash */
    ROUTE_HOLDS = 2,  /* may wait long: the transport gives it a connection of its own */
    ROUTE_EVENTS = 4, /* answers text/event-stream */
    ROUTE_TEXT = 8,   /* answers text/plain */
    ROUTE_OPEN = 16,  /* no token */
    ROUTE_DEV = 32,   /* only with --dev; else 404 */
    ROUTE_ADMIN = 64  /* only on the admin listener; else 404 (and there nothing else is served) */
};
enum route_id {
#define ROUTE(constant, methods, path, scope, body_len_max, flags) constant,
#include "api/routes.def"
#undef ROUTE
    ROUTE_COUNT
};
struct route {
    enum route_id id;
    unsigned methods; /* enum method bits; GET routes have HEAD too */
    struct str path;
    unsigned scope;
    size_t body_len_max;
    unsigned flags;
};
/* ERR_NOT_FOUND: no such path. ERR_METHOD: the path exists, methods_out tells what it knows.
 * params point into path, still escaped. */
MUST_CHECK enum err router_find(enum method method, struct str path, bool is_admin, bool is_dev,
                                const struct route **route_out, struct str params_out[2],
                                unsigned *methods_out);
const struct route *router_route(enum route_id id);
