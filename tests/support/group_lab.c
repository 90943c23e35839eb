#include "tests/support/group_lab.h"
#include "base/memory.h"
#include "tests/support/mariadb.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { DEADLINE_MS = 30000, LEASE_MS = 60000 };
static struct lab *lab_current; /* ops know their loop, not their lab */
static struct test_db lab_mariadb;

/* Results end with `done`: each kind's are copied there. */

static struct str lab_keep(struct lab *lab, struct str s)
{
    return arena_str(&lab->arena, s);
}

static void *lab_keep_array(struct lab *lab, const void *array, size_t len)
{
    void *copy = arena_alloc(&lab->arena, len);
    if (len > 0) memcpy(copy, array, len);
    return copy;
}

static void lab_keep_row(struct lab *lab, struct inbox_row *row)
{
    row->message_id = lab_keep(lab, row->message_id);
    row->peer_id = lab_keep(lab, row->peer_id);
    row->peer_device = lab_keep(lab, row->peer_device);
    row->group_id = lab_keep(lab, row->group_id);
    row->content = lab_keep(lab, row->content);
    row->attachments = lab_keep(lab, row->attachments);
}

static void lab_keep_page(struct lab *lab, struct inbox_page *page)
{
    page->rows_out =
        lab_keep_array(lab, page->rows_out, page->row_count_out * sizeof *page->rows_out);
    for (size_t i = 0; i < page->row_count_out; i++)
        lab_keep_row(lab, &page->rows_out[i]);
}

static void lab_keep_advance(struct lab *lab, struct fanout_advance *advance)
{
    size_t count = advance->copy_count_out;
    advance->copies_out =
        lab_keep_array(lab, advance->copies_out, count * sizeof(struct fanout_copy));
    for (size_t i = 0; i < count; i++) {
        struct fanout_copy *copy = &advance->copies_out[i];
        copy->user_id = lab_keep(lab, copy->user_id);
        lab_keep_row(lab, &copy->row);
    }
}

static void lab_keep_expired(struct lab *lab, struct fanout_expired *expired)
{
    size_t count = expired->group_count_out;
    expired->group_ids_out =
        lab_keep_array(lab, expired->group_ids_out, count * sizeof(struct str));
    for (size_t i = 0; i < count; i++)
        expired->group_ids_out[i] = lab_keep(lab, expired->group_ids_out[i]);
}

static void lab_keep_get(struct lab *lab, struct group_get *get)
{
    size_t count = get->member_count_out;
    get->groupname_out = lab_keep(lab, get->groupname_out);
    get->created_by_out = lab_keep(lab, get->created_by_out);
    get->members_out = lab_keep_array(lab, get->members_out, count * sizeof(struct member_row));
    for (size_t i = 0; i < count; i++)
        get->members_out[i].user_id = lab_keep(lab, get->members_out[i].user_id);
}

static void lab_keep_list(struct lab *lab, struct groups_list *list)
{
    size_t count = list->group_count_out;
    list->groups_out = lab_keep_array(lab, list->groups_out, count * sizeof(struct group_row));
    for (size_t i = 0; i < count; i++) {
        list->groups_out[i].group_id = lab_keep(lab, list->groups_out[i].group_id);
        list->groups_out[i].groupname = lab_keep(lab, list->groups_out[i].groupname);
    }
}

static void lab_keep_change(struct lab *lab, struct group_change *change)
{
    change->changed_out = lab_keep_array(lab, change->changed_out,
                                         change->changed_count_out * sizeof *change->changed_out);
}

static void lab_done(struct db_op *op)
{
    struct lab *lab = lab_current;
    const struct op_kind *kind = op->kind;
    if (op->err != OK)
        ; /* there are no results */
    else if (kind == &INBOX_PAGE)
        lab_keep_page(lab, container_of(op, struct inbox_page, op));
    else if (kind == &FANOUT_ADVANCE)
        lab_keep_advance(lab, container_of(op, struct fanout_advance, op));
    else if (kind == &FANOUT_EXPIRED)
        lab_keep_expired(lab, container_of(op, struct fanout_expired, op));
    else if (kind == &GROUP_GET)
        lab_keep_get(lab, container_of(op, struct group_get, op));
    else if (kind == &GROUPS_LIST)
        lab_keep_list(lab, container_of(op, struct groups_list, op));
    else if (kind == &GROUP_ADD || kind == &GROUP_REMOVE || kind == &GROUP_ROLES)
        lab_keep_change(lab, container_of(op, struct group_change, op));
    if (--lab->pending == 0) loop_stop(lab->loop);
}

int lab_setup(void **state)
{
    struct lab *lab = MEMORY_NEW(struct lab);
    lab_current = lab;
    arena_init(&lab->arena);
    test_db_start(&lab_mariadb);
    assert_int_equal(loop_open(&lab->loop), OK);
    assert_int_equal(db_open(&lab_mariadb.config, &lab->db), OK);
    assert_int_equal(db_open(&lab_mariadb.config, &lab->other), OK);
    *state = lab;
    return 0;
}

