/* Those who send: some connections, each send from a random user to a random other one.
 * Closed loop: a connection sends again when it is answered. Open loop: sends fall due by the
 * clock, whether connections are free or not; a send that has to wait for one is late from the
 * moment it was due, so a slow server cannot hide behind the load that it holds up. */
#pragma once
#include "tests/bench/run.h"

struct senders;
struct senders_config {
    struct run *run;
    uint32_t connections;
    int64_t rate;      /* a second; 0: closed loop */
    uint64_t messages; /* 0: until stopped */
    /* Users who send, and users who are sent to: [first, first + count). */
    uint32_t sender_first, sender_count, recipient_first, recipient_count;
};
struct senders *senders_new(const struct senders_config *config);
void senders_start(struct senders *senders);
void senders_stop(struct senders *senders);           /* begins nothing new; what runs ends */
bool senders_are_done(const struct senders *senders); /* stopped or all sent, and all answered */
void senders_free(struct senders *senders);
