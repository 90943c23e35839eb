/* The book: what was sent, what arrived, and what that proves. It believes nobody's counters: every
 * message carries its number in its content, and every claim of the server (accepted, delivered,
 * acknowledged, receipt) is entered where it is seen.
 *
 * Order is judged by two rules that need no knowledge of the server's inside:
 *   - the seq of a reader's events must go up by one;
 *   - a message that had been accepted before another one to the same recipient was sent must be
 *     delivered before it, whoever sent them.
 * Times are monotonic microseconds. Not thread-safe. */
#pragma once
#include "base/map.h"

enum { BOOK_ID_LEN = 36 };

enum book_fact {
    BOOK_ACCEPTED = 1,  /* the send was answered 201 */
    BOOK_DELIVERED = 2, /* the recipient saw it */
    BOOK_ACKED = 4,     /* the recipient's ack was answered 200 */
    BOOK_RECEIPTED = 8, /* the sender saw the receipt */
    BOOK_LIFE = 15,
};

struct message {
    uint32_t number, sender, recipient;
    uint32_t facts;
    int64_t due_us;      /* latencies count from here: when it should have been sent */
    int64_t sent_us;     /* when it was first written */
    int64_t accepted_us; /* 0: not yet */
    char id[BOOK_ID_LEN + 1];
    struct map_link by_id;
    struct message *next; /* in the list of its reader: delivered, not yet acknowledged */
};

struct book_counts {
    uint64_t sent, accepted, delivered, acked, receipts, lives;
    uint64_t undelivered;  /* accepted, not delivered: lost, if it stays so to the end */
    uint64_t unacked;      /* delivered, not acknowledged */
    uint64_t unreceipted;  /* acknowledged, no receipt: receipts lost, if it stays so */
    uint64_t duplicated;   /* shown again, and nothing allowed that */
    uint64_t redelivered;  /* shown again to a reader that came back without a cursor: allowed */
    uint64_t out_of_order; /* by either rule */
    uint64_t seq_gaps;     /* seqs that a reader was never shown */
    uint64_t receipts_duplicated;
    uint64_t foreign; /* content, recipient or id that fits no message sent */
};

struct book {
    struct map by_id;
    struct message **blocks; /* of BOOK_BLOCK_LEN each: a message never moves */
    size_t block_count;
    struct book_reader *readers;
    uint32_t user_count;
    struct book_counts counts;
};

void book_init(struct book *book, uint32_t user_count);
void book_done(struct book *book);

/* Enters a message that is about to be sent; its content is to be book_content's. */
struct message *book_send(struct book *book, uint32_t sender, uint32_t recipient, int64_t due_us,
                          int64_t now_us);
/* Writes the content, padded to len_min bytes; returns its length, at most cap. */
size_t book_content(const struct message *message, size_t len_min, char *out, size_t cap);
void book_accept(struct book *book, struct message *message, struct str id, int64_t now_us);

/* A reader begins after `seq`. Again without a cursor: what it saw before may come again. */
void book_reader_start(struct book *book, uint32_t user, uint64_t seq);

struct book_event {
    uint32_t user; /* whose reader saw it */
    uint64_t seq;
    struct str id;
    struct str content;   /* of a message */
    uint32_t counterpart; /* the message's sender, the receipt's receiver */
};
/* The message, if this is its first delivery; else NULL. */
struct message *book_deliver(struct book *book, const struct book_event *event);
void book_receipt(struct book *book, const struct book_event *event);
void book_other(struct book *book, const struct book_event *event); /* takes a seq, nothing more */
void book_ack(struct book *book, struct message *message);
/* What is accepted and not delivered by now has no reader: it is no loss, and must not come. */
void book_write_off(struct book *book);
