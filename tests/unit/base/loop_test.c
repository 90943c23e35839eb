#include "base/clock.h"
#include "base/loop.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* Every test runs its loop until a callback stops it; the deadline stops one that hangs. */
static struct loop *loop;
static struct timer deadline;
static bool is_late;

static void deadline_due(struct timer *timer UNUSED)
{
    is_late = true;
    loop_stop(loop);
}

static int loop_setup(void **state UNUSED)
{
    is_late = false;
    deadline = (struct timer){.due = deadline_due};
    assert_int_equal(loop_open(&loop), OK);
    loop_timer_set(loop, &deadline, 20000);
    return 0;
}

static int loop_teardown(void **state UNUSED)
{
    loop_close(loop);
    return 0;
}

static void run_in_time(void)
{
    loop_run(loop);
    assert_false(is_late);
}

/* --- tasks --- */

static int task_runs;

static void task_stop(struct task *task UNUSED)
{
    task_runs++;
    loop_stop(loop);
}

static void test_a_task_posted_before_the_run_runs(void **state UNUSED)
{
    struct task task = {.run = task_stop};
    task_runs = 0;
    loop_post(loop, &task);
    assert_int_equal(task_runs, 0);
    run_in_time();
    assert_int_equal(task_runs, 1);
}

static struct task chain;
static int pipe_fds[2];
static struct watch pipe_watch;

static void chain_run(struct task *task)
{
    task_runs++;
    loop_post(loop, task);
}

static void pipe_ready(struct watch *watch, uint32_t events UNUSED)
{
    loop_unwatch(loop, watch);
    loop_stop(loop);
}

static void test_a_task_that_posts_itself_starves_neither_descriptors_nor_timers(
    void **state UNUSED)
{
    chain = (struct task){.run = chain_run};
    pipe_watch = (struct watch){.ready = pipe_ready};
    assert_int_equal(pipe(pipe_fds), 0);
    assert_int_equal(write(pipe_fds[1], "x", 1), 1);
    assert_int_equal(loop_watch(loop, &pipe_watch, pipe_fds[0], EPOLLIN), OK);
    loop_post(loop, &chain);
    task_runs = 0;
    run_in_time();
    assert_true(task_runs <= 2);

    struct timer timer = {.due = deadline_due};
    loop_timer_set(loop, &timer, 20);
    loop_run(loop);
    assert_true(is_late && task_runs > 2);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

enum { POSTER_COUNT = 4, POST_COUNT = 20000 };

struct note {
    struct task task;
    int poster, number;
};
static struct note notes[POSTER_COUNT][POST_COUNT];
static int notes_next[POSTER_COUNT], notes_left;

static void note_run(struct task *task)
{
    struct note *note = container_of(task, struct note, task);
    if (note->number != notes_next[note->poster]++) is_late = true; /* out of order */
    if (--notes_left == 0) loop_stop(loop);
}

static void *poster_run(void *own_notes)
{
    struct note *own = own_notes;
    for (int i = 0; i < POST_COUNT; i++)
        loop_post(loop, &own[i].task);
    return NULL;
}

static void test_tasks_of_many_threads_all_run_in_each_threads_order(void **state UNUSED)
{
    pthread_t threads[POSTER_COUNT];
    notes_left = POSTER_COUNT * POST_COUNT;
    for (int i = 0; i < POSTER_COUNT; i++) {
        notes_next[i] = 0;
        for (int j = 0; j < POST_COUNT; j++)
            notes[i][j] = (struct note){{.run = note_run}, i, j};
        assert_int_equal(pthread_create(&threads[i], NULL, poster_run, notes[i]), 0);
    }
    run_in_time();
    for (int i = 0; i < POSTER_COUNT; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(notes_left, 0);
}

/* One task to and fro between two sleeping loops: a wake-up that is lost hangs it. */
struct rally {
    struct task task;
    struct loop *here, *there;
    int left;
};

static void rally_run(struct task *task)
{
    struct rally *rally = container_of(task, struct rally, task);
    struct loop *next = rally->there;
    rally->there = rally->here;
    rally->here = next;
    if (--rally->left >= 0)
        loop_post(next, task);
    else
        loop_stop(loop);
}

static void *rally_partner(void *partner_loop)
{
    loop_run(partner_loop);
    return NULL;
}

static void test_no_wake_up_is_lost(void **state UNUSED)
{
    struct loop *partner;
    pthread_t thread;
    assert_int_equal(loop_open(&partner), OK);
    struct rally rally = {{.run = rally_run}, .here = partner, .there = loop, .left = 5001};
    assert_int_equal(pthread_create(&thread, NULL, rally_partner, partner), 0);
    int64_t start_ms = clock_mono_ms();
    loop_post(partner, &rally.task);
    run_in_time();
    loop_stop(partner);
    pthread_join(thread, NULL);
    loop_close(partner);
    assert_true(clock_mono_ms() - start_ms < 15000);
}

static void *stopper_run(void *unused UNUSED)
{
    loop_stop(loop);
    return NULL;
}

static void test_another_thread_may_stop_it(void **state UNUSED)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, stopper_run, NULL), 0);
    run_in_time();
    pthread_join(thread, NULL);
}

