/* GET sync: the same deliveries by long-poll. A poll is a stream that ends at its first flush. */
#include "api/cursor.h"
#include "api/frame.h"
#include "api/reply.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "handlers/delivery.h"
#include "handlers/passed.h"
#include "handlers/resources.h"
#include <stdlib.h>

enum {
    SYNC_LIMIT_MAX = 500,
    SYNC_LIMIT_STANDARD = 100,
    SYNC_WAIT_S_MAX = 50,
    SYNC_HOLD_MS = 1000, /* a wait=0 poll repeated sooner after an empty answer is held till then */
    SYNC_EVENT_LEN_MAX = 1024 * 1024,
    SYNC_ANSWER_LEN_MAX = 4 * 1024 * 1024 /* what is behind it comes with the next call */
};

struct poll {
    struct delivery delivery;
    struct timer timer; /* the end of the wait, or of the hold */
    struct delivery_cursor cursor;
    int64_t wait_ms;
    size_t limit;
    bool has_joined;
    char ids[];
};

static struct poll *poll_of(struct delivery *delivery)
{
    return container_of(delivery, struct poll, delivery);
}

static void poll_free(struct poll *poll)
{
    loop_timer_cancel(poll->delivery.app->api.loop, &poll->timer);
    delivery_done(&poll->delivery);
    free(poll);
}

static void poll_fail(struct poll *poll, enum err err)
{
    reply_error(poll->delivery.ex, err);
    poll_free(poll);
}

/* ---- the answer: begun, filled with events, ended ---- */

static struct json_out *poll_answer_begin(struct poll *poll)
{
    struct json_out *out = reply_json_begin(poll->delivery.ex);
    json_out_object(out, NULL);
    json_out_array(out, "events");
    return out;
}

static void poll_answer_end(struct poll *poll, struct json_out *out, bool more, bool superseded)
{
    const struct delivery *delivery = &poll->delivery;
    struct cursor_text cursor = cursor_format(delivery->epoch, delivery->shown_seq);
    json_out_close_array(out);
    json_out_str(out, "cursor", str_of(cursor.bytes, cursor.len));
    json_out_bool(out, "more", more);
    json_out_bool(out, "superseded", superseded);
    json_out_close_object(out);
    reply_json(delivery->ex, 200);
    poll_free(poll);
}

static void poll_answer_empty(struct poll *poll, bool superseded)
{
    poll_answer_end(poll, poll_answer_begin(poll), false, superseded);
}

/* Rows until the answer is long enough; returns how many went in. */
static size_t poll_add_rows(struct poll *poll, struct json_out *out, const struct inbox_row *rows,
                            size_t row_count)
{
    struct buf sse;
    size_t count = 0;
    buf_init(&sse, SYNC_EVENT_LEN_MAX);
    for (; count < row_count && out->buf->len < SYNC_ANSWER_LEN_MAX; count++) {
        size_t json_at, json_len;
        buf_clear(&sse);
        enum err err = frame_write(&rows[count], &sse, &json_at, &json_len);
        assert(err == OK); /* rows are capped */
        json_out_raw(out, NULL, str_of(sse.bytes + json_at, json_len));
        delivery_shown(&poll->delivery, rows[count].kind == INBOX_MESSAGE, rows[count].seq);
    }
    buf_done(&sse);
    metrics_add(METRIC_PUSHED, (int64_t)count);
    return count;
}

/* The answer with a page of rows: `reset` first where there is a reason for one. */
static void poll_answer_rows(struct poll *poll, const char *reset, const struct inbox_row *rows,
                             size_t row_count, bool more)
{
    struct json_out *out = poll_answer_begin(poll);
    if (reset) frame_reset_json(out, reset);
    size_t count = poll_add_rows(poll, out, rows, row_count);
    if (count < row_count) {
        poll->delivery.shown_seq = rows[count - 1].seq;
        more = true;
    }
    poll_answer_end(poll, out, more, false);
}

static void poll_answer_mailbox(struct poll *poll)
{
    struct mailbox *mailbox = &poll->delivery.listener.mailbox;
    struct json_out *out = poll_answer_begin(poll);
    for (size_t i = 0; i < poll->limit; i++) {
        struct event *event = mailbox_pop(mailbox);
        if (!event) break;
        json_out_raw(out, NULL, event_json(event));
        poll->delivery.shown_seq = event->seq;
        delivery_shown(&poll->delivery, event->is_message, event->seq);
        metrics_add(METRIC_PUSHED, 1);
        event_release(event);
    }
    poll_answer_end(poll, out, mailbox->count > 0, false);
}

/* ---- the states ---- */

static struct hub_device *poll_device(struct poll *poll)
{
    const struct listener *listener = &poll->delivery.listener;
    return hub_device(poll->delivery.app->api.hub, listener->user_id, listener->device_id);
}

static void poll_read(struct poll *poll)
{
    delivery_enter(&poll->delivery, DELIVERY_OPENING);
    enum err err = delivery_open(&poll->delivery, poll->cursor, poll->limit);
    if (err != OK) poll_fail(poll, err);
}

