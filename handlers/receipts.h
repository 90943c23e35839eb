/* After an ack was stored: its receipts, to whoever sent the messages. */
#pragma once
#include "db/acks.h"
#include "live/hub.h"

void receipts_publish(struct hub *hub, const struct ack_add *add);
