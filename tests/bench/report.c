#include "tests/bench/report.h"
#include <stdio.h>

enum { REPORT_LEN_MAX = 64 * 1024 };

void report_init(struct report *report)
{
    buf_init(&report->text, REPORT_LEN_MAX);
    report->is_begun = false;
}

static void report_name(struct report *report, const char *name)
{
    enum err err = buf_printf(&report->text, "%s\"%s\":", report->is_begun ? "," : "{", name);
    assert(err == OK);
    report->is_begun = true;
}

void report_text(struct report *report, const char *name, const char *value)
{
    report_name(report, name);
    enum err err = buf_add_char(&report->text, '"');
    for (; *value && err == OK; value++) { /* a label comes from the command line */
        bool is_plain = (unsigned char)*value >= ' ' && *value != '"' && *value != '\\';
        err = buf_add_char(&report->text, is_plain ? *value : '?');
    }
    if (err == OK) err = buf_add_char(&report->text, '"');
    assert(err == OK);
}

void report_int(struct report *report, const char *name, int64_t value)
{
    report_name(report, name);
    enum err err = buf_printf(&report->text, "%lld", (long long)value);
    assert(err == OK);
}

void report_real(struct report *report, const char *name, double value)
{
    report_name(report, name);
    enum err err =
        value < 0 ? buf_add(&report->text, STR("null")) : buf_printf(&report->text, "%.3f", value);
    assert(err == OK);
}

void report_print(struct report *report)
{
    printf("%.*s}\n", STR_FMT(buf_str(&report->text)));
    fflush(stdout);
    buf_done(&report->text);
}

static void report_latency(struct report *report, const char *what,
                           const struct histogram *histogram)
{
    static const struct {
        const char *name;
        double share;
    } points[] = {{"p50", 0.5}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1}};
    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        char name[48];
        snprintf(name, sizeof(name), "%s_%s_ms", what, points[i].name);
        double ms = (double)histogram_at(histogram, points[i].share) / 1000;
        report_real(report, name, histogram->count ? ms : -1);
    }
}

static void report_rate(struct report *report, const char *name, uint64_t from, uint64_t to,
                        const struct window *window)
{
    double seconds = window_seconds(window);
    report_real(report, name, seconds > 0 ? (double)(to - from) / seconds : -1);
}

static void report_share(struct report *report, const char *name, int64_t us, uint64_t count)
{
    report_real(report, name, us >= 0 && count ? (double)us / (double)count : -1);
}

void report_cpu(struct report *report, const struct run *run, const struct window *window,
                const char *prefix)
{
    char name[64];
    for (size_t i = 0; i < run->procs.count; i++) {
        snprintf(name, sizeof(name), "%s_%s", prefix, run->procs.list[i].name);
        report_share(report, name, window_cpu_us(window, i), window->count);
    }
    report_share(report, prefix, window_cpu_sum_us(run, window), window->count);
    snprintf(name, sizeof(name), "%s_load_tool", prefix);
    report_share(report, name, window->to.own_cpu_us - window->from.own_cpu_us, window->count);
}

/* The counts are of the whole run, up to its last receipt; rates are of the window. */
static void report_counts(struct report *report, const struct book_counts *counts)
{
    report_int(report, "sent", (int64_t)counts->sent);
    report_int(report, "accepted", (int64_t)counts->accepted);
    report_int(report, "delivered", (int64_t)counts->delivered);
    report_int(report, "acknowledged", (int64_t)counts->acked);
    report_int(report, "receipts", (int64_t)counts->receipts);
    report_int(report, "lives", (int64_t)counts->lives);
    report_int(report, "lost", (int64_t)counts->undelivered);
    report_int(report, "duplicated", (int64_t)counts->duplicated);
    report_int(report, "redelivered", (int64_t)counts->redelivered);
    report_int(report, "out_of_order", (int64_t)counts->out_of_order);
    report_int(report, "seq_gaps", (int64_t)counts->seq_gaps);
    report_int(report, "receipts_lost", (int64_t)counts->unreceipted);
    report_int(report, "receipts_duplicated", (int64_t)counts->receipts_duplicated);
    report_int(report, "foreign", (int64_t)counts->foreign);
}

static void report_trouble(struct report *report, const struct trouble *trouble)
{
    report_int(report, "send_errors", (int64_t)trouble->send_errors);
    report_int(report, "send_retries", (int64_t)trouble->send_retries);
    report_int(report, "ack_errors", (int64_t)trouble->ack_errors);
    report_int(report, "reconnects", (int64_t)trouble->reconnects);
    report_int(report, "resets", (int64_t)trouble->resets);
    report_int(report, "broken", (int64_t)trouble->broken);
}

void report_run(struct report *report, const struct run *run, const struct window *window)
{
    const struct options *options = &run->options;
    report_text(report, "mode", options_mode_name(options->mode));
    if (*options->label) report_text(report, "label", options->label);
    report_int(report, "users", run->user_count);
    report_int(report, "senders", options->senders);
    report_int(report, "rate", options->rate);
    report_real(report, "seconds", window_seconds(window));
    report_rate(report, "sends_per_s", window->from.counts.accepted, window->to.counts.accepted,
                window);
    report_rate(report, "lives_per_s", window->from.counts.lives, window->to.counts.lives, window);
    report_latency(report, "send", &run->send_us);
    report_latency(report, "delivery", &run->delivery_us);
    report_counts(report, &run->book.counts);
    report_trouble(report, &run->trouble);
}
