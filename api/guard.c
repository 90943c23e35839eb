/* The checks stand in the order in which their answers win over each other. */
#include "api/guard.h"
#include "api/api.h"
#include "api/frame.h"
#include "api/json_in.h"
#include "api/negotiate.h"
#include "api/reply.h"
#include "api/url.h"
#include "base/random.h"
#include "db/users.h"
#include <inttypes.h>

enum {
    GUARD_IGNORED_MAX = 1024, /* body bytes that a route without a body reads over */
    GUARD_BYE_LEN_MAX = 1024
};

static void guard_allow(struct exchange *ex, unsigned methods)
{
    static const struct {
        enum method method;
        const char *name;
    } names[] = {
        {METHOD_GET, "GET"}, {METHOD_HEAD, "HEAD"},     {METHOD_POST, "POST"},
        {METHOD_PUT, "PUT"}, {METHOD_DELETE, "DELETE"}, {METHOD_OPTIONS, "OPTIONS"},
    };
    struct str allow = STR("");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!(methods & names[i].method)) continue;
        allow = arena_printf(&ex->arena, "%.*s%s%s", STR_FMT(allow), allow.len ? ", " : "",
                             names[i].name);
    }
    reply_field(ex, STR("Allow"), allow);
}

/* A parameter whose escapes are broken names nothing. */
static enum err guard_params(struct exchange *ex)
{
    for (size_t i = 0; i < ARRAY_LEN(ex->params); i++)
        if (!url_unescape(ex->params[i], &ex->arena, &ex->params[i])) return ERR_NOT_FOUND;
    return OK;
}

static enum err guard_route(struct exchange *ex, unsigned *methods_out)
{
    const struct request *request = &ex->request;
    enum err err = router_find(request->method, request->path, ex->api->is_admin,
                               ex->api->config->dev, &ex->route, ex->params, methods_out);
    if (err == ERR_METHOD) guard_allow(ex, *methods_out);
    return err == OK ? guard_params(ex) : err;
}

static void guard_rate_fields(struct exchange *ex, const struct limit_state *state)
{
    struct arena *arena = &ex->arena;
    reply_field(
        ex, STR("RateLimit-Policy"),
        arena_printf(arena, "\"default\";q=%" PRId64 ";w=%" PRId64, state->quota, state->window_s));
    reply_field(ex, STR("RateLimit"),
                arena_printf(arena, "\"default\";r=%" PRId64 ";t=%" PRId64, state->remaining,
                             state->reset_s));
}

static enum err guard_rate_over(struct exchange *ex, const struct limit_state *state)
{
    guard_rate_fields(ex, state);
    reply_field_int(ex, STR("Retry-After"), state->retry_s);
    return ERR_RATE;
}

static enum err guard_bad_token(struct exchange *ex, const char *why)
{
    ex->detail = str_from_c(why);
    return ERR_BAD_TOKEN;
}

/* RFC 9110: the scheme's name in any case, then spaces, then the token. */
static enum err guard_token(struct exchange *ex)
{
    struct str token = exchange_header(ex, STR("Authorization"));
    struct str scheme = str_cut(&token, ' ');
    const char *why = NULL;
    if (!str_equal_nocase(scheme, STR("Bearer"))) return ERR_UNAUTHENTICATED;
    if (exchange_header_count(ex, STR("Authorization")) > 1)
        return guard_bad_token(ex, "Authorization is given twice");
    if (auth_verify(ex->api->auth, str_trim(token), &ex->arena, &ex->caller, &why) != OK)
        return guard_bad_token(ex, why);
    return OK;
}

/* Guessing at tokens is counted by address; who shows a good one pays nothing there. */
static enum err guard_authenticate(struct exchange *ex)
{
    struct limits *limits = ex->api->limits;
    struct limit_state state;
    bool is_open = ex->route->flags & ROUTE_OPEN;
    if (ex->api->is_admin) return OK;
    if (limits_take_address(limits, &ex->request.peer, &state) != OK)
        return guard_rate_over(ex, &state);
    if (is_open) return OK;
    enum err err = guard_token(ex);
    if (err == OK) limits_return_address(limits, &ex->request.peer);
    return err;
}

static enum err guard_scope(struct exchange *ex)
{
    unsigned needed = ex->route->scope;
    if ((ex->caller.scopes & needed) == needed) return OK;
    ex->detail = needed == SCOPE_SEND ? STR("the token's scope lacks send")
                                      : STR("the token's scope lacks read");
    return ERR_SCOPE;
}

/* A stream's head says nothing of limits: it would be stale for all of the stream's life. */
static enum err guard_rate(struct exchange *ex)
{
    struct limit_state state;
    if (ex->route->flags & ROUTE_OPEN) return OK;
    if (limits_take_user(ex->api->limits, ex->caller.user_id, &state) != OK)
        return guard_rate_over(ex, &state);
    if (!(ex->route->flags & ROUTE_EVENTS)) guard_rate_fields(ex, &state);
    return OK;
}

/* A holding route takes none at all: its connection is taken over while the body would still be on
 * its way. */
size_t guard_body_max(const struct route *route)
{
    if (route->body_len_max) return route->body_len_max;
    return route->flags & ROUTE_HOLDS ? 0 : GUARD_IGNORED_MAX;
}

