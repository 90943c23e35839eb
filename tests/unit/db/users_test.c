#include "base/clock.h"
#include "db/users.h"
#include "tests/support/store_lab.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_ensuring_is_idempotent_also_within_a_batch(void **state)
{
    enum { TRIES = 4 };
    struct store *store = *state;
    struct str ann = store_id(store, "ann");
    struct user_ensure ensures[TRIES];
    for (int round = 0; round < 2; round++) {
        clock_wall_set(1700000000000 + round * 5000);
        for (size_t i = 0; i < TRIES; i++) {
            ensures[i] = (struct user_ensure){.user_id = ann};
            store_submit(store, &USER_ENSURE, ann, &ensures[i].op);
        }
        store_wait(store);
        for (size_t i = 0; i < TRIES; i++)
            assert_int_equal(ensures[i].op.err, OK);
    }
    clock_wall_set(0);
    assert_int_equal(test_db_count(&store->mariadb,
                                   "SELECT 1 FROM users WHERE user_id = '%.*s' AND epoch = "
                                   "1700000000 AND next_seq = 1 AND device_mask = 1",
                                   STR_FMT(ann)),
                     1);
}

static void test_message_and_its_recipient_may_come_in_one_batch(void **state)
{
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_id(store, "bob");
    struct user_ensure ensure = {.user_id = bob};
    struct message_add add = store_message(store, ann, bob, STR("hello"));
    store_submit(store, &USER_ENSURE, bob, &ensure.op);
    store_submit_message(store, &add);
    store_wait(store);
    assert_int_equal(add.op.err, OK);
    assert_int_equal(add.seq_out, 1);
}

static void test_missing_users_are_named_in_place(void **state)
{
    struct store *store = *state;
    const struct str ids[] = {store_user(store, "a"), store_id(store, "none"),
                              store_user(store, "a"), STR("A-000001")};
    bool is_missing[ARRAY_LEN(ids)];
    struct users_missing missing = {
        .user_ids = ids, .user_count = ARRAY_LEN(ids), .is_missing_out = is_missing};
    assert_int_equal(store_run(store, &USERS_MISSING, ids[0], &missing.op), OK);
    assert_false(is_missing[0]);
    assert_true(is_missing[1]);
    assert_false(is_missing[2]);
    assert_true(is_missing[3]); /* ids are told apart by their bytes */
}

static void test_positions_are_told_in_place(void **state)
{
    struct store *store = *state;
    const struct str ids[] = {store_user(store, "a"), store_id(store, "none"),
                              store_user(store, "a")};
    struct user_position positions[ARRAY_LEN(ids)];
    store_send_many(store, ids[0], ids[2], 3);
    struct next_seqs seqs = {
        .user_ids = ids, .user_count = ARRAY_LEN(ids), .positions_out = positions};
    assert_int_equal(store_run(store, &NEXT_SEQS, ids[0], &seqs.op), OK);
    assert_int_equal(positions[0].newest_seq, 0);
    assert_true(positions[0].epoch != 0);
    assert_int_equal(positions[1].newest_seq, 0);
    assert_int_equal(positions[1].epoch, 0);
    assert_int_equal(positions[2].newest_seq, 3);
}

static void test_settings_are_kept(void **state)
{
    struct store *store = *state;
    struct settings_op settings = {.user_id = store_user(store, "ann")};
    assert_int_equal(store_run(store, &SETTINGS_GET, settings.user_id, &settings.op), OK);
    assert_int_equal(settings.retention_days, 0);
    settings.retention_days = 90;
    assert_int_equal(store_run(store, &SETTINGS_PUT, settings.user_id, &settings.op), OK);
    settings.retention_days = -1;
    assert_int_equal(store_run(store, &SETTINGS_GET, settings.user_id, &settings.op), OK);
    assert_int_equal(settings.retention_days, 90);
    settings.user_id = STR("nobody");
    assert_int_equal(store_run(store, &SETTINGS_GET, settings.user_id, &settings.op),
                     ERR_UNKNOWN_USER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ensuring_is_idempotent_also_within_a_batch),
        cmocka_unit_test(test_message_and_its_recipient_may_come_in_one_batch),
        cmocka_unit_test(test_missing_users_are_named_in_place),
        cmocka_unit_test(test_positions_are_told_in_place),
        cmocka_unit_test(test_settings_are_kept),
    };
    return cmocka_run_group_tests(tests, store_setup, store_teardown);
}
