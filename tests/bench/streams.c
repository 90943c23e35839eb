#include "tests/bench/streams.h"
#include "base/clock.h"
#include "tests/bench/receiver.h"
#include "tests/bench/report.h"
#include "tests/bench/sender.h"
#include "tests/bench/users.h"
#include <stdlib.h>

enum { STREAMS_LOOK_MS = 10, STREAMS_SETTLE_MS = 500, STREAMS_HANGUP_MS = 20 * 1000 };

struct streams {
    struct run *run;
    struct receivers *receivers;
    struct timer stop;
    struct client admin;
    bool is_admin_answered;
    uint32_t count;
    double open_seconds;
    int64_t memory_before, memory_after;
    uint64_t pings_at_rest;
    struct window rest, quiet, push;
    int64_t fin_ms, rst_ms; /* until the server's own count had gone down; -1: not measured */
    uint32_t hangups, next_hangup;
};

/* The phases follow each other as straight-line code; each runs the loop until it is over. */

static void streams_stop_due(struct timer *timer)
{
    loop_stop(container_of(timer, struct streams, stop)->run->loop);
}

static void streams_wait(struct streams *streams, int64_t ms)
{
    if (ms == 0) return;
    loop_timer_set(streams->run->loop, &streams->stop, ms);
    loop_run(streams->run->loop);
}

static int64_t streams_server_memory(const struct streams *streams)
{
    int pid = proc_pid(&streams->run->procs, "parleyd");
    return pid ? proc_memory(pid) : -1;
}

static bool streams_open(struct streams *streams)
{
    struct run *run = streams->run;
    run->user_count = streams->count + (uint32_t)run->options.quiet_users;
    book_init(&run->book, run->user_count);
    if (!users_login(run)) return false;
    run_say("%u users are logged in", run->user_count);
    streams_wait(streams, STREAMS_SETTLE_MS);
    streams->memory_before = streams_server_memory(streams);
    int64_t begin_ms = clock_mono_ms();
    streams->receivers =
        receivers_new(&(struct receivers_config){.run = run, .count = streams->count});
    if (!receivers_open(streams->receivers)) return false;
    streams->open_seconds = (double)(clock_mono_ms() - begin_ms) / 1000;
    run_say("%u streams are open after %.1f s", streams->count, streams->open_seconds);
    streams_wait(streams, STREAMS_SETTLE_MS);
    streams->memory_after = streams_server_memory(streams);
    return true;
}

static void streams_rest(struct streams *streams)
{
    uint64_t pings = streams->run->pings;
    window_begin(streams->run, &streams->rest);
    streams_wait(streams, streams->run->options.idle * 1000);
    window_end(streams->run, &streams->rest);
    streams->pings_at_rest = streams->run->pings - pings;
}

/* Sends at a steady rate to the users [first, first + count); those without a stream send. */
static void streams_send(struct streams *streams, uint32_t first, uint32_t count,
                         struct window *window)
{
    struct run *run = streams->run;
    struct senders *senders =
        senders_new(&(struct senders_config){.run = run,
                                             .connections = (uint32_t)run->options.senders,
                                             .rate = run->options.push_rate,
                                             .sender_first = streams->count,
                                             .sender_count = (uint32_t)run->options.quiet_users,
                                             .recipient_first = first,
                                             .recipient_count = count});
    senders_start(senders);
    streams_wait(streams, run->options.warmup * 1000);
    window_begin(run, window);
    streams_wait(streams, run->options.seconds * 1000);
    window_end(run, window);
    window->count = window->to.counts.accepted - window->from.counts.accepted;
    senders_stop(senders);
    int64_t deadline_ms = clock_mono_ms() + run->options.drain * 1000;
    bool has_streams = first < streams->count;
    while (clock_mono_ms() < deadline_ms &&
           (!senders_are_done(senders) || (has_streams && run->book.counts.undelivered)))
        streams_wait(streams, STREAMS_LOOK_MS);
    senders_free(senders);
}

/* Hanging up */

static void streams_admin_ended(struct client *client, bool is_answered)
{
    struct streams *streams = container_of(client, struct streams, admin);
    streams->is_admin_answered = is_answered && client_status(client) == 200;
    loop_stop(streams->run->loop);
}

/* The server's count of open streams; -1: it does not say. */
static int64_t streams_server_count(struct streams *streams)
{
    client_call(&streams->admin, &(struct client_call){.method = "GET",
                                                       .path = STR("/metrics"),
                                                       .deadline_ms = STREAMS_HANGUP_MS});
    loop_run(streams->run->loop);
    if (!streams->is_admin_answered) return -1;
    const struct str name = STR("parley_streams_open{kind=\"sse\"} ");
    for (struct str rest = buf_str(&streams->admin.body); rest.ptr;) {
        struct str line = str_cut(&rest, '\n');
        uint64_t count;
        if (str_starts(line, name) && str_to_u64(str_from(line, name.len), INT64_MAX, &count))
            return (int64_t)count;
    }
    return -1;
}

