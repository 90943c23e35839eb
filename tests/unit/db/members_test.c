#include "db/members.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_str(struct str s, const char *want)
{
    assert_int_equal(s.len, strlen(want));
    assert_memory_equal(s.ptr, want, s.len);
}

static int setup(void **state)
{
    static struct arena arena;
    arena_init(&arena);
    *state = &arena;
    return 0;
}

static int teardown(void **state)
{
    arena_done(*state);
    return 0;
}

static void test_members_are_found_by_id(void **state)
{
    struct members members;
    members_init(&members, *state, 2);
    struct member *ann = members_add(&members, *state, STR("ann"), ROLE_ADMIN);
    members_add(&members, *state, STR("bob"), ROLE_MEMBER);
    assert_ptr_equal(members_find(&members, STR("ann")), ann);
    assert_null(members_find(&members, STR("an")));
    members_done(&members);
}

static void test_nobody_is_found_in_zeroed_members(void **state UNUSED)
{
    struct members members = {0};
    assert_null(members_find(&members, STR("ann")));
    members_done(&members);
}

static void test_recipients_name_role_and_leaving(void **state)
{
    struct members members;
    members_init(&members, *state, 3);
    members_add(&members, *state, STR("ann"), ROLE_ADMIN);
    members_add(&members, *state, STR("bob"), ROLE_MEMBER)->is_gone = true;
    members_add(&members, *state, STR("cy"), ROLE_MEMBER);
    assert_str(members_recipients(&members, *state), "aann\nxbob\nmcy\n");
    assert_str(members_recipients_left(&members, *state), "aann\nmcy\n");
    members_done(&members);
}

static void test_recipients_are_read_back_line_by_line(void **state UNUSED)
{
    struct str rest = STR("aann\nxbob\n");
    struct recipient recipient;
    assert_true(recipient_next(&rest, &recipient));
    assert_str(recipient.user_id, "ann");
    assert_int_equal(recipient.role, ROLE_ADMIN);
    assert_false(recipient.is_gone);
    assert_int_equal(rest.len, strlen("xbob\n"));
    assert_true(recipient_next(&rest, &recipient));
    assert_str(recipient.user_id, "bob");
    assert_true(recipient.is_gone);
    assert_int_equal(rest.len, 0);
    assert_false(recipient_next(&rest, &recipient));
}

static void test_later_version_is_younger_than_every_place_before(void **state UNUSED)
{
    assert_true(member_joined(2, 0) > member_joined(1, GROUP_MEMBERS_MAX - 1));
    assert_true(member_joined(1, 1) > member_joined(1, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_members_are_found_by_id, setup, teardown),
        cmocka_unit_test(test_nobody_is_found_in_zeroed_members),
        cmocka_unit_test_setup_teardown(test_recipients_name_role_and_leaving, setup, teardown),
        cmocka_unit_test(test_recipients_are_read_back_line_by_line),
        cmocka_unit_test(test_later_version_is_younger_than_every_place_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