enum err guard_too_large(struct exchange *ex)
{
    ex->reply.must_close = true; /* the rest of the body will not be read */
    ex->detail =
        arena_printf(&ex->arena, "the body may have at most %zu bytes", guard_body_max(ex->route));
    return ERR_TOO_LARGE;
}

static enum err guard_body(struct exchange *ex)
{
    size_t len_max = guard_body_max(ex->route);
    if (ex->request.content_length > (int64_t)len_max) return guard_too_large(ex);
    if (ex->request.has_body && len_max == 0) return guard_too_large(ex);
    if (ex->request.has_body && ex->route->body_len_max) return negotiate_body(ex);
    return OK;
}

/* Who the caller's device is: the token's claim, else X-Device-Id, else "default". Whether the
 * header's value is one is a check of a field, which comes after the body's (guard_run). */
static void guard_device(struct exchange *ex)
{
    size_t count = exchange_header_count(ex, STR("X-Device-Id"));
    if (ex->caller.is_device_given || count == 0) return;
    ex->caller.device_id = count == 1 ? exchange_header(ex, STR("X-Device-Id")) : STR_NONE;
    ex->caller.is_device_given = true;
}

/* HEAD where GET would wait: nothing is opened, nobody displaced. */
static void guard_answer_head(struct exchange *ex)
{
    bool is_events = ex->route->flags & ROUTE_EVENTS;
    reply_text(ex, 200, is_events ? "text/event-stream" : "application/json", STR_NONE);
}

enum err guard_head(struct exchange *ex)
{
    unsigned methods = 0;
    enum err err = guard_route(ex, &methods);
    if (err != OK) return err;
    if (ex->request.method == METHOD_OPTIONS) {
        guard_allow(ex, methods);
        reply_empty(ex, 204);
        return OK;
    }
    err = guard_authenticate(ex);
    if (err == OK) err = guard_scope(ex);
    if (err == OK) err = guard_rate(ex);
    if (err == OK) err = negotiate_accept(ex);
    if (err == OK) err = guard_body(ex);
    if (err != OK) return err;
    guard_device(ex);
    if (ex->request.method == METHOD_HEAD && (ex->route->flags & ROUTE_HOLDS))
        guard_answer_head(ex);
    return OK;
}

static void guard_handle(struct exchange *ex)
{
    ex->api->handlers[ex->route->id](ex);
}

/* A body that is no JSON wins over a header field that is wrong. */
static void guard_refuse_device(struct exchange *ex)
{
    struct json *root = NULL;
    const char *why = NULL;
    size_t at = 0;
    if (ex->route->body_len_max && json_parse(buf_str(&ex->body), &root, &why, &at) != OK) {
        reply_error_detail(ex, ERR_BAD_JSON, arena_printf(&ex->arena, "%s, at byte %zu", why, at));
        return;
    }
    json_free(root);
    reply_fault(ex, STR("X-Device-Id"), "must be given once, 1 to 64 of A-Z a-z 0-9 . _ : @ + -");
    reply_error(ex, ERR_FIELD);
}

struct guard_ensure { /* in the exchange's arena */
    struct exchange *ex;
    struct user_ensure user;
};

/* A stream that cannot be served now is a whole stream all the same: EventSource gives up for ever
 * on a 5xx. */
static void guard_refuse_stream(struct exchange *ex)
{
    struct buf sse;
    buf_init(&sse, GUARD_BYE_LEN_MAX);
    frame_bye(&sse, "busy", 2000 + (int64_t)random_below(13000));
    reply_stream(ex, "text/event-stream");
    ex->transport->ops->stream_write(ex->transport, buf_str(&sse));
    ex->transport->ops->stream_end(ex->transport);
    buf_done(&sse);
}

static void guard_run_refused(struct exchange *ex, enum err err)
{
    if (ex->is_gone) return;
    if (ex->route->flags & ROUTE_EVENTS && err_status(err) >= 500)
        guard_refuse_stream(ex);
    else
        reply_error(ex, err);
}

static void guard_run_ensured(struct db_op *op)
{
    struct guard_ensure *ensure = container_of(op, struct guard_ensure, user.op);
    struct exchange *ex = ensure->ex;
    if (op->err == OK) users_known_add(ex->api->known, ex->caller.user_id);
    if (op->err != OK)
        guard_run_refused(ex, op->err);
    else if (!ex->is_gone)
        guard_handle(ex);
    exchange_release(ex);
}

static void guard_ensure(struct exchange *ex)
{
    struct api *api = ex->api;
    struct guard_ensure *ensure = ARENA_NEW(&ex->arena, struct guard_ensure);
    ensure->ex = ex;
    op_init(&ensure->user.op, &USER_ENSURE, api->loop, api->config->db_deadline_ms,
            guard_run_ensured);
    ensure->user.op.request_id = ex->request_id;
    ensure->user.user_id = ex->caller.user_id;
    exchange_hold(ex);
    enum err err = db_submit(api->db, ex->caller.user_id, &ensure->user.op);
    if (err == OK) return;
    guard_run_refused(ex, err);
    exchange_release(ex);
}

void guard_run(struct exchange *ex)
{
    bool is_open = ex->route->flags & ROUTE_OPEN;
    if (!is_open && !user_id_is_valid(ex->caller.device_id))
        guard_refuse_device(ex);
    else if (is_open || users_known_has(ex->api->known, ex->caller.user_id))
        guard_handle(ex);
    else
        guard_ensure(ex);
}
