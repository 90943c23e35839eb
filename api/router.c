/* Few enough routes that a walk over all of them costs less than one hash; each is compared
 * literally up to its first parameter. */
#include "api/router.h"

/* GET has HEAD; every path answers OPTIONS. */
#define ROUTER_METHODS(methods) \
    ((unsigned)(methods) | METHOD_OPTIONS | ((methods)&METHOD_GET ? METHOD_HEAD : 0))

static const struct route router_routes[ROUTE_COUNT] = {
#define ROUTE(constant, methods, path, scope, body_len_max, flags) \
    [constant] = {constant,                                        \
                  ROUTER_METHODS(methods),                         \
                  {"" path, sizeof(path) - 1},                     \
                  scope,                                           \
                  body_len_max,                                    \
                  flags},
#include "api/routes.def"
#undef ROUTE
};

const struct route *router_route(enum route_id id)
{
    assert(id < ROUTE_COUNT);
    return &router_routes[id];
}

/* Segment by segment; a {..} takes any segment that is not empty. */
static bool router_matches(const struct route *route, struct str path, struct str params_out[2])
{
    struct str pattern = route->path;
    size_t param_count = 0;
    if (!path.len || path.ptr[0] != '/') return false;
    if ((route->flags & ROUTE_SLASH) && path.len == pattern.len + 1 &&
        path.ptr[path.len - 1] == '/')
        path.len--;
    while (pattern.ptr && path.ptr) {
        struct str want = str_cut(&pattern, '/'), have = str_cut(&path, '/');
        if (want.len && want.ptr[0] == '{') {
            if (!have.len) return false;
            assert(param_count < 2);
            params_out[param_count++] = have;
        } else if (!str_equal(want, have)) {
            return false;
        }
    }
    return !pattern.ptr && !path.ptr;
}

static bool router_serves(const struct route *route, bool is_admin, bool is_dev)
{
    if (is_admin != !!(route->flags & ROUTE_ADMIN)) return false;
    return is_dev || !(route->flags & ROUTE_DEV);
}

enum err router_find(enum method method, struct str path, bool is_admin, bool is_dev,
                     const struct route **route_out, struct str params_out[2],
                     unsigned *methods_out)
{
    const struct route *found = NULL;
    unsigned methods = 0;
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        const struct route *route = &router_routes[i];
        struct str params[2] = {STR_NONE, STR_NONE};
        if (!router_serves(route, is_admin, is_dev)) continue;
        if (!router_matches(route, path, params)) continue;
        methods |= route->methods;
        if (found || !(route->methods & method)) continue;
        found = route;
        memcpy(params_out, params, sizeof(params));
    }
    if (!methods) return ERR_NOT_FOUND;
    *methods_out = methods;
    if (!found) return ERR_METHOD;
    *route_out = found;
    return OK;
}
