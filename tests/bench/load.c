/* bench-load: many users on one thread against a running server. What they saw, in one JSON line.
 * The modes: life.c (a message's whole life; sends alone), streams.c (many waiting streams). */
#include "tests/bench/life.h"
#include "tests/bench/streams.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

void run_say(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vfprintf(stderr, format, values);
    va_end(values);
    fputc('\n', stderr);
}

void run_fail(struct run *run, const char *why)
{
    run_say("bench-load: %s", why);
    loop_stop(run->loop);
}

static bool load_fail(const char *what, const char *value)
{
    run_say("bench-load: %s: %s", value, what);
    return false;
}

static bool load_prepare(struct run *run)
{
    struct str url = str_from_c(run->options.url);
    if (!str_starts(url, STR("http://")))
        return load_fail("not http://HOST:PORT", run->options.url);
    url = str_from(url, strlen("http://"));
    if (url.len && url.ptr[url.len - 1] == '/') url.len--;
    if (address_parse(url, &run->server) != OK)
        return load_fail("not http://HOST:PORT", run->options.url);
    if (!procs_parse(&run->procs, str_from_c(run->options.pids)))
        return load_fail("not name=PID,name=PID", run->options.pids);
    if (*run->options.var) procs_read_var(&run->procs, run->options.var);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    return loop_open(&run->loop) == OK;
}

int main(int argc, char *argv[])
{
    struct buf text;
    buf_init(&text, 16 * 1024);
    struct run *run = calloc(1, sizeof(*run));
    if (!run) abort();
    bool is_good = options_read(&run->options, argc, argv, &text);
    if (!is_good) {
        run_say("bench-load: %s", buf_c(&text));
        buf_clear(&text);
        options_help(&text);
        fputs(buf_c(&text), stderr);
    }
    is_good = is_good && load_prepare(run);
    if (is_good) is_good = run->options.mode == MODE_STREAMS ? streams_run(run) : life_run(run);
    loop_close(run->loop);
    free(run);
    buf_done(&text);
    return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}
