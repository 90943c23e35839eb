#include "base/clock.h"
#include "db/op.h"
#include "db/users.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void done(struct db_op *op UNUSED) {}

static void test_init_forgets_an_earlier_use(void **state UNUSED)
{
    struct loop *loop = NULL;
    struct db_op op;
    assert_int_equal(loop_open(&loop), OK);
    memset(&op, 0xff, sizeof(op));
    int64_t now_ms = clock_mono_ms();
    op_init(&op, &SETTINGS_GET, loop, 500, done);
    assert_ptr_equal(op.kind, &SETTINGS_GET);
    assert_ptr_equal(op.home, loop);
    assert_ptr_equal(op.done, done);
    assert_true(op.deadline_ms >= now_ms + 500 && op.deadline_ms < now_ms + 10500);
    assert_int_equal(op.err, OK);
    assert_false(op.is_check_first || op.is_uncertain || op.goes_on || op.has_gone_on);
    assert_int_equal(op.results.total_len, 0);
    assert_int_equal(op.request_id.len, 0);
    arena_done(&op.results);
    loop_close(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_init_forgets_an_earlier_use)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
