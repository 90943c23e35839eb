#include "base/clock.h"
#include "base/fault.h"
#include "db/lane.h"
#include "tests/support/store_lab.h"
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { MANY = 200 };

/* Many sends at once from one to another, as a burst of requests makes them. */
struct burst {
    struct str ann, bob;
    struct message_add adds[MANY];
};

static struct burst *burst_new(struct store *store)
{
    struct burst *burst = ARENA_NEW(&store->arena, struct burst);
    burst->ann = store_user(store, "ann");
    burst->bob = store_user(store, "bob");
    for (size_t i = 0; i < MANY; i++) {
        burst->adds[i] = store_message(store, burst->ann, burst->bob, STR("hello"));
        burst->adds[i].is_numbered = i % 2;
    }
    return burst;
}

static void burst_submit(struct store *store, struct burst *burst)
{
    for (size_t i = 0; i < MANY; i++)
        store_submit_message(store, &burst->adds[i]);
}

/* All stored once, in order, none told to be a replay, since nobody had been told of them before.
 */
static void burst_assert_stored(struct store *store, const struct burst *burst)
{
    for (size_t i = 0; i < MANY; i++) {
        const struct message_add *add = &burst->adds[i];
        assert_int_equal(add->op.err, OK);
        assert_false(add->is_replay_out);
        assert_int_equal(add->seq_out, i + 1);
        assert_int_equal(add->epoch_out, burst->adds[0].epoch_out);
        assert_true(add->epoch_out != 0);
    }
    assert_int_equal(store_rows(store, burst->bob), MANY);
    assert_int_equal(store_send(store, burst->ann, burst->bob, STR("next")).seq_out, MANY + 1);
}

static void burst_with_fault(struct store *store, struct str fault)
{
    struct burst *burst = burst_new(store);
    assert_int_equal(fault_arm(fault), OK);
    burst_submit(store, burst);
    store_wait(store);
    fault_disarm();
    burst_assert_stored(store, burst);
}

static void test_connection_lost_between_statements_costs_nothing(void **state)
{
    burst_with_fault(*state, STR("lane_before_statement:fail:1"));
    burst_with_fault(*state, STR("lane_before_statement:fail:3"));
    burst_with_fault(*state, STR("lane_after_statement:fail:2"));
    burst_with_fault(*state, STR("lane_after_statement:fail:4"));
}

static void test_connection_lost_before_commit_is_redone(void **state)
{
    burst_with_fault(*state, STR("lane_before_commit:fail:1"));
}

static void test_connection_lost_after_commit_is_found_stored(void **state)
{
    burst_with_fault(*state, STR("lane_after_commit:fail:1"));
}

static void test_ack_cut_off_at_commit_confirms_once(void **state)
{
    struct store *store = *state;
    static const char *const faults[] = {"lane_before_commit:fail:1", "lane_after_commit:fail:1"};
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
        struct message_add sent = store_send(store, ann, bob, STR("hello"));
        struct ack_add ack = {.user_id = bob,
                              .device_id = STR("phone"),
                              .form = ACK_IDS,
                              .message_ids = &sent.message_id,
                              .message_id_count = 1,
                              .now_ms = 1};
        assert_int_equal(fault_arm(str_from_c(faults[i])), OK);
        assert_int_equal(store_run(store, &ACK_ADD, bob, &ack.op), OK);
        fault_disarm();
        assert_int_equal(store_rows(store, bob), 0);
        assert_int_equal(store_rows(store, ann), 1);
    }
}

static void test_killed_connections_are_made_again(void **state)
{
    struct store *store = *state;
    for (int i = 0; i < 5; i++) {
        struct burst *burst = burst_new(store);
        if (i == 0) test_db_kill_connections(&store->mariadb); /* idle ones */
        burst_submit(store, burst);
        if (i > 0) test_db_kill_connections(&store->mariadb); /* at whatever moment */
        store_wait(store);
        burst_assert_stored(store, burst);
        assert_int_equal(store_open(store, burst->bob, STR("phone")).op.err, OK);
    }
}

static void test_failing_op_is_found_and_harms_no_other(void **state)
{
    struct store *store = *state;
    for (size_t bad = 0; bad < MANY; bad += 67) {
        struct burst *burst = burst_new(store);
        /* Longer than its column: the server refuses the whole statement. */
        burst->adds[bad].message_id = STR("0123456789-0123456789-0123456789-0123456789");
        burst_submit(store, burst);
        store_wait(store);
        uint64_t seq = 0;
        for (size_t i = 0; i < MANY; i++) {
            assert_int_equal(burst->adds[i].op.err, i == bad ? ERR_INTERNAL : OK);
            if (i != bad) assert_int_equal(burst->adds[i].seq_out, ++seq);
        }
        assert_int_equal(store_rows(store, burst->bob), MANY - 1);
    }
}

static void test_deadlock_is_redone(void **state)
{
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    struct store other = *store; /* a second server on the same store, with lanes of its own */
    struct message_add adds[MANY];
    assert_int_equal(db_open(&store->mariadb.config, &other.db), OK);
    for (size_t i = 0; i < MANY; i++) {
        struct str to = i % 3 ? ann : bob, from = i % 3 ? bob : ann;
        adds[i] = store_message(store, from, to, STR("hello"));
        struct db *db = store->db;
        if (i % 2) store->db = other.db;
        store_submit_message(store, &adds[i]);
        store->db = db;
    }
    store_wait(store);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(adds[i].op.err, OK);
    assert_int_equal(store_rows(store, ann) + store_rows(store, bob), MANY);
    db_close(other.db);
}

