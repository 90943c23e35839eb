#include "handlers/receipts.h"
#include "api/frame.h"

void receipts_publish(struct hub *hub, const struct ack_add *add)
{
    for (size_t i = 0; i < add->receipt_count_out; i++) {
        const struct receipt_row *receipt = &add->receipts_out[i];
        struct event *event = frame_event(&receipt->row);
        hub_publish(hub, receipt->user_id, event);
        event_release(event);
    }
}
