/* Confirms what receivers were shown, over a few connections. A user has one ack under way at most;
 * what is delivered meanwhile goes into its next one, so acks thicken by themselves under load. */
#pragma once
#include "tests/bench/receiver.h"

struct ackers *ackers_new(struct run *run);
void ackers_free(struct ackers *ackers); /* NULL is fine */
/* The message was just delivered to the receiver, whose cursor stands at or behind it. */
void ackers_offer(struct ackers *ackers, struct receiver *receiver, struct message *message);
