/* For the tests of the store: a schema of its own, lanes on it, and ops run one after the other or
 * together, as a loop's thread would. What an op returned stays until the lab is closed. */
#pragma once
#include "db/acks.h"
#include "db/devices.h"
#include "db/inbox.h"
#include "db/messages.h"
#include "db/shards.h"
#include "db/users.h"
#include "tests/support/mariadb.h"

struct store {
    struct test_db mariadb;
    struct loop *loop;
    struct db *db;
    struct arena arena; /* ids, and copies of results */
    size_t pending;
    int64_t deadline_ms; /* of ops; 30 s */
};

int store_setup(void **state);     /* cmocka group fixtures: *state is the struct store */
int store_setup_own(void **state); /* with a server of its own, which may be hurt */
int store_teardown(void **state);
void store_reopen(struct store *store); /* ends the lanes, starts others */

/* Several at once; they are likely to share a batch. */
void store_submit(struct store *store, const struct op_kind *kind, struct str key,
                  struct db_op *op);
bool store_try_submit(struct store *store, const struct op_kind *kind, struct str key,
                      struct db_op *op); /* false: the queue is full */
void store_wait(struct store *store);
enum err store_run(struct store *store, const struct op_kind *kind, struct str key,
                   struct db_op *op);

struct str store_id(struct store *store, const char *name);   /* name and a new number */
struct str store_user(struct store *store, const char *name); /* likewise, and the user exists */
struct str store_uuid(struct store *store);

/* A numbered message with a new id; the fingerprint follows from the content's length. */
struct message_add store_message(struct store *store, struct str sender_id, struct str recipient_id,
                                 struct str content);
void store_submit_message(struct store *store, struct message_add *add);
struct message_add store_send(struct store *store, struct str sender_id, struct str recipient_id,
                              struct str content); /* asserts OK */
void store_send_many(struct store *store, struct str sender_id, struct str recipient_id,
                     size_t count);
struct device_open store_open(struct store *store, struct str user_id, struct str device_id);
struct device_open store_open_at(struct store *store, struct str user_id, struct str device_id,
                                 uint32_t epoch, uint64_t seq);
/* Rows of the user's inbox as the table has them: also those that no device waits for. */
uint64_t store_rows(struct store *store, struct str user_id);
