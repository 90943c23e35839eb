#include "api/reply.h"
#include "api/api.h"
#include "api/negotiate.h"
#include "api/problem.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"

enum { REPLY_FAULTS_MAX = 100 };

static bool reply_is_clean(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) return false;
    }
    return true;
}

/* The line of a field, with its CRLF; STR_NONE if there is none. */
static struct str reply_field_find(const struct buf *fields, struct str name)
{
    struct str rest = buf_str(fields);
    while (rest.ptr) {
        struct str line = str_cut(&rest, '\n'), value = line;
        struct str line_name = str_cut(&value, ':');
        if (value.ptr && str_equal_nocase(line_name, name)) return str_of(line.ptr, line.len + 1);
    }
    return STR_NONE;
}

bool reply_has_field(const struct exchange *ex, struct str name)
{
    return reply_field_find(&ex->reply.fields, name).ptr != NULL;
}

static void reply_field_drop(struct buf *fields, struct str name)
{
    struct str line = reply_field_find(fields, name);
    if (!line.ptr) return;
    size_t at = (size_t)(line.ptr - fields->bytes), end = at + line.len;
    memmove(fields->bytes + at, fields->bytes + end, fields->len - end);
    buf_truncate(fields, fields->len - line.len);
}

void reply_field(struct exchange *ex, struct str name, struct str value)
{
    struct buf *fields = &ex->reply.fields;
    assert(name.len && reply_is_clean(name));
    if (!reply_is_clean(value)) return;
    reply_field_drop(fields, name);
    size_t before = fields->len;
    enum err err = buf_add(fields, name);
    if (err == OK) err = buf_add(fields, STR(": "));
    if (err == OK) err = buf_add(fields, value);
    if (err == OK) err = buf_add(fields, STR("\r\n"));
    if (err != OK) buf_truncate(fields, before); /* no half lines; heads are capped far below */
}

void reply_field_int(struct exchange *ex, struct str name, int64_t value)
{
    reply_field(ex, name, arena_printf(&ex->arena, "%lld", (long long)value));
}

static void reply_log(const struct exchange *ex, enum log_level level, const char *event)
{
    log_event(level, event, log_str("request_id", ex->request_id),
              log_str("path", ex->request.path), log_int("status", ex->reply.status),
              log_int("us", clock_mono_us() - ex->started_us));
}

static void reply_send(struct exchange *ex, int status, const char *content_type)
{
    ex->reply.status = status;
    ex->reply.content_type = content_type;
    if (ex->api->is_draining) ex->reply.must_close = true;
    exchange_enter(ex, EX_REPLYING);
    if (log_is_on(LOG_DEBUG)) reply_log(ex, LOG_DEBUG, "replied");
    ex->transport->ops->reply(ex->transport);
}

struct json_out *reply_json_begin(struct exchange *ex)
{
    buf_clear(&ex->reply.body);
    ex->reply.json = ARENA_NEW(&ex->arena, struct json_out);
    json_out_begin(ex->reply.json, &ex->reply.body);
    return ex->reply.json;
}

void reply_json(struct exchange *ex, int status)
{
    if (ex->is_gone) return;
    if (json_out_end(ex->reply.json) != OK) {
        reply_error_detail(ex, ERR_INTERNAL, STR("the answer passes its limit"));
        return;
    }
    reply_send(ex, status, "application/json");
}

void reply_empty(struct exchange *ex, int status)
{
    if (ex->is_gone) return;
    buf_clear(&ex->reply.body);
    reply_send(ex, status, NULL);
}

void reply_text(struct exchange *ex, int status, const char *content_type, struct str body)
{
    if (ex->is_gone) return;
    buf_clear(&ex->reply.body);
    if (buf_add(&ex->reply.body, body) != OK) {
        reply_error_detail(ex, ERR_INTERNAL, STR("the answer passes its limit"));
        return;
    }
    reply_send(ex, status, content_type);
}

void reply_stream(struct exchange *ex, const char *content_type)
{
    if (ex->is_gone) return;
    ex->reply.status = 200;
    ex->reply.content_type = content_type;
    exchange_enter(ex, EX_STREAMING);
    if (log_is_on(LOG_DEBUG)) reply_log(ex, LOG_DEBUG, "streaming");
    ex->transport->ops->stream_open(ex->transport);
}

/* Our own failures are for the log; a store that is away is logged where it is noticed, not once
 * more for each request that finds it so. */
static void reply_log_problem(const struct exchange *ex, enum err shown, enum err err)
{
    log_event(shown == ERR_INTERNAL ? LOG_ERROR : LOG_DEBUG, "problem",
              log_str("request_id", ex->request_id), log_str("path", ex->request.path),
              log_c("code", err_code(shown)), log_err(err));
}

void reply_error(struct exchange *ex, enum err err)
{
    reply_error_detail(ex, err, ex->detail);
}

void reply_error_detail(struct exchange *ex, enum err err, struct str detail)
{
    if (ex->is_gone) return;
    enum err shown = problem_shown(err);
    int status = err_status(shown);
    problem_fields(ex, shown);
    problem_write(ex, shown, detail);
    enum err written = json_out_end(ex->reply.json);
    assert(written == OK); /* detail and 100 faults stay far below the reply's cap */
    metrics_add(status < 500 ? METRIC_PROBLEMS_4XX : METRIC_PROBLEMS_5XX, 1);
    reply_log_problem(ex, shown, err);
    reply_send(ex, status, negotiate_problem_type(ex));
}

/* In the order in which they were noted, which is the order of the body. */
void reply_fault(struct exchange *ex, struct str pointer, const char *reason)
{
    if (ex->fault_count == REPLY_FAULTS_MAX) return;
    ex->fault_count++;
    struct field_fault **end = &ex->faults;
    while (*end)
        end = &(*end)->next;
    *end = ARENA_NEW(&ex->arena, struct field_fault);
    (*end)->pointer = arena_str(&ex->arena, pointer);
    (*end)->reason = arena_str(&ex->arena, str_from_c(reason));
}
