#include "live/hub.h"
#include "base/memory.h"
#include "base/random.h"
#include "live/hub_user.h"
#include "live/notice.h"
#include "live/wire.h"
#include <stdlib.h>

/* Probes without a new event until an entry's last few events are dropped: a million silent users
 * must not hold theirs for ever. */
enum { HUB_RECENT_AGE_MAX = 4, HUB_WIRE_LEN_MAX = EVENT_LEN_MAX + 1024 };

static void hub_notice(struct hub_user *user, const struct notice *notice)
{
    LIST_EACH (&user->listeners, link) {
        struct listener *listener = container_of(link, struct listener, link);
        bool is_device =
            str_is_empty(notice->device_id) || str_equal(notice->device_id, listener->device_id);
        bool is_earlier = listener->kind == notice->kind && listener->opened < notice->stamp;
        if (is_device && (is_earlier || notice->why != DISMISSED_DISPLACED))
            listener_dismiss(listener, notice->why);
    }
    if (notice->why != DISMISSED_DISPLACED) hub_user_forget_device(user, notice->device_id);
    if (notice->why == DISMISSED_ERASED) {
        user->is_read = false;
        hub_user_drop_recent(user);
    }
}

static void hub_received(struct relay_sink *sink, struct str user_id, struct str payload)
{
    struct hub *hub = container_of(sink, struct hub, sink);
    struct hub_user *user = hub_user_find(hub, user_id);
    struct event *event;
    struct notice notice;
    if (!user) return; /* nobody listens here, or no more */
    if (payload.len > 0 && payload.ptr[0] == WIRE_EVENT) {
        if (event_from_wire(payload, &event) != OK) return; /* another version's: the probe helps */
        hub_user_hear(user, event);
        event_release(event);
    } else if (notice_from_wire(payload, &notice) == OK && notice.from != hub->id) {
        hub_notice(user, &notice);
    }
}

static void hub_subscribed(struct relay_sink *sink, struct str user_id)
{
    struct hub *hub = container_of(sink, struct hub, sink);
    struct hub_user *user = hub_user_find(hub, user_id);
    if (user) hub_user_subscribed(user);
}

static void hub_state(struct relay_sink *sink, bool is_up)
{
    struct hub *hub = container_of(sink, struct hub, sink);
    if (is_up) return; /* each channel is mended when it is subscribed again */
    hub->round++;
    hub_tell_unready(hub);
}

enum err hub_open(struct loop *loop, const struct config *config, struct relay_hall *hall,
                  struct hub **hub_out)
{
    struct hub *hub = MEMORY_NEW(struct hub);
    hub->loop = loop;
    hub->linger_ms = config->linger_ms;
    hub->id = random_u64();
    hub->round = 1;
    hub->sink = (struct relay_sink){hub_received, hub_subscribed, hub_state};
    hub->ear.rung = hub_tell;
    map_init(&hub->users);
    list_init(&hub->listening);
    list_init(&hub->unready);
    list_init(&hub->wakes);
    buf_init(&hub->wire, HUB_WIRE_LEN_MAX);
    enum err err = relay_open(loop, config, hall, &hub->sink, &hub->relay);
    if (err != OK) {
        hub_close(hub);
        return err;
    }
    hub->bell = relay_hall_bell(hall, loop, &hub->ear);
    *hub_out = hub;
    return OK;
}

static void hub_close_user(struct map_link *link, void *context UNUSED)
{
    hub_user_free(container_of(link, struct hub_user, link));
}

void hub_close(struct hub *hub)
{
    if (!hub) return;
    assert(hub->listener_count == 0);
    bell_mute(hub->bell);
    relay_close(hub->relay);
    map_each(&hub->users, hub_close_user, NULL);
    map_done(&hub->users);
    buf_done(&hub->wire);
    free(hub);
}

void hub_publish(struct hub *hub, struct str user_id, struct event *event)
{
    struct hub_user *user = hub_user_find(hub, user_id);
    if (user) hub_user_hear(user, event);
    buf_clear(&hub->wire);
    enum err err = event_to_wire(event, &hub->wire);
    assert(err == OK); /* the buffer holds the longest event */
    relay_publish(hub->relay, user_id, buf_str(&hub->wire));
}

static void hub_publish_notice(struct hub *hub, struct str user_id, struct notice *notice)
{
    notice->from = hub->id;
    struct hub_user *user = hub_user_find(hub, user_id);
    if (user) hub_notice(user, notice);
    buf_clear(&hub->wire);
    enum err err = notice_to_wire(notice, &hub->wire);
    assert(err == OK);
    relay_publish(hub->relay, user_id, buf_str(&hub->wire));
}

void hub_displace_others(struct hub *hub, struct listener *listener)
{
    assert(listener->user && listener->user->hub == hub);
    hub_publish_notice(hub, listener->user_id,
                       &(struct notice){
                           .why = DISMISSED_DISPLACED,
                           .kind = listener->kind,
                           .stamp = listener->opened,
                           .device_id = listener->device_id,
                       });
}

void hub_dismiss(struct hub *hub, struct str user_id, struct str device_id, enum dismissal why)
{
    assert(why != DISMISSED_DISPLACED); /* that one needs a listener: see hub_displace_others */
    hub_publish_notice(hub, user_id, &(struct notice){.why = why, .device_id = device_id});
}

struct hub_device *hub_device(struct hub *hub, struct str user_id, struct str device_id)
{
    struct hub_user *user = hub_user_find(hub, user_id);
    return user ? hub_user_device(user, device_id) : NULL;
}

struct hub_device *hub_keep(struct hub *hub, struct str user_id, struct str device_id)
{
    struct hub_user *user = hub_user_keep(hub, user_id);
    if (list_is_empty(&user->listeners)) hub_user_linger(user);
    return hub_user_device(user, device_id);
}

bool hub_position(struct hub *hub, struct str user_id, uint32_t *epoch_out, uint64_t *seq_out)
{
    struct hub_user *user = hub_user_find(hub, user_id);
    if (!user || !user->is_read || !hub_user_is_subscribed(user)) return false;
    *epoch_out = user->epoch;
    *seq_out = user->newest_seq;
    return true;
}

static bool hub_user_has_live(const struct hub_user *user)
{
    LIST_EACH (&user->listeners, link) {
        if (container_of(link, struct listener, link)->is_live) return true;
    }
    return false;
}

size_t hub_probe_next(struct hub *hub, struct str *user_ids_out, size_t max, struct arena *arena)
{
    size_t count = 0;
    struct list *last = hub->listening.prev; /* one round at most */
    for (struct list *link = NULL; count < max && link != last;) {
        link = list_pop(&hub->listening);
        if (!link) break;
        list_push(&hub->listening, link);
        struct hub_user *user = container_of(link, struct hub_user, listening_link);
        if (user->recent && ++user->recent_age > HUB_RECENT_AGE_MAX) hub_user_drop_recent(user);
        if (hub_user_has_live(user)) user_ids_out[count++] = arena_str(arena, user->link.key);
    }
    return count;
}

bool hub_probe_found(struct hub *hub, struct str user_id, uint32_t epoch, uint64_t newest_seq)
{
    struct hub_user *user = hub_user_find(hub, user_id);
    /* 0 is also said of a user that the store does not know: no news in either case. */
    if (!user || newest_seq == 0) return false;
    if (!hub_user_learn(user, epoch, newest_seq)) return false;
    hub_user_fall_behind(user);
    return true;
}

bool hub_relay_is_up(const struct hub *hub)
{
    return relay_is_up(hub->relay);
}

size_t hub_listener_count(const struct hub *hub)
{
    return hub->listener_count;
}
