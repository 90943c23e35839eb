/* The exchange itself: its memory, its states, what it was asked. What may be asked of it is the
 * guard's, how it is answered is reply's. */
#include "api/exchange.h"
#include "api/api.h"
#include "api/guard.h"
#include "api/reply.h"
#include "api/url.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/utf8.h"
#include <stdlib.h>

enum {
    EXCHANGE_FIELDS_MAX = 16 * 1024,
    EXCHANGE_REPLY_MAX = 16 * 1024 * 1024, /* 500 events, all of them as long as can be, fit */
    EXCHANGE_ID_MAX = 128
};

/* EX_DONE to itself: the client may be seen to leave after the last byte has left. */
static const uint32_t exchange_next[EX_STATE_COUNT] = {
    [EX_HEAD] = BIT(EX_BODY) | BIT(EX_HANDLING) | BIT(EX_REPLYING) | BIT(EX_DONE),
    [EX_BODY] = BIT(EX_HANDLING) | BIT(EX_REPLYING) | BIT(EX_DONE),
    [EX_HANDLING] = BIT(EX_REPLYING) | BIT(EX_STREAMING) | BIT(EX_DONE),
    [EX_REPLYING] = BIT(EX_DONE),
    [EX_STREAMING] = BIT(EX_DONE),
    [EX_DONE] = BIT(EX_DONE),
};

void exchange_enter(struct exchange *ex, enum exchange_state to)
{
    assert(exchange_next[ex->state] & BIT(to));
    if (to == EX_REPLYING || to == EX_STREAMING) metrics_add(METRIC_REQUESTS, 1);
    ex->state = to;
}

struct exchange *exchange_new(struct api *api, struct transport *transport)
{
    struct exchange *ex = MEMORY_NEW(struct exchange);
    ex->holds = 1;
    ex->api = api;
    ex->transport = transport;
    ex->started_us = clock_mono_us();
    ex->request.content_length = -1;
    arena_init(&ex->arena);
    buf_init(&ex->body, 0);
    buf_init(&ex->reply.fields, EXCHANGE_FIELDS_MAX);
    buf_init(&ex->reply.body, EXCHANGE_REPLY_MAX);
    return ex;
}

void exchange_hold(struct exchange *ex)
{
    assert(ex->holds > 0);
    ex->holds++;
}

void exchange_release(struct exchange *ex)
{
    assert(ex->holds > 0);
    if (--ex->holds) return;
    buf_done(&ex->body);
    buf_done(&ex->reply.fields);
    buf_done(&ex->reply.body);
    arena_done(&ex->arena);
    free(ex);
}

void exchange_shed(struct exchange *ex)
{
    assert(ex->state == EX_STREAMING);
    ex->request.target = ex->request.path = ex->request.query = STR_NONE;
    ex->request.headers = NULL;
    ex->request.header_count = 0;
    ex->params[0] = ex->params[1] = ex->request_id = ex->detail = STR_NONE;
    ex->caller.user_id = ex->caller.device_id = STR_NONE;
    ex->faults = NULL;
    ex->reply.json = NULL;
    buf_done(&ex->body);
    buf_done(&ex->reply.fields);
    buf_done(&ex->reply.body);
    arena_done(&ex->arena);
}

static bool exchange_id_is_valid(struct str id)
{
    if (id.len < 1 || id.len > EXCHANGE_ID_MAX) return false;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_word && c != '.' && c != '_' && c != '-') return false;
    }
    return true;
}

static struct str exchange_id_draw(struct arena *arena)
{
    char bytes[12];
    random_bytes(bytes, sizeof(bytes));
    char *text = arena_alloc(arena, base64url_encoded_len(sizeof(bytes)));
    return str_of(text, base64url_encode(str_of(bytes, sizeof(bytes)), text));
}

