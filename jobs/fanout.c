#include "jobs/fanout.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/uuid.h"
#include <stdlib.h>

enum { LEASE_OWNER_LEN_MAX = 36, RETRY_MIN_MS = 50 };

/* One group that has, or may have, jobs. */
struct fanout_run {
    struct fanout *fanout;
    enum {
        RUN_QUEUED,    /* in fanout.queue */
        RUN_ADVANCING, /* its op is under way */
        RUN_RESTING    /* until its timer is due: failed, or another server is at it */
    } state;
    bool is_again; /* kicked while its op was under way, which may have looked too early */
    char group_id[UUID_LEN];
    int64_t rest_ms; /* how long it rested last, 0 after a success */
    struct timer timer;
    struct list link;         /* in fanout.queue */
    struct map_link by_group; /* in fanout.runs */
    struct fanout_advance advance;
};

struct fanout {
    struct fanout_config config;
    char lease_owner[LEASE_OWNER_LEN_MAX];
    struct map runs;
    struct list queue;
    size_t under_way; /* ops that the store has: the runs' and the search for orphans */
    bool is_closed;
    struct timer search_timer;
    struct fanout_expired search;
};

static void fanout_pump(struct fanout *fanout);
static void fanout_search(struct timer *timer);

/* Between half and the whole of it: servers that failed together do not come back together. */
static int64_t fanout_jitter_ms(int64_t ms)
{
    return ms / 2 + (int64_t)random_below((uint64_t)(ms / 2 + 1));
}

static void fanout_free_if_over(struct fanout *fanout)
{
    if (!fanout->is_closed || fanout->under_way > 0) return;
    map_done(&fanout->runs);
    free(fanout);
}

static void run_free(struct fanout_run *run)
{
    loop_timer_cancel(run->fanout->config.loop, &run->timer);
    list_remove(&run->link);
    map_remove(&run->fanout->runs, &run->by_group);
    free(run);
}

static void run_queue(struct fanout_run *run)
{
    run->state = RUN_QUEUED;
    list_push(&run->fanout->queue, &run->link);
}

static void run_rested(struct timer *timer)
{
    struct fanout_run *run = container_of(timer, struct fanout_run, timer);
    struct fanout *fanout = run->fanout;
    run_queue(run);
    fanout_pump(fanout);
}

static void run_rest(struct fanout_run *run)
{
    const struct fanout_config *config = &run->fanout->config;
    int64_t longest_ms = MAX(config->lease_ms / 2, (int64_t)RETRY_MIN_MS);
    run->rest_ms = MIN(MAX(run->rest_ms * 2, (int64_t)RETRY_MIN_MS), longest_ms);
    run->state = RUN_RESTING;
    run->is_again = false;
    loop_timer_set(config->loop, &run->timer, fanout_jitter_ms(run->rest_ms));
}

static void run_publish(struct fanout_run *run)
{
    const struct fanout_advance *advance = &run->advance;
    struct fanout_publish *sink = run->fanout->config.sink;
    metrics_add(METRIC_FANOUT_COPIES, (int64_t)advance->copy_count_out);
    if (advance->copy_count_out > 0 && !run->fanout->is_closed)
        sink->publish(sink, advance->copies_out, advance->copy_count_out);
}

static void run_advanced(struct db_op *op)
{
    struct fanout_run *run =
        container_of(container_of(op, struct fanout_advance, op), struct fanout_run, advance);
    struct fanout *fanout = run->fanout;
    fanout->under_way--;
    if (op->err == OK) run_publish(run);
    if (fanout->is_closed) {
        run_free(run);
        fanout_free_if_over(fanout);
        return;
    }
    if (op->err != OK)
        log_event(LOG_WARN, "fanout_failed", log_err(op->err),
                  log_str("group", run->advance.group_id));
    if (op->err != OK || run->advance.busy_out) {
        run_rest(run);
    } else if (run->advance.more_out || run->is_again) {
        run->rest_ms = 0;
        run_queue(run);
    } else {
        run_free(run);
    }
    fanout_pump(fanout);
}

