/* One reactor without sockets and without a store: a real loop, a real hub, and played by the test
 * what lies below: a protocol that keeps what it is given, and a store that keeps ops until the
 * test says how they end. Every call's memory and holds are accounted for at lab_close. */
#pragma once
#include "api/reply.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "db/inbox.h"
#include "handlers/app.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum {
    LAB_CALLS_MAX = 32,
    LAB_OPS_MAX = 32,
    LAB_HEADERS_MAX = 8,
    LAB_DEADLINE_MS = 10000,
    LAB_EPOCH = 7
};
static const int64_t LAB_NOW_MS = INT64_C(1700000000123);
#define LAB_ID_1 "01234567-89ab-7def-8123-456789abcdef"
#define LAB_ID_2 "11234567-89ab-7def-8123-456789abcdef"
#define LAB_GROUP "aaaaaaaa-89ab-7def-8123-456789abcdef"

/* --- a call: one exchange and the protocol below it --- */

struct call {
    struct transport transport;
    struct exchange *ex; /* the transport's hold */
    struct header headers[LAB_HEADERS_MAX];
    struct buf sent; /* a stream's bytes */
    int replies, opens, ends;
    bool is_clogged; /* the socket takes nothing: what is written has not left */
    bool is_full;    /* and something was written: nothing more may be */
};

/* Somebody who listens to a user, to hear what is published. */
struct ear {
    struct listener listener;
    int dismissals;
    enum dismissal why;
};

struct lab {
    struct config config;
    struct loop *loop;
    struct relay_hall *hall;
    struct auth *auth;
    struct app app;
    struct timer pause;
    struct call calls[LAB_CALLS_MAX];
    size_t call_count;
    struct str user_id, device_id; /* the caller of the next call */
    int64_t expires_at_s;          /* its token's */
    /* The store. */
    struct db_op *ops[LAB_OPS_MAX]; /* submitted and not answered, oldest first */
    size_t op_count;
    int submits, answered;
    enum err submit_err;
    char key[65];    /* of the newest submit */
    char kicked[65]; /* the group whose outbox was to be looked after */
    bool is_well;    /* what the admin's questions are answered */
};
static struct lab lab;

/* --- time: events are waited for, with a deadline --- */

static inline void lab_paused(struct timer *timer UNUSED)
{
    loop_stop(lab.loop);
}

/* The loop runs for a while; what is posted meanwhile is done. */
static inline void lab_turn(int64_t for_ms)
{
    lab.pause.due = lab_paused;
    loop_timer_set(lab.loop, &lab.pause, for_ms);
    loop_run(lab.loop);
}

