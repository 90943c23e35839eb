#include "tests/support/hub_lab.h"
#include "base/clock.h"
#include "base/memory.h"
#include <stdio.h>
#include <stdlib.h>

enum { LAB_DEADLINE_MS = 10000, LAB_EPOCH = 7 };

static void lab_sink_keep(struct lab_sink *sink, struct str user_id)
{
    assert(user_id.len < sizeof(sink->user_id));
    memcpy(sink->user_id, user_id.ptr, user_id.len);
    sink->user_id[user_id.len] = '\0';
}

static void lab_sink_received(struct relay_sink *of, struct str user_id, struct str payload)
{
    struct lab_sink *sink = container_of(of, struct lab_sink, sink);
    lab_sink_keep(sink, user_id);
    buf_clear(&sink->payload);
    if (buf_add(&sink->payload, payload) != OK) abort();
    sink->received++;
}

static void lab_sink_subscribed(struct relay_sink *of, struct str user_id)
{
    struct lab_sink *sink = container_of(of, struct lab_sink, sink);
    lab_sink_keep(sink, user_id);
    sink->subscribed++;
}

static void lab_sink_state(struct relay_sink *of, bool is_up)
{
    struct lab_sink *sink = container_of(of, struct lab_sink, sink);
    if (is_up)
        sink->ups++;
    else
        sink->downs++;
}

void lab_sink_init(struct lab_sink *sink)
{
    *sink = (struct lab_sink){.sink = {lab_sink_received, lab_sink_subscribed, lab_sink_state}};
    buf_init(&sink->payload, EVENT_LEN_MAX * 2);
}

static void hub_lab_tick(struct timer *timer)
{
    struct hub_lab *lab = container_of(timer, struct hub_lab, tick);
    if ((lab->count && *lab->count >= lab->until) || clock_mono_ms() >= lab->deadline_ms)
        loop_stop(lab->loop);
    else
        loop_timer_set(lab->loop, &lab->tick, 1);
}

static void hub_lab_loop(struct hub_lab *lab, const int *count, int until, int64_t for_ms)
{
    lab->count = count;
    lab->until = until;
    lab->deadline_ms = clock_mono_ms() + for_ms;
    lab->tick.due = hub_lab_tick;
    loop_timer_set(lab->loop, &lab->tick, 1);
    loop_run(lab->loop);
}

bool hub_lab_run(struct hub_lab *lab, const int *count, int until)
{
    hub_lab_loop(lab, count, until, LAB_DEADLINE_MS);
    return *count >= until;
}

void hub_lab_turn(struct hub_lab *lab, int64_t for_ms)
{
    hub_lab_loop(lab, NULL, 0, for_ms);
}

void hub_lab_open(struct hub_lab *lab, const char *redis, struct relay_hall *hall)
{
    *lab = (struct hub_lab){.hall = hall, .owns_hall = !hall};
    lab->config = (struct config){.linger_ms = 20000, .probe_ms = 5000, .probe_down_ms = 500};
    if (!hall) lab->hall = relay_hall_new();
    lab_sink_init(&lab->sink);
    if (loop_open(&lab->loop) != OK) abort();
    struct config alone = lab->config;
    if (relay_open(lab->loop, &alone, lab->hall, &lab->sink.sink, &lab->saboteur) != OK) abort();
    lab->config.redis = str_from_c(redis);
    if (hub_open(lab->loop, &lab->config, lab->hall, &lab->hub) != OK) abort();
}

void hub_lab_close(struct hub_lab *lab)
{
    hub_close(lab->hub);
    relay_close(lab->saboteur);
    loop_close(lab->loop);
    if (lab->owns_hall) relay_hall_free(lab->hall);
    buf_done(&lab->sink.payload);
}

