#include "api/router.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { PUBLIC = 0, DEV = 1, ADMIN = 2 };

static const struct {
    enum method method;
    struct str path;
    int listener;
    enum err err;
    enum route_id id;
    struct str param;
} cases[] = {
    {METHOD_POST, STR("/chat/app/send"), PUBLIC, OK, ROUTE_SEND, STR_NONE},
    {METHOD_POST, STR("/chat/app/send/"), PUBLIC, OK, ROUTE_SEND, STR_NONE},
    {METHOD_POST, STR("/chat/app/createGroup"), PUBLIC, OK, ROUTE_GROUP_CREATE, STR_NONE},
    {METHOD_POST, STR("/chat/app/createGroup/"), PUBLIC, OK, ROUTE_GROUP_CREATE, STR_NONE},
    {METHOD_POST, STR("/chat/app/add/"), PUBLIC, OK, ROUTE_ADD, STR_NONE},
    {METHOD_POST, STR("/chat/app/remove/"), PUBLIC, OK, ROUTE_REMOVE, STR_NONE},
    {METHOD_OPTIONS, STR("/chat/app/send"), PUBLIC, OK, ROUTE_SEND, STR_NONE},
    {METHOD_GET, STR("/chat/app/sync"), PUBLIC, OK, ROUTE_SYNC, STR_NONE},
    {METHOD_HEAD, STR("/chat/app/sync"), PUBLIC, OK, ROUTE_SYNC, STR_NONE},
    {METHOD_GET, STR("/chat/app/settings"), PUBLIC, OK, ROUTE_SETTINGS_GET, STR_NONE},
    {METHOD_HEAD, STR("/chat/app/settings"), PUBLIC, OK, ROUTE_SETTINGS_GET, STR_NONE},
    {METHOD_PUT, STR("/chat/app/settings"), PUBLIC, OK, ROUTE_SETTINGS_PUT, STR_NONE},
    {METHOD_GET, STR("/chat/app/groups"), PUBLIC, OK, ROUTE_GROUPS, STR_NONE},
    {METHOD_GET, STR("/chat/app/groups/7"), PUBLIC, OK, ROUTE_GROUP, STR("7")},
    {METHOD_GET, STR("/chat/app/groups/a%2Fb"), PUBLIC, OK, ROUTE_GROUP, STR("a%2Fb")},
    {METHOD_GET, STR("/chat/app/groups/roles"), PUBLIC, OK, ROUTE_GROUP, STR("roles")},
    {METHOD_POST, STR("/chat/app/groups/7/roles"), PUBLIC, OK, ROUTE_ROLES, STR("7")},
    {METHOD_DELETE, STR("/chat/app/devices/x"), PUBLIC, OK, ROUTE_DEVICE, STR("x")},
    {METHOD_POST, STR("/chat/app/login"), DEV, OK, ROUTE_LOGIN, STR_NONE},
    {METHOD_GET, STR("/metrics"), ADMIN, OK, ROUTE_METRICS, STR_NONE},
    {METHOD_HEAD, STR("/livez"), ADMIN, OK, ROUTE_LIVEZ, STR_NONE},

    {METHOD_GET, STR("/chat/app/send"), PUBLIC, ERR_METHOD, 0, STR_NONE},
    {METHOD_HEAD, STR("/chat/app/send"), PUBLIC, ERR_METHOD, 0, STR_NONE},
    {METHOD_OTHER, STR("/chat/app/send"), PUBLIC, ERR_METHOD, 0, STR_NONE},
    {METHOD_POST, STR("/chat/app/sync"), PUBLIC, ERR_METHOD, 0, STR_NONE},
    {METHOD_DELETE, STR("/chat/app/settings"), PUBLIC, ERR_METHOD, 0, STR_NONE},
    {METHOD_DELETE, STR("/chat/app/groups/7"), PUBLIC, ERR_METHOD, 0, STR_NONE},

    {METHOD_POST, STR("/chat/app/login"), PUBLIC, ERR_NOT_FOUND, 0, STR_NONE},
    {METHOD_GET, STR("/livez"), PUBLIC, ERR_NOT_FOUND, 0, STR_NONE},
    {METHOD_GET, STR("/livez"), DEV, ERR_NOT_FOUND, 0, STR_NONE},
    {METHOD_POST, STR("/chat/app/send"), ADMIN, ERR_NOT_FOUND, 0, STR_NONE},
    {METHOD_GET, STR("/metrics/"), ADMIN, ERR_NOT_FOUND, 0, STR_NONE},
    {METHOD_POST, STR("/chat/app/send//"), PUBLIC, ERR_NOT_FOUND, 0, STR_NONE},
    {METHOD_POST, STR("/chat/app//send"), PUBLIC, ERR_NOT_FOUND, 0, STR_NONE},
    {METHOD_POST, STR("//chat/app/send"), PUBLIC, ERR_NOT_FOUND, 0, STR_NONE},
    {METHOD_POST, STR("/chat/app/Send"), PUBLIC, ERR_NOT_FOUND, 0, STR_NONE},
    {METHOD_POST, STR("/chat/app/sendx"), PUBLIC, ERR_NOT_FOUND, 0, STR_NONE},
    {METHOD_POST, STR("/chat/app/sen"), PUBLIC, ERR_NOT_FOUND, 0, STR_NONE},
    {METHOD_POST, STR("/chat/app/%73end"), PUBLIC, ERR_NOT_FOUND, 0, STR_NONE},
    {METHOD_POST, STR("/chat/app/./send"), PUBLIC, ERR_NOT_FOUND, 0, STR_NONE},
    {METHOD_POST, STR("chat/app/send"), PUBLIC, ERR_NOT_FOUND, 0, STR_NONE},
    {METHOD_GET, STR("/chat/app/sync/"), PUBLIC, ERR_NOT_FOUND, 0, STR_NONE},
    {METHOD_GET, STR("/chat/app/ack/"), PUBLIC, ERR_NOT_FOUND, 0, STR_NONE},
    {METHOD_GET, STR("/chat/app/groups/"), PUBLIC, ERR_NOT_FOUND, 0, STR_NONE},
    {METHOD_GET, STR("/chat/app/groups/7/"), PUBLIC, ERR_NOT_FOUND, 0, STR_NONE},
    {METHOD_POST, STR("/chat/app/groups//roles"), PUBLIC, ERR_NOT_FOUND, 0, STR_NONE},
    {METHOD_GET, STR("/chat/app/groups/7/roles/x"), PUBLIC, ERR_NOT_FOUND, 0, STR_NONE},
    {METHOD_GET, STR("/chat/app"), PUBLIC, ERR_NOT_FOUND, 0, STR_NONE},
    {METHOD_GET, STR("/"), PUBLIC, ERR_NOT_FOUND, 0, STR_NONE},
    {METHOD_GET, STR(""), PUBLIC, ERR_NOT_FOUND, 0, STR_NONE},
    {METHOD_OPTIONS, STR("*"), PUBLIC, ERR_NOT_FOUND, 0, STR_NONE},
};

