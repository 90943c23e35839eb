#include "db/groups_text.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_text(struct str groupname, const struct str *ids, size_t count, const char *want)
{
    struct arena arena;
    arena_init(&arena);
    struct str text = groups_text(&arena, &(struct group_news){.groupname = groupname,
                                                               .change = "added",
                                                               .user_ids = ids,
                                                               .user_count = count,
                                                               .by = STR("ann"),
                                                               .version = 7});
    assert_int_equal(text.len, strlen(want));
    assert_memory_equal(text.ptr, want, text.len);
    arena_done(&arena);
}

static void test_change_is_json_members_without_braces(void **state UNUSED)
{
    const struct str ids[] = {STR("bob"), STR("cy@x.org")};
    assert_text(STR("tea"), ids, 2,
                "\"groupname\":\"tea\",\"change\":\"added\",\"userId\":[\"bob\",\"cy@x.org\"],"
                "\"by\":\"ann\",\"version\":7");
}

static void test_groupname_is_escaped(void **state UNUSED)
{
    const struct str ids[] = {STR("bob")};
    assert_text(STR("a\"b\\c\n\x01 \xc3\xa9"), ids, 1,
                "\"groupname\":\"a\\\"b\\\\c\\u000a\\u0001 \xc3\xa9\",\"change\":\"added\","
                "\"userId\":[\"bob\"],\"by\":\"ann\",\"version\":7");
}

static void test_worst_groupname_and_longest_ids_fit(void **state UNUSED)
{
    enum { NAME_LEN = 400, IDS = 1024, ID_LEN = 64 };
    static char name[NAME_LEN], id[ID_LEN];
    static struct str ids[IDS];
    memset(name, 1, sizeof name);
    memset(id, 'i', sizeof id);
    for (size_t i = 0; i < IDS; i++)
        ids[i] = str_of(id, ID_LEN);
    struct arena arena;
    arena_init(&arena);
    struct group_news news = {.groupname = str_of(name, NAME_LEN),
                              .change = "created",
                              .user_ids = ids,
                              .user_count = IDS,
                              .by = str_of(id, ID_LEN),
                              .version = UINT64_MAX};
    struct str text = groups_text(&arena, &news);
    assert_true(text.len > NAME_LEN * 6 + IDS * (ID_LEN + 3));
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_change_is_json_members_without_braces),
        cmocka_unit_test(test_groupname_is_escaped),
        cmocka_unit_test(test_worst_groupname_and_longest_ids_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
