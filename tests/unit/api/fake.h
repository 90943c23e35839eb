/* A protocol, a store and handlers that do what a test says, around one real exchange. Heads are
 * written as in the protocol, a line a field: "GET /chat/app/groups\nAccept: text/plain\n". */
#pragma once
#include "api/api.h"
#include "api/guard.h"
#include "api/reply.h"
#include "base/clock.h"
#include "base/memory.h"
#include "db/batch.h"
#include "db/users.h"
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { FAKE_HEADERS_MAX = 32, FAKE_NOW_S = 1700000000 };

struct fake {
    struct transport transport;
    struct config config;
    struct api api;
    struct auth *auth;
    struct exchange *ex;
    char *head;
    struct header headers[FAKE_HEADERS_MAX];
    struct buf token, sent;
    int replies, opens, ends;
};

/* --- the store: keeps the op until the test lets it end --- */

const struct op_kind USER_ENSURE = {.name = "user_ensure"};
static enum err fake_submit_err;
static struct db_op *fake_op;
static int fake_submits;

enum err db_submit(struct db *db UNUSED, struct str key UNUSED, struct db_op *op)
{
    fake_submits++;
    if (fake_submit_err == OK) fake_op = op;
    return fake_submit_err;
}

static inline void fake_store_answers(enum err err)
{
    struct db_op *op = fake_op;
    assert_non_null(op);
    fake_op = NULL;
    op->err = err;
    op->done(op);
}

/* --- the handlers: all the same one --- */

static int fake_handled;
static enum err fake_handler_err;

static inline void fake_handler(struct exchange *ex)
{
    fake_handled++;
    if (fake_handler_err != OK) {
        reply_error(ex, fake_handler_err);
        return;
    }
    json_out_object(reply_json_begin(ex), NULL);
    json_out_close_object(ex->reply.json);
    reply_json(ex, 200);
}

static handler_fn *fake_handlers[ROUTE_COUNT];

/* --- the protocol --- */

static inline struct fake *fake_of(struct transport *transport)
{
    return container_of(transport, struct fake, transport);
}
static inline void fake_reply(struct transport *transport)
{
    fake_of(transport)->replies++;
}
static inline void fake_stream_open(struct transport *transport)
{
    fake_of(transport)->opens++;
}
static inline bool fake_stream_write(struct transport *transport, struct str bytes)
{
    assert_int_equal(buf_add(&fake_of(transport)->sent, bytes), OK);
    return true;
}
static inline void fake_stream_end(struct transport *transport)
{
    fake_of(transport)->ends++;
}
static const struct transport_ops fake_ops = {fake_reply, fake_stream_open, fake_stream_write,
                                              fake_stream_end};

static inline struct str fake_mint(struct fake *fake, struct str user_id, struct str device_id,
                                   struct str scope)
{
    buf_clear(&fake->token);
    auth_mint(fake->auth,
              &(struct token_claims){.user_id = user_id,
                                     .device_id = device_id,
                                     .scope = scope,
                                     .issued_at_s = FAKE_NOW_S,
                                     .expires_at_s = FAKE_NOW_S + 600},
              &fake->token);
    return buf_str(&fake->token);
}

static inline void fake_open(struct fake *fake)
{
    struct buf why;
    *fake = (struct fake){.transport.ops = &fake_ops};
    fake->config = (struct config){.dev = true,
                                   .db_deadline_ms = 5000,
                                   .rate_user_per_s = 1,
                                   .rate_user_burst = 1,
                                   .rate_address_per_s = 1,
                                   .rate_address_burst = 1};
    buf_init(&why, 1024);
    buf_init(&fake->token, 4096);
    buf_init(&fake->sent, 65536);
    clock_wall_set((int64_t)FAKE_NOW_S * 1000);
    assert_int_equal(auth_open(&fake->config, &fake->auth, &why), OK);
    for (size_t i = 0; i < ROUTE_COUNT; i++)
        fake_handlers[i] = fake_handler;
    fake->api = (struct api){.config = &fake->config,
                             .auth = fake->auth,
                             .limits = limits_new(&fake->config),
                             .known = users_known_new(),
                             .handlers = fake_handlers};
    users_known_add(fake->api.known, STR("ann"));
    fake_mint(fake, STR("ann"), STR_NONE, STR_NONE);
    fake_submit_err = fake_handler_err = OK;
    fake_op = NULL;
    fake_submits = fake_handled = 0;
}

static inline void fake_limits(struct fake *fake, bool is_dev)
{
    fake->config.dev = is_dev;
    limits_free(fake->api.limits);
    fake->api.limits = limits_new(&fake->config);
}

static inline enum method fake_method(struct str name)
{
    static const struct {
        const char *name;
        enum method method;
    } methods[] = {{"GET", METHOD_GET}, {"HEAD", METHOD_HEAD},     {"POST", METHOD_POST},
                   {"PUT", METHOD_PUT}, {"DELETE", METHOD_DELETE}, {"OPTIONS", METHOD_OPTIONS}};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (str_equal(name, str_from_c(methods[i].name))) return methods[i].method;
    return METHOD_OTHER;
}