static void poll_due(struct timer *timer)
{
    struct poll *poll = container_of(timer, struct poll, timer);
    if (poll->delivery.state == DELIVERY_NEW)
        poll_read(poll); /* the hold is over */
    else
        poll_answer_empty(poll, false);
}

static void poll_park(struct poll *poll)
{
    struct delivery *delivery = &poll->delivery;
    hub_displace_others(delivery->app->api.hub, &delivery->listener);
    loop_timer_set(delivery->app->api.loop, &poll->timer, poll->wait_ms);
    delivery_go_live(delivery);
}

static void poll_joined(struct delivery *delivery)
{
    poll_read(poll_of(delivery));
}

/* Nothing was there, and the client does not wait: its next call may be held for a moment. */
static void poll_note_empty(struct poll *poll)
{
    struct hub_device *device = poll_device(poll);
    if (!device) return;
    device->empty_at_ms = clock_mono_ms();
    device->empty_seq = poll->delivery.shown_seq;
}

static void poll_opened(struct delivery *delivery, const struct device_open *open)
{
    struct poll *poll = poll_of(delivery);
    if (open->op.err != OK) {
        poll_fail(poll, open->op.err);
        return;
    }
    bool is_reset = open->reset_out != RESET_NONE;
    delivery->shown_seq =
        delivery_reached(open->rows_out, open->row_count_out, open->more_out, open->newest_seq_out);
    if (open->row_count_out == 0 && !is_reset) {
        if (poll->has_joined && poll->wait_ms > 0) {
            poll_park(poll);
            return;
        }
        poll_note_empty(poll);
    }
    const char *reason = open->reset_out == RESET_EPOCH ? "epoch" : "unknown_cursor";
    poll_answer_rows(poll, is_reset ? reason : NULL, open->rows_out, open->row_count_out,
                     open->more_out);
}

static void poll_paged(struct delivery *delivery, const struct inbox_page *page)
{
    struct poll *poll = poll_of(delivery);
    if (page->op.err != OK) {
        poll_fail(poll, page->op.err);
        return;
    }
    bool is_reset = page->epoch_out != delivery->epoch;
    delivery->epoch = page->epoch_out;
    delivery->shown_seq =
        delivery_reached(page->rows_out, page->row_count_out, page->more_out, page->newest_seq_out);
    if (page->row_count_out == 0 && !is_reset) {
        delivery_go_live(delivery);
        return;
    }
    poll_answer_rows(poll, is_reset ? "epoch" : NULL, page->rows_out, page->row_count_out,
                     page->more_out);
}

static void poll_woken(struct delivery *delivery)
{
    struct poll *poll = poll_of(delivery);
    struct mailbox *mailbox = &delivery->listener.mailbox;
    if (!mailbox->is_behind) {
        if (mailbox->count > 0) poll_answer_mailbox(poll);
        return;
    }
    delivery_enter(delivery, DELIVERY_CATCHUP);
    hub_stop_live(delivery->app->api.hub, &delivery->listener);
    enum err err = delivery_page(delivery, poll->limit);
    if (err != OK) poll_fail(poll, err);
}

/* Its own cursor comes back. A poll that had none, or a useless one, and has read nothing yet is at
 * the inbox's beginning. */
static void poll_dismissed(struct delivery *delivery, enum dismissal why)
{
    struct poll *poll = poll_of(delivery);
    if (delivery->epoch == 0 && poll->cursor.kind == CURSOR_AT) {
        delivery->epoch = poll->cursor.epoch;
        delivery->shown_seq = poll->cursor.seq;
    }
    poll_answer_empty(poll, why == DISMISSED_DISPLACED);
}

static void poll_drain(struct delivery *delivery, int64_t in_ms)
{
    struct poll *poll = poll_of(delivery);
    if (delivery->state == DELIVERY_LIVE || delivery->state == DELIVERY_CATCHUP)
        loop_timer_set(delivery->app->api.loop, &poll->timer, MAX(in_ms, 1));
    else
        poll->wait_ms = 0;
}

static const struct delivery_events poll_events = {
    .joined = poll_joined,
    .opened = poll_opened,
    .paged = poll_paged,
    .woken = poll_woken,
    .dismissed = poll_dismissed,
    .drain = poll_drain,
};

static void poll_gone(struct exchange *ex)
{
    poll_free(ex->handler);
}

/* ---- the request ---- */

/* Digits, with a sign or without, clamped to min..max; false if it is no number. */
static bool sync_number(struct str text, int64_t min, int64_t max, int64_t *value_out)
{
    bool is_negative = str_starts(text, STR("-"));
    struct str digits = is_negative ? str_from(text, 1) : text;
    if (digits.len == 0) return false;
    for (size_t i = 0; i < digits.len; i++)
        if (digits.ptr[i] < '0' || digits.ptr[i] > '9') return false;
    uint64_t value;
    if (is_negative)
        *value_out = min;
    else if (!str_to_u64(digits, (uint64_t)max, &value))
        *value_out = max;
    else
        *value_out = MAX((int64_t)value, min);
    return true;
}

