#include "base/error.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_every_row_has_a_status_a_code_and_a_title(void **state UNUSED)
{
    for (int i = 0; i < ERR_COUNT; i++) {
        enum err err = (enum err)i;
        assert_in_range(err_status(err), 200, 599);
        assert_int_equal(strspn(err_code(err), "abcdefghijklmnopqrstuvwxyz_"),
                         strlen(err_code(err)));
        size_t title_len = strlen(err_title(err));
        assert_true(title_len > 0 && err_title(err)[title_len - 1] != '.');
    }
}

static void test_codes_are_unique(void **state UNUSED)
{
    for (int i = 0; i < ERR_COUNT; i++) {
        for (int j = 0; j < i; j++)
            assert_string_not_equal(err_code((enum err)i), err_code((enum err)j));
    }
}

static void test_rows_stand_at_their_constants(void **state UNUSED)
{
    assert_int_equal(OK, 0);
    assert_int_equal(err_status(OK), 200);
    assert_string_equal(err_code(ERR_TOO_LARGE), "too_large");
    assert_int_equal(err_status(ERR_TOO_LARGE), 413);
    assert_string_equal(err_code(ERR_CLOSED), "closed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_has_a_status_a_code_and_a_title),
        cmocka_unit_test(test_codes_are_unique),
        cmocka_unit_test(test_rows_stand_at_their_constants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
