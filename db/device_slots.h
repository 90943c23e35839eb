/* Inside db/ only: a new device gets its slot. */
#pragma once
#include "db/conn.h"

/* In the batch's transaction: locks the user, finds or makes the device. All that is still pending
 * becomes pending for it; the user's first device takes what waited for it. ERR_TOO_MANY_DEVICES
 * and ERR_UNKNOWN_USER concern the op; others the transaction. */
struct device_slot {
    uint32_t slot, epoch;
    uint64_t next_seq;
    uint64_t passed_seq; /* see device_passed.h; 0 is always right */
};
MUST_CHECK enum err device_slots_take(struct conn *conn, struct str user_id, struct str device_id,
                                      struct device_slot *slot_out);
static inline bool device_slots_is_refusal(enum err err)
{
    return err == ERR_TOO_MANY_DEVICES || err == ERR_UNKNOWN_USER;
}
