/* A user who receives: one stream, or one long-poll after the other, always from the last cursor
 * on. Enters what it sees into the book and confirms it through the ackers. */
#pragma once
#include "tests/bench/client.h"
#include "tests/bench/run.h"
#include "tests/bench/sse_reader.h"

enum { RECEIVER_CURSOR_LEN_MAX = 63 };

struct receivers;
struct receiver {
    struct receivers *all;
    struct client client;
    struct sse_reader sse;
    struct timer again;
    char cursor[RECEIVER_CURSOR_LEN_MAX + 1]; /* empty: none yet */
    uint32_t user;
    uint64_t hello_seq;
    bool is_placed; /* it has heard hello once, or got its first poll's answer */
    /* The ackers': what was delivered to this user and is not yet confirmed. */
    struct list ack_link;
    bool is_acking;
    struct message *unacked_first, *unacked_last;
};

struct ackers;
struct receivers {
    struct run *run;
    struct ackers *ackers; /* NULL: nothing is confirmed */
    struct receiver *list; /* of users first_user and up */
    uint32_t count, placed_count, opened_count;
    bool is_polling, is_waited_for; /* the loop stops when all are placed */
    bool is_closing;                /* what ends now stays closed */
};

struct receivers_config {
    struct run *run;
    struct ackers *ackers;
    uint32_t count; /* users 0 .. count - 1 */
    bool is_polling;
};
struct receivers *receivers_new(const struct receivers_config *config);
/* Opens all, some hundred at once, and runs the loop until each has its hello. */
bool receivers_open(struct receivers *receivers);
void receivers_free(struct receivers *receivers);
