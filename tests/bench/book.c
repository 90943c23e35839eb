#include "tests/bench/book.h"
#include "base/memory.h"
#include <stdio.h>
#include <stdlib.h>

enum { BOOK_BLOCK_LEN = 4096 };

struct book_reader {
    uint64_t seq;         /* of the last event, or where the reader started after */
    uint64_t seen_to;     /* the highest seq ever shown to this user */
    int64_t sent_us_last; /* the latest `sent_us` among the messages delivered */
};

void book_init(struct book *book, uint32_t user_count)
{
    *book = (struct book){.user_count = user_count};
    map_init(&book->by_id);
    book->readers = memory_alloc(user_count * sizeof(*book->readers));
}

void book_done(struct book *book)
{
    map_done(&book->by_id);
    for (size_t i = 0; i < book->block_count; i++)
        free(book->blocks[i]);
    free(book->blocks);
    free(book->readers);
}

/* Counting: a message is taken out of the sums it stands in, changed, and put into those it now
 * belongs to, so that the sums are right at any moment. */

static void book_weigh(struct book *book, const struct message *message, uint64_t weight)
{
    struct book_counts *counts = &book->counts;
    uint32_t facts = message->facts;
    if (facts & BOOK_ACCEPTED) counts->accepted += weight;
    if (facts & BOOK_DELIVERED) counts->delivered += weight;
    if (facts & BOOK_ACKED) counts->acked += weight;
    if (facts & BOOK_RECEIPTED) counts->receipts += weight;
    if (facts == BOOK_LIFE) counts->lives += weight;
    if ((facts & BOOK_ACCEPTED) && !(facts & BOOK_DELIVERED)) counts->undelivered += weight;
    if ((facts & BOOK_DELIVERED) && !(facts & BOOK_ACKED)) counts->unacked += weight;
    if ((facts & BOOK_ACKED) && !(facts & BOOK_RECEIPTED)) counts->unreceipted += weight;
}

static void book_enter(struct book *book, struct message *message, enum book_fact fact)
{
    book_weigh(book, message, (uint64_t)-1);
    message->facts |= fact;
    book_weigh(book, message, 1);
}

/* Messages, by number and by id */

static struct message *book_at(const struct book *book, uint64_t number)
{
    if (number >= book->counts.sent) return NULL;
    return &book->blocks[number / BOOK_BLOCK_LEN][number % BOOK_BLOCK_LEN];
}

struct message *book_send(struct book *book, uint32_t sender, uint32_t recipient, int64_t due_us,
                          int64_t now_us)
{
    assert(sender < book->user_count && recipient < book->user_count);
    uint64_t number = book->counts.sent++;
    if (number / BOOK_BLOCK_LEN == book->block_count) {
        size_t len = (book->block_count + 1) * sizeof(struct message *);
        book->blocks = memory_resize(book->blocks, len);
        book->blocks[book->block_count++] = memory_alloc(BOOK_BLOCK_LEN * sizeof(struct message));
    }
    struct message *message = book_at(book, number);
    *message = (struct message){.number = (uint32_t)number,
                                .sender = sender,
                                .recipient = recipient,
                                .due_us = due_us,
                                .sent_us = now_us};
    return message;
}

size_t book_content(const struct message *message, size_t len_min, char *out, size_t cap)
{
    int len = snprintf(out, cap, "%u from %u to %u;", message->number, message->sender,
                       message->recipient);
    assert(len > 0 && (size_t)len < cap);
    size_t padded = MIN(MAX((size_t)len, len_min), cap);
    memset(out + len, '.', padded - (size_t)len);
    return padded;
}

/* The message that a content names, if it says the same of sender and recipient as we do. */
static struct message *book_by_content(const struct book *book, struct str content)
{
    char mine[64];
    uint64_t number;
    struct str rest = content;
    if (!str_to_u64(str_cut(&rest, ' '), UINT32_MAX, &number)) return NULL;
    struct message *message = book_at(book, number);
    if (!message) return NULL;
    size_t len = book_content(message, 0, mine, sizeof(mine));
    return str_starts(content, str_of(mine, len)) ? message : NULL;
}

