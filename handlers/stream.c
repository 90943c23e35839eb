/* GET stream: deliveries over Server-Sent Events, for as long as the client stays. Memory is
 * bounded whatever the backlog: one page, or one flush of the mailbox, is in the air at a time. */
#include "api/frame.h"
#include "api/reply.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "base/random.h"
#include "handlers/delivery.h"
#include "handlers/resources.h"
#include <stdlib.h>

enum {
    STREAM_PAGE_ROWS = 200,
    STREAM_FLUSH_LEN_MAX = 64 * 1024,       /* events of one write */
    STREAM_PAGE_LEN_MAX = 64 * 1024 * 1024, /* a page of the largest rows */
    STREAM_REAUTH_S = 60,
    STREAM_BYE_LEN_MAX = 1024
};

struct stream {
    struct delivery delivery;
    struct timer timer;                /* the earliest of the moments below */
    int64_t ping_at_ms, end_at_ms;     /* monotonic */
    int64_t reauth_at_s, expires_at_s; /* wall; reauth is 0 once told */
    struct delivery_cursor cursor;
    const char *end_reason; /* of end_at_ms */
    const char *bye;        /* wanted as soon as the socket has drained */
    bool is_flushed;        /* the socket took everything: write on */
    char ids[];             /* user id and device id */
};

static struct stream *stream_of(struct delivery *delivery)
{
    return container_of(delivery, struct stream, delivery);
}

/* How long a client should wait before it comes back, by why it was sent away. */
static int64_t stream_retry_ms(const char *reason)
{
    if (strcmp(reason, "displaced") == 0 || strcmp(reason, "forgotten") == 0 ||
        strcmp(reason, "erased") == 0)
        return 60000 + (int64_t)random_below(15000);
    if (strcmp(reason, "busy") == 0) return 2000 + (int64_t)random_below(13000);
    return 100 + (int64_t)random_below(2900);
}

static void stream_free(struct stream *stream)
{
    struct loop *loop = stream->delivery.app->api.loop;
    loop_timer_cancel(loop, &stream->timer);
    delivery_done(&stream->delivery);
    free(stream);
}

static void stream_write(struct stream *stream, struct str bytes)
{
    struct transport *transport = stream->delivery.ex->transport;
    assert(stream->is_flushed);
    stream->is_flushed = transport->ops->stream_write(transport, bytes);
}

static void stream_end(struct stream *stream)
{
    struct transport *transport = stream->delivery.ex->transport;
    transport->ops->stream_end(transport);
    stream_free(stream);
}

/* A reader that takes a byte now and then does not keep its stream beyond its end. */
static void stream_await_bye(struct stream *stream, const char *reason)
{
    const struct api *api = &stream->delivery.app->api;
    if (!stream->bye) loop_timer_set(api->loop, &stream->timer, api->config->stream_write_ms);
    stream->bye = reason;
}

/* The last words; what the socket has not taken yet follows by itself. */
static void stream_bye(struct stream *stream, const char *reason)
{
    if (!stream->is_flushed) {
        stream_await_bye(stream, reason);
        return;
    }
    struct buf sse;
    buf_init(&sse, STREAM_BYE_LEN_MAX);
    frame_bye(&sse, reason, stream_retry_ms(reason));
    stream_write(stream, buf_str(&sse));
    buf_done(&sse);
    stream_end(stream);
}

/* A stream that cannot be served is a whole stream all the same: EventSource gives up for ever on a
 * 5xx. */
static void stream_refuse(struct stream *stream, const char *reason)
{
    reply_stream(stream->delivery.ex, "text/event-stream");
    stream->is_flushed = true;
    stream_bye(stream, reason);
}

static void stream_arm(struct stream *stream)
{
    int64_t now_ms = clock_mono_ms(), wall_s = clock_wall_ms() / 1000;
    int64_t in_ms = MIN(stream->ping_at_ms, stream->end_at_ms) - now_ms;
    bool may_tell = stream->reauth_at_s && stream->is_flushed;
    int64_t auth_at_s = may_tell ? stream->reauth_at_s : stream->expires_at_s;
    in_ms = MIN(in_ms, (auth_at_s - wall_s) * 1000);
    loop_timer_set(stream->delivery.app->api.loop, &stream->timer, MAX(in_ms, 1));
}

