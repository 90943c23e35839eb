#include "live/relay_redis.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "base/random.h"
#include "live/relay_link.h"
#include <stdlib.h>
#include <sys/un.h>

#define CHANNEL_PREFIX STR("parley:")

enum {
    REDIS_PAUSE_MIN_MS = 50,
    REDIS_PAUSE_MAX_MS = 2000,
    REDIS_TICK_MS = 1000,   /* how often the peer's signs of life are looked at */
    REDIS_PING_MS = 2000,   /* silence after which it is asked */
    REDIS_SILENT_MS = 6000, /* silence after which it is given up */
    REDIS_CHANNELS_A_COMMAND = 500,
    REDIS_OUT_LEN_MAX = 256 * 1024 /* subscriptions beyond it wait: Redis reads at its own pace */
};

/* A user's channel. `wanted`: nothing sent yet, or not since Redis came back. Why one that is
 * left stays until Redis has answered: a subscription that follows must be told apart from the one
 * before, whose answer may still be on its way. */
struct channel {
    struct map_link by_user;
    struct list link; /* in wanted, settled, leaving or left */
    enum {
        CHANNEL_WANTED,
        CHANNEL_ASKED,
        CHANNEL_STANDING,
        CHANNEL_LEAVING,
        CHANNEL_RETURNING
    } state : 8;
    char user_id[];
};

struct relay_redis {
    struct loop *loop;
    struct bell *bell;
    struct relay_sink *sink;
    struct address address;
    enum { REDIS_AWAY, REDIS_CONNECTING, REDIS_UP } state;
    struct relay_link subscriber, publisher;
    struct timer timer; /* away: the pause's end; else the next look */
    int64_t pause_ms;
    bool was_up;
    struct map channels;
    struct list wanted;        /* to subscribe */
    struct list settled;       /* asked or standing */
    struct list leaving, left; /* to unsubscribe; waiting for the answer to that */
};

static struct channel *channel_of(struct list *link)
{
    return container_of(link, struct channel, link);
}

static struct channel *channel_find(struct relay_redis *redis, struct str user_id)
{
    struct map_link *link = map_find(&redis->channels, user_id);
    return link ? container_of(link, struct channel, by_user) : NULL;
}

static void channel_move(struct channel *channel, struct list *to)
{
    list_remove(&channel->link);
    list_push(to, &channel->link);
}

static void channel_free(struct relay_redis *redis, struct channel *channel)
{
    map_remove(&redis->channels, &channel->by_user);
    list_remove(&channel->link);
    free(channel);
}

static void channel_return(struct relay_redis *redis, struct channel *channel)
{
    channel->state = CHANNEL_WANTED;
    channel_move(channel, &redis->wanted);
}

/* After a loss Redis knows of none: those that were being left are left, all others are wanted. */
static void channels_forgotten(struct relay_redis *redis, struct list *leaving)
{
    LIST_EACH_SAFE (leaving, link) {
        struct channel *channel = channel_of(link);
        if (channel->state == CHANNEL_RETURNING)
            channel_return(redis, channel);
        else
            channel_free(redis, channel);
    }
}

static void list_append(struct list *to, struct list *from)
{
    if (list_is_empty(from)) return;
    struct list *first = from->next, *last = from->prev;
    first->prev = to->prev;
    to->prev->next = first;
    last->next = to;
    to->prev = last;
    list_init(from);
}

static void relay_redis_pause(struct relay_redis *redis)
{
    int64_t half_ms = redis->pause_ms / 2;
    int64_t in_ms = half_ms + (int64_t)random_below((uint64_t)half_ms + 1);
    loop_timer_set(redis->loop, &redis->timer, in_ms);
    redis->pause_ms = MIN(redis->pause_ms * 2, REDIS_PAUSE_MAX_MS);
}

