#include "base/random.h"
#include "base/wheel.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct wheel wheel;

struct alarm {
    struct timer timer;
    int64_t at, ran_at; /* ran_at -1: not yet */
    int runs;
};

static void alarm_due(struct timer *timer)
{
    struct alarm *alarm = container_of(timer, struct alarm, timer);
    alarm->ran_at = wheel.now;
    alarm->runs++;
}

static void alarm_set(struct alarm *alarm, int64_t at)
{
    *alarm = (struct alarm){.timer.due = alarm_due, .at = at, .ran_at = -1};
    wheel_add(&wheel, &alarm->timer, at);
}

static int wheel_setup(void **state UNUSED)
{
    wheel_init(&wheel, 1000);
    return 0;
}

static void test_an_empty_wheel_has_no_next_tick(void **state UNUSED)
{
    assert_true(wheel_next(&wheel) == INT64_MAX);
    wheel_advance(&wheel, 123456789);
    assert_true(wheel.now == 123456789);
    wheel_advance(&wheel, 5); /* time never steps back */
    assert_true(wheel.now == 123456789);
}

/* Any distance, across the borders of every level: each runs once, at its own tick. */
static void test_timers_run_at_their_tick(void **state UNUSED)
{
    for (int64_t start = 1; start < INT64_C(1) << 30; start = start * 3 + 1) {
        wheel_init(&wheel, start);
        for (int64_t in = 1; in < INT64_C(1) << 33; in = in * 2 + in / 3 + 1) {
            struct alarm alarm;
            int64_t at = wheel.now + in;
            alarm_set(&alarm, at);
            assert_true(wheel_next(&wheel) <= at);
            wheel_advance(&wheel, at - 1);
            assert_int_equal(alarm.runs, 0);
            assert_true(wheel_next(&wheel) == at);
            wheel_advance(&wheel, at + 7);
            assert_true(alarm.runs == 1 && alarm.ran_at == at);
            assert_true(wheel_next(&wheel) == INT64_MAX);
        }
    }
}

static void test_the_past_is_the_next_tick_and_for_ever_is_capped(void **state UNUSED)
{
    struct alarm past, for_ever;
    alarm_set(&past, -5);
    alarm_set(&for_ever, INT64_MAX);
    wheel_advance(&wheel, 1000);
    assert_int_equal(past.runs, 0);
    wheel_advance(&wheel, 1001);
    assert_int_equal(past.runs, 1);
    wheel_advance(&wheel, INT64_C(1) << 41);
    assert_int_equal(for_ever.runs, 0);
    assert_true(timer_is_set(&for_ever.timer));
}

enum { ALARM_COUNT = 2000 };

static int64_t alarm_distance(void)
{
    return (int64_t)random_below(UINT64_C(1) << random_below(22)) + 1;
}

/* Against a model that knows nothing of wheels: an array that is looked through. */
static void test_random_sets_moves_and_cancels_meet_the_model(void **state UNUSED)
{
    struct alarm *alarms = calloc(ALARM_COUNT, sizeof(*alarms));
    random_seed(20240511);
    for (int step = 0; step < 20000; step++) {
        struct alarm *alarm = &alarms[random_below(ALARM_COUNT)];
        if (timer_is_set(&alarm->timer)) wheel_remove(&wheel, &alarm->timer);
        alarm->at = 0;
        if (random_below(4) > 0) alarm_set(alarm, wheel.now + alarm_distance());
        if (random_below(50) > 0) continue;
        int64_t from = wheel.now,
                to = from + (int64_t)random_below(UINT64_C(1) << random_below(18));
        wheel_advance(&wheel, to);
        int64_t next = INT64_MAX;
        for (int i = 0; i < ALARM_COUNT; i++) {
            bool is_due = alarms[i].at > from && alarms[i].at <= to;
            if (is_due && (alarms[i].runs != 1 || alarms[i].ran_at != alarms[i].at))
                fail_msg("alarm %d at %lld", i, (long long)alarms[i].at);
            if (alarms[i].at > to) {
                assert_true(timer_is_set(&alarms[i].timer) && alarms[i].runs == 0);
                next = MIN(next, alarms[i].at);
            }
        }
        assert_true(wheel_next(&wheel) <= next);
    }
    random_seed(0);
    for (int i = 0; i < ALARM_COUNT; i++) {
        if (timer_is_set(&alarms[i].timer)) wheel_remove(&wheel, &alarms[i].timer);
    }
    assert_true(wheel_next(&wheel) == INT64_MAX);
    free(alarms);
}

struct victim {
    struct timer timer;
    struct victim *other; /* what the first to run cancels and frees */
};
static int victim_runs;

static void victim_due(struct timer *timer)
{
    struct victim *victim = container_of(timer, struct victim, timer);
    victim_runs++;
    wheel_remove(&wheel, &victim->other->timer);
    free(victim->other);
    free(victim);
}

static void test_a_timer_may_free_itself_and_one_that_is_due_with_it(void **state UNUSED)
{
    struct victim *first = calloc(1, sizeof(*first)), *second = calloc(1, sizeof(*second));
    *first = (struct victim){.timer.due = victim_due, .other = second};
    *second = (struct victim){.timer.due = victim_due, .other = first};
    victim_runs = 0;
    wheel_add(&wheel, &first->timer, 1500);
    wheel_add(&wheel, &second->timer, 1500);
    wheel_advance(&wheel, 2000);
    assert_int_equal(victim_runs, 1);
    assert_true(wheel_next(&wheel) == INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_an_empty_wheel_has_no_next_tick, wheel_setup),
        cmocka_unit_test_setup(test_timers_run_at_their_tick, wheel_setup),
        cmocka_unit_test_setup(test_the_past_is_the_next_tick_and_for_ever_is_capped, wheel_setup),
        cmocka_unit_test_setup(test_random_sets_moves_and_cancels_meet_the_model, wheel_setup),
        cmocka_unit_test_setup(test_a_timer_may_free_itself_and_one_that_is_due_with_it,
                               wheel_setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