static void stream_ping(struct stream *stream)
{
    struct buf sse;
    stream->ping_at_ms += stream->delivery.app->api.config->heartbeat_ms;
    if (!stream->is_flushed) return; /* bytes are on their way: no need to say that we live */
    buf_init(&sse, STREAM_BYE_LEN_MAX);
    frame_ping(&sse);
    stream_write(stream, buf_str(&sse));
    buf_done(&sse);
}

static void stream_reauth(struct stream *stream)
{
    struct buf sse;
    if (!stream->is_flushed) return; /* it is told at a heartbeat, once the socket has drained */
    stream->reauth_at_s = 0;
    buf_init(&sse, STREAM_BYE_LEN_MAX);
    frame_reauth(&sse, stream->expires_at_s);
    stream_write(stream, buf_str(&sse));
    buf_done(&sse);
}

static void stream_due(struct timer *timer)
{
    struct stream *stream = container_of(timer, struct stream, timer);
    int64_t now_ms = clock_mono_ms(), wall_s = clock_wall_ms() / 1000;
    if (stream->bye) { /* the socket did not drain in time */
        stream_end(stream);
        return;
    }
    if (wall_s >= stream->expires_at_s) {
        stream_bye(stream, "expired");
        return;
    }
    if (now_ms >= stream->end_at_ms) {
        stream_bye(stream, stream->end_reason);
        return;
    }
    if (stream->reauth_at_s && wall_s >= stream->reauth_at_s) stream_reauth(stream);
    if (now_ms >= stream->ping_at_ms) stream_ping(stream);
    stream_arm(stream);
}

static void stream_next_page(struct stream *stream)
{
    if (delivery_page(&stream->delivery, STREAM_PAGE_ROWS) != OK) stream_bye(stream, "busy");
}

/* Rows as SSE blocks, behind what sse holds already. */
static void stream_add_rows(struct stream *stream, struct buf *sse, const struct inbox_row *rows,
                            size_t row_count)
{
    for (size_t i = 0; i < row_count; i++) {
        size_t json_at, json_len;
        enum err err = frame_write(&rows[i], sse, &json_at, &json_len);
        assert(err == OK); /* rows are capped */
        delivery_shown(&stream->delivery, rows[i].kind == INBOX_MESSAGE, rows[i].seq);
    }
    metrics_add(METRIC_PUSHED, (int64_t)row_count);
}

static void stream_note_shown(struct stream *stream, const struct event *event)
{
    stream->delivery.shown_seq = event->seq;
    delivery_shown(&stream->delivery, event->is_message, event->seq);
    metrics_add(METRIC_PUSHED, 1);
}

static void stream_flush_one(struct stream *stream, struct mailbox *mailbox)
{
    struct event *event = mailbox_pop(mailbox);
    stream_note_shown(stream, event);
    stream_write(stream, event_sse(event));
    event_release(event);
}

/* Several events are one write. */
static void stream_flush_many(struct stream *stream, struct mailbox *mailbox)
{
    struct buf sse;
    buf_init(&sse, STREAM_FLUSH_LEN_MAX + EVENT_LEN_MAX);
    while (sse.len < STREAM_FLUSH_LEN_MAX && mailbox->count > 0) {
        struct event *event = mailbox_pop(mailbox);
        enum err err = buf_add(&sse, event_sse(event));
        assert(err == OK); /* the cap leaves room for one more event */
        stream_note_shown(stream, event);
        event_release(event);
    }
    stream_write(stream, buf_str(&sse));
    buf_done(&sse);
}

/* What came to the mailbox, until the socket is full: of what is left then `writable` reminds us,
 * of what were left before nobody would. */
static void stream_flush_mailbox(struct stream *stream)
{
    struct delivery *delivery = &stream->delivery;
    struct mailbox *mailbox = &delivery->listener.mailbox;
    if (mailbox->is_behind) {
        delivery_enter(delivery, DELIVERY_CATCHUP);
        hub_stop_live(delivery->app->api.hub, &delivery->listener);
        stream_next_page(stream);
        return;
    }
    while (mailbox->count > 0 && stream->is_flushed) {
        if (mailbox->count == 1)
            stream_flush_one(stream, mailbox);
        else
            stream_flush_many(stream, mailbox);
    }
}

