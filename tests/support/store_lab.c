#include "tests/support/store_lab.h"
#include "base/memory.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { STORE_DEADLINE_MS = 30000, STORE_PAGE = 500 };

/* Tests have one store at a time: `done` gets nothing but the op. */
static struct store *store_current;

/* ---- results end with `done`: they are copied there ---- */

static struct str store_keep(struct str s)
{
    return arena_str(&store_current->arena, s);
}

static void store_keep_row(struct inbox_row *row)
{
    row->message_id = store_keep(row->message_id);
    row->peer_id = store_keep(row->peer_id);
    row->peer_device = store_keep(row->peer_device);
    row->group_id = store_keep(row->group_id);
    row->content = store_keep(row->content);
    row->attachments = store_keep(row->attachments);
}

static struct inbox_row *store_keep_rows(const struct inbox_row *rows, size_t count)
{
    struct inbox_row *kept = ARENA_ARRAY(&store_current->arena, struct inbox_row, count);
    for (size_t i = 0; i < count; i++) {
        kept[i] = rows[i];
        store_keep_row(&kept[i]);
    }
    return kept;
}

static void store_keep_receipts(struct ack_add *ack)
{
    size_t count = ack->receipt_count_out;
    struct receipt_row *kept = ARENA_ARRAY(&store_current->arena, struct receipt_row, count);
    for (size_t i = 0; i < count; i++) {
        kept[i] = ack->receipts_out[i];
        kept[i].user_id = store_keep(kept[i].user_id);
        store_keep_row(&kept[i].row);
    }
    ack->receipts_out = kept;
}

static void store_keep_devices(struct devices_list *list)
{
    size_t count = list->device_count_out;
    struct device_row *kept = ARENA_ARRAY(&store_current->arena, struct device_row, count);
    for (size_t i = 0; i < count; i++) {
        kept[i] = list->devices_out[i];
        kept[i].device_id = store_keep(kept[i].device_id);
    }
    list->devices_out = kept;
}

static void store_keep_results(struct db_op *op)
{
    if (op->err != OK) return;
    if (op->kind == &DEVICE_OPEN) {
        struct device_open *open = container_of(op, struct device_open, op);
        open->rows_out = store_keep_rows(open->rows_out, open->row_count_out);
    } else if (op->kind == &INBOX_PAGE) {
        struct inbox_page *page = container_of(op, struct inbox_page, op);
        page->rows_out = store_keep_rows(page->rows_out, page->row_count_out);
    } else if (op->kind == &ACK_ADD) {
        store_keep_receipts(container_of(op, struct ack_add, op));
    } else if (op->kind == &DEVICES_LIST) {
        store_keep_devices(container_of(op, struct devices_list, op));
    }
}

static void store_done(struct db_op *op)
{
    store_keep_results(op);
    if (--store_current->pending == 0) loop_stop(store_current->loop);
}

/* ---- the store ---- */

static int store_open_all(void **state, void (*start)(struct test_db *db))
{
    struct store *store = MEMORY_NEW(struct store);
    start(&store->mariadb);
    arena_init(&store->arena);
    store->deadline_ms = STORE_DEADLINE_MS;
    store->mariadb.config.db_lanes = 2;
    assert_int_equal(loop_open(&store->loop), OK);
    assert_int_equal(db_open(&store->mariadb.config, &store->db), OK);
    store_current = store;
    *state = store;
    return 0;
}

int store_setup(void **state)
{
    return store_open_all(state, test_db_start);
}

int store_setup_own(void **state)
{
    return store_open_all(state, test_db_start_own);
}

int store_teardown(void **state)
{
    struct store *store = *state;
    db_close(store->db);
    loop_close(store->loop);
    test_db_stop(&store->mariadb);
    arena_done(&store->arena);
    free(store);
    return 0;
}

