#include "db/device_slots.h"
#include "base/clock.h"
#include "db/devices.h"
#include "db/stmt.h"

struct slots_of_user {
    uint32_t used; /* a bit each */
    size_t count;
    bool has_device; /* the one asked for, in `slot` */
    uint32_t slot;
};

static enum err device_slots_lock(struct conn *conn, struct str user_id, uint32_t *mask_out,
                                  struct device_slot *slot_out)
{
    struct value user = value_str(user_id);
    struct rows rows;
    enum err err = stmt_run(conn, STMT_USER_LOCK, &user, 1, &rows);
    if (err == OK && !rows_next(&rows)) err = ERR_UNKNOWN_USER;
    if (err == OK) {
        slot_out->epoch = (uint32_t)rows_u64(&rows, 0);
        slot_out->next_seq = rows_u64(&rows, 1);
        slot_out->passed_seq = 0;
        *mask_out = (uint32_t)rows_u64(&rows, 2);
    }
    rows_done(&rows);
    return err;
}

static enum err device_slots_read(struct conn *conn, struct str user_id, struct str device_id,
                                  struct slots_of_user *slots_out)
{
    struct value user = value_str(user_id);
    struct rows rows;
    *slots_out = (struct slots_of_user){0};
    enum err err = stmt_run(conn, STMT_DEVICES_OF_USER, &user, 1, &rows);
    while (err == OK && rows_next(&rows)) {
        uint32_t slot = (uint32_t)rows_u64(&rows, 1);
        slots_out->used |= BIT(slot);
        slots_out->count++;
        if (!str_equal(rows_str(&rows, 0), device_id)) continue;
        slots_out->has_device = true;
        slots_out->slot = slot;
    }
    rows_done(&rows);
    return err;
}

/* A later device: a bit of its own, on the user and on all that is pending. */
static enum err device_slots_widen(struct conn *conn, struct str user_id, uint32_t mask,
                                   uint32_t slot)
{
    struct value pending[] = {value_int(BIT(slot)), value_str(user_id)};
    struct value user[] = {value_int(mask | BIT(slot)), value_str(user_id)};
    enum err err = stmt_run(conn, STMT_USER_MASK_PUT, user, ARRAY_LEN(user), NULL);
    if (err != OK) return err;
    return stmt_run(conn, STMT_INBOX_PENDING_ADD, pending, ARRAY_LEN(pending), NULL);
}

enum err device_slots_take(struct conn *conn, struct str user_id, struct str device_id,
                           struct device_slot *slot_out)
{
    uint32_t mask = 0;
    struct slots_of_user slots;
    enum err err = device_slots_lock(conn, user_id, &mask, slot_out);
    if (err == OK) err = device_slots_read(conn, user_id, device_id, &slots);
    if (err != OK) return err;
    if (slots.has_device) {
        slot_out->slot = slots.slot;
        return OK;
    }
    if (slots.count == DEVICES_MAX) return ERR_TOO_MANY_DEVICES;
    /* Without a device one bit is left in the mask: what waits, waits under it. */
    uint32_t free_slots = slots.count == 0 ? mask : ~slots.used;
    slot_out->slot = (uint32_t)__builtin_ctz(free_slots);
    if (slots.count > 0) err = device_slots_widen(conn, user_id, mask, slot_out->slot);
    if (err != OK) return err;
    int64_t now_ms = clock_wall_ms();
    struct value values[] = {value_str(user_id), value_str(device_id), value_int(slot_out->slot),
                             value_int(now_ms), value_int(now_ms)};
    return stmt_run(conn, STMT_DEVICE_INSERT, values, ARRAY_LEN(values), NULL);
}
