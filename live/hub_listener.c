/* The hub as one listener sees it: joining, going live, being told. Whatever happens, a listener is
 * told of it from the loop, by the bell: so callers need not think of callbacks inside calls. */
#include "base/clock.h"
#include "base/random.h"
#include "live/hub_user.h"

/* Wall microseconds, then random bits: ascending here, and comparable between reactors and servers.
 * Not milliseconds: a client that comes back at once, on another reactor, must not look older than
 * the listener it left. */
static uint64_t hub_stamp(struct hub *hub)
{
    uint64_t stamp = (uint64_t)clock_wall_us() << 10 | random_below(1 << 10);
    hub->last_stamp = MAX(stamp, hub->last_stamp + 1);
    return hub->last_stamp;
}

void hub_join(struct hub *hub, struct listener *listener)
{
    assert(!listener->user);
    struct hub_user *user = hub_user_keep(hub, listener->user_id);
    if (user->wait == HUB_WAIT_LINGER) {
        user->wait = HUB_WAIT_NONE;
        loop_timer_cancel(hub->loop, &user->timer);
    }
    hub_user_subscribe(user);
    mailbox_init(&listener->mailbox);
    listener->user = user;
    listener->opened = hub_stamp(hub);
    list_init(&listener->wake_link);
    list_push(&user->listeners, &listener->link);
    if (!list_is_linked(&user->listening_link)) list_push(&hub->listening, &user->listening_link);
    hub->listener_count++;
    if (user->channel == HUB_CHANNEL_ASKED && relay_is_up(hub->relay))
        list_push(&hub->unready, &listener->wake_link);
    else
        listener_wake(listener, WAKE_READY);
}

void hub_leave(struct hub *hub, struct listener *listener)
{
    struct hub_user *user = listener->user;
    if (!user) return;
    listener->user = NULL;
    listener->is_live = false;
    listener->wake_reasons = 0;
    mailbox_done(&listener->mailbox);
    list_remove(&listener->wake_link);
    list_remove(&listener->link);
    hub->listener_count--;
    if (!list_is_empty(&user->listeners)) return;
    list_remove(&user->listening_link);
    hub_user_linger(user);
}

void hub_go_live(struct hub *hub, struct listener *listener, uint32_t epoch, uint64_t seq)
{
    struct hub_user *user = listener->user;
    assert(user && user->hub == hub);
    if (listener->is_dismissed) return;
    bool has_progress = listener->epoch != epoch || listener->last_seq != seq;
    mailbox_reset(&listener->mailbox);
    listener->wake_reasons &= (uint8_t)~WAKE_WOKEN;
    listener->epoch = epoch;
    listener->last_seq = seq;
    listener->is_live = true;

    /* Others that are live have not been shown what this one has read: it must be on its way. */
    bool is_news = hub_user_learn(user, epoch, seq);
    if (is_news) hub_user_watch_gap(user);
    if (listener->is_doubted) {
        listener_fall_behind(listener);
        return;
    }
    if (hub_user_is_subscribed(user)) user->is_read = true;
    listener_pump(listener);
    if (!listener->is_live || listener->last_seq == user->newest_seq) return;
    /* A store that lags behind what was published (a replica) must not be read in a hot loop. */
    if (has_progress)
        listener_fall_behind(listener);
    else
        hub_user_watch_gap(user);
}

void hub_stop_live(struct hub *hub, struct listener *listener)
{
    assert(listener->user && listener->user->hub == hub);
    listener->is_live = false;
    listener->is_doubted = false; /* what it reads from now on misses nothing */
    listener->wake_reasons &= (uint8_t)~WAKE_WOKEN;
    mailbox_reset(&listener->mailbox);
}

void listener_fall_behind(struct listener *listener)
{
    listener->is_live = false;
    listener->is_doubted = false;
    mailbox_fall_behind(&listener->mailbox);
    listener_wake(listener, WAKE_WOKEN);
}

void listener_give(struct listener *listener, struct event *event)
{
    assert(listener->is_live && event->seq == listener->last_seq + 1);
    mailbox_push(&listener->mailbox, event);
    listener->last_seq = event->seq;
    if (listener->mailbox.is_behind) listener->is_live = false; /* full */
    listener_wake(listener, WAKE_WOKEN);
}

void listener_pump(struct listener *listener)
{
    struct recent *recent = listener->user->recent;
    if (!recent || recent->count == 0) return;
    if (recent->events[recent->count - 1]->seq <= listener->last_seq) return; /* nearly always */
    for (uint32_t i = 0; i < recent->count && listener->is_live; i++) {
        if (recent->events[i]->seq == listener->last_seq + 1)
            listener_give(listener, recent->events[i]);
    }
}

void listener_wake(struct listener *listener, enum wake_reason reason)
{
    if (listener->is_dismissed && reason != WAKE_DISMISSED) return;
    struct hub *hub = listener->user->hub;
    if (listener->wake_reasons == 0) {
        list_remove(&listener->wake_link); /* from hub.unready, if it is there */
        list_push(&hub->wakes, &listener->wake_link);
        bell_ring(hub->bell);
    }
    listener->wake_reasons |= (uint8_t)reason;
}

void listener_dismiss(struct listener *listener, enum dismissal why)
{
    if (listener->is_dismissed) return;
    listener->is_dismissed = true;
    listener->is_live = false;
    listener->why = (uint8_t)why;
    mailbox_reset(&listener->mailbox);
    listener_wake(listener, WAKE_DISMISSED);
    listener->wake_reasons = WAKE_DISMISSED; /* it needs to hear of nothing else */
}

/* One reason, since the listener may be gone after it; what is left waits in the next turn. */
static void listener_tell(struct listener *listener)
{
    uint8_t reasons = listener->wake_reasons;
    listener->wake_reasons = 0;
    if (reasons & WAKE_DISMISSED) {
        listener->dismissed(listener, listener->why);
    } else if (reasons & WAKE_READY) {
        listener->is_ready_told = true;
        if (reasons & WAKE_WOKEN) listener_wake(listener, WAKE_WOKEN);
        listener->ready(listener);
    } else if (reasons & WAKE_WOKEN) { /* else it has read the store since */
        listener->woken(listener);
    }
}

void hub_tell(struct bell_ear *ear)
{
    struct hub *hub = container_of(ear, struct hub, ear);
    /* Only those that were there at the start: what the told ones cause comes in the next turn. */
    struct list now;
    list_init(&now);
    if (!list_is_empty(&hub->wakes)) {
        list_insert_before(&hub->wakes, &now); /* `now` takes over the ring ... */
        list_remove(&hub->wakes);              /* ... and the hub's begins anew */
    }
    for (struct list *link; (link = list_pop(&now));)
        listener_tell(container_of(link, struct listener, wake_link));
}

void hub_tell_unready(struct hub *hub)
{
    for (struct list *link; (link = list_pop(&hub->unready));)
        listener_wake(container_of(link, struct listener, wake_link), WAKE_READY);
}
