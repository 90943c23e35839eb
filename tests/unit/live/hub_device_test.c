#include "live/hub_user.h"
#include <stdarg.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tests/unit/live/hub_bed.h"

static void test_nothing_is_remembered_without_an_entry(void **state)
{
    (void)state;
    assert_null(hub_device(lab.hub, STR("ann"), STR("phone")));
    struct hub_device *device = hub_keep(lab.hub, STR("ann"), STR("phone"));
    assert_false(device->is_open);
    device->empty_seq = 42;
    device = hub_device(lab.hub, STR("ann"), STR("phone"));
    assert_int_equal(device->empty_seq, 42);
    assert_true(str_equal(device->device_id, STR("phone")));
}

static void test_devices_of_a_listening_user_are_remembered(void **state)
{
    (void)state;
    reader_live(&a, &lab, "ann", 40);
    struct hub_device *phone = hub_device(lab.hub, STR("ann"), STR("phone"));
    phone->slot = 3;
    phone->is_open = true;
    hub_device(lab.hub, STR("ann"), STR("tablet"))->slot = 4;
    phone = hub_device(lab.hub, STR("ann"), STR("phone"));
    assert_int_equal(phone->slot, 3);
    assert_true(phone->is_open);
}

static void test_a_device_is_not_open_without_a_subscription(void **state)
{
    (void)state;
    hub_keep(lab.hub, STR("ann"), STR("phone"))->is_open = true;
    assert_false(hub_device(lab.hub, STR("ann"), STR("phone"))->is_open);
}

static void test_a_device_opened_before_the_subscription_is_not_open_after_it(void **state)
{
    (void)state;
    hub_keep(lab.hub, STR("ann"), STR("phone"))->is_open = true;
    reader_live(&a, &lab, "ann", 40);
    assert_false(hub_device(lab.hub, STR("ann"), STR("phone"))->is_open);
}

static void test_the_least_recently_used_device_goes(void **state)
{
    (void)state;
    char name[2] = "a";
    for (int i = 0; i < HUB_DEVICES_MAX; i++, name[0]++)
        hub_keep(lab.hub, STR("ann"), str_of(name, 1))->slot = 1;
    assert_int_equal(hub_device(lab.hub, STR("ann"), STR("a"))->slot, 1); /* used again */
    hub_keep(lab.hub, STR("ann"), STR("new"))->slot = 1;
    assert_int_equal(hub_device(lab.hub, STR("ann"), STR("a"))->slot, 1);
    assert_int_equal(hub_device(lab.hub, STR("ann"), STR("c"))->slot, 1);
    assert_int_equal(hub_device(lab.hub, STR("ann"), STR("b"))->slot, 0); /* anew */
}

static void test_a_forgotten_device_is_not_remembered(void **state)
{
    (void)state;
    reader_live(&a, &lab, "ann", 40);
    hub_device(lab.hub, STR("ann"), STR("phone"))->is_open = true;
    hub_device(lab.hub, STR("ann"), STR("tablet"))->is_open = true;
    hub_dismiss(lab.hub, STR("ann"), STR("phone"), DISMISSED_FORGOTTEN);
    assert_false(hub_device(lab.hub, STR("ann"), STR("phone"))->is_open);
    assert_true(hub_device(lab.hub, STR("ann"), STR("tablet"))->is_open);
    hub_dismiss(lab.hub, STR("ann"), STR_NONE, DISMISSED_ERASED);
    assert_false(hub_device(lab.hub, STR("ann"), STR("tablet"))->is_open);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_is_remembered_without_an_entry, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_devices_of_a_listening_user_are_remembered, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_device_is_not_open_without_a_subscription, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            test_a_device_opened_before_the_subscription_is_not_open_after_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_least_recently_used_device_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_forgotten_device_is_not_remembered, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
