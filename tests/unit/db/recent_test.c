#include "db/recent.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct recent_message numbered(size_t number)
{
    char id[UUID_LEN + 1];
    struct recent_message message = {.seq = number};
    snprintf(id, sizeof(id), "%036zu", number);
    memcpy(message.message_id, id, UUID_LEN);
    return message;
}

static const struct recent_message *find(struct recent *recent, size_t number)
{
    struct recent_message message = numbered(number);
    return recent_find(recent, str_of(message.message_id, UUID_LEN));
}

static void add(struct recent *recent, size_t number)
{
    struct recent_message message = numbered(number);
    recent_add(recent, &message);
}

static void test_message_is_found_until_enough_others_came(void **state UNUSED)
{
    struct recent *recent = recent_new();
    for (size_t i = 0; i < RECENT_MAX; i++)
        add(recent, i);
    assert_int_equal(find(recent, 0)->seq, 0);
    assert_int_equal(find(recent, RECENT_MAX - 1)->seq, RECENT_MAX - 1);
    add(recent, RECENT_MAX);
    assert_null(find(recent, 0));
    assert_non_null(find(recent, 1));
    assert_non_null(find(recent, RECENT_MAX));
    recent_free(recent);
}

static void test_second_time_is_ignored(void **state UNUSED)
{
    struct recent *recent = recent_new();
    add(recent, 1);
    struct recent_message again = numbered(1);
    again.seq = 99;
    recent_add(recent, &again);
    assert_int_equal(find(recent, 1)->seq, 1);
    for (size_t i = 2; i <= RECENT_MAX; i++)
        add(recent, i);
    assert_non_null(find(recent, 1)); /* it took one place */
    recent_free(recent);
    recent_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message_is_found_until_enough_others_came),
        cmocka_unit_test(test_second_time_is_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
