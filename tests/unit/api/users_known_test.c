#include "api/users_known.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { KNOWN_MAX = 65536 };

static void test_who_was_added_is_known_until_removed(void **state UNUSED)
{
    struct users_known *known = users_known_new();
    assert_false(users_known_has(known, STR("ann")));
    users_known_add(known, STR("ann"));
    users_known_add(known, STR("ann"));
    assert_true(users_known_has(known, STR("ann")));
    assert_false(users_known_has(known, STR("an")));
    assert_false(users_known_has(known, STR("Ann")));
    users_known_remove(known, STR("bob"));
    users_known_remove(known, STR("ann"));
    assert_false(users_known_has(known, STR("ann")));
    users_known_remove(known, STR("ann"));
    users_known_free(known);
    users_known_free(NULL);
}

static void test_id_is_copied(void **state UNUSED)
{
    struct users_known *known = users_known_new();
    char id[] = "ann";
    users_known_add(known, str_of(id, 3));
    memset(id, 'x', 3);
    assert_true(users_known_has(known, STR("ann")));
    users_known_free(known);
}

static void test_full_set_forgets_the_oldest(void **state UNUSED)
{
    struct users_known *known = users_known_new();
    char id[16];
    for (int i = 0; i < KNOWN_MAX + 10; i++) {
        int len = snprintf(id, sizeof(id), "%d", i);
        users_known_add(known, str_of(id, (size_t)len));
    }
    for (int i = 0; i < 20; i++) {
        int len = snprintf(id, sizeof(id), "%d", i);
        assert_int_equal(users_known_has(known, str_of(id, (size_t)len)), i >= 10);
    }
    assert_true(users_known_has(known, STR("65545")));
    users_known_free(known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_was_added_is_known_until_removed),
        cmocka_unit_test(test_id_is_copied),
        cmocka_unit_test(test_full_set_forgets_the_oldest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
