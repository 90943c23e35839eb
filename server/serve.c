/* parleyd serve: the server in the foreground, until SIGTERM or SIGINT; then paced byes, what runs
 * is finished, and exit 0 within drain_ms. A second signal ends it at once. */
#include "base/clock.h"
#include "base/log.h"
#include "db/migrate.h"
#include "server/commands.h"
#include "server/server.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

enum { SERVE_CHECK_MS = 20 };

/* Threads inherit the mask: signals reach the main thread alone, when it asks for them. */
static sigset_t serve_block_signals(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signals;
}

static void serve_raise_fd_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        log_event(LOG_WARN, "descriptor_limit_not_raised", log_int("max", (int64_t)limit.rlim_max));
}

/* A schema of another version is refused; a store that is away is waited for while serving. */
static enum err serve_check_schema(const struct config *config)
{
    struct buf report;
    buf_init(&report, 16 * 1024);
    enum err err = migrate_check(config, &report);
    if (err == ERR_LOST || err == ERR_UNAVAILABLE) {
        log_event(LOG_WARN, "database_away", log_str("why", buf_str(&report)));
        err = OK;
    } else if (err != OK) {
        log_event(LOG_ERROR, "schema_refused", log_str("why", buf_str(&report)));
    }
    buf_done(&report);
    return err;
}

/* The signal, or 0 when the time is over. */
static int serve_wait(const sigset_t *signals, int64_t wait_ms)
{
    struct timespec wait = {.tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000};
    int number = sigtimedwait(signals, NULL, &wait);
    return number > 0 ? number : 0;
}

static bool serve_is_end(int number)
{
    return number == SIGTERM || number == SIGINT;
}

/* Until a signal asks for the end. `ready` is said once, when the store answers. */
static void serve_until_asked(struct server *server, const sigset_t *signals)
{
    bool is_ready_said = false;
    for (;;) {
        int number = serve_wait(signals, is_ready_said ? 3600 * 1000 : SERVE_CHECK_MS);
        if (serve_is_end(number)) return;
        if (is_ready_said || !server_is_ready(server)) continue;
        is_ready_said = true;
        printf("ready %s\n", server_url(server));
        fflush(stdout);
    }
}

static void serve_drain(struct server *server, const sigset_t *signals, int64_t drain_ms)
{
    int64_t end_ms = clock_mono_ms() + drain_ms;
    log_event(LOG_INFO, "draining", log_int("ms", drain_ms));
    server_drain(server);
    while (!server_is_idle(server) && clock_mono_ms() < end_ms)
        if (serve_is_end(serve_wait(signals, SERVE_CHECK_MS))) break;
}

int command_serve(int argc, char **argv)
{
    struct config config;
    struct server *server = NULL;
    if (command_config(&config, argc, argv, COMMAND_SERVING) != OK) return 2;
    sigset_t signals = serve_block_signals();
    serve_raise_fd_limit();
    enum err err = serve_check_schema(&config);
    if (err == OK) err = server_open(&config, &server);
    if (err != OK) {
        log_event(LOG_ERROR, "not_started", log_err(err));
        config_done(&config);
        return 1;
    }
    serve_until_asked(server, &signals);
    serve_drain(server, &signals, config.drain_ms);
    server_close(server);
    log_event(LOG_INFO, "stopped", log_int("status", 0));
    config_done(&config);
    return 0;
}
