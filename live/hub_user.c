#include "live/hub_user.h"
#include "base/memory.h"
#include <stdlib.h>

/* After Redis was lost every listener reads the store again. A million at once would bury it: they
 * are sent one after the other, 20 a millisecond. */
enum { HUB_MEND_STEP_US = 50 };

static void hub_user_due(struct timer *timer);

struct hub_user *hub_user_find(const struct hub *hub, struct str user_id)
{
    struct map_link *link = map_find(&hub->users, user_id);
    return link ? container_of(link, struct hub_user, link) : NULL;
}

struct hub_user *hub_user_keep(struct hub *hub, struct str user_id)
{
    struct hub_user *user = hub_user_find(hub, user_id);
    if (user) return user;
    user = memory_alloc(sizeof(*user) + user_id.len);
    user->hub = hub;
    user->timer.due = hub_user_due;
    list_init(&user->listeners);
    list_init(&user->listening_link);
    memcpy(user->user_id, user_id.ptr, user_id.len);
    map_insert(&hub->users, &user->link, str_of(user->user_id, user_id.len));
    return user;
}

void hub_user_free(struct hub_user *user)
{
    assert(list_is_empty(&user->listeners));
    loop_timer_cancel(user->hub->loop, &user->timer);
    map_remove(&user->hub->users, &user->link);
    hub_user_forget_device(user, STR_NONE);
    hub_user_drop_recent(user);
    free(user);
}

static void hub_user_wait(struct hub_user *user, enum hub_wait wait, int64_t in_ms)
{
    user->wait = wait;
    loop_timer_set(user->hub->loop, &user->timer, in_ms);
}

void hub_user_linger(struct hub_user *user)
{
    assert(list_is_empty(&user->listeners));
    hub_user_wait(user, HUB_WAIT_LINGER, user->hub->linger_ms);
}

bool hub_user_is_subscribed(const struct hub_user *user)
{
    return user->channel == HUB_CHANNEL_STANDS && user->round == user->hub->round;
}

void hub_user_subscribe(struct hub_user *user)
{
    if (user->channel != HUB_CHANNEL_NONE) return;
    struct hub *hub = user->hub;
    bool stands = relay_subscribe(hub->relay, user->link.key);
    user->channel = stands ? HUB_CHANNEL_STANDS : HUB_CHANNEL_ASKED;
    /* Redis away: it counts as a channel of the round before, to be mended when Redis is back. */
    user->round = relay_is_up(hub->relay) ? hub->round : hub->round - 1;
    user->is_read = false;
    hub_user_close_devices(user); /* what was forgotten before, nobody has told us */
}

/* Its listeners read the store before the channel stood: they must do so once more. */
static void hub_user_mend(struct hub_user *user)
{
    struct hub *hub = user->hub;
    LIST_EACH (&user->listeners, link) {
        container_of(link, struct listener, link)->is_doubted = true;
    }
    if (list_is_empty(&user->listeners)) return;
    int64_t now_us = loop_now_ms(hub->loop) * 1000;
    hub->mend_us = MAX(hub->mend_us, now_us) + HUB_MEND_STEP_US;
    hub_user_wait(user, HUB_WAIT_MEND, (hub->mend_us - now_us) / 1000);
}

void hub_user_subscribed(struct hub_user *user)
{
    bool was_asked = user->channel == HUB_CHANNEL_ASKED;
    bool was_in_doubt = user->round != user->hub->round;
    if (user->channel == HUB_CHANNEL_NONE) return;
    user->channel = HUB_CHANNEL_STANDS;
    user->round = user->hub->round;
    if (was_in_doubt) {
        user->is_read = false;
        hub_user_close_devices(user);
        hub_user_mend(user);
    }
    if (!was_asked) return;
    LIST_EACH (&user->listeners, link) {
        struct listener *listener = container_of(link, struct listener, link);
        if (!listener->is_ready_told) listener_wake(listener, WAKE_READY);
    }
}

void hub_user_drop_recent(struct hub_user *user)
{
    if (!user->recent) return;
    for (uint32_t i = 0; i < user->recent->count; i++)
        event_release(user->recent->events[i]);
    free(user->recent);
    user->recent = NULL;
}

