#include "handlers/delivery.h"
#include "api/cursor.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "base/random.h"
#include <stdlib.h>

/* One read of the store on a delivery's behalf. It outlives a delivery that ends meanwhile. */
struct delivery_read {
    struct delivery *delivery; /* NULL: nobody waits any more */
    union {
        struct db_op op;
        struct device_open open;
        struct inbox_page page;
    };
    struct ids ids; /* copies behind the struct */
    char bytes[];
};

static const uint32_t delivery_next[DELIVERY_STATE_COUNT] = {
    [DELIVERY_NEW] = BIT(DELIVERY_JOINING) | BIT(DELIVERY_OPENING) | BIT(DELIVERY_CLOSED),
    [DELIVERY_JOINING] = BIT(DELIVERY_OPENING) | BIT(DELIVERY_LIVE) | BIT(DELIVERY_CLOSED),
    [DELIVERY_OPENING] = BIT(DELIVERY_CATCHUP) | BIT(DELIVERY_LIVE) | BIT(DELIVERY_CLOSED),
    [DELIVERY_CATCHUP] = BIT(DELIVERY_LIVE) | BIT(DELIVERY_CLOSED),
    [DELIVERY_LIVE] = BIT(DELIVERY_CATCHUP) | BIT(DELIVERY_CLOSED),
};

void delivery_enter(struct delivery *delivery, enum delivery_state to)
{
    assert(delivery_next[delivery->state] & BIT(to));
    delivery->state = to;
}

static void delivery_ready(struct listener *listener)
{
    struct delivery *delivery = container_of(listener, struct delivery, listener);
    if (delivery->state == DELIVERY_JOINING) delivery->on->joined(delivery);
}

static void delivery_woken(struct listener *listener)
{
    struct delivery *delivery = container_of(listener, struct delivery, listener);
    if (delivery->state == DELIVERY_LIVE) delivery->on->woken(delivery);
}

static void delivery_dismissed(struct listener *listener, enum dismissal why)
{
    struct delivery *delivery = container_of(listener, struct delivery, listener);
    delivery->on->dismissed(delivery, why);
}

static enum metric delivery_gauge(const struct delivery *delivery)
{
    return delivery->listener.kind == LISTENER_STREAM ? METRIC_STREAMS : METRIC_POLLS;
}

void delivery_init(struct delivery *delivery, struct exchange *ex, enum listener_kind kind,
                   const struct delivery_events *on)
{
    *delivery = (struct delivery){.on = on, .ex = ex, .app = app_of(ex)};
    delivery->listener.kind = kind;
    delivery->listener.ready = delivery_ready;
    delivery->listener.woken = delivery_woken;
    delivery->listener.dismissed = delivery_dismissed;
    list_push(&delivery->app->deliveries, &delivery->link);
    exchange_hold(ex);
    metrics_add(delivery_gauge(delivery), 1);
}

void delivery_set_ids(struct delivery *delivery, struct ids ids)
{
    delivery->listener.user_id = ids.user_id;
    delivery->listener.device_id = ids.device_id;
}

void delivery_done(struct delivery *delivery)
{
    struct exchange *ex = delivery->ex;
    delivery_enter(delivery, DELIVERY_CLOSED);
    if (delivery->read) delivery->read->delivery = NULL;
    delivery->read = NULL;
    hub_leave(delivery->app->api.hub, &delivery->listener);
    list_remove(&delivery->link);
    metrics_add(delivery_gauge(delivery), -1);
    ex->gone = NULL;
    ex->writable = NULL;
    exchange_release(ex);
}

struct delivery_cursor delivery_cursor(struct str text)
{
    struct delivery_cursor cursor = {.kind = CURSOR_NONE};
    if (str_is_empty(text)) return cursor;
    bool ok = cursor_parse(text, &cursor.epoch, &cursor.seq);
    cursor.kind = ok ? CURSOR_AT : CURSOR_UNKNOWN;
    return cursor;
}

void delivery_join(struct delivery *delivery)
{
    delivery_enter(delivery, DELIVERY_JOINING);
    hub_join(delivery->app->api.hub, &delivery->listener);
}

