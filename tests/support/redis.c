#include "tests/support/redis.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { REDIS_START_TRIES = 1000, REDIS_TRY_MS = 10 };

/* redis-server where it is installed; else redis-check-rdb, which is the same program by another
 * name (redis-tools) and looks at argv[0]. */
static const char *test_redis_program(void)
{
    return access("/usr/bin/redis-server", X_OK) == 0 ? "/usr/bin/redis-server"
                                                      : "/usr/bin/redis-check-rdb";
}

static const char *test_redis_path(const struct test_redis *redis)
{
    return redis->where + strlen("unix:");
}

static bool test_redis_answers(const struct test_redis *redis)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", test_redis_path(redis));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) abort();
    char answer[8] = "";
    bool answers = connect(fd, (struct sockaddr *)(void *)&address, sizeof(address)) == 0 &&
                   send(fd, "PING\r\n", 6, MSG_NOSIGNAL) == 6 &&
                   recv(fd, answer, sizeof(answer) - 1, 0) > 0 && answer[0] == '+';
    close(fd);
    return answers;
}

static void test_redis_await(const struct test_redis *redis)
{
    for (int i = 0; i < REDIS_START_TRIES; i++) {
        if (test_redis_answers(redis)) return;
        poll(NULL, 0, REDIS_TRY_MS);
    }
    fprintf(stderr, "no Redis answers at %s\n", redis->where);
    abort();
}

static void test_redis_spawn(struct test_redis *redis)
{
    redis->pid = fork();
    if (redis->pid < 0) abort();
    if (redis->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* never outlives the test */
        if (!freopen("/dev/null", "w", stdout)) _exit(127);
        execl(test_redis_program(), "redis-server", "--port", "0", "--unixsocket",
              test_redis_path(redis), "--save", "", "--appendonly", "no", "--dir", redis->directory,
              (char *)NULL);
        _exit(127);
    }
    test_redis_await(redis);
}

void test_redis_start(struct test_redis *redis)
{
    *redis = (struct test_redis){0};
    const char *given = getenv("PARLEY_TEST_REDIS_SOCKET");
    if (given && given[0]) {
        snprintf(redis->where, sizeof(redis->where), "unix:%s", given);
        test_redis_await(redis);
        return;
    }
    snprintf(redis->directory, sizeof(redis->directory), "/tmp/parley-redis-XXXXXX");
    if (!mkdtemp(redis->directory)) abort();
    snprintf(redis->where, sizeof(redis->where), "unix:%s/socket", redis->directory);
    test_redis_spawn(redis);
}

bool test_redis_is_ours(const struct test_redis *redis)
{
    return redis->directory[0] != '\0';
}

void test_redis_kill(struct test_redis *redis)
{
    if (redis->pid == 0) return;
    kill(redis->pid, SIGKILL);
    while (waitpid(redis->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    redis->pid = 0;
}

void test_redis_restart(struct test_redis *redis)
{
    if (!test_redis_is_ours(redis)) abort();
    test_redis_kill(redis);
    unlink(test_redis_path(redis));
    test_redis_spawn(redis);
}

void test_redis_pause(struct test_redis *redis, bool is_paused)
{
    if (redis->pid != 0) kill(redis->pid, is_paused ? SIGSTOP : SIGCONT);
}

void test_redis_stop(struct test_redis *redis)
{
    if (!test_redis_is_ours(redis)) return;
    test_redis_kill(redis);
    unlink(test_redis_path(redis));
    rmdir(redis->directory);
}