/* A line "Bearer" stands for the Authorization field with the fake's token. */
static inline void fake_parse_header(struct fake *fake, struct str line)
{
    struct request *request = &fake->ex->request;
    struct header *header = &fake->headers[request->header_count++];
    assert_true(request->header_count < FAKE_HEADERS_MAX);
    if (str_equal(line, STR("Bearer"))) {
        header->name = STR("authorization");
        header->value =
            arena_printf(&fake->ex->arena, "Bearer %.*s", STR_FMT(buf_str(&fake->token)));
        return;
    }
    header->value = line;
    header->name = str_cut(&header->value, ':');
    header->value = str_trim(header->value);
    uint64_t len;
    if (str_equal_nocase(header->name, STR("Content-Length")) &&
        str_to_u64(header->value, INT64_MAX, &len)) {
        request->content_length = (int64_t)len;
        request->has_body = len > 0;
    }
    if (str_equal_nocase(header->name, STR("Transfer-Encoding"))) request->has_body = true;
}

/* Drops the last exchange, makes a new one with this head, does not run it. */
static inline struct exchange *fake_new(struct fake *fake, struct str text)
{
    if (fake->ex) exchange_release(fake->ex);
    free(fake->head);
    fake->head = memory_alloc(text.len + 1);
    memcpy(fake->head, text.ptr, text.len);
    fake->ex = exchange_new(&fake->api, &fake->transport);
    struct request *request = &fake->ex->request;
    struct str rest = str_of(fake->head, text.len);
    struct str first = str_cut(&rest, '\n');
    request->method = fake_method(str_cut(&first, ' '));
    request->target = first;
    request->version = 11;
    request->headers = fake->headers;
    ((struct sockaddr_in *)&request->peer)->sin_family = AF_INET;
    ((struct sockaddr_in *)&request->peer)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    while (rest.len)
        fake_parse_header(fake, str_cut(&rest, '\n'));
    fake->replies = fake->opens = fake->ends = 0;
    return fake->ex;
}

/* The whole of a request, up to where the handler, or the store, has its turn. */
static inline struct exchange *fake_run(struct fake *fake, struct str head, struct str body)
{
    struct exchange *ex = fake_new(fake, head);
    exchange_head(ex);
    if (fake->replies == 0 && body.len) exchange_body(ex, body);
    if (fake->replies == 0) exchange_run(ex);
    return ex;
}

static inline void fake_close(struct fake *fake)
{
    if (fake->ex) exchange_release(fake->ex);
    free(fake->head);
    buf_done(&fake->token);
    buf_done(&fake->sent);
    auth_close(fake->auth);
    limits_free(fake->api.limits);
    users_known_free(fake->api.known);
    clock_wall_set(0);
}

/* The value of a field of the reply, STR_NONE if it has none; fails if it stands there twice. */
static inline struct str fake_field(const struct exchange *ex, struct str name)
{
    struct str rest = buf_str(&ex->reply.fields), found = STR_NONE;
    while (rest.len) {
        struct str value = str_cut(&rest, '\n');
        struct str line_name = str_cut(&value, ':');
        assert_true(value.len > 1 && value.ptr[value.len - 1] == '\r');
        if (!str_equal_nocase(line_name, name)) continue;
        assert_null(found.ptr);
        found = str_trim(str_of(value.ptr, value.len - 1));
    }
    return found;
}

static inline void assert_str(struct str s, const char *want)
{
    if (s.len != strlen(want) || (s.len && memcmp(s.ptr, want, s.len) != 0))
        fail_msg("\"%.*s\" is not \"%s\"", STR_FMT(s), want);
}

static inline void assert_field(const struct exchange *ex, const char *name, const char *want)
{
    struct str value = fake_field(ex, str_from_c(name));
    if (!want && value.ptr) fail_msg("%s: %.*s", name, STR_FMT(value));
    if (want) assert_str(value, want);
}

static inline bool str_holds(struct str s, const char *part)
{
    return s.len && memmem(s.ptr, s.len, part, strlen(part)) != NULL;
}

/* A problem document with this code went out. */
static inline void assert_problem(const struct exchange *ex, enum err err)
{
    struct buf want;
    buf_init(&want, 256);
    assert_int_equal(ex->state, EX_REPLYING);
    assert_int_equal(buf_printf(&want, "\"code\":\"%s\"", err_code(err)), OK);
    if (!str_holds(buf_str(&ex->reply.body), buf_c(&want)))
        fail_msg("not %s: %.*s", err_code(err), STR_FMT(buf_str(&ex->reply.body)));
    assert_int_equal(ex->reply.status, err_status(err));
    buf_done(&want);
}