static int64_t streams_hang_up(struct streams *streams, void (*hang_up)(struct client *client))
{
    int64_t before = streams_server_count(streams), begin_ms = clock_mono_ms();
    if (before < 0) return -1;
    for (uint32_t i = 0; i < streams->hangups; i++)
        hang_up(&streams->receivers->list[streams->next_hangup++].client);
    while (clock_mono_ms() < begin_ms + STREAMS_HANGUP_MS) {
        int64_t now = streams_server_count(streams);
        if (now < 0) return -1;
        if (now <= before - streams->hangups) return clock_mono_ms() - begin_ms;
        streams_wait(streams, STREAMS_LOOK_MS);
    }
    return -1;
}

static void streams_hang_up_both(struct streams *streams)
{
    struct run *run = streams->run;
    struct address admin;
    struct str url = str_from_c(run->options.admin);
    if (str_starts(url, STR("http://"))) url = str_from(url, strlen("http://"));
    if (url.len == 0) return;
    if (address_parse(url, &admin) != OK) {
        run_say("bench-load: %s: not http://HOST:PORT", run->options.admin);
        return;
    }
    streams->admin =
        (struct client){.loop = run->loop, .server = &admin, .ended = streams_admin_ended};
    client_init(&streams->admin);
    int64_t wanted = run->options.hangups ? run->options.hangups : streams->count / 10;
    streams->hangups = (uint32_t)MIN(wanted, streams->count / 2);
    streams->fin_ms = streams_hang_up(streams, client_close);
    streams->rst_ms = streams_hang_up(streams, client_reset);
    client_done(&streams->admin);
}

/* The report */

/* CPU of one process; -1: not known. */
static double streams_cpu_us(const struct streams *streams, const struct window *window,
                             const char *name)
{
    const struct procs *procs = &streams->run->procs;
    for (size_t i = 0; i < procs->count; i++)
        if (strcmp(procs->list[i].name, name) == 0) return (double)window_cpu_us(window, i);
    return -1;
}

/* What a waiting stream adds to a message: the server and Redis, whose work it is. The store does
 * the same for both kinds of recipients, and its noise would drown the difference. */
static double streams_push_us(const struct streams *streams)
{
    static const char *const names[] = {"parleyd", "redis"};
    double sum_us = 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        double quiet_us = streams_cpu_us(streams, &streams->quiet, names[i]);
        double push_us = streams_cpu_us(streams, &streams->push, names[i]);
        if (quiet_us < 0 || push_us < 0) {
            if (i == 0) return -1; /* a server without Redis is one all the same */
            continue;
        }
        sum_us += push_us / (double)MAX(streams->push.count, 1) -
                  quiet_us / (double)MAX(streams->quiet.count, 1);
    }
    return MAX(sum_us, 0);
}

static void streams_report(const struct streams *streams)
{
    struct run *run = streams->run;
    struct report report;
    report_init(&report);
    run->options.rate = run->options.push_rate;
    report_run(&report, run, &streams->push);
    report_int(&report, "streams", streams->count);
    report_real(&report, "open_seconds", streams->open_seconds);
    bool has_memory = streams->memory_before >= 0 && streams->memory_after >= 0;
    int64_t grown = MAX(streams->memory_after - streams->memory_before, 0);
    report_real(&report, "memory_bytes_a_stream", has_memory ? (double)grown / streams->count : -1);
    double rest_us = streams_cpu_us(streams, &streams->rest, "parleyd");
    double rest_seconds = window_seconds(&streams->rest);
    report_real(&report, "rest_cpu_percent",
                rest_us < 0 || rest_seconds <= 0 ? -1 : rest_us / rest_seconds / 1e4);
    report_int(&report, "rest_pings", (int64_t)streams->pings_at_rest);
    report_cpu(&report, run, &streams->push, "cpu_us");
    report_cpu(&report, run, &streams->quiet, "cpu_us_without_stream");
    report_real(&report, "cpu_us_a_push", streams_push_us(streams));
    report_int(&report, "hangups", streams->hangups);
    report_real(&report, "fin_noticed_ms", (double)streams->fin_ms);
    report_real(&report, "rst_noticed_ms", (double)streams->rst_ms);
    report_print(&report);
}

bool streams_run(struct run *run)
{
    struct streams streams = {.run = run,
                              .stop = {.due = streams_stop_due},
                              .count = (uint32_t)run->options.users,
                              .fin_ms = -1,
                              .rst_ms = -1};
    bool is_open = streams_open(&streams);
    if (is_open) {
        streams_rest(&streams);
        run_say("sends to users without a stream");
        streams_send(&streams, streams.count, (uint32_t)run->options.quiet_users, &streams.quiet);
        book_write_off(&run->book);
        run_say("sends to users with one");
        streams_send(&streams, 0, streams.count, &streams.push);
        streams_hang_up_both(&streams);
        streams_report(&streams);
    }
    receivers_free(streams.receivers);
    users_free(run);
    book_done(&run->book);
    return is_open;
}
