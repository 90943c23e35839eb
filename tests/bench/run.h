/* One run of the load tool: what all its parts share. One thread, one loop. */
#pragma once
#include "base/address.h"
#include "base/loop.h"
#include "tests/bench/book.h"
#include "tests/bench/histogram.h"
#include "tests/bench/options.h"
#include "tests/bench/proc.h"

struct user {
    char name[48];
    char *token; /* owned */
};

/* What went wrong on the way, beside what the book says of the messages. */
struct trouble {
    uint64_t send_errors;  /* answers that were not 201, and sends without an answer */
    uint64_t send_retries; /* the same, where the send is repeated */
    uint64_t ack_errors;
    uint64_t reconnects; /* of receivers */
    uint64_t resets;     /* cursors that the server did not know */
    uint64_t broken;     /* answers and events that cannot be read */
};

struct run {
    struct options options;
    struct loop *loop;
    struct address server;
    struct procs procs;
    struct user *users;
    uint32_t user_count;
    struct book book;
    struct trouble trouble;
    uint64_t pings; /* heartbeats seen by all streams */
    /* Latencies count from the moment a send was due; only those within the window. */
    bool is_measuring;
    int64_t measured_from_us;
    struct histogram send_us, delivery_us;
};

/* Stops the loop, with a line on stderr: nothing sensible can follow. */
void run_fail(struct run *run, const char *why);
void run_say(const char *format, ...) PRINTF_LIKE(1, 2); /* progress, on stderr */