#define LAB_UNTIL(condition)                                                                \
    for (int64_t lab_end_ms = clock_mono_ms() + LAB_DEADLINE_MS; !(condition); lab_turn(1)) \
        if (clock_mono_ms() > lab_end_ms) fail_msg("never: %s", #condition)

/* --- the store --- */

enum err db_submit(struct db *db UNUSED, struct str key, struct db_op *op)
{
    lab.submits++;
    if (lab.submit_err != OK) return lab.submit_err;
    assert_true(lab.op_count < LAB_OPS_MAX);
    assert_ptr_equal(op->home, lab.loop);
    assert_true(op->deadline_ms > clock_mono_ms());
    assert_true(key.len > 0 && key.len < sizeof(lab.key));
    memcpy(lab.key, key.ptr, key.len);
    lab.key[key.len] = '\0';
    lab.ops[lab.op_count++] = op;
    return OK;
}

/* As a lane does it: the results go when `done` has returned, which may free what holds the op. */
static inline void lab_completed(struct task *task)
{
    struct db_op *op = container_of(task, struct db_op, task);
    struct arena results = op->results;
    arena_init(&op->results);
    op->done(op);
    arena_done(&results);
    lab.answered++;
}

/* The oldest op, which must be of this kind; it waits on. */
static inline struct db_op *lab_op(const struct op_kind *kind, const char *name)
{
    if (lab.op_count == 0) fail_msg("the store was not asked for %s", name);
    if (lab.ops[0]->kind != kind) fail_msg("the store was asked for something else than %s", name);
    return lab.ops[0];
}
#define LAB_OP(type, kind) container_of(lab_op(&(kind), #kind), struct type, op)

/* The oldest op ends, from the loop. */
static inline void lab_answer(enum err err)
{
    int before = lab.answered;
    assert_true(lab.op_count > 0);
    struct db_op *op = lab.ops[0];
    memmove(lab.ops, lab.ops + 1, sizeof(struct db_op *) * --lab.op_count);
    op->err = err;
    op->task.run = lab_completed;
    loop_post(lab.loop, &op->task);
    LAB_UNTIL(lab.answered > before);
}

/* Messages first..last, in the op's results; their content says which. */
static inline struct inbox_row *lab_rows(struct db_op *op, uint64_t first, uint64_t last)
{
    size_t count = (size_t)(last - first + 1);
    struct inbox_row *rows = ARENA_ARRAY(&op->results, struct inbox_row, count);
    for (size_t i = 0; i < count; i++)
        rows[i] = (struct inbox_row){
            .kind = INBOX_MESSAGE,
            .epoch = LAB_EPOCH,
            .seq = first + i,
            .message_id = STR(LAB_ID_1),
            .peer_id = STR("bob"),
            .peer_device = STR("pad"),
            .content = arena_printf(&op->results, "text %llu.", (unsigned long long)(first + i)),
            .created_at_ms = LAB_NOW_MS,
        };
    return rows;
}

/* The oldest op opens a device: its inbox ends at `newest`, the page holds first..last. What else
 * it answers may have been set before. */
static inline void lab_answer_open(uint64_t first, uint64_t last, uint64_t newest, bool more)
{
    struct device_open *open = LAB_OP(device_open, DEVICE_OPEN);
    open->epoch_out = LAB_EPOCH;
    open->newest_seq_out = newest;
    open->slot_out = 3;
    open->after_seq_out = first - 1;
    open->row_count_out = (size_t)(last + 1 - first);
    if (open->row_count_out) open->rows_out = lab_rows(&open->op, first, last);
    open->more_out = more;
    lab_answer(OK);
}

/* The oldest op reads a page: likewise. */
static inline void lab_answer_page(uint64_t first, uint64_t last, uint64_t newest, bool more)
{
    struct inbox_page *page = LAB_OP(inbox_page, INBOX_PAGE);
    page->epoch_out = LAB_EPOCH;
    page->newest_seq_out = newest;
    page->row_count_out = (size_t)(last + 1 - first);
    if (page->row_count_out) page->rows_out = lab_rows(&page->op, first, last);
    page->more_out = more;
    lab_answer(OK);
}

/* --- the protocol --- */

static inline struct call *call_of(struct transport *transport)
{
    return container_of(transport, struct call, transport);
}
static inline void call_reply(struct transport *transport)
{
    call_of(transport)->replies++;
}
static inline void call_stream_open(struct transport *transport)
{
    call_of(transport)->opens++;
}
static inline bool call_stream_write(struct transport *transport, struct str bytes)
{
    struct call *call = call_of(transport);
    assert_int_equal(call->opens, 1);
    assert_int_equal(call->ends, 0);
    assert_false(call->is_full);
    assert_true(bytes.len > 0);
    assert_int_equal(buf_add(&call->sent, bytes), OK);
    call->is_full = call->is_clogged;
    return !call->is_full;
}
static inline void call_stream_end(struct transport *transport)
{
    call_of(transport)->ends++;
}
static const struct transport_ops call_ops = {call_reply, call_stream_open, call_stream_write,
                                              call_stream_end};

/* The socket takes bytes again. */
static inline void call_drains(struct call *call)
{
    call->is_clogged = call->is_full = false;
    if (call->ex->writable) call->ex->writable(call->ex);
}

static inline void call_leaves(struct call *call)
{
    exchange_client_gone(call->ex);
}

/* Nothing keeps the exchange but its transport. */
static inline bool call_is_over(const struct call *call)
{
    return call->ex->holds == 1;
}

static inline enum method call_method(struct str name)
{
    static const struct {
        struct str name;
        enum method method;
    } methods[] = {{STR("GET"), METHOD_GET},
                   {STR("POST"), METHOD_POST},
                   {STR("PUT"), METHOD_PUT},
                   {STR("DELETE"), METHOD_DELETE}};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (str_equal(name, methods[i].name)) return methods[i].method;
    fail_msg("no method");
    return METHOD_OTHER;
}

static inline void call_read_head(struct call *call, const char *head)
{
    struct exchange *ex = call->ex;
    struct request *request = &ex->request;
    struct str rest = arena_str(&ex->arena, str_from_c(head)), first = str_cut(&rest, '\n');
    unsigned methods;
    request->method = call_method(str_cut(&first, ' '));
    request->target = request->query = first;
    request->path = str_cut(&request->query, '?');
    request->version = 11;
    request->headers = call->headers;
    while (rest.ptr) {
        struct header *header = &call->headers[request->header_count++];
        assert_true(request->header_count <= LAB_HEADERS_MAX);
        header->value = str_cut(&rest, '\n');
        header->name = str_cut(&header->value, ':');
        header->value = str_trim(header->value);
    }
    assert_int_equal(router_find(request->method, request->path, lab.app.api.is_admin, true,
                                 &ex->route, ex->params, &methods),
                     OK);
}

/* A call that has passed the guard and waits for its handler. Heads are written as in the protocol,
 * without a version: "GET /chat/app/sync?wait=1\nPrefer: wait=2". */
static inline struct call *lab_call_new(const char *head, const char *body)
{
    assert_true(lab.call_count < LAB_CALLS_MAX);
    struct call *call = &lab.calls[lab.call_count++];
    *call = (struct call){.transport.ops = &call_ops};
    struct exchange *ex = call->ex = exchange_new(&lab.app.api, &call->transport);
    buf_init(&call->sent, 64 * 1024 * 1024);
    call_read_head(call, head);
    ex->body.len_max = 128 * 1024;
    assert_int_equal(buf_add(&ex->body, str_from_c(body)), OK);
    ex->request_id = STR("lab");
    ex->caller.user_id = arena_str(&ex->arena, lab.user_id);
    ex->caller.device_id = arena_str(&ex->arena, lab.device_id);
    ex->caller.expires_at_s = lab.expires_at_s;
    exchange_enter(ex, EX_HANDLING);
    return call;
}

/* The same up to where its handler returns. */
static inline struct call *lab_call(const char *head, const char *body)
{
    struct call *call = lab_call_new(head, body);
    lab.app.api.handlers[call->ex->route->id](call->ex);
    return call;
}

/* --- what listeners hear --- */

static inline void ear_told(struct listener *listener UNUSED) {}
static inline void ear_dismissed(struct listener *listener, enum dismissal why)
{
    struct ear *ear = container_of(listener, struct ear, listener);
    ear->dismissals++;
    ear->why = why;
}

/* Hears what is published to the user after seq. */
static inline void ear_open(struct ear *ear, const char *user_id, const char *device_id,
                            uint64_t seq)
{
    *ear = (struct ear){.listener = {.user_id = str_from_c(user_id),
                                     .device_id = str_from_c(device_id),
                                     .ready = ear_told,
                                     .woken = ear_told,
                                     .dismissed = ear_dismissed}};
    hub_join(lab.app.api.hub, &ear->listener);
    lab_turn(1);
    hub_go_live(lab.app.api.hub, &ear->listener, LAB_EPOCH, seq);
}
static inline void ear_close(struct ear *ear)
{
    hub_leave(lab.app.api.hub, &ear->listener);
}
/* The next event's frame is this; NULL: there is none. */
static inline void assert_heard(struct ear *ear, const char *json)
{
    struct event *event = mailbox_pop(&ear->listener.mailbox);
    struct str heard = event ? event_json(event) : STR("silence");
    struct str want = json ? str_from_c(json) : STR("silence");
    if (!str_equal(heard, want)) fail_msg("%.*s is not %.*s", STR_FMT(heard), STR_FMT(want));
    event_release(event);
}
/* A message for a user, as another's send publishes it. */
static inline void lab_publish_row(const char *user_id, enum inbox_kind kind, uint32_t epoch,
                                   uint64_t seq)
{
    char text[128];
    struct buf sse;
    buf_init(&sse, 1024);
    int len = snprintf(text, sizeof(text), "{\"seq\":%llu}", (unsigned long long)seq);
    assert_int_equal(buf_printf(&sse, "id: %u.%llu\nevent: x\ndata: %s\n\n", epoch,
                                (unsigned long long)seq, text),
                     OK);
    struct event *event = event_new(&(struct event_parts){
        .epoch = epoch,
        .seq = seq,
        .is_message = kind == INBOX_MESSAGE,
        .message_id = STR(LAB_ID_1),
        .sse = buf_str(&sse),
        .json = str_of(sse.bytes + sse.len - 2 - (size_t)len, (size_t)len),
    });
    hub_publish(lab.app.api.hub, str_from_c(user_id), event);
    event_release(event);
    buf_done(&sse);
}
static inline void lab_publish(const char *user_id, uint64_t seq)
{
    lab_publish_row(user_id, INBOX_MESSAGE, LAB_EPOCH, seq);
}

/* --- opening and closing --- */

static inline void lab_kicked(struct app *app, struct str group_id)
{
    assert_ptr_equal(app, &lab.app);
    snprintf(lab.kicked, sizeof(lab.kicked), "%.*s", STR_FMT(group_id));
}
static inline bool lab_is_well(struct app *app, struct buf *why_out)
{
    assert_ptr_equal(app, &lab.app);
    if (!lab.is_well) assert_int_equal(buf_add(why_out, STR("a fault\n")), OK);
    return lab.is_well;
}

static inline int lab_open(void **state UNUSED)
{
    struct buf why;
    lab = (struct lab){.user_id = STR("ann"), .device_id = STR("phone")};
    buf_init(&why, 1024);
    config_init(&lab.config);
    lab.config.dev = true;
    lab.hall = relay_hall_new();
    list_init(&lab.app.deliveries);
    lab.app.lease_owner = STR("this-process");
    lab.app.group_changed = lab_kicked;
    lab.app.is_live = lab.app.is_ready = lab_is_well;
    clock_wall_set(LAB_NOW_MS);
    lab.expires_at_s = LAB_NOW_MS / 1000 + 3600;
    assert_int_equal(loop_open(&lab.loop), OK);
    assert_int_equal(auth_open(&lab.config, &lab.auth, &why), OK);
    lab.app.api = (struct api){.config = &lab.config,
                               .loop = lab.loop,
                               .auth = lab.auth,
                               .known = users_known_new(),
                               .handlers = handlers_table};
    assert_int_equal(hub_open(lab.loop, &lab.config, lab.hall, &lab.app.api.hub), OK);
    buf_done(&why);
    return 0;
}

/* Clients that still wait leave, what the store still has fails: then nothing may be left. */
static inline int lab_close(void **state UNUSED)
{
    for (size_t i = 0; i < lab.call_count; i++)
        if (lab.calls[i].ex->state < EX_REPLYING || lab.calls[i].ex->state == EX_STREAMING)
            call_leaves(&lab.calls[i]);
    while (lab.op_count)
        lab_answer(ERR_UNAVAILABLE);
    for (size_t i = 0; i < lab.call_count; i++) {
        assert_true(call_is_over(&lab.calls[i]));
        exchange_release(lab.calls[i].ex);
        buf_done(&lab.calls[i].sent);
    }
    assert_true(list_is_empty(&lab.app.deliveries));
    assert_int_equal(hub_listener_count(lab.app.api.hub), 0);
    assert_int_equal(metrics_value(METRIC_STREAMS) + metrics_value(METRIC_POLLS), 0);
    hub_close(lab.app.api.hub);
    users_known_free(lab.app.api.known);
    auth_close(lab.auth);
    loop_close(lab.loop);
    relay_hall_free(lab.hall);
    config_done(&lab.config);
    clock_wall_set(0);
    return 0;
}
#define LAB_CASE(test) cmocka_unit_test_setup_teardown(test, lab_open, lab_close)

/* --- what is asserted --- */

static inline void assert_str(struct str s, const char *want)
{
    if (!str_equal(s, str_from_c(want))) fail_msg("\"%.*s\" is not \"%s\"", STR_FMT(s), want);
}

static inline bool str_holds(struct str s, const char *part)
{
    return s.len && memmem(s.ptr, s.len, part, strlen(part)) != NULL;
}

static inline bool call_sent(const struct call *call, const char *part)
{
    return str_holds(buf_str(&call->sent), part);
}

/* How often `part` was written to the stream. */
static inline int call_sent_count(const struct call *call, const char *part)
{
    struct str rest = buf_str(&call->sent);
    int count = 0;
    for (const char *at; rest.len && (at = memmem(rest.ptr, rest.len, part, strlen(part))); count++)
        rest = str_from(rest, (size_t)(at - rest.ptr) + 1);
    return count;
}

static inline struct str call_body(const struct call *call)
{
    return buf_str(&call->ex->reply.body);
}

/* One answer went out, with this status and exactly this body; nothing holds the exchange. */
static inline void assert_reply(const struct call *call, int status, const char *body)
{
    assert_int_equal(call->replies, 1);
    assert_true(call_is_over(call));
    assert_str(call_body(call), body);
    assert_int_equal(call->ex->reply.status, status);
}

/* One problem document went out; `pointer`, if not NULL, stands among its errors. */
static inline void assert_problem(const struct call *call, enum err err, const char *pointer)
{
    char want[256];
    assert_int_equal(call->replies, 1);
    assert_true(call_is_over(call));
    snprintf(want, sizeof(want), "\"code\":\"%s\"", err_code(err));
    if (!str_holds(call_body(call), want))
        fail_msg("not %s: %.*s", err_code(err), STR_FMT(call_body(call)));
    assert_int_equal(call->ex->reply.status, err_status(err));
    snprintf(want, sizeof(want), "{\"pointer\":\"%s\",", pointer ? pointer : "");
    if (pointer && !str_holds(call_body(call), want))
        fail_msg("no %s: %.*s", want, STR_FMT(call_body(call)));
}

static inline void assert_field(const struct call *call, const char *line)
{
    if (!str_holds(buf_str(&call->ex->reply.fields), line))
        fail_msg("no %s: %.*s", line, STR_FMT(buf_str(&call->ex->reply.fields)));
}

/* The outcomes that every handler passes on as they are: how the call ends in each. */
static inline void assert_outcomes_pass(const char *head, const char *body, const enum err *errs,
                                        size_t err_count)
{
    for (size_t i = 0; i < err_count; i++) {
        struct call *call = lab_call(head, body);
        assert_int_equal(call->replies, 0);
        lab_answer(errs[i]);
        assert_problem(call, errs[i], NULL);
    }
}

/* A full queue is answered at once, and a client that leaves while the store works gets nothing. */
static inline void assert_awaits_well(const char *head, const char *body)
{
    lab.submit_err = ERR_BUSY;
    assert_problem(lab_call(head, body), ERR_BUSY, NULL);
    lab.submit_err = OK;
    static const enum err errs[] = {ERR_UNAVAILABLE, ERR_UNCERTAIN};
    assert_outcomes_pass(head, body, errs, ARRAY_LEN(errs));
    struct call *call = lab_call(head, body);
    call_leaves(call);
    lab_answer(ERR_UNAVAILABLE);
    assert_int_equal(call->replies, 0);
    assert_true(call_is_over(call));
}
