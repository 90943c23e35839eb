#include "base/memory.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void test_alloc_is_zeroed_and_never_null(void **state UNUSED)
{
    unsigned char *bytes = memory_alloc(1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(bytes[i], 0);
    free(bytes);
    void *nothing = memory_alloc(0);
    assert_non_null(nothing);
    free(nothing);
}

static void test_resize_keeps_what_was_there(void **state UNUSED)
{
    char *bytes = memory_resize(NULL, 3);
    bytes[0] = 'a';
    bytes[2] = 'c';
    bytes = memory_resize(bytes, 100000);
    assert_int_equal(bytes[0], 'a');
    assert_int_equal(bytes[2], 'c');
    bytes = memory_resize(bytes, 0);
    assert_non_null(bytes);
    free(bytes);
}

static void test_out_of_memory_ends_the_process(void **state UNUSED)
{
    pid_t child = fork();
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        close(STDERR_FILENO);
        volatile size_t too_much = SIZE_MAX / 4;
        _exit(memory_alloc(too_much) == NULL);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc_is_zeroed_and_never_null),
        cmocka_unit_test(test_resize_keeps_what_was_there),
        cmocka_unit_test(test_out_of_memory_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
