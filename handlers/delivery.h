/* What a stream and a poll have in common: a listener in the hub, a place in the inbox, and one
 * read of the store at a time.
 *
 *   JOINING  the hub subscribes the user's channel              -> delivery_open
 *   OPENING  the device is opened, the first page is read       -> on->opened
 *   CATCHUP  pages, as fast as the socket drains                -> on->paged
 *   LIVE     events come to the mailbox; behind: CATCHUP again  -> on->woken
 *   CLOSED   left the hub; a read still in flight is forgotten
 *
 * Subscribe first, then read, then go live: nothing falls between. All on the reactor's thread. */
#pragma once
#include "db/inbox.h"
#include "handlers/app.h"
#include "handlers/ids.h"

enum delivery_state {
    DELIVERY_NEW,
    DELIVERY_JOINING,
    DELIVERY_OPENING,
    DELIVERY_CATCHUP,
    DELIVERY_LIVE,
    DELIVERY_CLOSED,
    DELIVERY_STATE_COUNT
};

struct delivery;
struct delivery_read;
struct delivery_events { /* one table for streams, one for polls */
    void (*joined)(struct delivery *delivery);
    void (*opened)(struct delivery *delivery, const struct device_open *open); /* open->op.err */
    void (*paged)(struct delivery *delivery, const struct inbox_page *page);   /* page->op.err */
    void (*woken)(struct delivery *delivery);
    void (*dismissed)(struct delivery *delivery, enum dismissal why);
    void (*drain)(struct delivery *delivery,
                  int64_t in_ms); /* the server stops: end within in_ms */
};

/* The client's cursor, as it came. */
struct delivery_cursor {
    enum cursor_kind kind;
    uint32_t epoch;
    uint64_t seq;
};

struct delivery {
    const struct delivery_events *on;
    struct exchange *ex; /* one hold */
    struct app *app;
    struct list link; /* app->deliveries */
    struct listener listener;
    struct delivery_read *read; /* in flight, or NULL */
    enum delivery_state state;
    uint32_t slot;  /* the device's, once opened */
    uint32_t epoch; /* with shown_seq: everything up to here was shown */
    uint64_t shown_seq;
};

/* The strings behind the listener's ids must live as long as the delivery. */
void delivery_init(struct delivery *delivery, struct exchange *ex, enum listener_kind kind,
                   const struct delivery_events *on);
void delivery_set_ids(struct delivery *delivery, struct ids ids); /* before it joins or opens */
void delivery_done(struct delivery *delivery); /* leaves the hub, gives up its hold */
void delivery_enter(struct delivery *delivery, enum delivery_state to); /* asserts the move */

struct delivery_cursor delivery_cursor(struct str text); /* empty: none; malformed: unknown */

void delivery_join(struct delivery *delivery); /* then on->joined */
/* Each starts the one read, or returns ERR_BUSY. */
MUST_CHECK enum err delivery_open(struct delivery *delivery, struct delivery_cursor cursor,
                                  size_t limit);
MUST_CHECK enum err delivery_page(struct delivery *delivery, size_t limit);
/* Goes live at (epoch, shown_seq). */
void delivery_go_live(struct delivery *delivery);

/* Where the reader stands after a page that reaches to newest_seq, or that has more behind it. */
uint64_t delivery_reached(const struct inbox_row *rows, size_t row_count, bool more,
                          uint64_t newest_seq);
/* Notes for the hub that the device was shown a row which passing its cursor confirms. */
void delivery_shown(struct delivery *delivery, bool is_message, uint64_t seq);

/* Every stream and waiting poll of the reactor is told to end, spread over in_ms. */
void delivery_drain_all(struct app *app, int64_t in_ms);
