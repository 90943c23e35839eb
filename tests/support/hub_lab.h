/* For the tests of the hub: a hub on a loop, a saboteur who posts payloads through the hall as
 * another reactor would, and readers that keep book of what they are shown. */
#pragma once
#include "live/hub.h"

enum { READER_SEQS_MAX = 20000 };

struct lab_sink {
    struct relay_sink sink;
    int received, subscribed, ups, downs;
    char user_id[65]; /* of the last call */
    struct buf payload;
};

struct hub_lab {
    struct config config;
    struct relay_hall *hall;
    bool owns_hall;
    struct loop *loop;
    struct hub *hub;
    struct lab_sink sink;
    struct relay *saboteur;
    struct timer tick;
    const int *count;
    int until;
    int64_t deadline_ms;
};

/* redis: for config.redis, or ""; hall: NULL makes one. */
void hub_lab_open(struct hub_lab *lab, const char *redis, struct relay_hall *hall);
void hub_lab_close(struct hub_lab *lab);
bool hub_lab_run(struct hub_lab *lab, const int *count, int until); /* false: not within 10 s */
void hub_lab_turn(struct hub_lab *lab, int64_t for_ms);             /* runs the loop so long */
struct event *lab_event(uint32_t epoch, uint64_t seq);
void hub_lab_publish(struct hub_lab *lab, const char *user_id, uint32_t epoch, uint64_t seq);
void hub_lab_post(struct hub_lab *lab, const char *user_id, uint32_t epoch, uint64_t seq);

void lab_sink_init(struct lab_sink *sink);

struct reader {
    struct listener listener;
    struct hub_lab *lab;
    /* What the store holds: set `reads` and the reader catches up from it by itself. */
    uint32_t epoch;
    uint64_t newest_seq;
    bool reads;
    uint64_t seqs[READER_SEQS_MAX];
    int count, ready, woken, behind, dismissed;
    enum dismissal why;
};
void reader_join(struct reader *reader, struct hub_lab *lab, const char *user_id,
                 const char *device_id);
/* Joins, waits for `ready` and goes live at seq of epoch 7. */
void reader_live(struct reader *reader, struct hub_lab *lab, const char *user_id, uint64_t seq);
/* Reads the store: notes all that it was not shown yet, and goes live. */
void reader_read(struct reader *reader);
bool reader_saw(const struct reader *reader, uint64_t first, uint64_t last); /* exactly, in order */