int lab_teardown(void **state)
{
    struct lab *lab = *state;
    db_close(lab->db);
    db_close(lab->other);
    loop_close(lab->loop);
    test_db_stop(&lab_mariadb);
    arena_done(&lab->arena);
    free(lab);
    return 0;
}

void lab_submit(struct lab *lab, struct db *db, const struct op_kind *kind, struct str key,
                struct db_op *op)
{
    op_init(op, kind, lab->loop, DEADLINE_MS, lab_done);
    assert_int_equal(db_submit(db, key, op), OK);
    lab->pending++;
}

void lab_wait(struct lab *lab)
{
    while (lab->pending > 0)
        loop_run(lab->loop); /* others may stop it too */
}

enum err lab_run_on(struct lab *lab, struct db *db, const struct op_kind *kind, struct str key,
                    struct db_op *op)
{
    lab_submit(lab, db, kind, key, op);
    lab_wait(lab);
    return op->err;
}

enum err lab_run(struct lab *lab, const struct op_kind *kind, struct str key, struct db_op *op)
{
    return lab_run_on(lab, lab->db, kind, key, op);
}

struct str lab_group_id(struct lab *lab)
{
    struct uuid uuid = uuid_v7();
    return arena_str(&lab->arena, uuid_str(&uuid));
}

struct str *lab_users(struct lab *lab, const char *name, size_t count)
{
    static unsigned number;
    struct str *ids = ARENA_ARRAY(&lab->arena, struct str, count);
    struct user_ensure *ensure = ARENA_ARRAY(&lab->arena, struct user_ensure, count);
    for (size_t i = 0; i < count; i++) {
        ids[i] = arena_printf(&lab->arena, "%s-%06u", name, ++number);
        ensure[i].user_id = ids[i];
        lab_submit(lab, lab->db, &USER_ENSURE, ids[i], &ensure[i].op);
    }
    lab_wait(lab);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(ensure[i].op.err, OK);
    return ids;
}

struct str lab_user(struct lab *lab, const char *name)
{
    return lab_users(lab, name, 1)[0];
}

struct str lab_group(struct lab *lab, const struct str *member_ids, size_t count)
{
    struct group_create create = {.outbox = {.lease_owner = STR("one"), .lease_ms = LEASE_MS},
                                  .group_id = lab_group_id(lab),
                                  .groupname = STR("tea"),
                                  .creator_id = member_ids[0],
                                  .member_ids = member_ids,
                                  .member_count = count,
                                  .now_ms = 1000};
    assert_int_equal(lab_run(lab, &GROUP_CREATE, create.group_id, &create.op), OK);
    assert_true(create.outbox.is_job_out);
    return create.group_id;
}

struct group_change lab_change(struct lab *lab, const struct op_kind *kind, struct str group_id,
                               struct str actor_id, const struct str *user_ids, size_t count)
{
    struct group_change change = {.outbox = {.lease_owner = STR("one"), .lease_ms = LEASE_MS},
                                  .group_id = group_id,
                                  .actor_id = actor_id,
                                  .user_ids = user_ids,
                                  .user_count = count,
                                  .now_ms = 2000};
    lab_run(lab, kind, group_id, &change.op);
    return change;
}

struct group_send lab_send(struct lab *lab, struct str group_id, struct str sender_id,
                           struct str content)
{
    struct group_send send = {.outbox = {.lease_owner = STR("one"), .lease_ms = LEASE_MS},
                              .message_id = lab_group_id(lab),
                              .group_id = group_id,
                              .sender_id = sender_id,
                              .sender_device = STR("phone"),
                              .content = content,
                              .created_at_ms = 3000};
    lab_run(lab, &GROUP_SEND, group_id, &send.op);
    return send;
}

size_t lab_fan_out(struct lab *lab, struct str group_id)
{
    size_t copies = 0;
    struct fanout_advance advance;
    do {
        advance = (struct fanout_advance){
            .group_id = group_id, .lease_owner = STR("one"), .lease_ms = LEASE_MS};
        assert_int_equal(lab_run(lab, &FANOUT_ADVANCE, group_id, &advance.op), OK);
        assert_false(advance.busy_out);
        copies += advance.copy_count_out;
    } while (advance.more_out);
    return copies;
}

struct inbox_page lab_inbox(struct lab *lab, struct str user_id, size_t limit)
{
    struct inbox_page page = {.user_id = user_id, .limit = limit};
    assert_int_equal(lab_run(lab, &INBOX_PAGE, user_id, &page.op), OK);
    return page;
}

struct group_get lab_get(struct lab *lab, struct str group_id, struct str caller_id)
{
    struct group_get get = {.group_id = group_id, .caller_id = caller_id};
    lab_run(lab, &GROUP_GET, group_id, &get.op);
    return get;
}

struct groups_list lab_list(struct lab *lab, struct str user_id)
{
    struct groups_list list = {.user_id = user_id};
    assert_int_equal(lab_run(lab, &GROUPS_LIST, user_id, &list.op), OK);
    return list;
}

bool lab_has(struct str text, const char *part)
{
    return memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}
