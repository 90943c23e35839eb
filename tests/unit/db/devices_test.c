#include "db/devices.h"
#include "tests/support/store_lab.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_str(struct str s, struct str want)
{
    assert_int_equal(s.len, want.len);
    assert_memory_equal(s.ptr, want.ptr, want.len);
}

static enum err forget(struct store *store, struct str user_id, struct str device_id)
{
    struct device_forget forget = {.user_id = user_id, .device_id = device_id};
    return store_run(store, &DEVICE_FORGET, user_id, &forget.op);
}

static size_t count(struct store *store, struct str user_id)
{
    struct devices_list list = {.user_id = user_id};
    assert_int_equal(store_run(store, &DEVICES_LIST, user_id, &list.op), OK);
    return list.device_count_out;
}

static size_t confirm(struct store *store, struct str user_id, struct str device_id, uint32_t epoch,
                      uint64_t seq)
{
    struct ack_add ack = {
        .user_id = user_id, .device_id = device_id, .form = ACK_UP_TO, .epoch = epoch, .seq = seq};
    assert_int_equal(store_run(store, &ACK_ADD, user_id, &ack.op), OK);
    return ack.acknowledged_out;
}

static void test_list_has_the_devices_in_order_of_registration(void **state)
{
    struct store *store = *state;
    struct str bob = store_user(store, "bob");
    assert_int_equal(count(store, bob), 0);
    static const char *const names[] = {"zoo", "desk", "phone"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        store_open(store, bob, str_from_c(names[i]));
    struct devices_list list = {.user_id = bob};
    assert_int_equal(store_run(store, &DEVICES_LIST, bob, &list.op), OK);
    assert_int_equal(list.device_count_out, ARRAY_LEN(names));
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_str(list.devices_out[i].device_id, str_from_c(names[i]));
        assert_true(list.devices_out[i].last_seen_ms > 0);
    }
}

static void test_what_waited_for_a_forgotten_device_alone_goes_with_it(void **state)
{
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    store_open(store, bob, STR("desk"));
    uint32_t epoch = store_open(store, bob, STR("phone")).epoch_out;
    store_send_many(store, ann, bob, 3);
    assert_int_equal(confirm(store, bob, STR("desk"), epoch, 2), 2);
    assert_int_equal(store_rows(store, bob), 3);
    assert_int_equal(forget(store, bob, STR("phone")), OK);
    assert_int_equal(store_rows(store, bob), 1); /* the one that desk waits for */
    assert_int_equal(count(store, bob), 1);
    store_send(store, ann, bob, STR("for desk alone"));
    assert_int_equal(confirm(store, bob, STR("desk"), epoch, 4), 2);
    assert_int_equal(store_rows(store, bob), 0);
}

static void test_what_is_pending_waits_for_the_next_after_the_last_one_is_forgotten(void **state)
{
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    store_open(store, bob, STR("one"));
    store_open(store, bob, STR("two"));
    store_send(store, ann, bob, STR("before"));
    assert_int_equal(forget(store, bob, STR("one")), OK);
    assert_int_equal(forget(store, bob, STR("two")), OK);
    assert_int_equal(count(store, bob), 0);
    store_send(store, ann, bob, STR("between"));
    struct device_open open = store_open(store, bob, STR("three"));
    assert_int_equal(open.row_count_out, 2);
    assert_int_equal(confirm(store, bob, STR("three"), open.epoch_out, 2), 2);
    assert_int_equal(store_rows(store, bob), 0);
    assert_int_equal(store_rows(store, ann), 2); /* receipts */
}

static void test_forgotten_slot_is_free_again(void **state)
{
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob"), ids[DEVICES_MAX];
    for (size_t i = 0; i < DEVICES_MAX; i++) {
        ids[i] = store_id(store, "d");
        assert_int_equal(store_open(store, bob, ids[i]).slot_out, i);
    }
    assert_int_equal(store_open(store, bob, STR("late")).op.err, ERR_TOO_MANY_DEVICES);
    assert_int_equal(forget(store, bob, ids[5]), OK);
    store_send(store, ann, bob, STR("hello"));
    struct device_open open = store_open(store, bob, STR("late"));
    assert_int_equal(open.op.err, OK);
    assert_int_equal(open.slot_out, 5);
    assert_int_equal(open.row_count_out, 1);
    for (size_t i = 0; i < DEVICES_MAX; i++) {
        struct str id = i == 5 ? STR("late") : ids[i];
        assert_int_equal(store_rows(store, bob), 1);
        assert_int_equal(confirm(store, bob, id, open.epoch_out, 1), 1);
    }
    assert_int_equal(store_rows(store, bob), 0);
}

static void test_unknown_device_is_not_found(void **state)
{
    struct store *store = *state;
    struct str bob = store_user(store, "bob");
    store_open(store, bob, STR("phone"));
    assert_int_equal(forget(store, bob, STR("desk")), ERR_NOT_FOUND);
    assert_int_equal(forget(store, store_id(store, "nobody"), STR("phone")), ERR_NOT_FOUND);
    assert_int_equal(count(store, bob), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list_has_the_devices_in_order_of_registration),
        cmocka_unit_test(test_what_waited_for_a_forgotten_device_alone_goes_with_it),
        cmocka_unit_test(test_what_is_pending_waits_for_the_next_after_the_last_one_is_forgotten),
        cmocka_unit_test(test_forgotten_slot_is_free_again),
        cmocka_unit_test(test_unknown_device_is_not_found),
    };
    return cmocka_run_group_tests(tests, store_setup, store_teardown);
}
