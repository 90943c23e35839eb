#include "base/clock.h"
#include "tests/bench/proc.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void test_a_list_of_processes_is_read(void **state UNUSED)
{
    struct procs procs = {.count = 0};
    assert_true(procs_parse(&procs, STR("parleyd=12,redis=345")));
    assert_int_equal(procs.count, 2);
    assert_int_equal(proc_pid(&procs, "parleyd"), 12);
    assert_int_equal(proc_pid(&procs, "redis"), 345);
    assert_int_equal(proc_pid(&procs, "mariadbd"), 0);
}

static void test_no_list_is_an_empty_one_and_a_bad_one_is_refused(void **state UNUSED)
{
    struct procs procs = {.count = 0};
    assert_true(procs_parse(&procs, STR_NONE));
    assert_int_equal(procs.count, 0);
    assert_false(procs_parse(&procs, STR("parleyd")));
    assert_false(procs_parse(&procs, STR("parleyd=x")));
    assert_false(procs_parse(&procs, STR("parleyd=0")));
    assert_false(procs_parse(&procs, STR("=1")));
    assert_false(procs_parse(&procs, STR("a-name-of-more-than-15=1")));
}

static void test_pid_files_are_found(void **state UNUSED)
{
    char folder[] = "/tmp/proc_test.XXXXXX", path[64];
    struct procs procs = {.count = 0};
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/redis.pid", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("4711\n", file);
    fclose(file);
    procs_read_var(&procs, folder);
    assert_int_equal(procs.count, 1);
    assert_int_equal(proc_pid(&procs, "redis"), 4711);
    unlink(path);
    rmdir(folder);
}

/* Burns until the kernel's count has moved, which its ticks of 10 ms make a matter of time. */
static void test_our_own_cpu_is_seen_to_grow(void **state UNUSED)
{
    int64_t before_us = proc_cpu_us(getpid()), deadline_ms = clock_mono_ms() + 10000;
    assert_true(before_us >= 0);
    while (proc_cpu_us(getpid()) == before_us)
        assert_true(clock_mono_ms() < deadline_ms);
    assert_true(proc_cpu_us(getpid()) > before_us);
}

static void test_our_own_memory_is_more_than_nothing(void **state UNUSED)
{
    assert_true(proc_memory(getpid()) > 4096);
}

static void test_a_process_that_is_gone_has_no_figures(void **state UNUSED)
{
    assert_int_equal(proc_cpu_us(INT32_MAX), -1);
    assert_int_equal(proc_memory(INT32_MAX), -1);
}

#define TEST(name) cmocka_unit_test(name)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_list_of_processes_is_read),
        TEST(test_no_list_is_an_empty_one_and_a_bad_one_is_refused),
        TEST(test_pid_files_are_found),
        TEST(test_our_own_cpu_is_seen_to_grow),
        TEST(test_our_own_memory_is_more_than_nothing),
        TEST(test_a_process_that_is_gone_has_no_figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
