#include "db/devices.h"
#include "db/batch.h"
#include "db/stmt.h"

static enum err devices_list_run(struct conn *conn, struct db_op *op)
{
    struct devices_list *list = container_of(op, struct devices_list, op);
    struct value user = value_str(list->user_id);
    struct rows rows;
    list->device_count_out = 0;
    enum err err = stmt_run(conn, STMT_DEVICES_OF_USER, &user, 1, &rows);
    if (err == OK)
        list->devices_out = ARENA_ARRAY(&op->results, struct device_row, rows_count(&rows));
    while (err == OK && rows_next(&rows)) {
        struct device_row *row = &list->devices_out[list->device_count_out++];
        row->device_id = arena_str(&op->results, rows_str(&rows, 0));
        row->last_seen_ms = (int64_t)rows_u64(&rows, 2);
    }
    rows_done(&rows);
    return err;
}

const struct op_kind DEVICES_LIST = {.name = "devices_list", .run = devices_list_run};

/* ---- DEVICE_FORGET ---- */

struct forget_slot {
    uint32_t slot;
    size_t device_count;
};

static enum err device_forget_find(struct conn *conn, const struct device_forget *forget,
                                   struct forget_slot *found_out)
{
    struct value user = value_str(forget->user_id);
    struct rows rows;
    bool is_found = false;
    *found_out = (struct forget_slot){0};
    enum err err = stmt_run(conn, STMT_DEVICES_OF_USER, &user, 1, &rows);
    while (err == OK && rows_next(&rows)) {
        found_out->device_count++;
        if (!str_equal(rows_str(&rows, 0), forget->device_id)) continue;
        found_out->slot = (uint32_t)rows_u64(&rows, 1);
        is_found = true;
    }
    rows_done(&rows);
    return err == OK && !is_found ? ERR_NOT_FOUND : err;
}

/* Nothing waits for this device any more; what waited for it alone is gone. */
static enum err device_forget_narrow(struct conn *conn, struct str user_id, uint32_t mask,
                                     uint32_t slot)
{
    struct value user[] = {value_int(mask & ~BIT(slot)), value_str(user_id)};
    struct value pending[] = {value_int(BIT(slot)), value_str(user_id)};
    struct value owner = value_str(user_id);
    enum err err = stmt_run(conn, STMT_USER_MASK_PUT, user, ARRAY_LEN(user), NULL);
    if (err == OK) err = stmt_run(conn, STMT_INBOX_PENDING_DROP, pending, ARRAY_LEN(pending), NULL);
    if (err == OK) err = stmt_run(conn, STMT_INBOX_DELETE_CONFIRMED, &owner, 1, NULL);
    return err;
}

static enum err device_forget_one(struct conn *conn, struct device_forget *forget)
{
    struct value user = value_str(forget->user_id);
    struct value device[] = {user, value_str(forget->device_id)};
    struct forget_slot found;
    struct rows rows;
    uint32_t mask = 0;
    enum err err = stmt_run(conn, STMT_USER_LOCK, &user, 1, &rows);
    if (err == OK && rows_next(&rows)) mask = (uint32_t)rows_u64(&rows, 2);
    rows_done(&rows);
    if (err == OK) err = device_forget_find(conn, forget, &found);
    if (err == ERR_NOT_FOUND) {
        forget->op.err = err;
        return OK;
    }
    /* The last one leaves its bit behind: what is pending waits for the next device. */
    if (err == OK && found.device_count > 1)
        err = device_forget_narrow(conn, forget->user_id, mask, found.slot);
    if (err != OK) return err;
    return stmt_run(conn, STMT_DEVICE_DELETE, device, ARRAY_LEN(device), NULL);
}

static enum err device_forget_prepare(struct batch *batch, struct db_op **ops, size_t op_count)
{
    enum err err = OK;
    for (size_t i = 0; i < op_count && err == OK; i++)
        err = device_forget_one(batch->conn, container_of(ops[i], struct device_forget, op));
    return err;
}

const struct op_kind DEVICE_FORGET = {.name = "device_forget", .prepare = device_forget_prepare};