/* --- timers --- */

static int tick_count;

static void tick_due(struct timer *timer)
{
    if (++tick_count == 5)
        loop_stop(loop);
    else
        loop_timer_set(loop, timer, 0);
}

static void test_a_timer_may_set_itself_again_and_not_for_the_same_turn(void **state UNUSED)
{
    struct timer timer = {.due = tick_due};
    tick_count = 0;
    int64_t start_ms = clock_mono_ms();
    loop_timer_set(loop, &timer, 0);
    assert_true(timer_is_set(&timer));
    run_in_time();
    assert_int_equal(tick_count, 5);
    assert_true(clock_mono_ms() - start_ms >= 4);
    assert_false(timer_is_set(&timer));
}

static int64_t due_at_ms;

static void timed_due(struct timer *timer UNUSED)
{
    due_at_ms = loop_now_ms(loop);
    loop_stop(loop);
}

static void test_a_timer_runs_when_it_is_due_and_a_moved_one_later(void **state UNUSED)
{
    struct timer timer = {.due = timed_due}, cancelled = {.due = deadline_due};
    int64_t start_ms = clock_mono_ms();
    loop_timer_set(loop, &timer, 1);
    loop_timer_set(loop, &timer, 70);
    loop_timer_set(loop, &cancelled, 10);
    loop_timer_cancel(loop, &cancelled);
    loop_timer_cancel(loop, &cancelled);
    assert_false(timer_is_set(&cancelled));
    run_in_time();
    assert_true(due_at_ms - start_ms >= 70);
}

static void test_zeroed_memory_is_a_timer_that_is_not_set(void **state UNUSED)
{
    struct timer timer = {0};
    assert_false(timer_is_set(&timer));
    loop_timer_cancel(loop, &timer);
    assert_false(timer_is_set(&timer));
}

static void freed_due(struct timer *timer)
{
    free(timer);
    loop_stop(loop);
}

static void test_a_timer_may_free_what_holds_it(void **state UNUSED)
{
    struct timer *timer = calloc(1, sizeof(*timer));
    timer->due = freed_due;
    loop_timer_set(loop, timer, 1);
    run_in_time();
}

static void test_a_distance_beyond_all_time_is_no_fault(void **state UNUSED)
{
    struct timer timer = {.due = deadline_due}, soon = {.due = timed_due};
    loop_timer_set(loop, &timer, INT64_MAX);
    loop_timer_set(loop, &soon, INT64_MIN);
    run_in_time();
    assert_true(timer_is_set(&timer));
}

static int64_t beat_before_ms;

static void beat_due(struct timer *timer UNUSED)
{
    loop_stop(loop);
}

static void *beat_watch(void *unused UNUSED)
{
    int64_t until_ms = clock_mono_ms() + 10000;
    while (loop_beat_ms(loop) == beat_before_ms && clock_mono_ms() < until_ms)
        sched_yield();
    return (void *)(intptr_t)(loop_beat_ms(loop) != beat_before_ms);
}

static void test_the_beat_goes_on_without_work(void **state UNUSED)
{
    struct timer timer = {.due = beat_due};
    pthread_t thread;
    void *was_seen;
    loop_timer_set(loop, &timer, 2500); /* in between it has nothing to do but to beat */
    beat_before_ms = loop_beat_ms(loop);
    assert_int_equal(pthread_create(&thread, NULL, beat_watch, NULL), 0);
    run_in_time();
    pthread_join(thread, &was_seen);
    assert_non_null(was_seen);
    assert_true(loop_beat_ms(loop) - beat_before_ms >= 2500);
}

/* --- descriptors --- */

struct end {
    struct watch watch;
    struct end *peer; /* unwatched and freed by whoever is called first */
    int fd;
};
static int end_calls;

static void end_free(struct end *end)
{
    loop_unwatch(loop, &end->watch);
    loop_unwatch(loop, &end->watch);
    close(end->fd);
    free(end);
}

