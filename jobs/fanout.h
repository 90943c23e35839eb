/* Group fan-out: runs FANOUT_ADVANCE (db/fanout.h) for the groups that have jobs, and hands the
 * copies on to be published. One a reactor; everything belongs to the loop's thread. Different
 * groups move at the same time, up to a bound; one group moves by one op at a time, in order. What
 * cannot be done now is tried again by timer: a job is durable, so nothing here may give up. */
#pragma once
#include "base/loop.h"
#include "db/fanout.h"
#include "db/shards.h"

enum { FANOUT_RUNNING_MAX = 64 };

/* Whoever wakes the recipients; the copies end when the call returns. */
struct fanout_publish {
    void (*publish)(struct fanout_publish *sink, const struct fanout_copy *copies, size_t count);
};

struct fanout_config {
    struct loop *loop;
    struct db *db;
    struct fanout_publish *sink;
    struct str lease_owner; /* this process, unique a start, 1..36 bytes; copied */
    int64_t lease_ms, deadline_ms;
    /* Look every lease_ms / 2 for jobs whose server died: one reactor of a process is enough. */
    bool finds_orphans;
};

struct fanout;
void fanout_open(const struct fanout_config *config, struct fanout **fanout_out);
/* The group has a new job: after every op that came back with is_job_out. */
void fanout_kick(struct fanout *fanout, struct str group_id);
/* Starts nothing more and publishes nothing more. Ops that are under way end by themselves while
 * the loop still runs, or when db_close ends them; the last one frees. NULL is fine. */
void fanout_close(struct fanout *fanout);
