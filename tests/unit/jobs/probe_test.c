/* The store is played by this file: db_submit and what goes with it are defined here, so that the
 * test says when a question is answered, and how. */
#include "base/memory.h"
#include "base/metrics.h"
#include "db/users.h"
#include "jobs/probe.h"
#include "tests/support/hub_lab.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

enum { EPOCH = 7 };

static struct hub_lab lab;
static struct reader a;
static struct probe *probe;
static int asked, pending, pending_max;
static size_t largest;
static enum err submit_err;
static struct db_op *held; /* submitted and not answered yet */

enum err db_submit(struct db *db, struct str key, struct db_op *op)
{
    (void)db;
    struct next_seqs *question = container_of(op, struct next_seqs, op);
    assert_true(str_equal(key, question->user_ids[0]));
    asked++;
    if (submit_err != OK) return submit_err;
    pending++;
    pending_max = MAX(pending_max, pending);
    largest = MAX(largest, question->user_count);
    held = op;
    return OK;
}

static void answer(uint32_t epoch, uint64_t newest_seq, enum err err)
{
    struct next_seqs *question = container_of(held, struct next_seqs, op);
    for (size_t i = 0; i < question->user_count; i++)
        question->positions_out[i] = (struct user_position){epoch, newest_seq};
    held = NULL;
    pending--;
    question->op.err = err;
    question->op.done(&question->op);
}

static int setup(void **state)
{
    (void)state;
    asked = pending = pending_max = 0;
    largest = 0;
    submit_err = OK;
    memset(&a, 0, sizeof(a));
    hub_lab_open(&lab, "", NULL);
    lab.config.probe_ms = 10;
    probe = probe_open(lab.loop, &lab.config, NULL, lab.hub);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    probe_close(probe);
    if (held) answer(EPOCH, 0, OK);
    if (a.lab) hub_leave(lab.hub, &a.listener);
    hub_lab_close(&lab);
    return 0;
}

static void test_nobody_listening_is_nobody_asked_for(void **state)
{
    (void)state;
    hub_lab_turn(&lab, 40);
    assert_int_equal(asked, 0);
}

static void test_a_lost_wake_up_is_found(void **state)
{
    (void)state;
    int64_t found = metrics_value(METRIC_PROBE_FOUND);
    reader_live(&a, &lab, "ann", 40);
    assert_true(hub_lab_run(&lab, &asked, 1));
    answer(EPOCH, 40, OK);
    assert_int_equal(metrics_value(METRIC_PROBE_FOUND), found);
    assert_true(hub_lab_run(&lab, &asked, 2));
    answer(EPOCH, 41, OK);
    assert_true(hub_lab_run(&lab, &a.behind, 1));
    assert_int_equal(metrics_value(METRIC_PROBE_FOUND), found + 1);
}

static void test_one_question_at_a_time(void **state)
{
    (void)state;
    reader_live(&a, &lab, "ann", 40);
    assert_true(hub_lab_run(&lab, &asked, 1));
    hub_lab_turn(&lab, 50); /* five rounds */
    assert_int_equal(asked, 1);
    answer(EPOCH, 40, OK);
    assert_true(hub_lab_run(&lab, &asked, 2));
    assert_int_equal(pending_max, 1);
}

static void test_a_failing_or_busy_store_is_asked_again(void **state)
{
    (void)state;
    reader_live(&a, &lab, "ann", 40);
    assert_true(hub_lab_run(&lab, &asked, 1));
    answer(EPOCH, 99, ERR_UNAVAILABLE);
    hub_lab_turn(&lab, 2);
    assert_int_equal(a.behind, 0);
    submit_err = ERR_BUSY;
    assert_true(hub_lab_run(&lab, &asked, 4));
    submit_err = OK;
    assert_true(hub_lab_run(&lab, &pending, 1));
    answer(EPOCH, 41, OK);
    assert_true(hub_lab_run(&lab, &a.behind, 1));
}

static void test_a_round_is_asked_in_slices(void **state)
{
    (void)state;
    enum { USERS = 800 };
    struct crowd {
        struct reader reader;
        char user_id[16];
    } *crowd = memory_alloc(USERS * sizeof(*crowd));
    for (int i = 0; i < USERS; i++) {
        snprintf(crowd[i].user_id, sizeof(crowd[i].user_id), "user-%d", i);
        reader_join(&crowd[i].reader, &lab, crowd[i].user_id, "phone");
    }
    hub_lab_turn(&lab, 2);
    for (int i = 0; i < USERS; i++)
        hub_go_live(lab.hub, &crowd[i].reader.listener, EPOCH, 40);
    for (size_t total = 0; total < USERS;) { /* each is asked for once: then it is not live */
        assert_true(hub_lab_run(&lab, &pending, 1));
        total += container_of(held, struct next_seqs, op)->user_count;
        answer(EPOCH, 41, OK);
    }
    assert_int_equal(largest, USERS / 16 + 1);
    hub_lab_turn(&lab, 2);
    for (int i = 0; i < USERS; i++) {
        assert_int_equal(crowd[i].reader.behind, 1);
        hub_leave(lab.hub, &crowd[i].reader.listener);
    }
    free(crowd);
}

static void test_closing_with_a_question_on_its_way_is_safe(void **state)
{
    (void)state;
    reader_live(&a, &lab, "ann", 40);
    assert_true(hub_lab_run(&lab, &pending, 1));
    probe_close(probe);
    probe = NULL;
    answer(EPOCH, 41, OK);
    hub_lab_turn(&lab, 20);
    assert_int_equal(a.behind, 0);
    assert_int_equal(asked, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nobody_listening_is_nobody_asked_for, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_lost_wake_up_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_question_at_a_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_failing_or_busy_store_is_asked_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_round_is_asked_in_slices, setup, teardown),
        cmocka_unit_test_setup_teardown(test_closing_with_a_question_on_its_way_is_safe, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