static void end_ready(struct watch *watch, uint32_t events)
{
    struct end *end = container_of(watch, struct end, watch);
    assert_true(events & EPOLLIN);
    end_calls++;
    end_free(end->peer);
    end_free(end);
    loop_stop(loop);
}

static void test_an_unwatched_one_gets_no_event_of_the_same_turn(void **state UNUSED)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    struct end *ends[2] = {calloc(1, sizeof(struct end)), calloc(1, sizeof(struct end))};
    for (int i = 0; i < 2; i++) {
        *ends[i] = (struct end){.watch.ready = end_ready, .peer = ends[1 - i], .fd = fds[i]};
        assert_int_equal(write(fds[i], "x", 1), 1);
        assert_int_equal(loop_watch(loop, &ends[i]->watch, fds[i], EPOLLIN), OK);
        assert_true(watch_is_on(&ends[i]->watch));
    }
    end_calls = 0;
    run_in_time();
    assert_int_equal(end_calls, 1);
}

static uint32_t seen_events;

static void seen_ready(struct watch *watch, uint32_t events)
{
    seen_events = events;
    if (events & EPOLLOUT)
        loop_rewatch(loop, watch, EPOLLIN);
    else
        loop_stop(loop);
    if (events & EPOLLOUT) assert_int_equal(write(pipe_fds[1], "x", 1), 1);
}

static void test_a_rewatched_one_gets_what_it_asks_for(void **state UNUSED)
{
    struct watch watch = {.ready = seen_ready};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pipe_fds), 0);
    assert_int_equal(loop_watch(loop, &watch, pipe_fds[0], EPOLLOUT), OK);
    run_in_time();
    assert_int_equal(seen_events, EPOLLIN);
    loop_unwatch(loop, &watch);
    assert_false(watch_is_on(&watch));
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

enum { CROWD = 700 };

static struct watch crowd[CROWD];
static int crowd_fds[CROWD][2], crowd_left;

static void crowd_ready(struct watch *watch, uint32_t events UNUSED)
{
    loop_unwatch(loop, watch);
    if (--crowd_left == 0) loop_stop(loop);
}

static void test_more_ready_ones_than_a_turn_takes_all_come(void **state UNUSED)
{
    crowd_left = 0;
    for (int i = 0; i < CROWD; i++) {
        if (pipe(crowd_fds[i]) < 0) break;
        crowd_left++;
        crowd[i] = (struct watch){.ready = crowd_ready};
        assert_int_equal(write(crowd_fds[i][1], "x", 1), 1);
        assert_int_equal(loop_watch(loop, &crowd[i], crowd_fds[i][0], EPOLLIN), OK);
    }
    int count = crowd_left;
    assert_true(count > 256);
    run_in_time();
    for (int i = 0; i < count; i++) {
        assert_false(watch_is_on(&crowd[i]));
        close(crowd_fds[i][0]);
        close(crowd_fds[i][1]);
    }
}

static void test_a_bad_descriptor_is_an_error(void **state UNUSED)
{
    struct watch watch = {.ready = seen_ready};
    assert_int_equal(loop_watch(loop, &watch, -1, EPOLLIN), ERR_SYSTEM);
    assert_false(watch_is_on(&watch));
}

static void test_closing_none_is_fine(void **state UNUSED)
{
    loop_close(NULL);
}

#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, loop_setup, loop_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(test_a_task_posted_before_the_run_runs),
        LOOP_TEST(test_a_task_that_posts_itself_starves_neither_descriptors_nor_timers),
        LOOP_TEST(test_tasks_of_many_threads_all_run_in_each_threads_order),
        LOOP_TEST(test_no_wake_up_is_lost),
        LOOP_TEST(test_another_thread_may_stop_it),
        LOOP_TEST(test_a_timer_may_set_itself_again_and_not_for_the_same_turn),
        LOOP_TEST(test_a_timer_runs_when_it_is_due_and_a_moved_one_later),
        LOOP_TEST(test_zeroed_memory_is_a_timer_that_is_not_set),
        LOOP_TEST(test_a_timer_may_free_what_holds_it),
        LOOP_TEST(test_a_distance_beyond_all_time_is_no_fault),
        LOOP_TEST(test_the_beat_goes_on_without_work),
        LOOP_TEST(test_an_unwatched_one_gets_no_event_of_the_same_turn),
        LOOP_TEST(test_a_rewatched_one_gets_what_it_asks_for),
        LOOP_TEST(test_more_ready_ones_than_a_turn_takes_all_come),
        LOOP_TEST(test_a_bad_descriptor_is_an_error),
        cmocka_unit_test(test_closing_none_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
