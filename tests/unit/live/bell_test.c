#include "live/bell.h"
#include <stdarg.h>

#include <setjmp.h>

#include <cmocka.h>

struct counter {
    struct bell_ear ear;
    struct loop *loop;
    struct task stop;
    int count;
};

static void counter_rung(struct bell_ear *ear)
{
    container_of(ear, struct counter, ear)->count++;
}

static void counter_stop(struct task *task)
{
    loop_stop(container_of(task, struct counter, stop)->loop);
}

static void counter_run(struct counter *counter)
{
    loop_post(counter->loop, &counter->stop);
    loop_run(counter->loop);
}

static void counter_open(struct counter *counter)
{
    *counter = (struct counter){.ear.rung = counter_rung, .stop.run = counter_stop};
    assert_int_equal(loop_open(&counter->loop), OK);
}

static void test_many_rings_in_a_turn_wake_once(void **state)
{
    (void)state;
    struct counter counter;
    counter_open(&counter);
    struct bell *bell = bell_new(counter.loop, &counter.ear);
    bell_ring(bell);
    bell_ring(bell);
    assert_int_equal(counter.count, 0); /* never inside the call */
    counter_run(&counter);
    assert_int_equal(counter.count, 1);
    bell_ring(bell);
    counter_run(&counter);
    assert_int_equal(counter.count, 2);
    loop_close(counter.loop);
    bell_free(bell);
}

static void test_muted_bell_wakes_nobody(void **state)
{
    (void)state;
    struct counter counter;
    counter_open(&counter);
    struct bell *bell = bell_new(counter.loop, &counter.ear);
    bell_ring(bell);
    bell_mute(bell);
    counter_run(&counter);
    assert_int_equal(counter.count, 0);
    bell_mute(NULL);
    loop_close(counter.loop);
    bell_free(bell);
    bell_free(NULL);
}

static void test_bell_left_rung_may_be_freed_after_its_loop(void **state)
{
    (void)state;
    struct counter counter;
    counter_open(&counter);
    struct bell *bell = bell_new(counter.loop, &counter.ear);
    bell_ring(bell);
    loop_close(counter.loop);
    bell_free(bell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_rings_in_a_turn_wake_once),
        cmocka_unit_test(test_muted_bell_wakes_nobody),
        cmocka_unit_test(test_bell_left_rung_may_be_freed_after_its_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
