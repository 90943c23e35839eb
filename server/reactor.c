#include "server/reactor.h"
#include "api/frame.h"
#include "api/h1/h1.h"
#include "base/log.h"
#include "base/memory.h"
#include "handlers/delivery.h"
#include "jobs/fanout.h"
#include "jobs/probe.h"
#include "net/listener.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* Something the main thread asks the reactor's thread to do. */
struct reactor_order {
    struct task task;
    struct reactor *reactor;
    int64_t in_ms;
    bool is_done; /* under the reactor's mutex */
};

struct reactor {
    struct app app;
    struct loop *loop;
    struct h1 *h1;
    struct net_listener *listeners[REACTOR_ADDRESSES_MAX];
    size_t listener_count;
    struct net_listener_sink arrivals;
    struct hub *hub;
    struct users_known *known;
    struct fanout *fanout;
    struct fanout_publish copies;
    struct probe *probe;
    struct timer watch_idle; /* while draining: is anything left? */
    atomic_bool is_idle;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct reactor_order drain, cut, stop;
    pthread_t thread;
    bool has_thread;
    size_t number;
};

enum { REACTOR_IDLE_CHECK_MS = 20 };

static void reactor_arrived(struct net_listener_sink *sink, int fd,
                            const struct sockaddr_storage *peer, socklen_t peer_len)
{
    struct reactor *reactor = container_of(sink, struct reactor, arrivals);
    h1_adopt(reactor->h1, fd, peer, peer_len);
}

/* Copies of a group's message or change are in their inboxes: wake who listens. */
static void reactor_publish_copies(struct fanout_publish *sink, const struct fanout_copy *copies,
                                   size_t count)
{
    struct reactor *reactor = container_of(sink, struct reactor, copies);
    for (size_t i = 0; i < count; i++) {
        struct event *event = frame_event(&copies[i].row);
        hub_publish(reactor->hub, copies[i].user_id, event);
        event_release(event);
    }
}

/* An op that ends behind the cut leaves its job in the outbox: another server takes it, or we do
 * when we are back. */
static void reactor_group_changed(struct app *app, struct str group_id)
{
    struct reactor *reactor = container_of(app, struct reactor, app);
    if (reactor->fanout) fanout_kick(reactor->fanout, group_id);
}

static enum err reactor_open_listeners(struct reactor *reactor, const struct reactor_config *config)
{
    for (size_t i = 0; i < config->address_count; i++) {
        struct address *address = &config->addresses[i];
        struct net_listener **listener = &reactor->listeners[reactor->listener_count];
        enum err err = net_listener_open(reactor->loop, config->config, &address->storage,
                                         config->peers, &reactor->arrivals, listener);
        if (err != OK) {
            char text[ADDRESS_TEXT_LEN_MAX];
            log_event(LOG_ERROR, "cannot_listen", log_c("address", address_format(address, text)));
            return err;
        }
        reactor->listener_count++;
        address_set_port(address, (uint16_t)net_listener_port(*listener));
    }
    return OK;
}

/* What serves users; the admin reactor has none of it. */
static enum err reactor_open_service(struct reactor *reactor, const struct reactor_config *config)
{
    struct app *app = &reactor->app;
    enum err err = hub_open(reactor->loop, config->config, config->hall, &reactor->hub);
    if (err != OK) return err;
    reactor->known = users_known_new();
    reactor->copies.publish = reactor_publish_copies;
    app->api.hub = reactor->hub;
    app->api.known = reactor->known;
    app->group_changed = reactor_group_changed;
    fanout_open(&(struct fanout_config){.loop = reactor->loop,
                                        .db = config->db,
                                        .sink = &reactor->copies,
                                        .lease_owner = config->lease_owner,
                                        .lease_ms = config->config->fanout_lease_ms,
                                        .deadline_ms = config->config->db_deadline_ms,
                                        .finds_orphans = config->number == 0},
                &reactor->fanout);
    reactor->probe = probe_open(reactor->loop, config->config, config->db, reactor->hub);
    return OK;
}

enum err reactor_open(const struct reactor_config *config, struct reactor **reactor_out)
{
    struct reactor *reactor = MEMORY_NEW(struct reactor);
    struct app *app = &reactor->app;
    pthread_mutex_init(&reactor->mutex, NULL);
    pthread_cond_init(&reactor->changed, NULL);
    list_init(&app->deliveries);
    reactor->number = config->number;
    reactor->arrivals.arrived = reactor_arrived;
    app->lease_owner = config->lease_owner;
    app->is_live = config->is_live;
    app->is_ready = config->is_ready;
    app->api = (struct api){.config = config->config,
                            .db = config->db,
                            .auth = config->auth,
                            .limits = config->limits,
                            .handlers = handlers_table,
                            .is_admin = config->is_admin};
    enum err err = loop_open(&reactor->loop);
    if (err != OK) goto fail;
    app->api.loop = reactor->loop;
    if (!config->is_admin) err = reactor_open_service(reactor, config);
    if (err != OK) goto fail;
    err = h1_open(&app->api, config->peers, &reactor->h1);
    if (err != OK) goto fail;
    err = reactor_open_listeners(reactor, config);
    if (err != OK) goto fail;
    *reactor_out = reactor;
    return OK;
fail:
    reactor_close(reactor);
    return err;
}