/* Both the answer and the event name the id, and either may come first: they must agree, and no
 * other message may bear it. */
static bool book_name(struct book *book, struct message *message, struct str id)
{
    if (message->id[0]) return str_equal(id, str_from_c(message->id));
    if (id.len != BOOK_ID_LEN || map_find(&book->by_id, id)) return false;
    memcpy(message->id, id.ptr, id.len);
    map_insert(&book->by_id, &message->by_id, str_of(message->id, BOOK_ID_LEN));
    return true;
}

void book_accept(struct book *book, struct message *message, struct str id, int64_t now_us)
{
    assert(!(message->facts & BOOK_ACCEPTED));
    if (!book_name(book, message, id)) book->counts.foreign++;
    message->accepted_us = now_us;
    book_enter(book, message, BOOK_ACCEPTED);
}

void book_ack(struct book *book, struct message *message)
{
    book_enter(book, message, BOOK_ACKED);
}

void book_write_off(struct book *book)
{
    book->counts.undelivered = 0;
}

/* Readers */

void book_reader_start(struct book *book, uint32_t user, uint64_t seq)
{
    book->readers[user].seq = seq;
}

enum book_place { BOOK_NEXT, BOOK_AGAIN, BOOK_BACK };

/* Where the event stands: the next one, one the reader may be shown again, or a step back. */
static enum book_place book_step(struct book *book, const struct book_event *event)
{
    assert(event->user < book->user_count);
    struct book_reader *reader = &book->readers[event->user];
    if (event->seq <= reader->seq) return BOOK_BACK;
    /* What was seen before and has been confirmed since is gone: no gap. */
    uint64_t from = MAX(reader->seq, reader->seen_to);
    if (event->seq > from) book->counts.seq_gaps += event->seq - from - 1;
    enum book_place place = event->seq <= reader->seen_to ? BOOK_AGAIN : BOOK_NEXT;
    reader->seq = event->seq;
    reader->seen_to = MAX(reader->seen_to, event->seq);
    return place;
}

static void book_repeat(struct book *book, enum book_place place, uint64_t *repeats)
{
    if (place == BOOK_AGAIN)
        book->counts.redelivered++;
    else
        (*repeats)++;
}

struct message *book_deliver(struct book *book, const struct book_event *event)
{
    enum book_place place = book_step(book, event);
    struct message *message = book_by_content(book, event->content);
    if (!message || message->recipient != event->user || message->sender != event->counterpart) {
        book->counts.foreign++;
        return NULL;
    }
    bool is_named = book_name(book, message, event->id);
    if (message->facts & BOOK_DELIVERED) { /* under another id nothing allows it */
        book_repeat(book, is_named ? place : BOOK_NEXT, &book->counts.duplicated);
        return NULL;
    }
    if (!is_named) {
        book->counts.foreign++;
        return NULL;
    }
    struct book_reader *reader = &book->readers[event->user];
    bool was_overtaken = message->accepted_us && message->accepted_us < reader->sent_us_last;
    if (place == BOOK_BACK || was_overtaken) book->counts.out_of_order++;
    reader->sent_us_last = MAX(reader->sent_us_last, message->sent_us);
    book_enter(book, message, BOOK_DELIVERED);
    return message;
}

void book_receipt(struct book *book, const struct book_event *event)
{
    enum book_place place = book_step(book, event);
    struct map_link *link = map_find(&book->by_id, event->id);
    struct message *message = link ? container_of(link, struct message, by_id) : NULL;
    if (!message || message->sender != event->user || message->recipient != event->counterpart ||
        !(message->facts & BOOK_DELIVERED)) {
        book->counts.foreign++;
        return;
    }
    if (message->facts & BOOK_RECEIPTED) {
        book_repeat(book, place, &book->counts.receipts_duplicated);
        return;
    }
    if (place == BOOK_BACK) book->counts.out_of_order++;
    book_enter(book, message, BOOK_RECEIPTED);
}

void book_other(struct book *book, const struct book_event *event)
{
    if (book_step(book, event) == BOOK_BACK) book->counts.out_of_order++;
}
