#include "db/lane.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "base/random.h"
#include "db/batch.h"
#include "db/recent.h"
#include "db/stmt.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    LANE_BACKOFF_MIN_MS = 10,
    LANE_BACKOFF_MAX_MS = 1000,
    LANE_CHECK_FIRST_MS = 5000, /* after a taken key: where one retry is, others are */
    LANE_REDOS_MAX = 20,        /* of one batch, before it is split */
    LANE_IDLE_BEAT_MS = 1000,
    LANE_PING_MS = 2000
};

struct lane {
    const struct config *config;
    size_t number;
    pthread_t thread;
    pthread_mutex_t mutex; /* over what follows, up to is_closing */
    pthread_cond_t filled;
    struct db_op *first, **end;
    size_t len;
    bool is_closing;
    /* The thread's own. */
    struct conn *conn;
    struct recent *recent;
    struct db_op **taken; /* room for a batch */
    struct db_op **held;  /* those that go on: they lead the next batch */
    size_t held_count, batch_max;
    int64_t check_first_until_ms, backoff_ms;
    atomic_bool is_up;
    atomic_int_fast64_t beat_ms;
};

static void lane_beat(struct lane *lane)
{
    atomic_store_explicit(&lane->beat_ms, clock_mono_ms(), memory_order_relaxed);
}

/* ---- completion ---- */

/* On the home loop. The results are taken out first: `done` may free what holds the op. */
static void lane_completed(struct task *task)
{
    struct db_op *op = container_of(task, struct db_op, task);
    struct arena results = op->results;
    arena_init(&op->results);
    op->done(op);
    arena_done(&results);
}

static void lane_complete(struct db_op *op)
{
    op->task.run = lane_completed;
    loop_post(op->home, &op->task);
}

static void lane_fail(struct db_op *op, enum err err)
{
    op->err = op->is_uncertain ? ERR_UNCERTAIN : err;
    lane_complete(op);
}

/* ---- the queue ---- */

enum err lane_submit(struct lane *lane, struct db_op *op)
{
    pthread_mutex_lock(&lane->mutex);
    bool is_full = lane->is_closing || lane->len >= (size_t)lane->config->db_queue_max;
    if (!is_full) {
        op->submitted_us = clock_mono_us();
        op->next = NULL;
        *lane->end = op;
        lane->end = &op->next;
        if (lane->len++ == 0) pthread_cond_signal(&lane->filled);
    }
    pthread_mutex_unlock(&lane->mutex);
    if (!is_full) return OK;
    metrics_add(METRIC_DB_BUSY, 1);
    return ERR_BUSY;
}

static struct db_op *lane_pop(struct lane *lane)
{
    struct db_op *op = lane->first;
    if (!op) return NULL;
    lane->first = op->next;
    if (!lane->first) lane->end = &lane->first;
    lane->len--;
    return op;
}

/* False: nothing came for a while. */
static bool lane_wait_filled(struct lane *lane)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += LANE_IDLE_BEAT_MS % 1000 * 1000000;
    until.tv_sec += LANE_IDLE_BEAT_MS / 1000;
    bool is_filled = pthread_cond_timedwait(&lane->filled, &lane->mutex, &until) == 0;
    lane_beat(lane);
    return is_filled;
}

/* Everything that waits, up to a batch; waits for the first. 0: nothing came, or the lane closes.
 */
static size_t lane_take(struct lane *lane)
{
    size_t count = 0;
    while (count < lane->held_count) {
        lane->taken[count] = lane->held[count];
        count++;
    }
    lane->held_count = 0;
    pthread_mutex_lock(&lane->mutex);
    while (count == 0 && !lane->first && !lane->is_closing && lane_wait_filled(lane))
        ;
    while (count < lane->batch_max && !lane->is_closing) {
        struct db_op *op = lane_pop(lane);
        if (!op) break;
        lane->taken[count++] = op;
    }
    pthread_mutex_unlock(&lane->mutex);
    return count;
}

static bool lane_is_closing(struct lane *lane)
{
    pthread_mutex_lock(&lane->mutex);
    bool is_closing = lane->is_closing;
    pthread_mutex_unlock(&lane->mutex);
    return is_closing;
}

/* ---- the connection ---- */