static void test_full_queue_refuses_at_once(void **state)
{
    enum { QUEUE_MAX = 10, SENDS = 3000 };
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    int64_t queue_max = store->mariadb.config.db_queue_max;
    struct message_add *adds = ARENA_ARRAY(&store->arena, struct message_add, SENDS);
    size_t refused = 0;
    store->mariadb.config.db_queue_max = QUEUE_MAX;
    for (size_t i = 0; i < SENDS; i++) {
        adds[i] = store_message(store, ann, bob, STR("hello"));
        refused += !store_try_submit(store, &MESSAGE_ADD, bob, &adds[i].op);
    }
    store_wait(store);
    store->mariadb.config.db_queue_max = queue_max;
    assert_true(refused > 0);
    assert_int_equal(store_rows(store, bob), SENDS - refused);
}

static void test_closing_fails_what_waits(void **state)
{
    struct store *store = *state;
    struct burst *burst = burst_new(store);
    burst_submit(store, burst);
    db_close(store->db);
    store_wait(store); /* every one is told */
    size_t stored = 0;
    for (size_t i = 0; i < MANY; i++) {
        enum err err = burst->adds[i].op.err;
        assert_true(err == OK || err == ERR_UNAVAILABLE);
        stored += err == OK;
    }
    assert_int_equal(store_rows(store, burst->bob), stored);
    assert_int_equal(db_open(&store->mariadb.config, &store->db), OK);
}

static void test_stopped_server_is_waited_for_no_longer_than_the_deadline(void **state)
{
    struct store *store = *state;
    struct burst *burst = burst_new(store);
    store->deadline_ms = 700;
    int64_t start_ms = clock_mono_ms();
    test_db_pause(&store->mariadb, true);
    burst_submit(store, burst);
    store_wait(store);
    int64_t took_ms = clock_mono_ms() - start_ms;
    assert_true(took_ms >= 690 && took_ms < 5000);
    for (size_t i = 0; i < MANY; i++) {
        enum err err = burst->adds[i].op.err;
        assert_true(err == ERR_UNAVAILABLE || err == ERR_UNCERTAIN);
    }
    struct inbox_page page = {.user_id = burst->bob, .limit = 10};
    enum err err = store_run(store, &INBOX_PAGE, burst->bob, &page.op);
    assert_int_equal(err, ERR_UNAVAILABLE);
    test_db_pause(&store->mariadb, false);
    store->deadline_ms = 30000;
    /* The clients try again: what they number is stored once, whatever became of the first try. */
    burst_submit(store, burst);
    store_wait(store);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(burst->adds[i].op.err, OK);
    assert_int_equal(store_rows(store, burst->bob), MANY);
}

static void test_killed_server_that_comes_back_loses_nothing(void **state)
{
    struct store *store = *state;
    struct burst *burst = burst_new(store);
    burst_submit(store, burst);
    test_db_kill(&store->mariadb);
    test_db_restart(&store->mariadb);
    store_wait(store);
    burst_assert_stored(store, burst);
    assert_true(db_is_up(store->db));
    assert_int_equal(db_stuck_ms(store->db), 0);
}

static void assert_soon_up(struct store *store, bool is_up)
{
    enum { DEADLINE_MS = 10000, TRY_MS = 5 };
    int64_t end_ms = clock_mono_ms() + DEADLINE_MS;
    while (db_is_up(store->db) != is_up && clock_mono_ms() < end_ms)
        poll(NULL, 0, TRY_MS);
    assert_int_equal(db_is_up(store->db), is_up);
}

static void test_server_that_is_away_is_known_and_costs_the_deadline_only(void **state)
{
    struct store *store = *state;
    struct str ann = store_user(store, "ann"), bob = store_user(store, "bob");
    test_db_kill(&store->mariadb);
    store->deadline_ms = 300;
    struct message_add add = store_message(store, ann, bob, STR("hello"));
    store_submit_message(store, &add);
    store_wait(store);
    assert_int_equal(add.op.err, ERR_UNAVAILABLE);
    assert_soon_up(store, false); /* an idle lane looks after its connection each second */
    assert_int_equal(db_stuck_ms(store->db), 0);
    test_db_restart(&store->mariadb);
    assert_soon_up(store, true);
    store->deadline_ms = 30000;
    assert_int_equal(store_send(store, ann, bob, STR("hello")).seq_out, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connection_lost_between_statements_costs_nothing),
        cmocka_unit_test(test_connection_lost_before_commit_is_redone),
        cmocka_unit_test(test_connection_lost_after_commit_is_found_stored),
        cmocka_unit_test(test_ack_cut_off_at_commit_confirms_once),
        cmocka_unit_test(test_killed_connections_are_made_again),
        cmocka_unit_test(test_failing_op_is_found_and_harms_no_other),
        cmocka_unit_test(test_deadlock_is_redone),
        cmocka_unit_test(test_full_queue_refuses_at_once),
        cmocka_unit_test(test_closing_fails_what_waits),
        cmocka_unit_test(test_stopped_server_is_waited_for_no_longer_than_the_deadline),
        cmocka_unit_test(test_killed_server_that_comes_back_loses_nothing),
        cmocka_unit_test(test_server_that_is_away_is_known_and_costs_the_deadline_only),
    };
    return cmocka_run_group_tests(tests, store_setup_own, store_teardown);
}
