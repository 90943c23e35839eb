#include "api/problem.h"
#include "api/reply.h"
#include "base/random.h"

enum err problem_shown(enum err err)
{
    switch (err) {
    case ERR_LOST:
    case ERR_RETRY:
        return ERR_UNAVAILABLE;
    case ERR_CLOSED:
        return ERR_DRAINING;
    case OK:
    case ERR_CONFIG:
    case ERR_SYSTEM:
    case ERR_DUPLICATE:
    case ERR_COUNT:
        return ERR_INTERNAL;
    default:
        return err;
    }
}

static void problem_write_faults(struct json_out *out, const struct field_fault *fault)
{
    if (!fault) return;
    json_out_array(out, "errors");
    for (; fault; fault = fault->next) {
        json_out_object(out, NULL);
        json_out_str(out, "pointer", fault->pointer);
        json_out_str(out, "reason", fault->reason);
        json_out_close_object(out);
    }
    json_out_close_array(out);
}

void problem_write(struct exchange *ex, enum err err, struct str detail)
{
    struct json_out *out = reply_json_begin(ex);
    struct str title = str_from_c(err_title(err));
    json_out_object(out, NULL);
    json_out_str(out, "type", arena_printf(&ex->arena, "urn:parley:problem:%s", err_code(err)));
    json_out_str(out, "title", title);
    json_out_int(out, "status", err_status(err));
    json_out_str(out, "detail", detail.len ? detail : title);
    json_out_str(out, "code", str_from_c(err_code(err)));
    problem_write_faults(out, ex->faults);
    json_out_str(out, "request_id", ex->request_id);
    json_out_close_object(out);
}

/* RFC 6750, section 3.1: no error is named to a caller that showed no token. */
static void problem_field_authenticate(struct exchange *ex, enum err err)
{
    struct str challenge = STR("Bearer realm=\"parley\"");
    if (err == ERR_BAD_TOKEN) challenge = STR("Bearer realm=\"parley\", error=\"invalid_token\"");
    if (err == ERR_SCOPE) challenge = STR("Bearer realm=\"parley\", error=\"insufficient_scope\"");
    reply_field(ex, STR("WWW-Authenticate"), challenge);
}

/* Jitter: those who were refused together shall not come back together. */
static void problem_field_retry(struct exchange *ex, enum err err)
{
    if (reply_has_field(ex, STR("Retry-After"))) return;
    reply_field_int(ex, STR("Retry-After"), err == ERR_RATE ? 1 : 1 + (int64_t)random_below(5));
}

void problem_fields(struct exchange *ex, enum err err)
{
    switch (err) {
    case ERR_UNAUTHENTICATED:
    case ERR_BAD_TOKEN:
    case ERR_SCOPE:
        problem_field_authenticate(ex, err);
        break;
    case ERR_RATE:
    case ERR_BUSY:
    case ERR_UNAVAILABLE:
    case ERR_DRAINING:
    case ERR_UNCERTAIN:
        problem_field_retry(ex, err);
        break;
    case ERR_BAD_REQUEST:
    case ERR_CODING:
    case ERR_EXPECTATION:
    case ERR_REQUEST_TIMEOUT:
    case ERR_HEAD_TOO_LARGE:
        ex->reply.must_close = true; /* where the next request begins is in doubt */
        break;
    default:
        break;
    }
}
