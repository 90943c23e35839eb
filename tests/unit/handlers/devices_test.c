/* GET devices, DELETE devices/{deviceId}. */
#include "db/devices.h"
#include "handlers/app.h"
#include "tests/unit/handlers/lab.h"

static void test_list_marks_the_callers_own(void **state UNUSED)
{
    struct call *call = lab_call("GET /chat/app/devices", NULL);
    struct devices_list *list = LAB_OP(devices_list, DEVICES_LIST);
    assert_string_equal(lab.key, "ann");
    assert_str(list->user_id, "ann");
    list->devices_out = ARENA_ARRAY(&list->op.results, struct device_row, 2);
    list->devices_out[0] = (struct device_row){STR("pad"), 1600000000999};
    list->devices_out[1] = (struct device_row){STR("phone"), 1700000000000};
    list->device_count_out = 2;
    lab_answer(OK);
    assert_reply(call, 200,
                 "{\"devices\":[{\"device_id\":\"pad\",\"last_seen\":1600000000,\"current\":false},"
                 "{\"device_id\":\"phone\",\"last_seen\":1700000000,\"current\":true}]}");
}

static void test_user_without_devices_has_an_empty_list(void **state UNUSED)
{
    struct call *call = lab_call("GET /chat/app/devices", NULL);
    lab_answer(OK);
    assert_reply(call, 200, "{\"devices\":[]}");
}

static void test_forgotten_device_is_dismissed(void **state UNUSED)
{
    struct ear pad, phone;
    ear_open(&pad, "ann", "pad", 40);
    ear_open(&phone, "ann", "phone", 40);
    struct call *call = lab_call("DELETE /chat/app/devices/pad", NULL);
    struct device_forget *forget = LAB_OP(device_forget, DEVICE_FORGET);
    assert_string_equal(lab.key, "ann");
    assert_str(forget->user_id, "ann");
    assert_str(forget->device_id, "pad");
    lab_turn(2);
    assert_int_equal(pad.dismissals, 0); /* after the commit, never before */
    lab_answer(OK);
    assert_reply(call, 204, "");
    LAB_UNTIL(pad.dismissals > 0);
    assert_int_equal(pad.why, DISMISSED_FORGOTTEN);
    assert_int_equal(phone.dismissals, 0);
    ear_close(&pad);
    ear_close(&phone);
}

static void test_unknown_device_is_not_found_and_nobody_is_dismissed(void **state UNUSED)
{
    struct ear phone;
    ear_open(&phone, "ann", "phone", 40);
    struct call *call = lab_call("DELETE /chat/app/devices/phone", NULL);
    lab_answer(ERR_NOT_FOUND);
    assert_problem(call, ERR_NOT_FOUND, NULL);
    lab_turn(2);
    assert_int_equal(phone.dismissals, 0);
    ear_close(&phone);
    int submits = lab.submits;
    assert_problem(lab_call("DELETE /chat/app/devices/a,b", NULL), ERR_NOT_FOUND, NULL);
    assert_int_equal(lab.submits, submits);
}

static void test_outcomes_of_the_store_are_passed_on(void **state UNUSED)
{
    assert_awaits_well("GET /chat/app/devices", NULL);
    assert_awaits_well("DELETE /chat/app/devices/pad", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_CASE(test_list_marks_the_callers_own),
        LAB_CASE(test_user_without_devices_has_an_empty_list),
        LAB_CASE(test_forgotten_device_is_dismissed),
        LAB_CASE(test_unknown_device_is_not_found_and_nobody_is_dismissed),
        LAB_CASE(test_outcomes_of_the_store_are_passed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
