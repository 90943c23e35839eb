/* An event loop: epoll, timers, tasks. One thread runs it and owns all that hangs in it; only
 * loop_post, loop_stop and loop_beat_ms may be called from other threads.
 * Everything is intrusive (watch, timer, task are members of the caller's structs; the callback
 * finds its way back by container_of): the loop allocates nothing for a client. */
#pragma once
#include "base/error.h"
#include "base/list.h"

struct loop;
MUST_CHECK enum err loop_open(struct loop **loop_out); /* ERR_SYSTEM */
void loop_close(struct loop *loop);                    /* NULL is fine; runs nothing more */
void loop_run(struct loop *loop);             /* until loop_stop; tasks posted before run */
void loop_stop(struct loop *loop);            /* any thread */
int64_t loop_now_ms(const struct loop *loop); /* monotonic, read once an iteration */
/* Any thread: when the loop last came round (monotonic). It comes round at least once a second. */
int64_t loop_beat_ms(const struct loop *loop);

/* File descriptors. `ready` gets EPOLL* bits. The fd stays its owner's. An unwatched watch gets no
 * event any more, not even one that the kernel has reported in the same turn. */
struct watch {
    void (*ready)(struct watch *watch, uint32_t events);
    int fd;
    uint32_t events;
    int slot; /* the loop's: place in the current turn, or -1 */
};
MUST_CHECK enum err loop_watch(struct loop *loop, struct watch *watch, int fd, uint32_t events);
void loop_rewatch(struct loop *loop, struct watch *watch, uint32_t events); /* no call if equal */
void loop_unwatch(struct loop *loop, struct watch *watch); /* before close(fd); twice is fine */
static inline bool watch_is_on(const struct watch *watch)
{
    return watch->events != 0;
}

/* Timers: a hierarchical wheel of 1 ms ticks; set, move and cancel are O(1), so a million fit.
 * Zeroed memory is a timer that is not set. `due` may set it again or free what holds it. */
struct timer {
    void (*due)(struct timer *timer);
    struct list link;
    int64_t at_ms;
};
void loop_timer_set(struct loop *loop, struct timer *timer, int64_t in_ms); /* moves if set */
void loop_timer_cancel(struct loop *loop, struct timer *timer);             /* twice is fine */
bool timer_is_set(const struct timer *timer);

/* Tasks: run once, on the loop's thread, in the order posted by each thread. A task belongs to the
 * loop from the post until its run starts. */
struct task {
    void (*run)(struct task *task);
    struct task *next;
};
void loop_post(struct loop *loop, struct task *task); /* any thread; never runs it inside */
