#include "tests/bench/life.h"
#include "base/clock.h"
#include "tests/bench/acker.h"
#include "tests/bench/receiver.h"
#include "tests/bench/report.h"
#include "tests/bench/sender.h"
#include "tests/bench/users.h"
#include <stdlib.h>

/* LIFE_QUIET_MS: a duplicate may come after all else has; how long to listen for it. */
enum { LIFE_LOOK_MS = 20, LIFE_QUIET_MS = 500, LIFE_SAY_MS = 5000 };

struct life {
    struct run *run;
    struct senders *senders;
    struct ackers *ackers;
    struct receivers *receivers;
    struct window window;
    struct timer begin, end, look, say;
    int64_t drained_at_ms; /* when there was nothing left to wait for; 0: not yet */
    int64_t deadline_ms;
    uint64_t accepted_last; /* a counted run has time as long as this grows */
};

static void life_end(struct life *life)
{
    window_end(life->run, &life->window);
    life->deadline_ms = clock_mono_ms() + life->run->options.drain * 1000;
    senders_stop(life->senders);
    loop_timer_set(life->run->loop, &life->look, LIFE_LOOK_MS);
}

static void life_begin_due(struct timer *timer)
{
    struct life *life = container_of(timer, struct life, begin);
    window_begin(life->run, &life->window);
    loop_timer_set(life->run->loop, &life->end, life->run->options.seconds * 1000);
}

static void life_end_due(struct timer *timer)
{
    life_end(container_of(timer, struct life, end));
}

static bool life_is_drained(const struct life *life)
{
    const struct book_counts *counts = &life->run->book.counts;
    if (!senders_are_done(life->senders)) return false;
    return !life->receivers ||
           (counts->undelivered == 0 && counts->unacked == 0 && counts->unreceipted == 0);
}

/* A run of N messages is measured up to its last receipt, one of N seconds up to its last second.
 */
static void life_look_due(struct timer *timer)
{
    struct life *life = container_of(timer, struct life, look);
    int64_t now_ms = clock_mono_ms();
    bool is_counted = life->run->options.messages > 0;
    if (is_counted && life->run->book.counts.accepted != life->accepted_last) {
        life->accepted_last = life->run->book.counts.accepted;
        life->deadline_ms = now_ms + life->run->options.drain * 1000;
    }
    if (life->drained_at_ms == 0 && (life_is_drained(life) || now_ms > life->deadline_ms)) {
        life->drained_at_ms = now_ms;
        if (is_counted) window_end(life->run, &life->window);
    }
    if (life->drained_at_ms && now_ms >= life->drained_at_ms + LIFE_QUIET_MS)
        loop_stop(life->run->loop);
    else
        loop_timer_set(life->run->loop, &life->look, LIFE_LOOK_MS);
}

static void life_say_due(struct timer *timer)
{
    struct life *life = container_of(timer, struct life, say);
    const struct book_counts *counts = &life->run->book.counts;
    run_say("sent %llu, accepted %llu, delivered %llu, lives %llu, retries %llu, reconnects %llu",
            (unsigned long long)counts->sent, (unsigned long long)counts->accepted,
            (unsigned long long)counts->delivered, (unsigned long long)counts->lives,
            (unsigned long long)life->run->trouble.send_retries,
            (unsigned long long)life->run->trouble.reconnects);
    loop_timer_set(life->run->loop, &life->say, LIFE_SAY_MS);
}

static bool life_open(struct life *life)
{
    struct run *run = life->run;
    const struct options *options = &run->options;
    run->user_count = (uint32_t)options->users;
    book_init(&run->book, run->user_count);
    if (!users_login(run)) return false;
    life->senders = senders_new(&(struct senders_config){.run = run,
                                                         .connections = (uint32_t)options->senders,
                                                         .rate = options->rate,
                                                         .messages = (uint64_t)options->messages,
                                                         .sender_count = run->user_count,
                                                         .recipient_count = run->user_count});
    if (options->mode == MODE_SENDS) return true;
    life->ackers = ackers_new(run);
    life->receivers =
        receivers_new(&(struct receivers_config){.run = run,
                                                 .ackers = life->ackers,
                                                 .count = run->user_count,
                                                 .is_polling = options->receivers[0] == 'p'});
    return receivers_open(life->receivers);
}

static void life_load(struct life *life)
{
    struct run *run = life->run;
    if (run->options.messages) {
        window_begin(run, &life->window);
        life->deadline_ms = clock_mono_ms() + run->options.drain * 1000;
        loop_timer_set(run->loop, &life->look, LIFE_LOOK_MS);
    } else {
        loop_timer_set(run->loop, &life->begin, run->options.warmup * 1000);
    }
    loop_timer_set(run->loop, &life->say, LIFE_SAY_MS);
    senders_start(life->senders);
    loop_run(run->loop);
    loop_timer_cancel(run->loop, &life->say);
    if (!life->receivers) book_write_off(&run->book);
}

static void life_report(struct life *life)
{
    const struct run *run = life->run;
    struct window *window = &life->window;
    const struct book_counts *from = &window->from.counts, *to = &window->to.counts;
    bool is_life = life->receivers != NULL;
    window->count = is_life ? to->lives - from->lives : to->accepted - from->accepted;
    struct report report;
    report_init(&report);
    report_run(&report, run, window);
    if (is_life) report_text(&report, "receivers", run->options.receivers);
    report_cpu(&report, run, window, "cpu_us");
    report_print(&report);
}

bool life_run(struct run *run)
{
    struct life life = {.run = run,
                        .begin = {.due = life_begin_due},
                        .end = {.due = life_end_due},
                        .look = {.due = life_look_due},
                        .say = {.due = life_say_due}};
    bool is_open = life_open(&life);
    if (is_open) {
        life_load(&life);
        life_report(&life);
    }
    senders_free(life.senders);
    ackers_free(life.ackers);
    receivers_free(life.receivers);
    users_free(run);
    book_done(&run->book);
    return is_open;
}