/* Once, at the first moment at which an answer is possible: every answer carries these. */
static void exchange_settle(struct exchange *ex)
{
    if (ex->request_id.len) return;
    struct request *request = &ex->request;
    if (!request->path.len && request->target.len) {
        request->query = request->target;
        request->path = str_cut(&request->query, '?');
    }
    struct str given = exchange_header(ex, STR("X-Request-Id"));
    ex->request_id = exchange_id_is_valid(given) ? given : exchange_id_draw(&ex->arena);
    reply_field(ex, STR("X-Request-Id"), ex->request_id);
    reply_field(ex, STR("Vary"), STR("Origin"));
    reply_field(ex, STR("X-Content-Type-Options"), STR("nosniff"));
    if (str_starts(request->path, STR("/chat/app/")))
        reply_field(ex, STR("Cache-Control"), STR("no-store"));
}

void exchange_head(struct exchange *ex)
{
    assert(ex->state == EX_HEAD);
    exchange_settle(ex);
    enum err err = guard_head(ex);
    if (err != OK) {
        reply_error(ex, err);
        return;
    }
    ex->body.len_max = guard_body_max(ex->route);
}

bool exchange_is_holding(const struct exchange *ex)
{
    return ex->route && (ex->route->flags & ROUTE_HOLDS) && ex->state < EX_REPLYING;
}

void exchange_body(struct exchange *ex, struct str bytes)
{
    if (ex->state != EX_HEAD && ex->state != EX_BODY) return; /* answered: the rest is unread */
    if (ex->state == EX_HEAD) exchange_enter(ex, EX_BODY);
    if (buf_add(&ex->body, bytes) == OK) return;
    reply_error(ex, guard_too_large(ex));
}

void exchange_run(struct exchange *ex)
{
    if (ex->state != EX_HEAD && ex->state != EX_BODY) return;
    if (!ex->route->body_len_max) buf_clear(&ex->body);
    exchange_enter(ex, EX_HANDLING);
    guard_run(ex);
}

void exchange_refuse(struct exchange *ex, enum err err)
{
    if (ex->state != EX_HEAD && ex->state != EX_BODY) return;
    exchange_settle(ex);
    ex->reply.must_close = true;
    reply_error(ex, err);
}

void exchange_client_gone(struct exchange *ex)
{
    if (ex->is_gone) return;
    ex->is_gone = true;
    exchange_enter(ex, EX_DONE);
    if (ex->gone) ex->gone(ex);
}

struct str exchange_header(const struct exchange *ex, struct str name)
{
    for (size_t i = 0; i < ex->request.header_count; i++) {
        const struct header *header = &ex->request.headers[i];
        if (str_equal_nocase(header->name, name)) return header->value;
    }
    return STR_NONE;
}

size_t exchange_header_count(const struct exchange *ex, struct str name)
{
    size_t count = 0;
    for (size_t i = 0; i < ex->request.header_count; i++)
        count += str_equal_nocase(ex->request.headers[i].name, name);
    return count;
}

static enum err exchange_query_fault(struct exchange *ex, struct str name, const char *reason)
{
    reply_fault(ex, name, reason);
    return ERR_FIELD;
}

enum err exchange_query(struct exchange *ex, struct str name, struct str *value_out)
{
    struct str rest = ex->request.query, value = STR_NONE;
    size_t count = 0;
    while (rest.ptr) {
        struct str raw = str_cut(&rest, '&'), key;
        struct str raw_key = str_cut(&raw, '=');
        if (!url_unescape(raw_key, &ex->arena, &key) || !str_equal(key, name)) continue;
        value = raw;
        count++;
    }
    if (count == 0) return ERR_NOT_FOUND;
    if (count > 1) return exchange_query_fault(ex, name, "is given twice");
    if (!url_unescape(value, &ex->arena, &value))
        return exchange_query_fault(ex, name, "has a broken percent-escape");
    if (!utf8_is_valid(value)) return exchange_query_fault(ex, name, "is not UTF-8");
    *value_out = value;
    return OK;
}