static void run_start(struct fanout_run *run)
{
    struct fanout *fanout = run->fanout;
    const struct fanout_config *config = &fanout->config;
    struct str group_id = str_of(run->group_id, UUID_LEN);
    run->advance = (struct fanout_advance){
        .group_id = group_id, .lease_owner = config->lease_owner, .lease_ms = config->lease_ms};
    op_init(&run->advance.op, &FANOUT_ADVANCE, config->loop, config->deadline_ms, run_advanced);
    run->state = RUN_ADVANCING;
    run->is_again = false;
    if (db_submit(config->db, group_id, &run->advance.op) != OK)
        run_rest(run);
    else
        fanout->under_way++;
}

/* Starts what waits, oldest first: a group with a long line queues again behind the others. */
static void fanout_pump(struct fanout *fanout)
{
    while (fanout->under_way < FANOUT_RUNNING_MAX && !list_is_empty(&fanout->queue))
        run_start(container_of(list_pop(&fanout->queue), struct fanout_run, link));
}

void fanout_kick(struct fanout *fanout, struct str group_id)
{
    assert(group_id.len == UUID_LEN && !fanout->is_closed);
    struct map_link *link = map_find(&fanout->runs, group_id);
    if (link) {
        container_of(link, struct fanout_run, by_group)->is_again = true;
        return;
    }
    struct fanout_run *run = MEMORY_NEW(struct fanout_run);
    run->fanout = fanout;
    run->timer.due = run_rested;
    memcpy(run->group_id, group_id.ptr, UUID_LEN);
    list_init(&run->link);
    map_insert(&fanout->runs, &run->by_group, str_of(run->group_id, UUID_LEN));
    run_queue(run);
    fanout_pump(fanout);
}

static void fanout_search_later(struct fanout *fanout)
{
    loop_timer_set(fanout->config.loop, &fanout->search_timer,
                   fanout_jitter_ms(MAX(fanout->config.lease_ms / 2, INT64_C(1))));
}

static void fanout_searched(struct db_op *op)
{
    struct fanout *fanout =
        container_of(container_of(op, struct fanout_expired, op), struct fanout, search);
    fanout->under_way--;
    if (fanout->is_closed) {
        fanout_free_if_over(fanout);
        return;
    }
    for (size_t i = 0; op->err == OK && i < fanout->search.group_count_out; i++) {
        struct str group_id = fanout->search.group_ids_out[i];
        if (map_find(&fanout->runs, group_id)) continue; /* ours, and in hand */
        metrics_add(METRIC_FANOUT_RESUMED, 1);
        fanout_kick(fanout, group_id);
    }
    fanout_search_later(fanout);
}

static void fanout_search(struct timer *timer)
{
    struct fanout *fanout = container_of(timer, struct fanout, search_timer);
    fanout->search = (struct fanout_expired){0};
    op_init(&fanout->search.op, &FANOUT_EXPIRED, fanout->config.loop, fanout->config.deadline_ms,
            fanout_searched);
    if (db_submit(fanout->config.db, STR("fanout"), &fanout->search.op) != OK)
        fanout_search_later(fanout);
    else
        fanout->under_way++;
}

void fanout_open(const struct fanout_config *config, struct fanout **fanout_out)
{
    assert(config->lease_owner.len >= 1 && config->lease_owner.len <= LEASE_OWNER_LEN_MAX);
    struct fanout *fanout = MEMORY_NEW(struct fanout);
    fanout->config = *config;
    memcpy(fanout->lease_owner, config->lease_owner.ptr, config->lease_owner.len);
    fanout->config.lease_owner = str_of(fanout->lease_owner, config->lease_owner.len);
    map_init(&fanout->runs);
    list_init(&fanout->queue);
    fanout->search_timer.due = fanout_search;
    if (config->finds_orphans) fanout_search_later(fanout);
    *fanout_out = fanout;
}

static void fanout_drop_idle(struct map_link *link, void *context UNUSED)
{
    struct fanout_run *run = container_of(link, struct fanout_run, by_group);
    loop_timer_cancel(run->fanout->config.loop, &run->timer);
    if (run->state == RUN_RESTING) list_push(&run->fanout->queue, &run->link);
}

void fanout_close(struct fanout *fanout)
{
    if (!fanout) return;
    fanout->is_closed = true;
    loop_timer_cancel(fanout->config.loop, &fanout->search_timer);
    /* What rests joins what waits: the map may not be changed while it is walked. */
    map_each(&fanout->runs, fanout_drop_idle, NULL);
    while (!list_is_empty(&fanout->queue))
        run_free(container_of(fanout->queue.next, struct fanout_run, link));
    fanout_free_if_over(fanout);
}