/* Jittered, doubling. Ends early when the lane closes. */
static void lane_back_off(struct lane *lane)
{
    int64_t wait_ms = lane->backoff_ms / 2 + (int64_t)random_below((uint64_t)lane->backoff_ms);
    lane->backoff_ms = MIN(2 * lane->backoff_ms, LANE_BACKOFF_MAX_MS);
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += wait_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_mutex_lock(&lane->mutex);
    while (!lane->is_closing && pthread_cond_timedwait(&lane->filled, &lane->mutex, &until) == 0)
        ; /* woken by new work: it waits with us */
    pthread_mutex_unlock(&lane->mutex);
    lane_beat(lane);
}

static void lane_drop_conn(struct lane *lane)
{
    if (!lane->conn) return;
    conn_close(lane->conn);
    lane->conn = NULL;
    atomic_store(&lane->is_up, false);
    metrics_add(METRIC_LANE_LOST, 1);
    log_event(LOG_WARN, "database_lost", log_int("lane", (int64_t)lane->number));
}

static bool lane_connect(struct lane *lane)
{
    if (lane->conn && conn_is_lost(lane->conn)) lane_drop_conn(lane);
    if (lane->conn) return true;
    lane_beat(lane);
    if (conn_open(lane->config, NULL, &lane->conn) != OK) return false;
    lane->backoff_ms = LANE_BACKOFF_MIN_MS;
    atomic_store(&lane->is_up, true);
    log_event(LOG_INFO, "database_connected", log_int("lane", (int64_t)lane->number));
    return true;
}

/* While the database is away, what waits in the queue grows old too. */
static void lane_expire_queue(struct lane *lane)
{
    int64_t now_ms = clock_mono_ms();
    struct db_op *expired = NULL, **end = &expired;
    pthread_mutex_lock(&lane->mutex);
    struct db_op **place = &lane->first;
    while (*place) {
        struct db_op *op = *place;
        if (op->deadline_ms > now_ms) {
            place = &op->next;
            continue;
        }
        *place = op->next;
        lane->len--;
        *end = op;
        end = &op->next;
    }
    lane->end = place;
    *end = NULL;
    pthread_mutex_unlock(&lane->mutex);
    while (expired) {
        struct db_op *op = expired;
        expired = op->next;
        lane_fail(op, ERR_UNAVAILABLE);
    }
}

/* Fails those whose time is over, or all when the lane closes; returns how many are left, in order.
 */
static size_t lane_expire(struct lane *lane, struct db_op **ops, size_t op_count)
{
    int64_t now_ms = clock_mono_ms();
    bool is_closing = lane_is_closing(lane);
    size_t left = 0;
    for (size_t i = 0; i < op_count; i++) {
        if (ops[i]->deadline_ms <= now_ms || is_closing)
            lane_fail(ops[i], ERR_UNAVAILABLE);
        else
            ops[left++] = ops[i];
    }
    return left;
}

/* Until there is a connection, or nobody is left who waits for one. */
static size_t lane_await_conn(struct lane *lane, struct db_op **ops, size_t op_count)
{
    while (op_count > 0 && !lane_connect(lane)) {
        lane_back_off(lane);
        lane_expire_queue(lane);
        op_count = lane_expire(lane, ops, op_count);
    }
    return op_count;
}

/* ---- reads ---- */

/* The last deadline of all: one op that has waited long does not cut the others short. */
static void lane_set_deadline(struct lane *lane, struct db_op **ops, size_t op_count)
{
    int64_t deadline_ms = 0;
    for (size_t i = 0; i < op_count; i++)
        deadline_ms = MAX(deadline_ms, ops[i]->deadline_ms);
    conn_set_deadline(lane->conn, deadline_ms);
}

/* True: it has to write, the batch takes it. Else it is completed, and may be gone. */
static bool lane_read(struct lane *lane, struct db_op *op)
{
    while (lane_await_conn(lane, &op, 1) == 1) {
        arena_done(&op->results);
        op->wants_batch = false;
        lane_set_deadline(lane, &op, 1);
        op->err = op->kind->run(lane->conn, op);
        lane_beat(lane);
        if (op->err == OK && op->wants_batch) return true;
        bool is_passing = op->err == ERR_LOST || op->err == ERR_RETRY || op->err == ERR_UNAVAILABLE;
        if (!is_passing) {
            if (op->err == ERR_INTERNAL)
                log_event(LOG_ERROR, "read_failed", log_c("op", op->kind->name),
                          log_str("request_id", op->request_id),
                          log_c("why", conn_error(lane->conn)));
            lane_complete(op);
            return false;
        }
        metrics_add(METRIC_LANE_REDO, 1);
        if (op->err == ERR_UNAVAILABLE) lane_back_off(lane);
        if (lane_expire(lane, &op, 1) == 0) return false;
    }
    return false;
}

