#include "db/device_slots.h"
#include "tests/support/store_lab.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static enum err take(struct store *store, struct str user_id, struct str device_id,
                     struct device_slot *slot_out)
{
    struct conn *conn = NULL;
    assert_int_equal(conn_open(&store->mariadb.config, NULL, &conn), OK);
    conn_begin(conn);
    enum err err = device_slots_take(conn, user_id, device_id, slot_out);
    if (err == OK)
        assert_int_equal(conn_commit(conn), OK);
    else
        conn_rollback(conn);
    conn_close(conn);
    return err;
}

static uint64_t users_with_mask(struct store *store, struct str user_id, unsigned mask)
{
    return test_db_count(&store->mariadb,
                         "SELECT 1 FROM users WHERE user_id = '%.*s' AND device_mask = %u",
                         STR_FMT(user_id), mask);
}

static void test_slots_are_taken_from_the_lowest(void **state)
{
    struct store *store = *state;
    struct str bob = store_user(store, "bob");
    struct device_slot slot;
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(take(store, bob, store_id(store, "d"), &slot), OK);
        assert_int_equal(slot.slot, i);
        assert_int_equal(slot.next_seq, 1);
        assert_int_equal(users_with_mask(store, bob, BIT(i + 1) - 1), 1);
    }
}

static void test_known_device_keeps_its_slot(void **state)
{
    struct store *store = *state;
    struct str bob = store_user(store, "bob");
    struct device_slot first, again;
    assert_int_equal(take(store, bob, STR("one"), &first), OK);
    assert_int_equal(take(store, bob, STR("two"), &first), OK);
    assert_int_equal(take(store, bob, STR("two"), &again), OK);
    assert_int_equal(again.slot, first.slot);
    assert_int_equal(again.epoch, first.epoch);
    assert_int_equal(users_with_mask(store, bob, 3), 1);
}

static void test_refusals_are_told_from_failures(void **state)
{
    struct store *store = *state;
    struct str bob = store_user(store, "bob");
    struct device_slot slot;
    for (uint32_t i = 0; i < DEVICES_MAX; i++)
        assert_int_equal(take(store, bob, store_id(store, "d"), &slot), OK);
    assert_int_equal(take(store, bob, STR("late"), &slot), ERR_TOO_MANY_DEVICES);
    assert_int_equal(take(store, STR("nobody"), STR("phone"), &slot), ERR_UNKNOWN_USER);
    assert_true(device_slots_is_refusal(ERR_TOO_MANY_DEVICES));
    assert_true(device_slots_is_refusal(ERR_UNKNOWN_USER));
    assert_false(device_slots_is_refusal(ERR_RETRY));
    assert_false(device_slots_is_refusal(OK));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slots_are_taken_from_the_lowest),
        cmocka_unit_test(test_known_device_keeps_its_slot),
        cmocka_unit_test(test_refusals_are_told_from_failures),
    };
    return cmocka_run_group_tests(tests, store_setup, store_teardown);
}
