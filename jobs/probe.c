#include "jobs/probe.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "db/users.h"
#include <stdlib.h>

enum {
    PROBE_USERS_MAX = 1000, /* NEXT_SEQS' own bound */
    PROBE_USERS_MIN = 50,   /* below it the round trip costs more than the rows */
    PROBE_SLICES = 16,      /* questions a round, if there are users enough for them */
    PROBE_DEADLINE_MS = 5000
};

struct probe {
    struct loop *loop;
    const struct config *config;
    struct db *db;
    struct hub *hub; /* NULL: closed while a question was on its way */
    struct timer timer;
    struct arena arena; /* the user ids of the question */
    bool is_asking;
    struct next_seqs question;
    struct str user_ids[PROBE_USERS_MAX];
    struct user_position positions[PROBE_USERS_MAX];
};

static int64_t probe_round_ms(const struct probe *probe)
{
    return hub_relay_is_up(probe->hub) ? probe->config->probe_ms : probe->config->probe_down_ms;
}

static size_t probe_slice(const struct probe *probe)
{
    size_t slice = hub_listener_count(probe->hub) / PROBE_SLICES + 1;
    return MAX(PROBE_USERS_MIN, MIN(slice, PROBE_USERS_MAX));
}

/* A slice takes its share of the round. */
static void probe_wait(struct probe *probe)
{
    int64_t round_ms = probe_round_ms(probe);
    size_t count = hub_listener_count(probe->hub), slice = probe_slice(probe);
    int64_t in_ms = count > slice ? round_ms * (int64_t)slice / (int64_t)count : round_ms;
    loop_timer_set(probe->loop, &probe->timer, MAX(in_ms, 1));
}

static void probe_free(struct probe *probe)
{
    arena_done(&probe->arena);
    free(probe);
}

static void probe_answered(struct db_op *op)
{
    struct probe *probe = container_of(op, struct probe, question.op);
    probe->is_asking = false;
    if (!probe->hub) {
        probe_free(probe);
        return;
    }
    for (size_t i = 0; op->err == OK && i < probe->question.user_count; i++) {
        const struct user_position *position = &probe->positions[i];
        if (hub_probe_found(probe->hub, probe->user_ids[i], position->epoch, position->newest_seq))
            metrics_add(METRIC_PROBE_FOUND, 1);
    }
    arena_done(&probe->arena);
    probe_wait(probe);
}

static void probe_due(struct timer *timer)
{
    struct probe *probe = container_of(timer, struct probe, timer);
    struct next_seqs *question = &probe->question;
    size_t count = hub_probe_next(probe->hub, probe->user_ids, probe_slice(probe), &probe->arena);
    if (count == 0) {
        probe_wait(probe);
        return;
    }
    op_init(&question->op, &NEXT_SEQS, probe->loop, PROBE_DEADLINE_MS, probe_answered);
    question->user_ids = probe->user_ids;
    question->user_count = count;
    question->positions_out = probe->positions;
    probe->is_asking = true;
    if (db_submit(probe->db, probe->user_ids[0], &question->op) == OK) return;
    probe->is_asking = false; /* the store is busy: these users' turn comes again */
    arena_done(&probe->arena);
    probe_wait(probe);
}

struct probe *probe_open(struct loop *loop, const struct config *config, struct db *db,
                         struct hub *hub)
{
    struct probe *probe = MEMORY_NEW(struct probe);
    probe->loop = loop;
    probe->config = config;
    probe->db = db;
    probe->hub = hub;
    probe->timer.due = probe_due;
    arena_init(&probe->arena);
    probe_wait(probe);
    return probe;
}

void probe_close(struct probe *probe)
{
    if (!probe) return;
    loop_timer_cancel(probe->loop, &probe->timer);
    probe->hub = NULL;
    if (!probe->is_asking) probe_free(probe);
}
