/* Inside the hub: one user's entry, and the hub that holds it. Only live/hub*.c include this.
 *
 * An entry knows the newest seq it heard of and keeps the last few events, sorted, with holes where
 * the relay reordered. Each live listener has its own last_seq and is given last_seq + 1 as soon as
 * that is there; so nothing is shown twice or out of order, whatever comes in whatever order. */
#pragma once
#include "base/map.h"
#include "live/bell.h"
#include "live/hub.h"

struct hub {
    struct loop *loop;
    struct relay *relay;
    struct relay_sink sink;
    int64_t linger_ms;
    struct map users;
    struct list listening; /* users with listeners; the probe turns this ring */
    struct list unready;   /* listeners whose channel is not subscribed yet, by wake_link */
    struct list wakes;     /* listeners to tell something, by wake_link */
    struct bell *bell;     /* rung when wakes holds something; kept by the hall */
    struct bell_ear ear;
    struct buf wire;     /* scratch: the payload that is being published */
    uint64_t id;         /* random: our own notices, back from Redis, are not for us */
    uint64_t last_stamp; /* stamps ascend also within a millisecond */
    int64_t mend_us;     /* when the next entry in doubt may be mended: see hub_user_mend */
    size_t listener_count;
    uint32_t round; /* counts the relay's losses: who subscribed in an earlier round is in doubt */
};

/* Events by ascending seq, all of the entry's epoch. */
struct recent {
    uint32_t count;
    struct event *events[HUB_RECENT_MAX];
};

struct hub_user_device;
struct hub_user {
    struct map_link link; /* by user_id, below */
    struct hub *hub;
    struct list listeners;
    struct list listening_link;
    /* One timer, since an entry waits for one thing at a time. */
    struct timer timer;
    enum hub_wait { HUB_WAIT_NONE, HUB_WAIT_GAP, HUB_WAIT_LINGER, HUB_WAIT_MEND } wait : 8;
    enum hub_channel { HUB_CHANNEL_NONE, HUB_CHANNEL_ASKED, HUB_CHANNEL_STANDS } channel : 8;
    uint8_t recent_age;    /* probes since the last event: an idle user's events are dropped */
    bool has_position : 1; /* epoch and newest_seq mean something */
    bool is_read : 1;      /* a listener read the store up to its end since the subscription */
    uint32_t round;        /* hub.round when the channel was subscribed */
    uint32_t epoch;
    uint64_t newest_seq;
    struct recent *recent;           /* NULL: none */
    struct hub_user_device *devices; /* most recently used first */
    char user_id[];
};

struct hub_user *hub_user_find(const struct hub *hub, struct str user_id); /* NULL: none */
struct hub_user *hub_user_keep(struct hub *hub, struct str user_id); /* made if there is none */
void hub_user_linger(struct hub_user *user); /* its last listener left, or it has none yet */
void hub_user_free(struct hub_user *user);   /* has no listeners; does not unsubscribe */
/* The channel is subscribed, and has been since the entry last learned something. */
bool hub_user_is_subscribed(const struct hub_user *user);
void hub_user_subscribe(struct hub_user *user);
void hub_user_subscribed(struct hub_user *user); /* the relay says so; mends an entry in doubt */

void hub_user_hear(struct hub_user *user, struct event *event);
/* The store's word: a listener or the probe has read it. True if the entry did not know. */
bool hub_user_learn(struct hub_user *user, uint32_t epoch, uint64_t newest_seq);
/* Live listeners that miss something: given HUB_GAP_MS for it to come. */
void hub_user_watch_gap(struct hub_user *user);
void hub_user_fall_behind(struct hub_user *user); /* the live listeners that miss something */
void hub_user_drop_recent(struct hub_user *user);

void listener_give(struct listener *listener, struct event *event); /* event is its last_seq + 1 */
/* Gives a live listener all that follows its last_seq without a hole. */
void listener_pump(struct listener *listener);
void listener_fall_behind(struct listener *listener);
enum wake_reason { WAKE_READY = 1, WAKE_WOKEN = 2, WAKE_DISMISSED = 4 };
void listener_wake(struct listener *listener, enum wake_reason reason);
void listener_dismiss(struct listener *listener, enum dismissal why);
void hub_tell(struct bell_ear *ear);    /* the bell's: tells those in hub.wakes */
void hub_tell_unready(struct hub *hub); /* Redis is away: nobody waits for a channel */

struct hub_device *hub_user_device(struct hub_user *user, struct str device_id);
void hub_user_forget_device(struct hub_user *user, struct str device_id); /* empty: all */
void hub_user_close_devices(struct hub_user *user); /* none counts as open in the store any more */