/* The socket is empty and nothing is being read: what comes next? */
static void stream_go_on(struct stream *stream)
{
    struct delivery *delivery = &stream->delivery;
    if (delivery->state == DELIVERY_CATCHUP && !delivery->read)
        stream_next_page(stream);
    else if (delivery->state == DELIVERY_LIVE)
        stream_flush_mailbox(stream);
}

static void stream_writable(struct exchange *ex)
{
    struct stream *stream = ex->handler;
    stream->is_flushed = true;
    if (stream->bye)
        stream_bye(stream, stream->bye);
    else
        stream_go_on(stream);
}

static void stream_gone(struct exchange *ex)
{
    stream_free(ex->handler);
}

static void stream_joined(struct delivery *delivery)
{
    struct stream *stream = stream_of(delivery);
    delivery_enter(delivery, DELIVERY_OPENING);
    if (delivery_open(delivery, stream->cursor, STREAM_PAGE_ROWS) != OK)
        stream_refuse(stream, "busy");
}

/* After rows up to a page's end: more of them, or the hub's events. */
static void stream_advance(struct stream *stream, uint64_t reached_seq, bool more)
{
    struct delivery *delivery = &stream->delivery;
    delivery->shown_seq = reached_seq;
    if (more) {
        if (delivery->state == DELIVERY_OPENING) delivery_enter(delivery, DELIVERY_CATCHUP);
        if (stream->is_flushed) stream_next_page(stream);
    } else {
        delivery_go_live(delivery);
    }
}

static void stream_add_opening(struct stream *stream, struct buf *sse,
                               const struct device_open *open)
{
    const struct config *config = stream->delivery.app->api.config;
    int64_t now_ms = clock_mono_ms(), life_ms = config->lifetime_ms;
    life_ms -=
        (int64_t)random_below((uint64_t)life_ms / 5 + 1); /* so that many do not end together */
    stream->ping_at_ms = now_ms + config->heartbeat_ms;
    stream->end_at_ms = now_ms + life_ms;
    stream->end_reason = "lifetime";
    frame_opening(sse, &(struct frame_hello){
                           .epoch = open->epoch_out,
                           .seq = open->after_seq_out,
                           .heartbeat_s = config->heartbeat_ms / 1000,
                           .lifetime_s = life_ms / 1000,
                           .retry_ms = 1000 + (int64_t)random_below(14000),
                       });
    if (open->reset_out != RESET_NONE)
        frame_reset(sse, open->reset_out == RESET_EPOCH ? "epoch" : "unknown_cursor");
}

static void stream_opened(struct delivery *delivery, const struct device_open *open)
{
    struct stream *stream = stream_of(delivery);
    struct exchange *ex = delivery->ex;
    enum err err = open->op.err;
    if (err != OK && err_status(err) >= 500) {
        stream_refuse(stream, "busy");
        return;
    }
    if (err != OK) {
        reply_error(ex, err);
        stream_free(stream);
        return;
    }
    struct buf sse;
    buf_init(&sse, STREAM_PAGE_LEN_MAX);
    stream_add_opening(stream, &sse, open);
    stream_add_rows(stream, &sse, open->rows_out, open->row_count_out);
    reply_stream(ex, "text/event-stream");
    stream->is_flushed = true;
    stream_write(stream, buf_str(&sse));
    buf_done(&sse);
    exchange_shed(ex);
    stream_arm(stream);
    hub_displace_others(delivery->app->api.hub, &delivery->listener);
    stream_advance(
        stream,
        delivery_reached(open->rows_out, open->row_count_out, open->more_out, open->newest_seq_out),
        open->more_out);
}

/* The inbox began anew behind our back (restored, or erased and come back): so does the stream. */
static void stream_restart(struct stream *stream, uint32_t epoch)
{
    struct buf sse;
    buf_init(&sse, STREAM_BYE_LEN_MAX);
    frame_reset(&sse, "epoch");
    stream_write(stream, buf_str(&sse));
    buf_done(&sse);
    stream->delivery.epoch = epoch;
    stream_advance(stream, 0, true);
}

