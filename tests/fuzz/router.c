/* A path is found alike by every method that it is said to know, and its parameters are slices of
 * it, never empty and without a slash. */
#include "api/router.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void router_check_params(struct str path, const struct str params[2])
{
    for (size_t i = 0; i < 2; i++) {
        if (!params[i].ptr) continue;
        assert(params[i].len > 0 && params[i].ptr >= path.ptr);
        assert(params[i].ptr + params[i].len <= path.ptr + path.len);
        assert(!memchr(params[i].ptr, '/', params[i].len));
    }
}

static void router_check(struct str path, bool is_admin, bool is_dev)
{
    const struct route *route;
    struct str params[2] = {STR_NONE, STR_NONE};
    unsigned methods = 0;
    if (router_find(METHOD_OTHER, path, is_admin, is_dev, &route, params, &methods) != ERR_METHOD)
        return;
    for (unsigned method = METHOD_GET; method < METHOD_OTHER; method <<= 1) {
        unsigned again;
        enum err err =
            router_find((enum method)method, path, is_admin, is_dev, &route, params, &again);
        assert(err == (methods & method ? OK : ERR_METHOD) && again == methods);
        if (err != OK) continue;
        assert((route->methods & method) && is_admin == !!(route->flags & ROUTE_ADMIN));
        router_check_params(path, params);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct str path = str_of((const char *)data, len);
    router_check(path, false, false);
    router_check(path, false, true);
    router_check(path, true, false);
    return 0;
}
