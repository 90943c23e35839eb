/* Whatever comes through the relay: read, or refused, and what was read is written the same. */
#include "live/event.h"
#include "live/notice.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct str wire = str_of((const char *)bytes, len);
    struct buf again;
    struct event *event;
    struct notice notice;
    buf_init(&again, EVENT_LEN_MAX * 2);
    if (event_from_wire(wire, &event) == OK) {
        if (event_to_wire(event, &again) != OK || !str_equal(buf_str(&again), wire)) abort();
        event_release(event);
    } else if (notice_from_wire(wire, &notice) == OK) {
        if (notice_to_wire(&notice, &again) != OK || !str_equal(buf_str(&again), wire)) abort();
    }
    buf_done(&again);
    return 0;
}
