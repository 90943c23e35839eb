/* A turn: wait, descriptors, timers, tasks. Every part runs what was there when it began, so none
 * can starve the others.
 *
 * Posting is a lock-free stack that the loop takes whole and turns round, which keeps each thread's
 * order. The wake-up costs a write only if the loop may be asleep: the poster pushes, then looks at
 * is_asleep; the loop sets is_asleep, then looks at the stack. Both in sequentially consistent
 * order, so at least one of them sees the other. */
#include "base/loop.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/wheel.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { LOOP_EVENTS_MAX = 256, LOOP_WAIT_MS_MAX = 1000 };

struct loop {
    int epoll_fd, wake_fd;
    int64_t now_ms;
    bool is_running;
    struct watch wake_watch;
    struct wheel wheel;
    struct epoll_event turn[LOOP_EVENTS_MAX]; /* ptr NULL: unwatched since the kernel told */

    /* What other threads touch, on a cache line of its own. */
    _Alignas(64) _Atomic(struct task *) posted; /* newest first */
    _Atomic bool is_asleep, is_stopped;
    _Atomic int64_t beat_ms;
};

/* The wake-up descriptor is edge-triggered: every write is an edge, so nobody needs to read it. */
static void loop_woken(struct watch *watch UNUSED, uint32_t events UNUSED) {}

enum err loop_open(struct loop **loop_out)
{
    struct loop *loop = aligned_alloc(_Alignof(struct loop), sizeof(*loop));
    if (!loop) abort();
    *loop = (struct loop){.now_ms = clock_mono_ms(), .wake_watch = {.ready = loop_woken}};
    wheel_init(&loop->wheel, loop->now_ms);
    atomic_store(&loop->beat_ms, loop->now_ms);
    loop->wake_fd = -1;
    enum err err = ERR_SYSTEM;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0) goto fail;
    loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (loop->wake_fd < 0) goto fail;
    err = loop_watch(loop, &loop->wake_watch, loop->wake_fd, EPOLLIN | EPOLLET);
    if (err != OK) goto fail;
    *loop_out = loop;
    return OK;
fail:
    loop_close(loop);
    return err;
}

void loop_close(struct loop *loop)
{
    if (!loop) return;
    assert(!loop->is_running);
    if (loop->wake_fd >= 0) close(loop->wake_fd);
    if (loop->epoll_fd >= 0) close(loop->epoll_fd);
    free(loop);
}

int64_t loop_now_ms(const struct loop *loop)
{
    return loop->now_ms;
}

int64_t loop_beat_ms(const struct loop *loop)
{
    return atomic_load_explicit(&loop->beat_ms, memory_order_relaxed);
}

static void loop_wake(struct loop *loop)
{
    if (!atomic_load(&loop->is_asleep) || !atomic_exchange(&loop->is_asleep, false)) return;
    ssize_t written = write(loop->wake_fd, &(uint64_t){1}, sizeof(uint64_t));
    assert(written == sizeof(uint64_t)); /* it would take 2^64 - 1 wake-ups to fill it */
}

void loop_stop(struct loop *loop)
{
    atomic_store(&loop->is_stopped, true);
    loop_wake(loop);
}

/* Descriptors */

enum err loop_watch(struct loop *loop, struct watch *watch, int fd, uint32_t events)
{
    assert(!watch_is_on(watch) && watch->ready && events != 0);
    struct epoll_event event = {.events = events, .data.ptr = watch};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) return ERR_SYSTEM;
    watch->fd = fd;
    watch->events = events;
    watch->slot = -1;
    return OK;
}

void loop_rewatch(struct loop *loop, struct watch *watch, uint32_t events)
{
    assert(watch_is_on(watch) && events != 0);
    if (watch->events == events) return;
    struct epoll_event event = {.events = events, .data.ptr = watch};
    int result = epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event);
    assert(result == 0); /* else it was closed while watched */
    watch->events = events;
}

void loop_unwatch(struct loop *loop, struct watch *watch)
{
    if (!watch_is_on(watch)) return;
    int result = epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    assert(result == 0);
    if (watch->slot >= 0) loop->turn[watch->slot].data.ptr = NULL;
    watch->events = 0;
    watch->slot = -1;
}

static void loop_run_watches(struct loop *loop, int count)
{
    for (int i = 0; i < count; i++)
        ((struct watch *)loop->turn[i].data.ptr)->slot = i;
    for (int i = 0; i < count; i++) {
        struct watch *watch = loop->turn[i].data.ptr;
        if (!watch) continue;
        watch->slot = -1; /* from here on the callback may free it */
        watch->ready(watch, loop->turn[i].events);
    }
}

/* Timers */

bool timer_is_set(const struct timer *timer)
{
    return timer->link.next && list_is_linked(&timer->link);
}

void loop_timer_set(struct loop *loop, struct timer *timer, int64_t in_ms)
{
    loop_timer_cancel(loop, timer);
    if (!loop->is_running) loop->now_ms = clock_mono_ms(); /* no turn has read it lately */
    /* Never in this turn: a timer that sets itself to 0 ms must not lock the others out. Capped
     * because a sum must not overflow; a thousand years is for ever. */
    const int64_t for_ever = INT64_C(1000) * 366 * 86400 * 1000;
    wheel_add(&loop->wheel, timer, loop->now_ms + MIN(MAX(in_ms, 1), for_ever));
}

void loop_timer_cancel(struct loop *loop, struct timer *timer)
{
    if (timer_is_set(timer)) wheel_remove(&loop->wheel, timer);
}

/* Tasks */

void loop_post(struct loop *loop, struct task *task)
{
    task->next = atomic_load_explicit(&loop->posted, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(&loop->posted, &task->next, task)) {
    }
    loop_wake(loop);
}

static void loop_run_tasks(struct loop *loop)
{
    struct task *newest = atomic_exchange(&loop->posted, NULL);
    struct task *oldest = NULL;
    while (newest) {
        struct task *task = newest;
        newest = task->next;
        task->next = oldest;
        oldest = task;
    }
    while (oldest) {
        struct task *task = oldest;
        oldest = task->next;
        task->run(task);
    }
}

/* The turn */

static int loop_wait_ms(const struct loop *loop)
{
    int64_t next = wheel_next(&loop->wheel);
    if (next <= loop->now_ms) return 0;
    return (int)MIN(next - loop->now_ms, LOOP_WAIT_MS_MAX);
}

static int loop_wait(struct loop *loop)
{
    int wait_ms = loop_wait_ms(loop);
    atomic_store(&loop->is_asleep, true);
    if (atomic_load(&loop->posted) || atomic_load(&loop->is_stopped)) wait_ms = 0;
    int count = epoll_wait(loop->epoll_fd, loop->turn, LOOP_EVENTS_MAX, wait_ms);
    atomic_store_explicit(&loop->is_asleep, false, memory_order_relaxed);
    assert(count >= 0 || errno == EINTR);
    return MAX(count, 0);
}

static void loop_read_clock(struct loop *loop)
{
    loop->now_ms = clock_mono_ms();
    atomic_store_explicit(&loop->beat_ms, loop->now_ms, memory_order_relaxed);
}

void loop_run(struct loop *loop)
{
    assert(!loop->is_running);
    loop->is_running = true;
    loop_read_clock(loop);
    while (!atomic_load(&loop->is_stopped)) {
        int count = loop_wait(loop);
        loop_read_clock(loop);
        loop_run_watches(loop, count);
        wheel_advance(&loop->wheel, loop->now_ms);
        loop_run_tasks(loop);
    }
    atomic_store(&loop->is_stopped, false);
    loop->is_running = false;
}