void store_reopen(struct store *store)
{
    assert_int_equal(store->pending, 0);
    db_close(store->db);
    assert_int_equal(db_open(&store->mariadb.config, &store->db), OK);
}

bool store_try_submit(struct store *store, const struct op_kind *kind, struct str key,
                      struct db_op *op)
{
    op_init(op, kind, store->loop, store->deadline_ms, store_done);
    enum err err = db_submit(store->db, key, op);
    assert_true(err == OK || err == ERR_BUSY);
    store->pending += err == OK;
    return err == OK;
}

void store_submit(struct store *store, const struct op_kind *kind, struct str key, struct db_op *op)
{
    assert_true(store_try_submit(store, kind, key, op));
}

void store_wait(struct store *store)
{
    if (store->pending > 0) loop_run(store->loop);
    assert_int_equal(store->pending, 0);
}

enum err store_run(struct store *store, const struct op_kind *kind, struct str key,
                   struct db_op *op)
{
    store_submit(store, kind, key, op);
    store_wait(store);
    return op->err;
}

/* ---- what most tests do ---- */

struct str store_id(struct store *store, const char *name)
{
    static unsigned number;
    return arena_printf(&store->arena, "%s-%06u", name, ++number);
}

struct str store_user(struct store *store, const char *name)
{
    struct user_ensure ensure = {.user_id = store_id(store, name)};
    assert_int_equal(store_run(store, &USER_ENSURE, ensure.user_id, &ensure.op), OK);
    return ensure.user_id;
}

struct str store_uuid(struct store *store)
{
    struct uuid uuid = uuid_v7();
    return arena_str(&store->arena, uuid_str(&uuid));
}

struct message_add store_message(struct store *store, struct str sender_id, struct str recipient_id,
                                 struct str content)
{
    return (struct message_add){.message_id = store_uuid(store),
                                .is_numbered = true,
                                .sender_id = sender_id,
                                .sender_device = STR("phone"),
                                .recipient_id = recipient_id,
                                .content = content,
                                .fingerprint = {(uint8_t)content.len},
                                .created_at_ms = 1000000};
}

void store_submit_message(struct store *store, struct message_add *add)
{
    store_submit(store, &MESSAGE_ADD, add->recipient_id, &add->op);
}

struct message_add store_send(struct store *store, struct str sender_id, struct str recipient_id,
                              struct str content)
{
    struct message_add add = store_message(store, sender_id, recipient_id, content);
    store_submit_message(store, &add);
    store_wait(store);
    assert_int_equal(add.op.err, OK);
    return add;
}

void store_send_many(struct store *store, struct str sender_id, struct str recipient_id,
                     size_t count)
{
    struct message_add *adds = ARENA_ARRAY(&store->arena, struct message_add, count);
    for (size_t i = 0; i < count; i++) {
        adds[i] = store_message(store, sender_id, recipient_id, STR("one of many"));
        store_submit_message(store, &adds[i]);
    }
    store_wait(store);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(adds[i].op.err, OK);
}

struct device_open store_open(struct store *store, struct str user_id, struct str device_id)
{
    struct device_open open = {
        .user_id = user_id, .device_id = device_id, .cursor = CURSOR_NONE, .limit = STORE_PAGE};
    store_run(store, &DEVICE_OPEN, user_id, &open.op);
    return open;
}

struct device_open store_open_at(struct store *store, struct str user_id, struct str device_id,
                                 uint32_t epoch, uint64_t seq)
{
    struct device_open open = {.user_id = user_id,
                               .device_id = device_id,
                               .cursor = CURSOR_AT,
                               .epoch = epoch,
                               .seq = seq,
                               .limit = STORE_PAGE};
    store_run(store, &DEVICE_OPEN, user_id, &open.op);
    return open;
}

uint64_t store_rows(struct store *store, struct str user_id)
{
    return test_db_count(&store->mariadb, "SELECT seq FROM inbox WHERE user_id = '%.*s'",
                         STR_FMT(user_id));
}