static struct delivery_read *delivery_read_new(struct delivery *delivery)
{
    struct ids reader = {delivery->listener.user_id, delivery->listener.device_id};
    struct delivery_read *read = memory_alloc(sizeof(*read) + ids_len(reader));
    read->ids = ids_copy(reader, read->bytes);
    read->delivery = delivery;
    return read;
}

static enum err delivery_submit(struct delivery *delivery, struct delivery_read *read)
{
    assert(!delivery->read);
    enum err err = db_submit(delivery->app->api.db, read->ids.user_id, &read->op);
    if (err != OK) {
        free(read);
        return err;
    }
    delivery->read = read;
    return OK;
}

/* The delivery that still waits for this read; NULL if it has ended. */
static struct delivery *delivery_of_read(struct delivery_read *read)
{
    if (read->delivery) read->delivery->read = NULL;
    return read->delivery;
}

static void delivery_opened(struct db_op *op)
{
    struct delivery_read *read = container_of(op, struct delivery_read, op);
    struct delivery *delivery = delivery_of_read(read);
    if (delivery && op->err == OK) {
        struct hub_device *device =
            hub_keep(delivery->app->api.hub, read->ids.user_id, read->ids.device_id);
        device->slot = delivery->slot = read->open.slot_out;
        device->is_open = true;
        delivery->epoch = read->open.epoch_out;
        delivery->shown_seq = read->open.after_seq_out;
        device->confirm_seq = 0;
    }
    if (delivery) delivery->on->opened(delivery, &read->open);
    free(read);
}

enum err delivery_open(struct delivery *delivery, struct delivery_cursor cursor, size_t limit)
{
    const struct api *api = &delivery->app->api;
    struct delivery_read *read = delivery_read_new(delivery);
    struct device_open *open = &read->open;
    op_init(&open->op, &DEVICE_OPEN, api->loop, api->config->db_deadline_ms, delivery_opened);
    open->user_id = read->ids.user_id;
    open->device_id = read->ids.device_id;
    open->cursor = cursor.kind;
    open->epoch = cursor.epoch;
    open->seq = cursor.seq;
    open->limit = limit;
    return delivery_submit(delivery, read);
}

static void delivery_paged(struct db_op *op)
{
    struct delivery_read *read = container_of(op, struct delivery_read, op);
    struct delivery *delivery = delivery_of_read(read);
    if (delivery) delivery->on->paged(delivery, &read->page);
    free(read);
}

enum err delivery_page(struct delivery *delivery, size_t limit)
{
    const struct api *api = &delivery->app->api;
    struct delivery_read *read = delivery_read_new(delivery);
    struct inbox_page *page = &read->page;
    op_init(&page->op, &INBOX_PAGE, api->loop, api->config->db_deadline_ms, delivery_paged);
    page->user_id = read->ids.user_id;
    page->slot = delivery->slot;
    page->after_seq = delivery->shown_seq;
    page->limit = limit;
    metrics_add(METRIC_CATCHUPS, 1);
    return delivery_submit(delivery, read);
}

void delivery_go_live(struct delivery *delivery)
{
    delivery_enter(delivery, DELIVERY_LIVE);
    hub_go_live(delivery->app->api.hub, &delivery->listener, delivery->epoch, delivery->shown_seq);
}

uint64_t delivery_reached(const struct inbox_row *rows, size_t row_count, bool more,
                          uint64_t newest_seq)
{
    uint64_t last_seq = row_count > 0 ? rows[row_count - 1].seq : 0;
    return more ? last_seq : MAX(last_seq, newest_seq);
}

void delivery_shown(struct delivery *delivery, bool is_message, uint64_t seq)
{
    if (is_message) return;
    const struct listener *listener = &delivery->listener;
    struct hub_device *device =
        hub_device(delivery->app->api.hub, listener->user_id, listener->device_id);
    if (device) device->confirm_seq = MAX(device->confirm_seq, seq);
}

void delivery_drain_all(struct app *app, int64_t in_ms)
{
    LIST_EACH_SAFE (&app->deliveries, link) {
        struct delivery *delivery = container_of(link, struct delivery, link);
        int64_t own_ms = in_ms > 0 ? (int64_t)random_below((uint64_t)in_ms) : 0;
        delivery->on->drain(delivery, own_ms);
    }
}
