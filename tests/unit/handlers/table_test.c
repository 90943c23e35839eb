/* Every route has its handler, and none has another's. */
#include "handlers/app.h"
#include "handlers/resources.h"
#include "tests/unit/handlers/lab.h"

static void test_every_route_is_answered(void **state UNUSED)
{
    for (size_t i = 0; i < ROUTE_COUNT; i++)
        if (!handlers_table[i])
            fail_msg("nobody answers %.*s", STR_FMT(router_route((enum route_id)i)->path));
}

static void test_no_handler_answers_two_routes(void **state UNUSED)
{
    for (size_t i = 0; i < ROUTE_COUNT; i++)
        for (size_t k = i + 1; k < ROUTE_COUNT; k++)
            assert_true(handlers_table[i] != handlers_table[k]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_route_is_answered),
        cmocka_unit_test(test_no_handler_answers_two_routes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
