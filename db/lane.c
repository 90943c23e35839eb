/* A turn of the lane: take what waits, run the reads for a few milliseconds, write all the rest in
 * one transaction. What is not done by then (reads left over, ops that go on) is held, and leads
 * the next turn, so neither reads nor writes starve the other. */
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
    LANE_CHECK_FIRST_MS = 5000,  /* after a taken key: where one retry is, others are */
    LANE_REDOS_MAX = 20,         /* of one batch, before it is split */
    LANE_REDOS_AT_ONCE = 2,      /* of a deadlock; then with pauses */
    LANE_STATEMENT_MIN_MS = 100, /* an answer is awaited that long in any case */
    LANE_READS_US = 5000,        /* of one turn, while writes wait */
    LANE_IDLE_MS = 1000,
    LANE_PING_MS = 2000,
    LANE_CONNECT_MS = 5000, /* conn_open blocks that long at most */
    LANE_WHY_LEN_MAX = 512
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
    struct db_op **held;  /* they lead the next turn */
    size_t held_count, batch_max;
    int64_t check_first_until_ms, backoff_ms;
    bool is_lost_said; /* the log knows that the database is away */
    atomic_bool is_up;
    atomic_int_fast64_t beat_due_ms; /* the thread shows itself again by then, or it is stuck */
};

static void lane_beat(struct lane *lane, int64_t next_in_ms)
{
    int64_t due_ms = clock_mono_ms() + next_in_ms;
    atomic_store_explicit(&lane->beat_due_ms, due_ms, memory_order_relaxed);
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

static struct timespec lane_time_in(int64_t in_ms)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    int64_t ns = at.tv_nsec + in_ms % 1000 * 1000000;
    at.tv_sec += in_ms / 1000 + ns / 1000000000;
    at.tv_nsec = ns % 1000000000;
    return at;
}

/* What is held, then what waits, up to a batch; if there is nothing, waits for it a while. 0:
 * nothing came, or the lane closes. */
static size_t lane_take(struct lane *lane)
{
    size_t count = 0;
    struct timespec until = lane_time_in(LANE_IDLE_MS);
    lane_beat(lane, 2 * LANE_IDLE_MS);
    pthread_mutex_lock(&lane->mutex);
    while (lane->held_count == 0 && !lane->first && !lane->is_closing)
        if (pthread_cond_timedwait(&lane->filled, &lane->mutex, &until) != 0) break;
    if (!lane->is_closing) {
        memcpy(lane->taken, lane->held, sizeof(struct db_op *) * lane->held_count);
        count = lane->held_count;
        lane->held_count = 0;
    }
    while (count < lane->batch_max && !lane->is_closing && lane->first)
        lane->taken[count++] = lane_pop(lane);
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
    struct timespec until = lane_time_in(wait_ms);
    lane_beat(lane, 2 * LANE_BACKOFF_MAX_MS);
    pthread_mutex_lock(&lane->mutex);
    while (!lane->is_closing && pthread_cond_timedwait(&lane->filled, &lane->mutex, &until) == 0)
        ; /* woken by new work: it waits with us */
    pthread_mutex_unlock(&lane->mutex);
}

static void lane_say_lost(struct lane *lane, struct str why)
{
    if (lane->is_lost_said) return;
    lane->is_lost_said = true;
    log_event(LOG_WARN, "database_lost", log_int("lane", (int64_t)lane->number),
              log_str("why", why));
}

static void lane_drop_conn(struct lane *lane)
{
    atomic_store(&lane->is_up, false);
    metrics_add(METRIC_LANE_LOST, 1);
    lane_say_lost(lane, str_from_c(conn_error(lane->conn)));
    conn_close(lane->conn);
    lane->conn = NULL;
}

static bool lane_connect(struct lane *lane)
{
    if (lane->conn && conn_is_lost(lane->conn)) lane_drop_conn(lane);
    if (lane->conn) return true;
    struct buf why;
    buf_init(&why, LANE_WHY_LEN_MAX);
    lane_beat(lane, LANE_CONNECT_MS);
    bool is_open = conn_open(lane->config, &why, &lane->conn) == OK;
    if (!is_open) lane_say_lost(lane, buf_str(&why));
    buf_done(&why);
    if (!is_open) return false;
    lane->is_lost_said = false;
    lane->backoff_ms = LANE_BACKOFF_MIN_MS;
    atomic_store(&lane->is_up, true);
    log_event(LOG_INFO, "database_connected", log_int("lane", (int64_t)lane->number));
    return true;
}

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