static void relay_redis_lose(struct relay_redis *redis)
{
    bool was_up = redis->state == REDIS_UP;
    redis->state = REDIS_AWAY;
    relay_link_close(&redis->subscriber);
    relay_link_close(&redis->publisher);
    channels_forgotten(redis, &redis->leaving);
    channels_forgotten(redis, &redis->left);
    list_append(&redis->wanted, &redis->settled);
    relay_redis_pause(redis);
    if (!was_up) return;
    metrics_add(METRIC_RELAY_UP, -1);
    redis->sink->state(redis->sink, false);
}

static void relay_redis_connect(struct relay_redis *redis)
{
    redis->state = REDIS_CONNECTING;
    enum err err = relay_link_open(&redis->subscriber, redis->loop, &redis->address);
    if (err == OK) err = relay_link_open(&redis->publisher, redis->loop, &redis->address);
    if (err != OK)
        relay_redis_lose(redis);
    else
        loop_timer_set(redis->loop, &redis->timer, REDIS_TICK_MS);
}

static void relay_redis_linked(struct relay_redis *redis)
{
    if (!redis->subscriber.is_ready || !redis->publisher.is_ready) return;
    redis->state = REDIS_UP;
    redis->pause_ms = REDIS_PAUSE_MIN_MS;
    metrics_add(METRIC_RELAY_UP, 1);
    if (redis->was_up) metrics_add(METRIC_RELAY_RECONNECTS, 1);
    redis->was_up = true;
    bell_ring(redis->bell); /* to subscribe all that is wanted */
    redis->sink->state(redis->sink, true);
}

static enum err relay_link_look(struct relay_link *link)
{
    int64_t silent_ms = loop_now_ms(link->loop) - link->heard_ms;
    if (silent_ms >= REDIS_SILENT_MS) return ERR_LOST;
    if (silent_ms < REDIS_PING_MS || !link->is_ready) return OK;
    enum err err = relay_link_add_command(link, 1);
    if (err == OK) err = relay_link_add_argument(link, STR("PING"), STR_NONE);
    return err == OK ? relay_link_flush(link) : ERR_LOST;
}

static void relay_redis_due(struct timer *timer)
{
    struct relay_redis *redis = container_of(timer, struct relay_redis, timer);
    if (redis->state == REDIS_AWAY) {
        relay_redis_connect(redis);
        return;
    }
    enum err err = relay_link_look(&redis->subscriber);
    if (err == OK) err = relay_link_look(&redis->publisher);
    if (err != OK)
        relay_redis_lose(redis);
    else
        loop_timer_set(redis->loop, &redis->timer, REDIS_TICK_MS);
}

/* A subscriber's replies: arrays of a kind, a channel, and a payload or a count. */
static struct str reply_text(const redisReply *reply, size_t at)
{
    const redisReply *element = reply->element[at];
    if (element->type != REDIS_REPLY_STRING) return STR_NONE;
    return str_of(element->str, (size_t)element->len);
}

static void channel_subscribed(struct relay_redis *redis, struct channel *channel)
{
    if (channel->state != CHANNEL_ASKED) return; /* it is being left meanwhile */
    channel->state = CHANNEL_STANDING;
    redis->sink->subscribed(redis->sink, channel->by_user.key);
}

static void channel_unsubscribed(struct relay_redis *redis, struct channel *channel)
{
    if (channel->state == CHANNEL_LEAVING) {
        channel_free(redis, channel);
    } else if (channel->state == CHANNEL_RETURNING) {
        channel_return(redis, channel);
        bell_ring(redis->bell);
    } /* else it is of a subscription before */
}

