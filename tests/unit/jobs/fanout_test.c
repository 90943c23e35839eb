#include "base/metrics.h"
#include "jobs/fanout.h"
#include "tests/support/group_lab.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { LOST_AFTER_MS = 20000 };

/* Counts what would be published, and stops the loop when it is all there. */
struct sink {
    struct fanout_publish publish;
    struct loop *loop;
    size_t count, wanted; /* 0: nobody waits */
    uint64_t last_group_seq;
    bool is_ordered;
    struct timer lost;
};

static void sink_publish(struct fanout_publish *publish, const struct fanout_copy *copies,
                         size_t count)
{
    struct sink *sink = container_of(publish, struct sink, publish);
    for (size_t i = 0; i < count; i++) {
        if (copies[i].row.group_seq < sink->last_group_seq) sink->is_ordered = false;
        sink->last_group_seq = copies[i].row.group_seq;
    }
    sink->count += count;
    if (sink->wanted > 0 && sink->count >= sink->wanted) loop_stop(sink->loop);
}

static void sink_lost(struct timer *timer)
{
    loop_stop(container_of(timer, struct sink, lost)->loop);
}

static void sink_wait(struct sink *sink, size_t wanted)
{
    if (sink->count >= wanted) return;
    sink->wanted = wanted;
    loop_timer_set(sink->loop, &sink->lost, LOST_AFTER_MS);
    loop_run(sink->loop);
    loop_timer_cancel(sink->loop, &sink->lost);
    sink->wanted = 0;
    assert_int_equal(sink->count, wanted);
}

static struct fanout *runner_open(struct lab *lab, struct sink *sink, struct str owner,
                                  int64_t lease_ms, bool finds_orphans)
{
    *sink = (struct sink){.publish = {sink_publish},
                          .loop = lab->loop,
                          .is_ordered = true,
                          .lost = {.due = sink_lost}};
    struct fanout *fanout;
    fanout_open(&(struct fanout_config){.loop = lab->loop,
                                        .db = lab->db,
                                        .sink = &sink->publish,
                                        .lease_owner = owner,
                                        .lease_ms = lease_ms,
                                        .deadline_ms = 5000,
                                        .finds_orphans = finds_orphans},
                &fanout);
    return fanout;
}

static void test_kick_publishes_every_copy_in_order(void **state)
{
    struct lab *lab = *state;
    struct sink sink;
    struct fanout *fanout = runner_open(lab, &sink, STR("one"), 60000, false);
    struct str *ids = lab_users(lab, "u", 3), group = lab_group(lab, ids, 3);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(lab_send(lab, group, ids[0], STR("x")).op.err, OK);
        fanout_kick(fanout, group);
    }
    sink_wait(&sink, 3 + 20 * 2);
    assert_true(sink.is_ordered);
    fanout_close(fanout);
}

static void test_slices_follow_each_other_without_another_kick(void **state)
{
    struct lab *lab = *state;
    struct sink sink;
    struct fanout *fanout = runner_open(lab, &sink, STR("one"), 60000, false);
    struct str *ids = lab_users(lab, "u", GROUP_MEMBERS_MAX);
    struct str group = lab_group(lab, ids, GROUP_MEMBERS_MAX);
    fanout_kick(fanout, group);
    sink_wait(&sink, GROUP_MEMBERS_MAX);
    fanout_close(fanout);
}

static void test_more_groups_than_run_at_once_all_get_their_turn(void **state)
{
    struct lab *lab = *state;
    enum { GROUPS = FANOUT_RUNNING_MAX * 2 + 5 };
    struct sink sink;
    struct fanout *fanout = runner_open(lab, &sink, STR("one"), 60000, false);
    struct str *ids = lab_users(lab, "u", 2), groups[GROUPS];
    for (size_t i = 0; i < GROUPS; i++)
        groups[i] = lab_group(lab, ids, 2);
    for (size_t i = 0; i < GROUPS; i++)
        fanout_kick(fanout, groups[i]);
    sink_wait(&sink, GROUPS * 2);
    fanout_close(fanout);
}

static void test_jobs_of_a_server_that_died_are_found(void **state)
{
    struct lab *lab = *state;
    struct str *ids = lab_users(lab, "u", 2);
    struct group_create create = {.outbox = {.lease_owner = STR("dead"), .lease_ms = 300},
                                  .group_id = lab_group_id(lab),
                                  .groupname = STR("tea"),
                                  .creator_id = ids[0],
                                  .member_ids = ids,
                                  .member_count = 2,
                                  .now_ms = 1};
    assert_int_equal(lab_run(lab, &GROUP_CREATE, create.group_id, &create.op), OK);
    int64_t resumed = metrics_value(METRIC_FANOUT_RESUMED);
    struct sink sink;
    struct fanout *fanout = runner_open(lab, &sink, STR("alive"), 200, true);
    sink_wait(&sink, 2);
    assert_true(metrics_value(METRIC_FANOUT_RESUMED) > resumed);
    fanout_close(fanout);
}

static void test_foreign_lease_is_waited_for(void **state)
{
    struct lab *lab = *state;
    struct str *ids = lab_users(lab, "u", 2);
    struct group_create create = {.outbox = {.lease_owner = STR("busy"), .lease_ms = 400},
                                  .group_id = lab_group_id(lab),
                                  .groupname = STR("tea"),
                                  .creator_id = ids[0],
                                  .member_ids = ids,
                                  .member_count = 2,
                                  .now_ms = 1};
    assert_int_equal(lab_run(lab, &GROUP_CREATE, create.group_id, &create.op), OK);
    struct sink sink;
    struct fanout *fanout = runner_open(lab, &sink, STR("one"), 200, false);
    fanout_kick(fanout, create.group_id);
    sink_wait(&sink, 2);
    fanout_close(fanout);
}

static void test_close_leaves_what_is_under_way_to_end_by_itself(void **state)
{
    struct lab *lab = *state;
    enum { GROUPS = FANOUT_RUNNING_MAX + 5 };
    struct sink sink;
    struct fanout *fanout = runner_open(lab, &sink, STR("one"), 60000, false);
    struct str *ids = lab_users(lab, "u", 2), groups[GROUPS];
    for (size_t i = 0; i < GROUPS; i++)
        groups[i] = lab_group(lab, ids, 2);
    for (size_t i = 0; i < GROUPS; i++)
        fanout_kick(fanout, groups[i]);
    int64_t before = metrics_value(METRIC_FANOUT_COPIES);
    fanout_close(fanout); /* what was queued is another start's */
    for (size_t turn = 0; turn < 10000; turn++) {
        lab_list(lab, ids[0]);
        if (metrics_value(METRIC_FANOUT_COPIES) == before + FANOUT_RUNNING_MAX * 2) break;
    }
    assert_int_equal(lab_list(lab, ids[0]).group_count_out, FANOUT_RUNNING_MAX);
    assert_int_equal(sink.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kick_publishes_every_copy_in_order),
        cmocka_unit_test(test_slices_follow_each_other_without_another_kick),
        cmocka_unit_test(test_more_groups_than_run_at_once_all_get_their_turn),
        cmocka_unit_test(test_jobs_of_a_server_that_died_are_found),
        cmocka_unit_test(test_foreign_lease_is_waited_for),
        cmocka_unit_test(test_close_leaves_what_is_under_way_to_end_by_itself),
    };
    return cmocka_run_group_tests(tests, lab_setup, lab_teardown);
}
