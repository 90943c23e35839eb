/* The hub of one reactor: who listens here, and what was last heard of each user.
 *
 * A listener (a stream or a waiting poll) joins, is told `ready` once the user's channel is
 * subscribed, reads the store, and goes live from the seq it has read to; from then on events come
 * to its mailbox in order, each seq once. A seq that is missing for GAP_MS, a full mailbox, or a
 * doubt (relay lost, probe) makes its mailbox `behind`: the listener reads the store again and goes
 * live anew. Subscribe first, then read, then go live: nothing falls between.
 *
 * A user's entry (subscription, newest seq, last few events, its devices) lingers for config
 * linger_ms after its last listener left: a poll that comes back with the newest cursor parks
 * without the store.
 *
 * One thread. `ready`, `woken` and `dismissed` run from the loop, never inside a call of this
 * header, and not after hub_leave; each of them may leave, join, and free its listener. Who was
 * dismissed is told nothing more and cannot go live again: it leaves. */
#pragma once
#include "base/config.h"
#include "base/loop.h"
#include "live/mailbox.h"
#include "live/relay.h"

enum { HUB_RECENT_MAX = 8, HUB_GAP_MS = 20, HUB_DEVICES_MAX = 16 };

struct hub;
MUST_CHECK enum err hub_open(struct loop *loop, const struct config *config,
                             struct relay_hall *hall, struct hub **hub_out);
void hub_close(struct hub *hub); /* after all listeners have left */

enum listener_kind { LISTENER_STREAM, LISTENER_POLL };
enum dismissal {
    DISMISSED_DISPLACED, /* the same device opened a newer one, here or on another server */
    DISMISSED_FORGOTTEN, /* the device was deleted */
    DISMISSED_ERASED     /* the user was */
};

struct hub_user;
struct listener { /* embedded in the stream or poll; zeroed before hub_join */
    /* Set by the owner before hub_join; the strings live until hub_leave. */
    struct str user_id, device_id;
    enum listener_kind kind;
    void (*ready)(struct listener *listener);
    void (*woken)(struct listener *listener); /* mailbox holds something, or is behind */
    void (*dismissed)(struct listener *listener, enum dismissal why);
    /* The owner reads it. */
    struct mailbox mailbox;
    /* The hub's own. */
    struct hub_user *user;
    struct list link, wake_link;
    uint64_t opened; /* a stamp: later ones displace earlier ones */
    uint64_t last_seq;
    uint32_t epoch;
    bool is_live, is_ready_told;
    bool is_doubted; /* what it read may miss something: Redis was away meanwhile */
    bool is_dismissed;
    uint8_t wake_reasons;
    uint8_t why; /* enum dismissal */
};
void hub_join(struct hub *hub, struct listener *listener);
void hub_leave(struct hub *hub, struct listener *listener); /* twice is fine */
/* The listener has shown everything up to seq of this epoch. Resets its mailbox; what the hub has
 * heard beyond comes to it at once (by woken), or it is behind. */
void hub_go_live(struct hub *hub, struct listener *listener, uint32_t epoch, uint64_t seq);
void hub_stop_live(struct hub *hub, struct listener *listener); /* it reads the store again */
/* Dismisses every earlier listener of the same user, device and kind, here and on other servers. */
void hub_displace_others(struct hub *hub, struct listener *listener);
/* The same for all of a device's listeners, or with an empty device_id for all of the user's. */
void hub_dismiss(struct hub *hub, struct str user_id, struct str device_id, enum dismissal why);

/* After commit, never before: to the listeners here, and through the relay to those elsewhere. */
void hub_publish(struct hub *hub, struct str user_id, struct event *event);

/* What a device of a lingering or listening user is remembered by. NULL if the hub has no entry
 * (hub_ keep makes one, without a subscription). The pointer is good until the loop's next turn. */
struct hub_device {
    struct str device_id;
    uint32_t slot;
    bool is_open;         /* slot is known: the device was opened in the store while subscribed */
    uint64_t confirm_seq; /* highest receipt, expiry or change shown and not yet confirmed; or 0 */
    int64_t empty_at_ms;  /* monotonic: when a poll with wait=0 was last answered empty; or 0 */
    uint64_t empty_seq;
};
struct hub_device *hub_device(struct hub *hub, struct str user_id, struct str device_id);
struct hub_device *hub_keep(struct hub *hub, struct str user_id, struct str device_id);
/* True if the entry's newest position is beyond doubt (subscribed all along since it was read). */
bool hub_position(struct hub *hub, struct str user_id, uint32_t *epoch_out, uint64_t *seq_out);

/* The probe: up to max users that have live listeners, going round; then what the store says. Also
 * drops the last few events of users that have been silent for some rounds. */
size_t hub_probe_next(struct hub *hub, struct str *user_ids_out, size_t max, struct arena *arena);
/* True if this was news: listeners were behind. */
bool hub_probe_found(struct hub *hub, struct str user_id, uint32_t epoch, uint64_t newest_seq);

bool hub_relay_is_up(const struct hub *hub);
size_t hub_listener_count(const struct hub *hub);