static enum err relay_redis_heard(struct relay_link *link, const redisReply *reply)
{
    struct relay_redis *redis = container_of(link, struct relay_redis, subscriber);
    if (!list_is_empty(&redis->wanted)) bell_ring(redis->bell); /* it can take more now */
    if (reply->type == REDIS_REPLY_STATUS) return OK; /* +PONG: no channel is subscribed */
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 2) return ERR_LOST;
    if (reply->elements < 3) return OK; /* "pong" */
    struct str kind = reply_text(reply, 0), name = reply_text(reply, 1);
    if (!str_starts(name, CHANNEL_PREFIX)) return OK;
    struct str user_id = str_from(name, CHANNEL_PREFIX.len);
    struct channel *channel = channel_find(redis, user_id);
    if (!channel) return OK;
    if (str_equal(kind, STR("message"))) {
        metrics_add(METRIC_RELAY_RECEIVED, 1);
        redis->sink->received(redis->sink, user_id, reply_text(reply, 2));
    } else if (str_equal(kind, STR("subscribe"))) {
        channel_subscribed(redis, channel);
    } else if (str_equal(kind, STR("unsubscribe"))) {
        channel_unsubscribed(redis, channel);
    }
    return OK;
}

/* The publisher's: how many got it, or a pong. An error means a Redis that cannot serve us now. */
static enum err relay_redis_published(struct relay_link *link UNUSED, const redisReply *reply)
{
    return reply->type == REDIS_REPLY_ERROR ? ERR_LOST : OK;
}

static void relay_redis_subscriber_ready(struct relay_link *link)
{
    relay_redis_linked(container_of(link, struct relay_redis, subscriber));
}

static void relay_redis_publisher_ready(struct relay_link *link)
{
    relay_redis_linked(container_of(link, struct relay_redis, publisher));
}

static void relay_redis_subscriber_lost(struct relay_link *link)
{
    relay_redis_lose(container_of(link, struct relay_redis, subscriber));
}

static void relay_redis_publisher_lost(struct relay_link *link)
{
    relay_redis_lose(container_of(link, struct relay_redis, publisher));
}

static enum err relay_redis_parse(struct str where, struct address *address_out)
{
    struct str prefix = STR("unix:");
    if (!str_starts(where, prefix)) {
        return address_parse(where, address_out) == OK ? OK : ERR_CONFIG;
    }
    struct str path = str_from(where, prefix.len);
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    if (str_is_empty(path) || path.len >= sizeof(un.sun_path)) return ERR_CONFIG;
    memcpy(un.sun_path, path.ptr, path.len);
    *address_out = (struct address){.len = sizeof(un)};
    memcpy(&address_out->storage, &un, sizeof(un));
    return OK;
}

enum err relay_redis_open(struct loop *loop, struct str where, struct bell *bell,
                          struct relay_sink *sink, struct relay_redis **redis_out)
{
    struct address address;
    enum err err = relay_redis_parse(where, &address);
    if (err != OK) return err;
    struct relay_redis *redis = MEMORY_NEW(struct relay_redis);
    redis->loop = loop;
    redis->bell = bell;
    redis->sink = sink;
    redis->address = address;
    redis->pause_ms = REDIS_PAUSE_MIN_MS;
    redis->timer.due = relay_redis_due;
    redis->subscriber.replied = relay_redis_heard;
    redis->subscriber.became_ready = relay_redis_subscriber_ready;
    redis->subscriber.lost = relay_redis_subscriber_lost;
    redis->publisher.replied = relay_redis_published;
    redis->publisher.became_ready = relay_redis_publisher_ready;
    redis->publisher.lost = relay_redis_publisher_lost;
    map_init(&redis->channels);
    list_init(&redis->wanted);
    list_init(&redis->settled);
    list_init(&redis->leaving);
    list_init(&redis->left);
    loop_timer_set(loop, &redis->timer, 0); /* not now: no callback runs inside a call */
    *redis_out = redis;
    return OK;
}

static void relay_redis_close_channel(struct map_link *link, void *context)
{
    channel_free(context, container_of(link, struct channel, by_user));
}

void relay_redis_close(struct relay_redis *redis)
{
    if (!redis) return;
    if (redis->state == REDIS_UP) metrics_add(METRIC_RELAY_UP, -1);
    loop_timer_cancel(redis->loop, &redis->timer);
    relay_link_close(&redis->subscriber);
    relay_link_close(&redis->publisher);
    map_each(&redis->channels, relay_redis_close_channel, redis);
    map_done(&redis->channels);
    free(redis);
}

