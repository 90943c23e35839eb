/* What the tests of streams share: a stream that was asked for, one that is live, its last words.
 */
#pragma once
#include "handlers/delivery.h"
#include "handlers/resources.h"
#include "tests/unit/handlers/lab.h"

static const char *const stream_head = "GET /chat/app/stream";

/* What was sent up to now is not looked at again. */
static void forget_sent(struct call *call)
{
    buf_clear(&call->sent);
}

/* A stream that has joined and asked the store to open its device. */
static struct call *stream_asked(const char *head)
{
    struct call *call = lab_call(head, NULL);
    LAB_UNTIL(lab.op_count > 0);
    return call;
}

/* A stream that is live after seq 40. */
static struct call *stream_live(void)
{
    struct call *call = stream_asked(stream_head);
    lab_answer_open(41, 40, 40, false);
    assert_true(call_sent(call, "event: hello\n"));
    forget_sent(call);
    return call;
}

/* Whole and over, with these last words. */
static void assert_bye(struct call *call, const char *reason)
{
    char want[64];
    snprintf(want, sizeof(want), "event: bye\ndata: {\"type\":\"bye\",\"reason\":\"%s\",", reason);
    LAB_UNTIL(call->ends == 1);
    if (!call_sent(call, want)) fail_msg("not %s: %.*s", want, STR_FMT(buf_str(&call->sent)));
    assert_int_equal(call->opens, 1);
    assert_int_equal(call->replies, 0);
    assert_true(call_is_over(call));
}
