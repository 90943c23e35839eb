/* Inside db/ only: a device's cursor went by receipts, expiries and group changes, which confirms
 * them. Messages are confirmed by acks alone, so an inbox may hold many old rows: what the device
 * passed before is remembered (devices.passed_seq), roughly, and not looked at again. */
#pragma once
#include "db/conn.h"

enum { DEVICE_PASSED_STEP = 256 }; /* the memory is written when it lags by so much */

struct device_passed {
    struct str user_id, device_id;
    uint32_t slot;
    uint64_t known_seq; /* devices.passed_seq */
    uint64_t seq;       /* the cursor */
};
MUST_CHECK enum err device_passed_confirm(struct conn *conn, const struct device_passed *passed);