/* While the database is away, what waits grows old. */
static void lane_expire_waiting(struct lane *lane)
{
    lane_expire_queue(lane);
    lane->held_count = lane_expire(lane, lane->held, lane->held_count);
}

/* Until there is a connection, or nobody is left who waits for one. */
static size_t lane_await_conn(struct lane *lane, struct db_op **ops, size_t op_count)
{
    while (op_count > 0 && !lane_connect(lane)) {
        lane_back_off(lane);
        lane_expire_waiting(lane);
        op_count = lane_expire(lane, ops, op_count);
    }
    return op_count;
}

/* The last deadline of all: one op that has waited long does not cut the others short. */
static void lane_set_deadline(struct lane *lane, struct db_op **ops, size_t op_count)
{
    int64_t now_ms = clock_mono_ms(), deadline_ms = now_ms + LANE_STATEMENT_MIN_MS;
    for (size_t i = 0; i < op_count; i++)
        deadline_ms = MAX(deadline_ms, ops[i]->deadline_ms);
    conn_set_deadline(lane->conn, deadline_ms);
    /* Sending may block too, up to the connection's own limit. */
    lane_beat(lane, deadline_ms - now_ms + lane->config->db_deadline_ms + LANE_IDLE_MS);
}

/* ---- reads ---- */

/* OK: the op is completed, and may be gone, unless wants_batch is set. Else it is to be redone. */
static enum err lane_read(struct lane *lane, struct db_op *op, bool *wants_batch_out)
{
    arena_done(&op->results);
    op->wants_batch = *wants_batch_out = false;
    lane_set_deadline(lane, &op, 1);
    op->err = op->kind->run(lane->conn, op);
    if (op->err == ERR_LOST || op->err == ERR_RETRY || op->err == ERR_UNAVAILABLE) return op->err;
    *wants_batch_out = op->err == OK && op->wants_batch;
    if (*wants_batch_out) return OK;
    if (op->err == ERR_INTERNAL)
        log_event(LOG_ERROR, "read_failed", log_c("op", op->kind->name),
                  log_str("request_id", op->request_id), log_c("why", conn_error(lane->conn)));
    lane_complete(op);
    return OK;
}

/* Runs and completes the reads; returns how many ops are left that have to write. What the turn
 * has no time for is held, and all the rest after a failure: the next turn begins by reconnecting.
 */
static size_t lane_read_all(struct lane *lane, struct db_op **ops, size_t op_count)
{
    int64_t end_us = clock_mono_us() + LANE_READS_US;
    size_t writes = 0;
    enum err err = OK;
    for (size_t i = 0; i < op_count; i++) {
        struct db_op *op = ops[i];
        bool is_write = !op->kind->run || op->wants_batch;
        if (!is_write && err == OK && clock_mono_us() < end_us)
            err = lane_read(lane, op, &is_write);
        else if (!is_write)
            err = err == OK ? ERR_BUSY : err;
        if (is_write)
            ops[writes++] = op;
        else if (err != OK)
            lane->held[lane->held_count++] = op;
    }
    if (err != OK && err != ERR_BUSY) metrics_add(METRIC_LANE_REDO, 1);
    if (err == ERR_UNAVAILABLE || err == ERR_RETRY) lane_back_off(lane);
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
static bool lane_settle_error(struct lane *lane, enum err err, int redo, struct db_op **ops,
                              size_t op_count)
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
        if (redo >= LANE_REDOS_AT_ONCE) lane_back_off(lane);
        return false;
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
        bool must_split = lane_settle_error(lane, err, redo, ops, op_count);
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
    lane_beat(lane, LANE_PING_MS + LANE_IDLE_MS);
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
            lane_expire_waiting(lane);
            if (!lane_is_closing(lane)) continue;
        }
        size_t count = lane_take(lane);
        if (count == 0 && lane_is_closing(lane)) break;
        if (count == 0) lane_ping(lane);
        count = lane_expire(lane, lane->taken, count);
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
    lane_beat(lane, LANE_CONNECT_MS);
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
    int64_t due_ms = atomic_load_explicit(&lane->beat_due_ms, memory_order_relaxed);
    return MAX(clock_mono_ms() - due_ms, INT64_C(0));
}
