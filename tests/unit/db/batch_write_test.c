#include "db/batch_write.h"
#include "tests/support/store_lab.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A batch made by hand, without a lane. */
struct made {
    struct store *store;
    struct conn *conn;
    struct batch batch;
};

static void made_begin(struct made *made, struct store *store, bool is_check_first)
{
    *made = (struct made){.store = store};
    assert_int_equal(conn_open(&store->mariadb.config, NULL, &made->conn), OK);
    batch_init(&made->batch, made->conn, NULL, is_check_first);
    conn_begin(made->conn);
}

static struct delivery *made_add(struct made *made, struct str user_id, struct str message_id)
{
    static const uint8_t fingerprint[FINGERPRINT_LEN] = {9};
    struct delivery *delivery = batch_deliver(&made->batch, user_id);
    delivery->row = (struct inbox_row){
        .kind = INBOX_MESSAGE, .message_id = message_id, .created_at_ms = 5, .content = STR("x")};
    delivery->has_identity = true;
    delivery->sender_id = STR("ann");
    delivery->fingerprint = fingerprint;
    return delivery;
}

static void made_end(struct made *made)
{
    if (conn_commit(made->conn) != OK) conn_rollback(made->conn);
    conn_close(made->conn);
}

static void test_rows_are_numbered_by_user_in_the_order_of_delivery(void **state)
{
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    struct made made;
    made_begin(&made, store, false);
    struct delivery *deliveries[] = {
        made_add(&made, bob, store_uuid(store)), made_add(&made, ann, store_uuid(store)),
        made_add(&made, bob, store_uuid(store)), made_add(&made, STR("none"), store_uuid(store)),
        made_add(&made, bob, store_uuid(store)),
    };
    static const uint64_t seqs[] = {1, 1, 2, 0, 3};
    assert_int_equal(batch_write(&made.batch), OK);
    for (size_t i = 0; i < ARRAY_LEN(deliveries); i++) {
        assert_int_equal(deliveries[i]->row.seq, seqs[i]);
        assert_int_equal(deliveries[i]->is_unknown, i == 3);
    }
    batch_done(&made.batch);
    made_end(&made);
    assert_int_equal(store_rows(store, bob), 3);
}

static void test_identity_that_is_there_is_reported_only_when_checking_first(void **state)
{
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    struct message_add sent = store_send(store, ann, bob, STR("hello"));
    struct made made;
    made_begin(&made, store, true);
    struct delivery *old = made_add(&made, bob, sent.message_id);
    struct delivery *fresh = made_add(&made, bob, store_uuid(store));
    assert_int_equal(batch_write(&made.batch), OK);
    assert_true(old->is_repeat);
    assert_int_equal(old->row.seq, 1);
    assert_int_equal(old->row.epoch, sent.epoch_out);
    assert_int_equal(old->row.created_at_ms, sent.created_at_ms);
    assert_memory_equal(old->fingerprint_seen, sent.fingerprint, FINGERPRINT_LEN);
    assert_false(fresh->is_repeat);
    assert_int_equal(fresh->row.seq, 2);
    batch_done(&made.batch);
    made_end(&made);

    made_begin(&made, store, false);
    made_add(&made, bob, sent.message_id);
    assert_int_equal(batch_write(&made.batch), ERR_DUPLICATE);
    batch_done(&made.batch);
    made_end(&made);
    assert_int_equal(store_send(store, ann, bob, STR("next")).seq_out, 3);
}

static void test_batch_larger_than_a_statement_is_sliced(void **state)
{
    enum { ROWS = 2500 };
    struct store *store = *state;
    struct str bob = store_user(store, "bob");
    static char long_text[8000];
    memset(long_text, 'x', sizeof(long_text));
    struct made made;
    made_begin(&made, store, false);
    for (size_t i = 0; i < ROWS; i++) /* more rows, users and bytes than one statement takes */
        made_add(&made, i % 2 ? bob : store_id(store, "none"), store_uuid(store))->row.content =
            str_of(long_text, sizeof(long_text));
    assert_int_equal(batch_write(&made.batch), OK);
    batch_done(&made.batch);
    made_end(&made);
    assert_int_equal(store_rows(store, bob), ROWS / 2);
}

static void test_empty_batch_writes_nothing(void **state)
{
    struct made made;
    made_begin(&made, *state, true);
    conn_set_deadline(made.conn, 1); /* any statement would lose the connection */
    assert_int_equal(batch_write(&made.batch), OK);
    batch_done(&made.batch);
    assert_false(conn_is_lost(made.conn));
    made_end(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_numbered_by_user_in_the_order_of_delivery),
        cmocka_unit_test(test_identity_that_is_there_is_reported_only_when_checking_first),
        cmocka_unit_test(test_batch_larger_than_a_statement_is_sliced),
        cmocka_unit_test(test_empty_batch_writes_nothing),
    };
    return cmocka_run_group_tests(tests, store_setup, store_teardown);
}
