/* For the tests of groups: a store of its own with users in it, and ops run one after the other or
 * together, as a loop's thread would. What they return is copied, and stays until the lab closes.
 */
#pragma once
#include "db/fanout.h"
#include "db/groups.h"
#include "db/inbox.h"
#include "db/shards.h"
#include "db/users.h"

struct lab {
    struct loop *loop;
    struct db *db;    /* server "one" */
    struct db *other; /* server "two", with lanes of its own on the same store */
    struct arena arena;
    size_t pending;
};

int lab_setup(void **state); /* cmocka group fixtures: *state is the struct lab */
int lab_teardown(void **state);

/* Runs until the op is done; its err. */
enum err lab_run(struct lab *lab, const struct op_kind *kind, struct str key, struct db_op *op);
enum err lab_run_on(struct lab *lab, struct db *db, const struct op_kind *kind, struct str key,
                    struct db_op *op);
/* Several at once: they are likely to share a batch. */
void lab_submit(struct lab *lab, struct db *db, const struct op_kind *kind, struct str key,
                struct db_op *op);
void lab_wait(struct lab *lab);

struct str lab_group_id(struct lab *lab);               /* a new one */
struct str lab_user(struct lab *lab, const char *name); /* a known user: name and a new suffix */
struct str *lab_users(struct lab *lab, const char *name, size_t count);

/* What most tests do, asserting OK. */
struct str lab_group(struct lab *lab, const struct str *member_ids, size_t count);
struct group_change lab_change(struct lab *lab, const struct op_kind *kind, struct str group_id,
                               struct str actor_id, const struct str *user_ids, size_t count);
struct group_send lab_send(struct lab *lab, struct str group_id, struct str sender_id,
                           struct str content);           /* a new message id, not numbered */
size_t lab_fan_out(struct lab *lab, struct str group_id); /* all jobs; the number of copies */
struct inbox_page lab_inbox(struct lab *lab, struct str user_id, size_t limit);
struct group_get lab_get(struct lab *lab, struct str group_id, struct str caller_id);
struct groups_list lab_list(struct lab *lab, struct str user_id);
bool lab_has(struct str text, const char *part);
