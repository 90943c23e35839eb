#include "live/mailbox.h"
#include "base/memory.h"
#include <stdlib.h>

enum { MAILBOX_CAP_MIN = 4 };

void mailbox_init(struct mailbox *mailbox)
{
    *mailbox = (struct mailbox){0};
}

/* Drops what is queued, and the ring with it: a million empty mailboxes must cost nothing. */
static void mailbox_empty(struct mailbox *mailbox)
{
    for (uint32_t i = 0; i < mailbox->count; i++)
        event_release(mailbox->events[(mailbox->first + i) & (mailbox->cap - 1)]);
    free(mailbox->events);
    *mailbox = (struct mailbox){.is_behind = mailbox->is_behind};
}

void mailbox_done(struct mailbox *mailbox)
{
    mailbox_reset(mailbox);
}

void mailbox_fall_behind(struct mailbox *mailbox)
{
    mailbox_empty(mailbox);
    mailbox->is_behind = true;
}

void mailbox_reset(struct mailbox *mailbox)
{
    mailbox_empty(mailbox);
    mailbox->is_behind = false;
}

/* Doubles the ring (cap is a power of two, or 0) and lays what wrapped around behind the rest. */
static void mailbox_grow(struct mailbox *mailbox)
{
    uint32_t cap = mailbox->cap ? mailbox->cap * 2 : MAILBOX_CAP_MIN;
    mailbox->events = memory_resize(mailbox->events, cap * sizeof(*mailbox->events));
    if (mailbox->first > 0)
        memcpy(mailbox->events + mailbox->cap, mailbox->events,
               mailbox->first * sizeof(*mailbox->events));
    mailbox->cap = cap;
}

void mailbox_push(struct mailbox *mailbox, struct event *event)
{
    if (mailbox->is_behind) return; /* the store has it */
    /* The longest event fits into an empty mailbox, so none can be kept out for ever. */
    static_assert((int)EVENT_LEN_MAX <= (int)MAILBOX_BYTES_MAX, "an event must fit");
    if (mailbox->count == MAILBOX_EVENTS_MAX ||
        event->len > MAILBOX_BYTES_MAX - mailbox->bytes_len) {
        mailbox_fall_behind(mailbox);
        return;
    }
    if (mailbox->count == mailbox->cap) mailbox_grow(mailbox);
    mailbox->events[(mailbox->first + mailbox->count) & (mailbox->cap - 1)] = event_hold(event);
    mailbox->count++;
    mailbox->bytes_len += event->len;
}

struct event *mailbox_pop(struct mailbox *mailbox)
{
    if (mailbox->count == 0) return NULL;
    struct event *event = mailbox->events[mailbox->first];
    mailbox->first = (mailbox->first + 1) & (mailbox->cap - 1);
    mailbox->count--;
    mailbox->bytes_len -= event->len;
    if (mailbox->count == 0) mailbox_empty(mailbox);
    return event;
}
