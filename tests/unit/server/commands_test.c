/* The configuration as the subcommands get it: from a file, the environment and flags. */
#include "base/address.h"
#include "server/commands.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WORDS_MAX = 4 };

static enum err config_of(struct config *config, const char *const *words, enum command_need need)
{
    char *argv[WORDS_MAX + 1] = {0};
    int argc = 0;
    for (; words[argc]; argc++) {
        assert_true(argc < WORDS_MAX);
        argv[argc] = strdup(words[argc]);
    }
    enum err err = command_config(config, argc, argv, need);
    while (argc > 0)
        free(argv[--argc]);
    return err;
}

static void test_flags_win_over_the_environment(void **state)
{
    (void)state;
    struct config config;
    const char *argv[] = {"--dev", "--db-lanes=3", NULL};
    setenv("PARLEY_DB_LANES", "5", 1);
    setenv("PARLEY_REACTORS", "7", 1);
    assert_int_equal(config_of(&config, argv, COMMAND_SERVING), OK);
    assert_int_equal(config.db_lanes, 3);
    assert_int_equal(config.reactors, 7);
    config_done(&config);
    unsetenv("PARLEY_DB_LANES");
    unsetenv("PARLEY_REACTORS");
}

static void test_the_file_named_by_a_flag_is_read(void **state)
{
    (void)state;
    struct config config;
    char path[] = "/tmp/parley-commands-XXXXXX", flag[64];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "idle_ms = 1234\n", 15), 15);
    close(fd);
    snprintf(flag, sizeof(flag), "--config=%s", path);
    const char *argv[] = {flag, "--dev", NULL};
    assert_int_equal(config_of(&config, argv, COMMAND_SERVING), OK);
    assert_int_equal(config.idle_ms, 1234);
    config_done(&config);
    unlink(path);
}

static void test_what_serving_needs_is_not_asked_of_the_store(void **state)
{
    (void)state;
    struct config config;
    const char *argv[] = {NULL}; /* no key, and not --dev */
    assert_int_equal(config_of(&config, argv, COMMAND_SERVING), ERR_CONFIG);
    assert_int_equal(config_of(&config, argv, COMMAND_STORE), OK);
    config_done(&config);
}

static void test_an_unknown_flag_is_refused(void **state)
{
    (void)state;
    struct config config;
    const char *argv[] = {"--dev", "--no-such-option=1", NULL};
    assert_int_equal(config_of(&config, argv, COMMAND_STORE), ERR_CONFIG);
}

static void test_an_unknown_fault_is_refused(void **state)
{
    (void)state;
    struct config config;
    const char *argv[] = {"--dev", NULL};
    setenv("PARLEY_FAULT", "no_such_point:kill:1", 1);
    assert_int_equal(config_of(&config, argv, COMMAND_STORE), ERR_CONFIG);
    unsetenv("PARLEY_FAULT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flags_win_over_the_environment),
        cmocka_unit_test(test_the_file_named_by_a_flag_is_read),
        cmocka_unit_test(test_what_serving_needs_is_not_asked_of_the_store),
        cmocka_unit_test(test_an_unknown_flag_is_refused),
        cmocka_unit_test(test_an_unknown_fault_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