static void *reactor_run(void *argument)
{
    struct reactor *reactor = argument;
    char name[16];
    if (reactor->app.api.is_admin)
        snprintf(name, sizeof(name), "admin");
    else
        snprintf(name, sizeof(name), "reactor-%zu", reactor->number % 1000);
    pthread_setname_np(pthread_self(), name);
    loop_run(reactor->loop);
    arena_thread_done();
    return NULL;
}

enum err reactor_start(struct reactor *reactor)
{
    if (pthread_create(&reactor->thread, NULL, reactor_run, reactor) != 0) return ERR_SYSTEM;
    reactor->has_thread = true;
    return OK;
}

static void reactor_give(struct reactor *reactor, struct reactor_order *order,
                         void (*run)(struct task *task))
{
    order->reactor = reactor;
    order->task.run = run;
    loop_post(reactor->loop, &order->task);
}

static void reactor_order_finish(struct reactor_order *order)
{
    pthread_mutex_lock(&order->reactor->mutex);
    order->is_done = true;
    pthread_cond_broadcast(&order->reactor->changed);
    pthread_mutex_unlock(&order->reactor->mutex);
}

static void reactor_order_await(struct reactor_order *order)
{
    pthread_mutex_lock(&order->reactor->mutex);
    while (!order->is_done)
        pthread_cond_wait(&order->reactor->changed, &order->reactor->mutex);
    pthread_mutex_unlock(&order->reactor->mutex);
}

static void reactor_watch_idle(struct timer *timer)
{
    struct reactor *reactor = container_of(timer, struct reactor, watch_idle);
    if (h1_connection_count(reactor->h1) == 0)
        atomic_store(&reactor->is_idle, true);
    else
        loop_timer_set(reactor->loop, timer, REACTOR_IDLE_CHECK_MS);
}

static void reactor_drain_run(struct task *task)
{
    struct reactor_order *order = container_of(task, struct reactor_order, task);
    struct reactor *reactor = order->reactor;
    reactor->app.api.is_draining = true;
    for (size_t i = 0; i < reactor->listener_count; i++)
        net_listener_stop(reactor->listeners[i]);
    h1_drain(reactor->h1);
    delivery_drain_all(&reactor->app, order->in_ms);
    reactor->watch_idle.due = reactor_watch_idle;
    reactor_watch_idle(&reactor->watch_idle);
}

void reactor_drain(struct reactor *reactor, int64_t in_ms)
{
    reactor->drain.in_ms = in_ms;
    reactor_give(reactor, &reactor->drain, reactor_drain_run);
}

bool reactor_is_idle(const struct reactor *reactor)
{
    return atomic_load(&reactor->is_idle);
}

static void reactor_cut_run(struct task *task)
{
    struct reactor_order *order = container_of(task, struct reactor_order, task);
    struct reactor *reactor = order->reactor;
    loop_timer_cancel(reactor->loop, &reactor->watch_idle);
    for (size_t i = 0; i < reactor->listener_count; i++)
        net_listener_close(reactor->listeners[i]);
    reactor->listener_count = 0;
    h1_close(reactor->h1);
    reactor->h1 = NULL;
    fanout_close(reactor->fanout);
    reactor->fanout = NULL;
    probe_close(reactor->probe);
    reactor->probe = NULL;
    reactor_order_finish(order);
}

void reactor_cut(struct reactor *reactor)
{
    if (!reactor->has_thread) return; /* it never served: reactor_close does all */
    reactor_give(reactor, &reactor->cut, reactor_cut_run);
    reactor_order_await(&reactor->cut);
}

static void reactor_stop_run(struct task *task)
{
    loop_stop(container_of(task, struct reactor_order, task)->reactor->loop);
}

void reactor_join(struct reactor *reactor)
{
    if (!reactor->has_thread) return;
    reactor_give(reactor, &reactor->stop, reactor_stop_run);
    pthread_join(reactor->thread, NULL);
    reactor->has_thread = false;
}

void reactor_close(struct reactor *reactor)
{
    if (!reactor) return;
    assert(!reactor->has_thread);
    for (size_t i = 0; i < reactor->listener_count; i++)
        net_listener_close(reactor->listeners[i]);
    h1_close(reactor->h1);
    fanout_close(reactor->fanout);
    probe_close(reactor->probe);
    hub_close(reactor->hub);
    users_known_free(reactor->known);
    loop_close(reactor->loop);
    pthread_mutex_destroy(&reactor->mutex);
    pthread_cond_destroy(&reactor->changed);
    free(reactor);
}

int64_t reactor_beat_ms(const struct reactor *reactor)
{
    return loop_beat_ms(reactor->loop);
}