static void recent_insert(struct recent *recent, uint32_t at, struct event *event)
{
    assert(recent->count < HUB_RECENT_MAX);
    memmove(&recent->events[at + 1], &recent->events[at],
            (recent->count - at) * sizeof(recent->events[0]));
    recent->events[at] = event_hold(event);
    recent->count++;
}

static void recent_remove_oldest(struct recent *recent)
{
    event_release(recent->events[0]);
    recent->count--;
    memmove(&recent->events[0], &recent->events[1], recent->count * sizeof(recent->events[0]));
}

/* False if it is there already. One that is older than all of a full ring is not kept. */
static bool hub_user_remember(struct hub_user *user, struct event *event)
{
    if (!user->recent) user->recent = MEMORY_NEW(struct recent);
    struct recent *recent = user->recent;
    uint32_t at = recent->count; /* from the end: nearly all come in order */
    while (at > 0 && recent->events[at - 1]->seq > event->seq)
        at--;
    if (at > 0 && recent->events[at - 1]->seq == event->seq) return false;
    user->recent_age = 0;
    if (recent->count == HUB_RECENT_MAX) {
        if (at == 0) return true;
        recent_remove_oldest(recent);
        at--;
    }
    recent_insert(recent, at, event);
    return true;
}

/* All that is known is of another epoch: of a store from before a restore, or an erased user's. */
static void hub_user_take_epoch(struct hub_user *user, uint32_t epoch)
{
    hub_user_drop_recent(user);
    user->newest_seq = 0;
    user->epoch = epoch;
    user->is_read = false;
    LIST_EACH (&user->listeners, link) {
        struct listener *listener = container_of(link, struct listener, link);
        if (listener->is_live && listener->epoch != epoch) listener_fall_behind(listener);
    }
}

static void hub_user_meet_epoch(struct hub_user *user, uint32_t epoch)
{
    if (!user->has_position || user->epoch != epoch) hub_user_take_epoch(user, epoch);
    user->has_position = true;
}

void hub_user_hear(struct hub_user *user, struct event *event)
{
    hub_user_meet_epoch(user, event->epoch);
    if (!hub_user_remember(user, event)) return;
    user->newest_seq = MAX(user->newest_seq, event->seq);
    bool has_gap = false;
    LIST_EACH (&user->listeners, link) {
        struct listener *listener = container_of(link, struct listener, link);
        if (!listener->is_live) continue;
        if (listener->last_seq + 1 == event->seq) listener_give(listener, event);
        listener_pump(listener);
        has_gap |= listener->is_live && listener->last_seq < user->newest_seq;
    }
    if (has_gap) {
        hub_user_watch_gap(user);
    } else if (user->wait == HUB_WAIT_GAP) { /* closed in time; the next one has its own */
        user->wait = HUB_WAIT_NONE;
        loop_timer_cancel(user->hub->loop, &user->timer);
    }
}

bool hub_user_learn(struct hub_user *user, uint32_t epoch, uint64_t newest_seq)
{
    bool is_news = !user->has_position || user->epoch != epoch || newest_seq > user->newest_seq;
    hub_user_meet_epoch(user, epoch);
    user->newest_seq = MAX(user->newest_seq, newest_seq);
    return is_news;
}

void hub_user_watch_gap(struct hub_user *user)
{
    if (user->wait == HUB_WAIT_NONE) hub_user_wait(user, HUB_WAIT_GAP, HUB_GAP_MS);
}

void hub_user_fall_behind(struct hub_user *user)
{
    LIST_EACH (&user->listeners, link) {
        struct listener *listener = container_of(link, struct listener, link);
        if (listener->is_live && (listener->last_seq < user->newest_seq || listener->is_doubted))
            listener_fall_behind(listener);
    }
}

static void hub_user_due(struct timer *timer)
{
    struct hub_user *user = container_of(timer, struct hub_user, timer);
    enum hub_wait wait = user->wait;
    user->wait = HUB_WAIT_NONE;
    if (wait != HUB_WAIT_LINGER) {
        hub_user_fall_behind(user);
        return;
    }
    if (user->channel != HUB_CHANNEL_NONE) relay_unsubscribe(user->hub->relay, user->link.key);
    hub_user_free(user);
}