/* Runs and completes the reads; what has to be written is left in place. */
static size_t lane_read_all(struct lane *lane, struct db_op **ops, size_t op_count)
{
    size_t writes = 0;
    for (size_t i = 0; i < op_count; i++) {
        struct db_op *op = ops[i];
        bool is_read = op->kind->run && !op->wants_batch;
        if (!is_read || lane_read(lane, op)) ops[writes++] = op;
    }
    return writes;
}

/* ---- writes ---- */

static void lane_finish_batch(struct lane *lane, struct db_op **ops, size_t op_count)
{
    lane->backoff_ms = LANE_BACKOFF_MIN_MS;
    for (size_t i = 0; i < op_count; i++) {
        if (ops[i]->goes_on && ops[i]->err == OK) {
            lane->held[lane->held_count++] = ops[i];
            continue;
        }
        lane_complete(ops[i]);
    }
}

static enum err lane_try(struct lane *lane, struct db_op **ops, size_t op_count)
{
    struct batch batch;
    int64_t start_us = clock_mono_us();
    bool is_check_first = clock_mono_ms() < lane->check_first_until_ms;
    for (size_t i = 0; i < op_count && !is_check_first; i++)
        is_check_first = ops[i]->is_check_first;
    lane_set_deadline(lane, ops, op_count);
    batch_init(&batch, lane->conn, lane->recent, is_check_first);
    enum err err = batch_run(&batch, ops, op_count);
    batch_done(&batch);
    lane_beat(lane);
    metrics_observe(METRIC_LANE_COMMIT, clock_mono_us() - start_us);
    if (err == OK) metrics_observe(METRIC_LANE_BATCH, (int64_t)op_count);
    return err;
}

static void lane_mark_uncertain(struct db_op **ops, size_t op_count)
{
    for (size_t i = 0; i < op_count; i++)
        ops[i]->is_uncertain = ops[i]->is_check_first = true;
}

/* What an error of the whole transaction asks for before it is redone. True: split it instead. */
static bool lane_settle_error(struct lane *lane, enum err err, struct db_op **ops, size_t op_count)
{
    metrics_add(METRIC_LANE_REDO, 1);
    switch (err) {
    case ERR_DUPLICATE:
        lane->check_first_until_ms = clock_mono_ms() + LANE_CHECK_FIRST_MS;
        return false;
    case ERR_UNCERTAIN:
        lane_mark_uncertain(ops, op_count);
        return false;
    case ERR_UNAVAILABLE:
        lane_back_off(lane);
        return false;
    case ERR_RETRY:
    case ERR_LOST:
        return false;
    default:
        return true;
    }
}

static void lane_write(struct lane *lane, struct db_op **ops, size_t op_count);

static void lane_split(struct lane *lane, struct db_op **ops, size_t op_count, enum err err)
{
    if (op_count == 1) {
        log_event(LOG_ERROR, "write_failed", log_c("op", ops[0]->kind->name),
                  log_str("request_id", ops[0]->request_id), log_err(err),
                  log_c("why", lane->conn ? conn_error(lane->conn) : ""));
        lane_fail(ops[0],
                  err == ERR_RETRY || err == ERR_DUPLICATE ? ERR_UNAVAILABLE : ERR_INTERNAL);
        return;
    }
    size_t half = op_count / 2;
    lane_write(lane, ops, half);
    lane_write(lane, ops + half, op_count - half);
}

