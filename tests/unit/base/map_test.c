#include "base/map.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { MEMBER_COUNT = 5000 };

struct member {
    struct map_link link;
    char key[16];
    int visits;
};
static struct member members[MEMBER_COUNT];

static struct str member_key(int i)
{
    int len = snprintf(members[i].key, sizeof(members[i].key), "user-%d", i);
    return str_of(members[i].key, (size_t)len);
}

static void test_finds_what_was_inserted_and_nothing_else(void **state UNUSED)
{
    struct map map;
    map_init(&map);
    assert_null(map_find(&map, STR("user-0")));
    for (int i = 0; i < MEMBER_COUNT; i++)
        map_insert(&map, &members[i].link, member_key(i));
    assert_int_equal(map.count, MEMBER_COUNT);
    for (int i = 0; i < MEMBER_COUNT; i++)
        assert_ptr_equal(map_find(&map, member_key(i)), &members[i].link);
    assert_null(map_find(&map, STR("user-")));
    assert_null(map_find(&map, STR("user-5000")));
    assert_null(map_find(&map, STR_NONE));
    map_done(&map);
}

static void test_removed_members_are_gone_and_the_others_stay(void **state UNUSED)
{
    struct map map;
    map_init(&map);
    for (int i = 0; i < MEMBER_COUNT; i++)
        map_insert(&map, &members[i].link, member_key(i));
    for (int i = 0; i < MEMBER_COUNT; i += 2)
        map_remove(&map, &members[i].link);
    for (int i = 0; i < MEMBER_COUNT; i++)
        assert_ptr_equal(map_find(&map, member_key(i)), i % 2 ? &members[i].link : NULL);
    for (int i = 0; i < MEMBER_COUNT; i += 2)
        map_insert(&map, &members[i].link, member_key(i));
    assert_int_equal(map.count, MEMBER_COUNT);
    map_done(&map);
}

static void member_remove(struct map_link *link, void *context)
{
    struct member *member = container_of(link, struct member, link);
    member->visits++;
    map_remove(context, link);
    *link = (struct map_link){.next = (struct map_link *)(uintptr_t)16}; /* as if it was freed */
}

static void test_each_visits_all_once_though_they_go(void **state UNUSED)
{
    struct map map;
    map_init(&map);
    map_each(&map, member_remove, &map);
    for (int i = 0; i < MEMBER_COUNT; i++)
        map_insert(&map, &members[i].link, member_key(i));
    map_each(&map, member_remove, &map);
    assert_int_equal(map.count, 0);
    for (int i = 0; i < MEMBER_COUNT; i++)
        assert_int_equal(members[i].visits, 1);
    map_done(&map);
}

static void test_keys_are_bytes_of_any_kind_and_length(void **state UNUSED)
{
    struct map map;
    struct map_link links[40];
    static const char zeros[40];
    map_init(&map);
    for (size_t i = 0; i < ARRAY_LEN(links); i++)
        map_insert(&map, &links[i], str_of(zeros, i));
    for (size_t i = 0; i < ARRAY_LEN(links); i++)
        assert_ptr_equal(map_find(&map, str_of(zeros, i)), &links[i]);
    map_done(&map);
}

static void test_hashes_spread_over_any_bits(void **state UNUSED)
{
    int low[64] = {0}, high[64] = {0};
    for (int i = 0; i < 6400; i++) {
        uint64_t hash = map_hash(member_key(i % MEMBER_COUNT));
        assert_true(hash == map_hash(member_key(i % MEMBER_COUNT)));
        low[hash % 64]++;
        high[hash >> 58]++;
    }
    for (int i = 0; i < 64; i++) {
        assert_in_range(low[i], 30, 200);
        assert_in_range(high[i], 30, 200);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_what_was_inserted_and_nothing_else),
        cmocka_unit_test(test_removed_members_are_gone_and_the_others_stay),
        cmocka_unit_test(test_each_visits_all_once_though_they_go),
        cmocka_unit_test(test_keys_are_bytes_of_any_kind_and_length),
        cmocka_unit_test(test_hashes_spread_over_any_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
