/* A private Redis for tests, on a UNIX socket in a directory of its own; nothing is kept on disk.
 * With PARLEY_TEST_REDIS_SOCKET set, that one is used instead, and cannot be killed. */
#pragma once
#include "base/compiler.h"
#include <sys/types.h>

struct test_redis {
    char directory[64];
    char where[128]; /* for config.redis: unix:PATH */
    pid_t pid;       /* 0: not ours, or not running */
};

void test_redis_start(struct test_redis *redis); /* answers PING when this returns; aborts if not */
void test_redis_stop(struct test_redis *redis);  /* and removes the directory */
bool test_redis_is_ours(const struct test_redis *redis);
void test_redis_kill(struct test_redis *redis);    /* SIGKILL, the socket stays behind */
void test_redis_restart(struct test_redis *redis); /* in the same place */
void test_redis_pause(struct test_redis *redis, bool is_paused); /* SIGSTOP, SIGCONT */
