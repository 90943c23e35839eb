#include "base/metrics.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { THREAD_COUNT = 4, ADD_COUNT = 50000 };

static void *adder_run(void *unused UNUSED)
{
    for (int i = 0; i < ADD_COUNT; i++) {
        metrics_add(METRIC_PUSHED, 1);
        metrics_add(METRIC_STREAMS, i % 2 ? -1 : 1);
        metrics_observe(METRIC_LANE_BATCH, i % 7);
    }
    return NULL;
}

static void test_counts_of_threads_add_up_and_outlive_them(void **state UNUSED)
{
    pthread_t threads[THREAD_COUNT];
    int64_t before = metrics_value(METRIC_PUSHED), batches = metrics_value(METRIC_LANE_BATCH);
    metrics_add(METRIC_STREAMS, 3);
    for (int i = 0; i < THREAD_COUNT; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, adder_run, NULL), 0);
    for (int64_t seen = 0, last = 0; seen < before + (int64_t)THREAD_COUNT * ADD_COUNT;
         last = seen) {
        seen = metrics_value(METRIC_PUSHED);
        assert_true(seen >= last);
    }
    for (int i = 0; i < THREAD_COUNT; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(metrics_value(METRIC_PUSHED) - before, THREAD_COUNT * ADD_COUNT);
    assert_int_equal(metrics_value(METRIC_LANE_BATCH) - batches, THREAD_COUNT * ADD_COUNT);
    assert_int_equal(metrics_value(METRIC_STREAMS), 3);
}

static void assert_text_has(struct buf *text, const char *line)
{
    if (!strstr(buf_c(text), line)) fail_msg("no line: %s", line);
}

static void test_the_text_is_what_prometheus_reads(void **state UNUSED)
{
    struct buf text;
    buf_init(&text, 1 << 20);
    metrics_add(METRIC_PROBLEMS_4XX, 4);
    metrics_add(METRIC_PROBLEMS_5XX, 5);
    metrics_render(&text);
    assert_text_has(&text, "# HELP parley_problems_total problem answers\n"
                           "# TYPE parley_problems_total counter\n"
                           "parley_problems_total{class=\"4xx\"} 4\n"
                           "parley_problems_total{class=\"5xx\"} 5\n");
    assert_text_has(&text, "# TYPE parley_connections_open gauge\nparley_connections_open 0\n");
    assert_text_has(&text, "# TYPE parley_send_seconds histogram\n");
    assert_int_equal(text.bytes[text.len - 1], '\n');
    buf_done(&text);
}

static void test_buckets_are_cumulative_inclusive_and_scaled(void **state UNUSED)
{
    static const int64_t values[] = {
        -3, 0, 1, 2, 3, 4, 5, 1 << 24, (1 << 24) + 1, INT64_C(1) << 40};
    struct buf text;
    buf_init(&text, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        metrics_observe(METRIC_SEND_TIME, values[i]);
    metrics_render(&text);
    assert_text_has(&text, "parley_send_seconds_bucket{le=\"1e-06\"} 3\n"
                           "parley_send_seconds_bucket{le=\"2e-06\"} 4\n"
                           "parley_send_seconds_bucket{le=\"4e-06\"} 6\n"
                           "parley_send_seconds_bucket{le=\"8e-06\"} 7\n");
    assert_text_has(&text, "parley_send_seconds_bucket{le=\"8.388608\"} 7\n"
                           "parley_send_seconds_bucket{le=\"16.777216\"} 8\n"
                           "parley_send_seconds_bucket{le=\"+Inf\"} 10\n"
                           "parley_send_seconds_sum 1099545.182224\n"
                           "parley_send_seconds_count 10\n");
    assert_int_equal(metrics_value(METRIC_SEND_TIME), 10);
    buf_done(&text);
}

static void test_a_text_that_does_not_fit_ends_with_a_whole_family(void **state UNUSED)
{
    for (size_t len_max = 0; len_max < 3000; len_max += 37) {
        struct buf text;
        buf_init(&text, len_max);
        metrics_render(&text);
        assert_true(text.len == 0 || text.bytes[text.len - 1] == '\n');
        buf_done(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_of_threads_add_up_and_outlive_them),
        cmocka_unit_test(test_the_text_is_what_prometheus_reads),
        cmocka_unit_test(test_buckets_are_cumulative_inclusive_and_scaled),
        cmocka_unit_test(test_a_text_that_does_not_fit_ends_with_a_whole_family),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
