#include "live/notice.h"
#include <stdarg.h>

#include <setjmp.h>

#include <cmocka.h>

static void test_wire_form_brings_back_the_same_notice(void **state)
{
    (void)state;
    const struct notice notices[] = {
        {DISMISSED_DISPLACED, LISTENER_POLL, 1, UINT64_MAX - 1, STR("phone")},
        {DISMISSED_ERASED, LISTENER_STREAM, UINT64_MAX, 0, STR_NONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(notices); i++) {
        struct buf wire;
        struct notice back;
        buf_init(&wire, 1024);
        assert_int_equal(notice_to_wire(&notices[i], &wire), OK);
        assert_int_equal(notice_from_wire(buf_str(&wire), &back), OK);
        assert_int_equal(back.why, notices[i].why);
        assert_int_equal(back.kind, notices[i].kind);
        assert_int_equal(back.from, notices[i].from);
        assert_int_equal(back.stamp, notices[i].stamp);
        assert_true(str_equal(back.device_id, notices[i].device_id));
        buf_done(&wire);
    }
}

static void test_broken_wire_forms_are_refused(void **state)
{
    (void)state;
    char bytes[20 + NOTICE_DEVICE_LEN_MAX + 1] = {'N', 1};
    struct notice notice;
    assert_int_equal(notice_from_wire(str_of(bytes, 20), &notice), OK);
    assert_int_equal(notice_from_wire(str_of(bytes, 19), &notice), ERR_FIELD);
    assert_int_equal(notice_from_wire(STR_NONE, &notice), ERR_FIELD);
    assert_int_equal(notice_from_wire(str_of(bytes, sizeof(bytes)), &notice), ERR_FIELD);
    const char broken[][4] = {{'E', 1}, {'N', 2}, {'N', 1, 3}, {'N', 1, '\xff'}, {'N', 1, 0, 2}};
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        memcpy(bytes, broken[i], 4);
        assert_int_equal(notice_from_wire(str_of(bytes, 20), &notice), ERR_FIELD);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wire_form_brings_back_the_same_notice),
        cmocka_unit_test(test_broken_wire_forms_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
