#include "base/list.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct item {
    int number;
    struct list link;
};

static void items_push(struct list *list, struct item *items, int count)
{
    list_init(list);
    for (int i = 0; i < count; i++) {
        items[i].number = i;
        list_push(list, &items[i].link);
    }
}

static void test_keeps_the_order_of_pushes(void **state UNUSED)
{
    struct list list;
    struct item items[3];
    items_push(&list, items, 3);
    int expected = 0;
    LIST_EACH (&list, link)
        assert_int_equal(container_of(link, struct item, link)->number, expected++);
    assert_int_equal(expected, 3);
    for (int i = 0; i < 3; i++)
        assert_ptr_equal(list_pop(&list), &items[i].link);
    assert_null(list_pop(&list));
    assert_true(list_is_empty(&list));
}

static void test_a_removed_link_may_be_removed_again(void **state UNUSED)
{
    struct list list;
    struct item items[3];
    items_push(&list, items, 3);
    list_remove(&items[1].link);
    list_remove(&items[1].link);
    assert_false(list_is_linked(&items[1].link));
    assert_ptr_equal(list_pop(&list), &items[0].link);
    assert_ptr_equal(list_pop(&list), &items[2].link);
}

static void test_the_safe_walk_allows_removal(void **state UNUSED)
{
    struct list list;
    struct item items[5];
    int visits = 0;
    items_push(&list, items, 5);
    LIST_EACH_SAFE (&list, link) {
        list_remove(link);
        visits++;
    }
    assert_int_equal(visits, 5);
    assert_true(list_is_empty(&list));
}

static void test_a_link_may_go_before_any_other(void **state UNUSED)
{
    struct list list;
    struct item items[2], first;
    items_push(&list, items, 2);
    list_insert_before(&items[0].link, &first.link);
    assert_ptr_equal(list_pop(&list), &first.link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps_the_order_of_pushes),
        cmocka_unit_test(test_a_removed_link_may_be_removed_again),
        cmocka_unit_test(test_the_safe_walk_allows_removal),
        cmocka_unit_test(test_a_link_may_go_before_any_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