/* Redoes until it is stored, or nobody is left. A good op is never dropped with a bad one. */
static void lane_write(struct lane *lane, struct db_op **ops, size_t op_count)
{
    for (int redo = 0;; redo++) {
        op_count = lane_await_conn(lane, ops, op_count);
        if (op_count == 0) return;
        enum err err = lane_try(lane, ops, op_count);
        if (err == OK) {
            lane_finish_batch(lane, ops, op_count);
            return;
        }
        bool must_split = lane_settle_error(lane, err, ops, op_count);
        if (must_split || (redo >= LANE_REDOS_MAX && err != ERR_LOST && err != ERR_UNCERTAIN)) {
            lane_split(lane, ops, op_count, err);
            return;
        }
        op_count = lane_expire(lane, ops, op_count);
    }
}

static void lane_observe_wait(struct db_op **ops, size_t op_count)
{
    int64_t now_us = clock_mono_us();
    for (size_t i = 0; i < op_count; i++)
        metrics_observe(METRIC_LANE_WAIT, now_us - ops[i]->submitted_us);
}

/* Of an idle connection: readyz should know that it is lost before a send does. */
static void lane_ping(struct lane *lane)
{
    struct rows rows;
    if (!lane->conn) return;
    conn_set_deadline(lane->conn, clock_mono_ms() + LANE_PING_MS);
    if (stmt_run(lane->conn, STMT_PING, NULL, 0, &rows) == OK) rows_done(&rows);
}

static void *lane_run(void *argument)
{
    struct lane *lane = argument;
    char name[16];
    snprintf(name, sizeof(name), "lane-%zu", lane->number % 1000);
    pthread_setname_np(pthread_self(), name);
    for (;;) {
        if (!lane_connect(lane)) { /* also with nothing to do, so that readyz can tell */
            lane_back_off(lane);
            lane_expire_queue(lane);
            if (!lane_is_closing(lane)) continue;
        }
        size_t count = lane_take(lane);
        if (count == 0 && lane_is_closing(lane)) break;
        if (count == 0) lane_ping(lane);
        lane_observe_wait(lane->taken, count);
        count = lane_read_all(lane, lane->taken, count);
        if (count > 0) lane_write(lane, lane->taken, count);
    }
    arena_thread_done();
    return NULL;
}

/* ---- opening and closing ---- */

enum err lane_open(const struct config *config, size_t number, struct lane **lane_out)
{
    struct lane *lane = MEMORY_NEW(struct lane);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&lane->mutex, NULL);
    pthread_cond_init(&lane->filled, &monotonic);
    pthread_condattr_destroy(&monotonic);
    lane->config = config;
    lane->number = number;
    lane->end = &lane->first;
    lane->batch_max = (size_t)config->db_batch_max;
    lane->taken = memory_alloc(sizeof(struct db_op *) * lane->batch_max);
    lane->held = memory_alloc(sizeof(struct db_op *) * lane->batch_max);
    lane->recent = recent_new();
    lane->backoff_ms = LANE_BACKOFF_MIN_MS;
    lane_beat(lane);
    if (pthread_create(&lane->thread, NULL, lane_run, lane) == 0) {
        *lane_out = lane;
        return OK;
    }
    lane->is_closing = true;
    free(lane->taken);
    free(lane->held);
    recent_free(lane->recent);
    free(lane);
    return ERR_SYSTEM;
}

static void lane_fail_rest(struct lane *lane)
{
    for (size_t i = 0; i < lane->held_count; i++)
        lane_fail(lane->held[i], ERR_UNAVAILABLE);
    for (struct db_op *op = lane_pop(lane); op; op = lane_pop(lane))
        lane_fail(op, ERR_UNAVAILABLE);
}

void lane_close(struct lane *lane)
{
    if (!lane) return;
    pthread_mutex_lock(&lane->mutex);
    lane->is_closing = true;
    pthread_cond_signal(&lane->filled);
    pthread_mutex_unlock(&lane->mutex);
    pthread_join(lane->thread, NULL);
    lane_fail_rest(lane);
    conn_close(lane->conn);
    recent_free(lane->recent);
    free(lane->taken);
    free(lane->held);
    pthread_mutex_destroy(&lane->mutex);
    pthread_cond_destroy(&lane->filled);
    free(lane);
}

bool lane_is_up(const struct lane *lane)
{
    return atomic_load(&lane->is_up);
}

int64_t lane_still_ms(const struct lane *lane)
{
    return clock_mono_ms() - atomic_load_explicit(&lane->beat_ms, memory_order_relaxed);
}