bool relay_redis_subscribe(struct relay_redis *redis, struct str user_id)
{
    struct channel *channel = channel_find(redis, user_id);
    if (channel) {
        assert(channel->state == CHANNEL_LEAVING);
        channel->state = CHANNEL_RETURNING;
    } else {
        channel = memory_alloc(sizeof(*channel) + user_id.len);
        memcpy(channel->user_id, user_id.ptr, user_id.len);
        map_insert(&redis->channels, &channel->by_user, str_of(channel->user_id, user_id.len));
        list_push(&redis->wanted, &channel->link);
        channel->state = CHANNEL_WANTED;
    }
    if (redis->state != REDIS_UP) return true;
    bell_ring(redis->bell);
    return false;
}

void relay_redis_unsubscribe(struct relay_redis *redis, struct str user_id)
{
    struct channel *channel = channel_find(redis, user_id);
    assert(channel && channel->state != CHANNEL_LEAVING);
    if (channel->state == CHANNEL_RETURNING) {
        channel->state = CHANNEL_LEAVING;
    } else if (redis->state != REDIS_UP || channel->state == CHANNEL_WANTED) {
        channel_free(redis, channel);
    } else {
        channel->state = CHANNEL_LEAVING;
        channel_move(channel, &redis->leaving);
        bell_ring(redis->bell);
    }
}

void relay_redis_publish(struct relay_redis *redis, struct str user_id, struct str payload)
{
    struct relay_link *link = &redis->publisher;
    size_t len = link->out.len;
    enum err err = relay_link_add_command(link, 3);
    if (err == OK) err = relay_link_add_argument(link, STR("PUBLISH"), STR_NONE);
    if (err == OK) err = relay_link_add_argument(link, CHANNEL_PREFIX, user_id);
    if (err == OK) err = relay_link_add_argument(link, payload, STR_NONE);
    if (err != OK) { /* Redis takes too little: dropped as a whole, the probe finds it */
        buf_truncate(&link->out, len);
        return;
    }
    metrics_add(METRIC_RELAY_PUBLISHED, 1);
    bell_ring(redis->bell);
}

/* One command for the first channels of `from`, which move to `to`. */
static enum err relay_redis_name(struct relay_redis *redis, struct str command, struct list *from,
                                 struct list *to)
{
    size_t count = 0;
    for (struct list *link = from->next; link != from && count < REDIS_CHANNELS_A_COMMAND;
         link = link->next)
        count++;
    enum err err = relay_link_add_command(&redis->subscriber, count + 1);
    if (err == OK) err = relay_link_add_argument(&redis->subscriber, command, STR_NONE);
    for (; err == OK && count > 0; count--) {
        struct channel *channel = channel_of(from->next);
        if (to == &redis->settled) channel->state = CHANNEL_ASKED;
        channel_move(channel, to);
        err = relay_link_add_argument(&redis->subscriber, CHANNEL_PREFIX, channel->by_user.key);
    }
    return err;
}

static enum err relay_redis_send(struct relay_redis *redis)
{
    enum err err = OK;
    struct buf *out = &redis->subscriber.out;
    while (err == OK && !list_is_empty(&redis->leaving) && out->len < REDIS_OUT_LEN_MAX)
        err = relay_redis_name(redis, STR("UNSUBSCRIBE"), &redis->leaving, &redis->left);
    while (err == OK && !list_is_empty(&redis->wanted) && out->len < REDIS_OUT_LEN_MAX)
        err = relay_redis_name(redis, STR("SUBSCRIBE"), &redis->wanted, &redis->settled);
    if (err == OK) err = relay_link_flush(&redis->subscriber);
    if (err == OK) err = relay_link_flush(&redis->publisher);
    return err;
}

void relay_redis_flush(struct relay_redis *redis)
{
    if (redis->state != REDIS_UP) return;
    if (relay_redis_send(redis) != OK) relay_redis_lose(redis);
}

bool relay_redis_is_up(const struct relay_redis *redis)
{
    return redis->state == REDIS_UP;
}