/* True: the parameter is there and a number. What is wrong is noted. */
static bool sync_read_number(struct exchange *ex, struct str name, int64_t min, int64_t max,
                             int64_t *value_out)
{
    struct str text;
    if (exchange_query(ex, name, &text) != OK) return false;
    if (sync_number(text, min, max, value_out)) return true;
    reply_fault(ex, name, "must be a number");
    return false;
}

/* `Prefer: wait=n` (RFC 7240), one preference of a list, its parameters and what is malformed
 * ignored. */
static bool sync_read_prefer(struct exchange *ex, int64_t *wait_s_out)
{
    struct str rest = exchange_header(ex, STR("Prefer"));
    while (rest.ptr) {
        struct str parameters = str_cut(&rest, ','), value = str_cut(&parameters, ';');
        struct str name = str_trim(str_cut(&value, '='));
        if (str_equal_nocase(name, STR("wait")) && value.ptr &&
            sync_number(str_trim(value), 0, SYNC_WAIT_S_MAX, wait_s_out))
            return true;
    }
    return false;
}

static struct poll *poll_new(struct exchange *ex)
{
    struct ids caller = {ex->caller.user_id, ex->caller.device_id};
    struct poll *poll = memory_alloc(sizeof(*poll) + ids_len(caller));
    delivery_init(&poll->delivery, ex, LISTENER_POLL, &poll_events);
    delivery_set_ids(&poll->delivery, ids_copy(caller, poll->ids));
    poll->timer.due = poll_due;
    ex->handler = poll;
    ex->gone = poll_gone;
    return poll;
}

/* The cursor is the newest there is, beyond doubt, and the device is known: park without the store.
 */
static bool poll_try_fast(struct poll *poll)
{
    struct delivery *delivery = &poll->delivery;
    struct hub *hub = delivery->app->api.hub;
    uint32_t epoch;
    uint64_t seq;
    struct hub_device *device = poll_device(poll);
    if (poll->cursor.kind != CURSOR_AT || !device || !device->is_open) return false;
    if (!hub_position(hub, delivery->listener.user_id, &epoch, &seq)) return false;
    if (poll->cursor.epoch != epoch || poll->cursor.seq != seq) return false;

    delivery->epoch = epoch;
    delivery->shown_seq = seq;
    delivery->slot = device->slot;
    if (device->confirm_seq && device->confirm_seq <= seq) {
        passed_confirm(delivery->app, &delivery->listener, epoch, seq);
        device->confirm_seq = 0;
    }
    return true;
}

static void poll_start_waiting(struct poll *poll)
{
    struct delivery *delivery = &poll->delivery;
    bool is_fast = poll_try_fast(poll);
    poll->has_joined = true;
    delivery_join(delivery);
    if (is_fast) poll_park(poll);
}

/* A client that asks again and again without waiting is slowed to one look a second. */
static bool poll_is_held(struct poll *poll, int64_t *hold_ms_out)
{
    const struct hub_device *device = poll_device(poll);
    if (!device || !device->empty_at_ms) return false;
    if (poll->cursor.kind == CURSOR_AT && poll->cursor.seq > device->empty_seq) return false;
    *hold_ms_out = device->empty_at_ms + SYNC_HOLD_MS - clock_mono_ms();
    return *hold_ms_out > 0;
}

static void poll_start(struct poll *poll)
{
    int64_t hold_ms;
    if (poll->wait_ms > 0)
        poll_start_waiting(poll);
    else if (poll_is_held(poll, &hold_ms))
        loop_timer_set(poll->delivery.app->api.loop, &poll->timer, hold_ms);
    else
        poll_read(poll);
}

void sync_get(struct exchange *ex)
{
    int64_t limit = SYNC_LIMIT_STANDARD, wait_s = 0;
    struct str cursor = STR_NONE;
    if (ex->is_gone) return;
    (void)sync_read_number(ex, STR("limit"), 1, SYNC_LIMIT_MAX, &limit);
    bool is_wait_given = sync_read_number(ex, STR("wait"), 0, SYNC_WAIT_S_MAX, &wait_s);
    bool has_faults = exchange_query(ex, STR("cursor"), &cursor) == ERR_FIELD || ex->faults;
    if (has_faults) {
        reply_error(ex, ERR_FIELD);
        return;
    }
    if (!is_wait_given && sync_read_prefer(ex, &wait_s))
        reply_field(ex, STR("Preference-Applied"),
                    arena_printf(&ex->arena, "wait=%lld", (long long)wait_s));
    struct poll *poll = poll_new(ex);
    poll->cursor = delivery_cursor(cursor);
    poll->limit = (size_t)limit;
    poll->wait_ms = ex->api->is_draining ? 0 : wait_s * 1000;
    poll_start(poll);
}
