/* A notice: what one hub tells the others about a user's listeners, beside events. It travels in
 * the same channel as they do. */
#pragma once
#include "live/hub.h"

struct notice {
    enum dismissal why;
    enum listener_kind kind; /* which listeners a displacement means; else of no meaning */
    uint64_t from;           /* the hub that sent it: its own echo is not for it */
    uint64_t stamp;          /* a displacement: listeners opened before it */
    struct str device_id;    /* empty: all devices */
};

enum { NOTICE_DEVICE_LEN_MAX = 255 };

MUST_CHECK enum err notice_to_wire(const struct notice *notice, struct buf *out);
/* device_id points into wire. ERR_FIELD. */
MUST_CHECK enum err notice_from_wire(struct str wire, struct notice *notice_out);
