#include "db/device_passed.h"
#include "tests/support/store_lab.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* ann's inbox gets `count` receipts, 1 to count: bob confirms so many messages of hers. */
static struct str ann_with_receipts(struct store *store, size_t count)
{
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    struct device_open open = store_open(store, ann, STR("one"));
    assert_int_equal(open.op.err, OK);
    store_send_many(store, ann, bob, count);
    open = store_open(store, bob, STR("one"));
    struct ack_add ack = {.user_id = bob,
                          .device_id = STR("one"),
                          .form = ACK_UP_TO,
                          .epoch = open.epoch_out,
                          .seq = count,
                          .now_ms = 1};
    assert_int_equal(store_run(store, &ACK_ADD, bob, &ack.op), OK);
    assert_int_equal(store_rows(store, ann), count);
    return ann;
}

static void pass(struct store *store, struct str user_id, uint64_t known_seq, uint64_t seq)
{
    struct conn *conn = NULL;
    assert_int_equal(conn_open(&store->mariadb.config, NULL, &conn), OK);
    assert_int_equal(device_passed_confirm(conn, &(struct device_passed){.user_id = user_id,
                                                                         .device_id = STR("one"),
                                                                         .slot = 0,
                                                                         .known_seq = known_seq,
                                                                         .seq = seq}),
                     OK);
    conn_close(conn);
}

static uint64_t devices_that_passed(struct store *store, struct str user_id, unsigned seq)
{
    return test_db_count(&store->mariadb,
                         "SELECT 1 FROM devices WHERE user_id = '%.*s' AND passed_seq = %u",
                         STR_FMT(user_id), seq);
}

static void test_what_lies_at_or_before_the_cursor_is_confirmed(void **state)
{
    struct store *store = *state;
    struct str ann = ann_with_receipts(store, 10);
    pass(store, ann, 0, 4);
    assert_int_equal(store_rows(store, ann), 6);
    pass(store, ann, 0, 4);
    assert_int_equal(store_rows(store, ann), 6);
    pass(store, ann, 0, 10);
    assert_int_equal(store_rows(store, ann), 0);
}

static void test_what_was_passed_before_is_not_looked_at(void **state)
{
    struct store *store = *state;
    struct str ann = ann_with_receipts(store, 10);
    pass(store, ann, 6, 6);
    assert_int_equal(store_rows(store, ann), 10);
    pass(store, ann, 6, 8);
    assert_int_equal(store_rows(store, ann), 8);
}

static void test_memory_is_written_when_it_lags_a_step(void **state)
{
    struct store *store = *state;
    struct str ann = ann_with_receipts(store, DEVICE_PASSED_STEP + 1);
    pass(store, ann, 0, DEVICE_PASSED_STEP - 1);
    assert_int_equal(devices_that_passed(store, ann, 0), 1);
    pass(store, ann, 0, DEVICE_PASSED_STEP);
    assert_int_equal(devices_that_passed(store, ann, DEVICE_PASSED_STEP), 1);
    assert_int_equal(store_rows(store, ann), 1);
}

static void test_open_goes_on_from_what_was_passed(void **state)
{
    struct store *store = *state;
    struct str ann = ann_with_receipts(store, DEVICE_PASSED_STEP + 10);
    uint32_t epoch = store_open(store, ann, STR("one")).epoch_out;
    store_open_at(store, ann, STR("one"), epoch, DEVICE_PASSED_STEP);
    assert_int_equal(devices_that_passed(store, ann, DEVICE_PASSED_STEP), 1);
    store_open_at(store, ann, STR("one"), epoch, DEVICE_PASSED_STEP + 3);
    assert_int_equal(store_rows(store, ann), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_lies_at_or_before_the_cursor_is_confirmed),
        cmocka_unit_test(test_what_was_passed_before_is_not_looked_at),
        cmocka_unit_test(test_memory_is_written_when_it_lags_a_step),
        cmocka_unit_test(test_open_goes_on_from_what_was_passed),
    };
    return cmocka_run_group_tests(tests, store_setup, store_teardown);
}
