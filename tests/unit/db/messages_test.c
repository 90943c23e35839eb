#include "db/messages.h"
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

static void test_message_arrives_as_it_was_sent(void **state)
{
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    struct message_add add =
        store_message(store, ann, bob, STR("caf\xc3\xa9 'x' \\ \"y\" \xf0\x9f\x98\x80"));
    add.attachments = STR("[{\"url\":\"https://a\"}]");
    store_submit_message(store, &add);
    store_wait(store);
    assert_int_equal(add.op.err, OK);
    assert_false(add.is_replay_out);
    assert_int_equal(add.seq_out, 1);
    assert_int_equal(add.created_at_ms_out, add.created_at_ms);
    struct device_open open = store_open(store, bob, STR("phone"));
    assert_int_equal(open.row_count_out, 1);
    const struct inbox_row *row = &open.rows_out[0];
    assert_int_equal(row->kind, INBOX_MESSAGE);
    assert_int_equal(row->seq, 1);
    assert_int_equal(row->epoch, add.epoch_out);
    assert_str(row->message_id, add.message_id);
    assert_str(row->peer_id, ann);
    assert_str(row->peer_device, STR("phone"));
    assert_str(row->content, add.content);
    assert_str(row->attachments, add.attachments);
    assert_int_equal(row->created_at_ms, add.created_at_ms);
    assert_int_equal(row->group_id.len, 0);
    assert_int_equal(test_db_count(&store->mariadb,
                                   "SELECT 1 FROM inbox WHERE expires_at - created_at = "
                                   "CAST(365 * 86400000 AS SIGNED) AND user_id = '%.*s'",
                                   STR_FMT(bob)),
                     1);
}

static void test_sequence_of_every_inbox_is_free_of_gaps(void **state)
{
    enum { USERS = 20, SENDS = 3000 };
    struct store *store = *state;
    struct str users[USERS];
    struct message_add *adds = ARENA_ARRAY(&store->arena, struct message_add, SENDS);
    size_t counts[USERS] = {0};
    for (size_t i = 0; i < USERS; i++)
        users[i] = store_user(store, "u");
    for (size_t i = 0; i < SENDS; i++) {
        size_t to = (i * i + i / 7) % USERS; /* some more often than others */
        adds[i] = store_message(store, users[i % USERS], users[to], STR("hello"));
        adds[i].is_numbered = i % 2;
        counts[to]++;
        store_submit_message(store, &adds[i]);
    }
    store_wait(store);
    uint64_t last[USERS] = {0};
    for (size_t i = 0; i < SENDS; i++) { /* equal keys keep their order */
        size_t to = (i * i + i / 7) % USERS;
        assert_int_equal(adds[i].op.err, OK);
        assert_int_equal(adds[i].seq_out, last[to] + 1);
        last[to]++;
    }
    for (size_t i = 0; i < USERS; i++) {
        assert_int_equal(last[i], counts[i]);
        assert_int_equal(store_rows(store, users[i]), counts[i]);
        assert_int_equal(test_db_count(&store->mariadb,
                                       "SELECT 1 FROM users WHERE user_id = '%.*s' AND next_seq = "
                                       "%zu",
                                       STR_FMT(users[i]), counts[i] + 1),
                         1);
    }
}

static void assert_replay(struct store *store, const struct message_add *first)
{
    struct message_add again = *first;
    again.created_at_ms += 5000;
    store_submit_message(store, &again);
    store_wait(store);
    assert_int_equal(again.op.err, OK);
    assert_true(again.is_replay_out);
    assert_int_equal(again.created_at_ms_out, first->created_at_ms);
    assert_int_equal(again.seq_out, first->seq_out);
    assert_int_equal(again.epoch_out, first->epoch_out);
}

static void test_retry_is_a_replay_from_memory_and_from_the_store(void **state)
{
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    struct message_add first = store_send(store, ann, bob, STR("once"));
    assert_replay(store, &first);
    store_reopen(store); /* nothing is remembered: the primary key is met */
    assert_replay(store, &first);
    assert_replay(store, &first);
    assert_int_equal(store_rows(store, bob), 1);
    assert_int_equal(store_send(store, ann, bob, STR("next")).seq_out, 2);
}