static void test_every_path_leads_where_the_table_says(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct route *route = NULL;
        struct str params[2] = {STR_NONE, STR_NONE};
        unsigned methods = 0;
        enum err err = router_find(cases[i].method, cases[i].path, cases[i].listener == ADMIN,
                                   cases[i].listener == DEV, &route, params, &methods);
        if (err != cases[i].err) fail_msg("%s: %s", cases[i].path.ptr, err_code(err));
        if (err != OK) {
            assert_null(route);
            continue;
        }
        assert_int_equal(route->id, cases[i].id);
        assert_true(str_equal(params[0], cases[i].param));
        assert_null(params[1].ptr);
    }
}

static void test_methods_of_a_path_are_those_of_all_its_routes(void **state UNUSED)
{
    const struct route *route;
    struct str params[2];
    unsigned methods = 0;
    assert_int_equal(router_find(METHOD_DELETE, STR("/chat/app/settings"), false, false, &route,
                                 params, &methods),
                     ERR_METHOD);
    assert_int_equal(methods, METHOD_GET | METHOD_HEAD | METHOD_PUT | METHOD_OPTIONS);
    assert_int_equal(
        router_find(METHOD_GET, STR("/chat/app/send"), false, false, &route, params, &methods),
        ERR_METHOD);
    assert_int_equal(methods, METHOD_POST | METHOD_OPTIONS);
}

static void test_every_route_is_found_at_its_own_path(void **state UNUSED)
{
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        const struct route *want = router_route((enum route_id)i), *route;
        struct str params[2];
        unsigned methods, bare = want->methods & ~(unsigned)(METHOD_HEAD | METHOD_OPTIONS);
        assert_int_equal(want->id, i);
        assert_int_equal(router_find((enum method)bare, want->path, want->flags & ROUTE_ADMIN, true,
                                     &route, params, &methods),
                         OK);
        assert_ptr_equal(route, want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_path_leads_where_the_table_says),
        cmocka_unit_test(test_methods_of_a_path_are_those_of_all_its_routes),
        cmocka_unit_test(test_every_route_is_found_at_its_own_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