static void stream_paged(struct delivery *delivery, const struct inbox_page *page)
{
    struct stream *stream = stream_of(delivery);
    if (page->op.err != OK) {
        stream_bye(stream, "busy");
        return;
    }
    /* A ping filled the socket meanwhile, or a bye waits for it to drain: what is not shown now is
     * read again then. */
    if (!stream->is_flushed) return;
    if (page->epoch_out != delivery->epoch) {
        stream_restart(stream, page->epoch_out);
        return;
    }
    struct buf sse;
    buf_init(&sse, STREAM_PAGE_LEN_MAX);
    stream_add_rows(stream, &sse, page->rows_out, page->row_count_out);
    if (sse.len > 0) stream_write(stream, buf_str(&sse));
    buf_done(&sse);
    uint64_t reached_seq =
        delivery_reached(page->rows_out, page->row_count_out, page->more_out, page->newest_seq_out);
    stream_advance(stream, reached_seq, page->more_out);
}

static void stream_woken(struct delivery *delivery)
{
    struct stream *stream = stream_of(delivery);
    if (stream->is_flushed) stream_flush_mailbox(stream);
}

static void stream_dismissed(struct delivery *delivery, enum dismissal why)
{
    static const char *const reasons[] = {[DISMISSED_DISPLACED] = "displaced",
                                          [DISMISSED_FORGOTTEN] = "forgotten",
                                          [DISMISSED_ERASED] = "erased"};
    struct stream *stream = stream_of(delivery);
    if (delivery->ex->state == EX_STREAMING)
        stream_bye(stream, reasons[why]);
    else
        stream_refuse(stream, reasons[why]);
}

static void stream_drain(struct delivery *delivery, int64_t in_ms)
{
    struct stream *stream = stream_of(delivery);
    if (delivery->ex->state != EX_STREAMING) {
        stream_refuse(stream, "busy");
        return;
    }
    stream->end_at_ms = clock_mono_ms() + in_ms;
    stream->end_reason = "drain";
    stream_arm(stream);
}

static const struct delivery_events stream_events = {
    .joined = stream_joined,
    .opened = stream_opened,
    .paged = stream_paged,
    .woken = stream_woken,
    .dismissed = stream_dismissed,
    .drain = stream_drain,
};

/* Last-Event-ID wins over cursor, that over last_event_id. False: a parameter was given twice. */
static bool stream_read_cursor(struct exchange *ex, struct delivery_cursor *cursor_out)
{
    struct str cursor = STR_NONE, last = STR_NONE;
    struct str header = str_trim(exchange_header(ex, STR("Last-Event-ID")));
    if (exchange_query(ex, STR("cursor"), &cursor) == ERR_FIELD) return false;
    if (exchange_query(ex, STR("last_event_id"), &last) == ERR_FIELD) return false;
    struct str text = header.len ? header : cursor.len ? cursor : last;
    *cursor_out = delivery_cursor(text);
    return true;
}

static struct stream *stream_new(struct exchange *ex)
{
    struct ids caller = {ex->caller.user_id, ex->caller.device_id};
    struct stream *stream = memory_alloc(sizeof(*stream) + ids_len(caller));
    delivery_init(&stream->delivery, ex, LISTENER_STREAM, &stream_events);
    delivery_set_ids(&stream->delivery, ids_copy(caller, stream->ids));
    stream->timer.due = stream_due;
    stream->expires_at_s = ex->caller.expires_at_s;
    stream->reauth_at_s = ex->caller.expires_at_s - STREAM_REAUTH_S;
    ex->handler = stream;
    ex->gone = stream_gone;
    ex->writable = stream_writable;
    return stream;
}

void stream_get(struct exchange *ex)
{
    struct delivery_cursor cursor;
    if (ex->is_gone) return;
    if (!stream_read_cursor(ex, &cursor)) {
        reply_error(ex, ERR_FIELD);
        return;
    }
    reply_field(ex, STR("Cache-Control"), STR("no-store, no-transform"));
    reply_field(ex, STR("X-Accel-Buffering"), STR("no"));
    struct stream *stream = stream_new(ex);
    stream->cursor = cursor;
    if (ex->api->is_draining)
        stream_refuse(stream, "busy");
    else
        delivery_join(&stream->delivery);
}