static void test_retries_beside_the_first_make_one_message(void **state)
{
    enum { TRIES = 5 };
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    struct message_add adds[TRIES];
    adds[0] = store_message(store, ann, bob, STR("once"));
    for (size_t i = 1; i < TRIES; i++)
        adds[i] = adds[0]; /* before any belongs to a lane */
    for (size_t i = 0; i < TRIES; i++)
        store_submit_message(store, &adds[i]);
    store_wait(store);
    size_t replays = 0;
    for (size_t i = 0; i < TRIES; i++) {
        assert_int_equal(adds[i].op.err, OK);
        assert_int_equal(adds[i].seq_out, 1);
        replays += adds[i].is_replay_out;
    }
    assert_int_equal(replays, TRIES - 1);
    assert_int_equal(store_rows(store, bob), 1);
}

static void test_replay_does_not_cost_its_neighbours_anything(void **state)
{
    enum { SENDS = 100 };
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    struct message_add old = store_send(store, ann, bob, STR("old"));
    struct message_add adds[SENDS];
    store_reopen(store);
    for (size_t i = 0; i < SENDS; i++) {
        adds[i] = i == 50 ? old : store_message(store, ann, bob, STR("new"));
        store_submit_message(store, &adds[i]);
    }
    store_wait(store);
    for (size_t i = 0; i < SENDS; i++) {
        assert_int_equal(adds[i].op.err, OK);
        assert_int_equal(adds[i].is_replay_out, i == 50);
    }
    assert_int_equal(adds[SENDS - 1].seq_out, SENDS);
    assert_int_equal(store_rows(store, bob), SENDS);
}

static void test_same_id_with_another_content_is_refused(void **state)
{
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    struct message_add first = store_send(store, ann, bob, STR("once")), again = first;
    again.fingerprint[0]++;
    store_submit_message(store, &again);
    store_wait(store);
    assert_int_equal(again.op.err, ERR_KEY_REUSED);
    store_reopen(store);
    store_submit_message(store, &again);
    store_wait(store);
    assert_int_equal(again.op.err, ERR_KEY_REUSED);
    struct message_add both[2] = {store_message(store, ann, bob, STR("twice"))};
    both[1] = both[0];
    both[1].fingerprint[0]++;
    store_submit_message(store, &both[0]);
    store_submit_message(store, &both[1]);
    store_wait(store);
    assert_int_equal(both[0].op.err, OK);
    assert_int_equal(both[1].op.err, ERR_KEY_REUSED);
    assert_int_equal(store_rows(store, bob), 2);
}

static void test_unknown_recipient_harms_no_neighbour(void **state)
{
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    struct message_add adds[] = {
        store_message(store, ann, bob, STR("one")),
        store_message(store, ann, store_id(store, "nobody"), STR("two")),
        store_message(store, ann, bob, STR("three")),
    };
    for (size_t i = 0; i < ARRAY_LEN(adds); i++)
        store_submit_message(store, &adds[i]);
    store_wait(store);
    assert_int_equal(adds[0].op.err, OK);
    assert_int_equal(adds[1].op.err, ERR_UNKNOWN_USER);
    assert_int_equal(adds[2].op.err, OK);
    assert_int_equal(adds[2].seq_out, 2);
    assert_int_equal(test_db_count(&store->mariadb,
                                   "SELECT 1 FROM messages WHERE message_id = '%.*s'",
                                   STR_FMT(adds[1].message_id)),
                     0);
}

static void test_message_to_oneself_is_a_normal_one(void **state)
{
    struct store *store = *state;
    struct str ann = store_user(store, "ann");
    assert_int_equal(store_send(store, ann, ann, STR("note")).seq_out, 1);
    assert_int_equal(store_open(store, ann, STR("phone")).row_count_out, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message_arrives_as_it_was_sent),
        cmocka_unit_test(test_sequence_of_every_inbox_is_free_of_gaps),
        cmocka_unit_test(test_retry_is_a_replay_from_memory_and_from_the_store),
        cmocka_unit_test(test_retries_beside_the_first_make_one_message),
        cmocka_unit_test(test_replay_does_not_cost_its_neighbours_anything),
        cmocka_unit_test(test_same_id_with_another_content_is_refused),
        cmocka_unit_test(test_unknown_recipient_harms_no_neighbour),
        cmocka_unit_test(test_message_to_oneself_is_a_normal_one),
    };
    return cmocka_run_group_tests(tests, store_setup, store_teardown);
}
