#include "db/shards.h"
#include "tests/support/store_lab.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_store_opens_without_its_server_and_says_so(void **state)
{
    struct store *store = *state;
    struct config config = store->mariadb.config;
    struct db *db = NULL;
    config.db_socket = STR("/nonexistent/socket");
    assert_int_equal(db_open(&config, &db), OK);
    assert_false(db_is_up(db));
    assert_int_equal(db_stuck_ms(db), 0);
    db_close(db);
    db_close(NULL);
}

/* Whatever the number of lanes: a key's ops come out in the order in which they went in. */
static void test_equal_keys_keep_their_order(void **state)
{
    enum { USERS = 8, SENDS = 400 };
    struct store *store = *state;
    struct message_add *adds = ARENA_ARRAY(&store->arena, struct message_add, SENDS);
    struct str users[USERS];
    uint64_t last[USERS] = {0};
    store->mariadb.config.db_lanes = 5;
    store->mariadb.config.db_batch_max = 7;
    store_reopen(store);
    for (size_t i = 0; i < USERS; i++)
        users[i] = store_user(store, "u");
    for (size_t i = 0; i < SENDS; i++) {
        adds[i] = store_message(store, users[0], users[i % USERS], STR("hello"));
        store_submit_message(store, &adds[i]);
    }
    store_wait(store);
    for (size_t i = 0; i < SENDS; i++)
        assert_int_equal(adds[i].seq_out, ++last[i % USERS]);
    assert_true(db_is_up(store->db));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store_opens_without_its_server_and_says_so),
        cmocka_unit_test(test_equal_keys_keep_their_order),
    };
    return cmocka_run_group_tests(tests, store_setup, store_teardown);
}
