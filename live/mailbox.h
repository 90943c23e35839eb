/* A reader's queue of events: bounded in number and bytes, empty ones take no memory.
 * Why a full mailbox is emptied: a reader this far behind cannot catch up event by event. One mark,
 * "behind", is kept instead; the reader goes back to the inbox in the store, and the sender never
 * waits. */
#pragma once
#include "live/event.h"

enum { MAILBOX_EVENTS_MAX = 256, MAILBOX_BYTES_MAX = 256 * 1024 };

struct mailbox {
    struct event **events; /* a ring; NULL while nothing was ever queued */
    uint32_t first, count, cap;
    uint32_t bytes_len;
    bool is_behind; /* events were dropped: read the store from the last seq on */
};
void mailbox_init(struct mailbox *mailbox);
void mailbox_done(struct mailbox *mailbox);
void mailbox_push(struct mailbox *mailbox, struct event *event); /* takes a hold of its own */
struct event *mailbox_pop(struct mailbox *mailbox); /* the hold goes to the caller; NULL: empty */
void mailbox_fall_behind(struct mailbox *mailbox);  /* empties it and sets the mark */
void mailbox_reset(struct mailbox *mailbox);        /* empties it and clears the mark */