struct event *lab_event(uint32_t epoch, uint64_t seq)
{
    char text[128];
    int len = snprintf(text, sizeof(text), "id: %u.%llu\nevent: x\ndata: {\"seq\":%llu}\n\n", epoch,
                       (unsigned long long)seq, (unsigned long long)seq);
    struct str sse = str_of(text, (size_t)len);
    const char *json = strchr(text, '{');
    return event_new(&(struct event_parts){
        .epoch = epoch,
        .seq = seq,
        .is_message = true,
        .message_id = STR("01234567-89ab-7def-8123-456789abcdef"),
        .sse = sse,
        .json = str_of(json, sse.len - 2 - (size_t)(json - text)),
    });
}

void hub_lab_publish(struct hub_lab *lab, const char *user_id, uint32_t epoch, uint64_t seq)
{
    struct event *event = lab_event(epoch, seq);
    hub_publish(lab->hub, str_from_c(user_id), event);
    event_release(event);
}

void hub_lab_post(struct hub_lab *lab, const char *user_id, uint32_t epoch, uint64_t seq)
{
    struct event *event = lab_event(epoch, seq);
    struct buf wire;
    buf_init(&wire, EVENT_LEN_MAX * 2);
    if (event_to_wire(event, &wire) != OK) abort();
    relay_publish(lab->saboteur, str_from_c(user_id), buf_str(&wire));
    buf_done(&wire);
    event_release(event);
}

static void reader_note(struct reader *reader, uint64_t seq)
{
    assert(reader->count < READER_SEQS_MAX);
    reader->seqs[reader->count++] = seq;
}

void reader_read(struct reader *reader)
{
    uint64_t last = reader->count ? reader->seqs[reader->count - 1] : reader->listener.last_seq;
    for (uint64_t seq = last + 1; seq <= reader->newest_seq; seq++)
        reader_note(reader, seq);
    hub_go_live(reader->lab->hub, &reader->listener, reader->epoch, MAX(last, reader->newest_seq));
}

static void reader_ready(struct listener *listener)
{
    struct reader *reader = container_of(listener, struct reader, listener);
    reader->ready++;
    if (reader->reads) reader_read(reader);
}

static void reader_woken(struct listener *listener)
{
    struct reader *reader = container_of(listener, struct reader, listener);
    reader->woken++;
    for (struct event *event; (event = mailbox_pop(&listener->mailbox));) {
        reader_note(reader, event->seq);
        event_release(event);
    }
    if (!listener->mailbox.is_behind) return;
    reader->behind++;
    if (reader->reads) reader_read(reader);
}

static void reader_dismissed(struct listener *listener, enum dismissal why)
{
    struct reader *reader = container_of(listener, struct reader, listener);
    reader->dismissed++;
    reader->why = why;
}

void reader_join(struct reader *reader, struct hub_lab *lab, const char *user_id,
                 const char *device_id)
{
    bool reads = reader->reads;
    enum listener_kind kind = reader->listener.kind;
    uint64_t newest_seq = reader->newest_seq;
    *reader = (struct reader){.lab = lab, .reads = reads, .newest_seq = newest_seq};
    reader->epoch = LAB_EPOCH;
    reader->listener = (struct listener){
        .user_id = str_from_c(user_id),
        .device_id = str_from_c(device_id),
        .kind = kind,
        .ready = reader_ready,
        .woken = reader_woken,
        .dismissed = reader_dismissed,
    };
    hub_join(lab->hub, &reader->listener);
}

void reader_live(struct reader *reader, struct hub_lab *lab, const char *user_id, uint64_t seq)
{
    reader_join(reader, lab, user_id, "phone");
    if (!hub_lab_run(lab, &reader->ready, 1)) abort();
    hub_go_live(lab->hub, &reader->listener, LAB_EPOCH, seq);
}

bool reader_saw(const struct reader *reader, uint64_t first, uint64_t last)
{
    if ((uint64_t)reader->count != last + 1 - first) return false;
    for (int i = 0; i < reader->count; i++)
        if (reader->seqs[i] != first + (uint64_t)i) return false;
    return true;
}
