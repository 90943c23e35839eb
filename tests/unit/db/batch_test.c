#include "db/batch.h"
#include "db/recent.h"
#include "tests/support/store_lab.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static enum err run(struct conn *conn, struct recent *recent, struct db_op **ops, size_t op_count)
{
    struct batch batch;
    batch_init(&batch, conn, recent, false);
    enum err err = batch_run(&batch, ops, op_count);
    batch_done(&batch);
    return err;
}

static void init(struct db_op *op, const struct op_kind *kind)
{
    op_init(op, kind, NULL, 1000, NULL);
}

static void test_kinds_of_all_sorts_are_one_transaction(void **state)
{
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_id(store, "bob");
    struct recent *recent = recent_new();
    struct conn *conn = NULL;
    assert_int_equal(conn_open(&store->mariadb.config, NULL, &conn), OK);
    /* Submitted in an order in which they could not be done: kinds.def puts them right. */
    struct message_add add = store_message(store, ann, bob, STR("hello"));
    struct device_open open = {.user_id = bob, .device_id = STR("phone"), .limit = 10};
    struct user_ensure ensure = {.user_id = bob};
    init(&add.op, &MESSAGE_ADD);
    init(&open.op, &DEVICE_OPEN);
    init(&ensure.op, &USER_ENSURE);
    struct db_op *ops[] = {&add.op, &open.op, &ensure.op};
    assert_int_equal(run(conn, recent, ops, ARRAY_LEN(ops)), OK);
    assert_int_equal(add.op.err, OK);
    assert_int_equal(add.seq_out, 1);
    assert_int_equal(open.op.err, OK);
    assert_int_equal(open.row_count_out, 0); /* as it was before the batch's deliveries */
    assert_non_null(recent_find(recent, add.message_id));
    arena_done(&open.op.results);
    conn_close(conn);
    recent_free(recent);
}

static void test_failure_undoes_everything_and_remembers_nothing(void **state)
{
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    struct message_add sent = store_send(store, ann, bob, STR("hello")), again = sent;
    struct message_add add = store_message(store, ann, bob, STR("new"));
    struct recent *recent = recent_new();
    struct conn *conn = NULL;
    assert_int_equal(conn_open(&store->mariadb.config, NULL, &conn), OK);
    init(&add.op, &MESSAGE_ADD);
    init(&again.op, &MESSAGE_ADD);
    struct db_op *ops[] = {&add.op, &again.op};
    assert_int_equal(run(conn, recent, ops, ARRAY_LEN(ops)), ERR_DUPLICATE);
    assert_null(recent_find(recent, add.message_id));
    assert_int_equal(store_rows(store, bob), 1);
    assert_int_equal(run(conn, recent, ops, 1), OK); /* the connection is as good as new */
    assert_int_equal(add.seq_out, 2);
    conn_close(conn);
    recent_free(recent);
}

static void test_replay_from_memory_needs_no_database(void **state)
{
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    struct message_add add = store_message(store, ann, bob, STR("hello")), again = add;
    struct recent *recent = recent_new();
    struct conn *conn = NULL;
    assert_int_equal(conn_open(&store->mariadb.config, NULL, &conn), OK);
    init(&add.op, &MESSAGE_ADD);
    init(&again.op, &MESSAGE_ADD);
    struct db_op *ops[] = {&add.op, &again.op};
    assert_int_equal(run(conn, recent, ops, 1), OK);
    conn_set_deadline(conn, 1); /* any statement would lose the connection */
    assert_int_equal(run(conn, recent, ops + 1, 1), OK);
    assert_true(again.is_replay_out);
    assert_int_equal(again.seq_out, 1);
    conn_close(conn);
    recent_free(recent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds_of_all_sorts_are_one_transaction),
        cmocka_unit_test(test_failure_undoes_everything_and_remembers_nothing),
        cmocka_unit_test(test_replay_from_memory_needs_no_database),
    };
    return cmocka_run_group_tests(tests, store_setup, store_teardown);
}
