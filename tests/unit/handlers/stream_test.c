/* Streams from their request to being live; stream_end_test.c goes on. */
#include "tests/unit/handlers/stream_lab.h"

/* --- opening --- */

static void test_stream_subscribes_then_opens_its_device(void **state UNUSED)
{
    struct call *call = lab_call("GET /chat/app/stream?cursor=7.41", NULL);
    assert_int_equal(lab.submits, 0);
    assert_int_equal(metrics_value(METRIC_STREAMS), 1);
    LAB_UNTIL(lab.op_count > 0);
    struct device_open *open = LAB_OP(device_open, DEVICE_OPEN);
    assert_string_equal(lab.key, "ann");
    assert_str(open->user_id, "ann");
    assert_str(open->device_id, "phone");
    assert_int_equal(open->cursor, CURSOR_AT);
    assert_int_equal(open->epoch, 7);
    assert_int_equal(open->seq, 41);
    assert_int_equal(open->limit, 200);
    assert_int_equal(call->opens, 0);
}

static void test_stream_takes_its_cursor_where_it_stands(void **state UNUSED)
{
    static const struct {
        const char *head;
        enum cursor_kind kind;
        uint64_t seq;
    } cases[] = {
        {"GET /chat/app/stream", CURSOR_NONE, 0},
        {"GET /chat/app/stream?cursor=", CURSOR_NONE, 0},
        {"GET /chat/app/stream?cursor=7.1", CURSOR_AT, 1},
        {"GET /chat/app/stream?last_event_id=7.2", CURSOR_AT, 2},
        {"GET /chat/app/stream?last_event_id=7.2&cursor=7.1", CURSOR_AT, 1},
        {"GET /chat/app/stream?cursor=7.1\nLast-Event-ID: 7.3", CURSOR_AT, 3},
        {"GET /chat/app/stream?cursor=7.1\nLast-Event-ID: ", CURSOR_AT, 1},
        {"GET /chat/app/stream?cursor=seven", CURSOR_UNKNOWN, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct call *call = stream_asked(cases[i].head);
        struct device_open *open = LAB_OP(device_open, DEVICE_OPEN);
        assert_int_equal(open->cursor, cases[i].kind);
        assert_int_equal(open->seq, cases[i].seq);
        call_leaves(call);
        lab_answer(OK);
    }
}

static void test_parameter_given_twice_is_a_fault(void **state UNUSED)
{
    assert_problem(lab_call("GET /chat/app/stream?cursor=7.1&cursor=7.2", NULL), ERR_FIELD,
                   "cursor");
    assert_problem(lab_call("GET /chat/app/stream?last_event_id=1&last_event_id=2", NULL),
                   ERR_FIELD, "last_event_id");
}

static void test_hello_and_first_page_are_one_flush(void **state UNUSED)
{
    struct call *call = stream_asked("GET /chat/app/stream?cursor=7.40");
    lab_answer_open(41, 43, 43, false);
    assert_int_equal(call->opens, 1);
    assert_string_equal(call->ex->reply.content_type, "text/event-stream");
    assert_true(call_sent(call, "event: hello\ndata: {\"type\":\"hello\",\"cursor\":\"7.40\","
                                "\"heartbeat_s\":15,\"lifetime_s\":"));
    assert_true(call_sent(call, "\"server_time\":1700000000}\n\n"
                                "id: 7.41\nevent: incoming_message\ndata: {"));
    assert_true(call_sent(call, "text 43."));
    assert_false(call_sent(call, "event: reset"));
    assert_int_equal(lab.op_count, 0);
    assert_int_equal(metrics_value(METRIC_STREAMS), 1);
}

static void test_head_forbids_caches_and_buffers(void **state UNUSED)
{
    struct call *call = lab_call(stream_head, NULL);
    assert_field(call, "Cache-Control: no-store, no-transform\r\n");
    assert_field(call, "X-Accel-Buffering: no\r\n");
}

static void test_cursor_that_is_no_good_is_told_right_after_hello(void **state UNUSED)
{
    static const struct {
        enum inbox_reset reset;
        const char *want;
    } cases[] = {
        {RESET_EPOCH, "id:\nevent: reset\ndata: {\"type\":\"reset\",\"reason\":\"epoch\"}\n\n"},
        {RESET_UNKNOWN_CURSOR,
         "id:\nevent: reset\ndata: {\"type\":\"reset\",\"reason\":\"unknown_cursor\"}\n\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct call *call = stream_asked("GET /chat/app/stream?cursor=9.9");
        LAB_OP(device_open, DEVICE_OPEN)->reset_out = cases[i].reset;
        lab_answer_open(1, 1, 1, false);
        assert_true(call_sent(call, cases[i].want));
        assert_true(call_sent(call, "text 1."));
        call_leaves(call);
    }
}

static void test_store_that_cannot_serve_gives_a_whole_stream(void **state UNUSED)
{
    static const enum err errs[] = {ERR_UNAVAILABLE, ERR_UNCERTAIN, ERR_INTERNAL};
    for (size_t i = 0; i < ARRAY_LEN(errs); i++) {
        struct call *call = stream_asked(stream_head);
        lab_answer(errs[i]);
        assert_bye(call, "busy");
    }
    lab.submit_err = ERR_BUSY;
    struct call *call = lab_call(stream_head, NULL);
    assert_bye(call, "busy");
}

static void test_seventeenth_device_is_a_problem(void **state UNUSED)
{
    struct call *call = stream_asked(stream_head);
    lab_answer(ERR_TOO_MANY_DEVICES);
    assert_problem(call, ERR_TOO_MANY_DEVICES, NULL);
}

static void test_draining_server_says_busy_at_once(void **state UNUSED)
{
    lab.app.api.is_draining = true;
    struct call *call = lab_call(stream_head, NULL);
    assert_bye(call, "busy");
    assert_int_equal(lab.submits, 0);
}

/* --- catching up and being live --- */

static void test_backlog_is_paged_until_its_end(void **state UNUSED)
{
    struct call *call = stream_asked("GET /chat/app/stream?cursor=7.0");
    lab_answer_open(1, 200, 450, true);
    struct inbox_page *page = LAB_OP(inbox_page, INBOX_PAGE);
    assert_int_equal(page->after_seq, 200);
    assert_int_equal(page->slot, 3);
    assert_int_equal(page->limit, 200);
    assert_str(page->user_id, "ann");
    lab_answer_page(201, 400, 450, true);
    assert_int_equal(LAB_OP(inbox_page, INBOX_PAGE)->after_seq, 400);
    lab_answer_page(401, 450, 450, false);
    assert_int_equal(lab.op_count, 0);
    assert_int_equal(call_sent_count(call, "event: incoming_message\n"), 450);
    lab_publish("ann", 451);
    LAB_UNTIL(call_sent(call, "{\"seq\":451}"));
    assert_int_equal(lab.op_count, 0);
}

static void test_event_between_page_and_live_is_not_lost(void **state UNUSED)
{
    struct call *call = stream_asked(stream_head);
    lab_publish("ann", 41);
    lab_answer_open(41, 40, 40, false);
    LAB_UNTIL(call_sent(call, "{\"seq\":41}"));
    assert_int_equal(lab.op_count, 0);
}

static void test_live_event_is_written_as_published(void **state UNUSED)
{
    struct call *call = stream_live();
    int64_t before = metrics_value(METRIC_PUSHED);
    lab_publish("ann", 41);
    LAB_UNTIL(call->sent.len > 0);
    assert_str(buf_str(&call->sent), "id: 7.41\nevent: x\ndata: {\"seq\":41}\n\n");
    assert_int_equal(metrics_value(METRIC_PUSHED), before + 1);
}

static void test_several_events_are_one_write(void **state UNUSED)
{
    struct call *call = stream_live();
    call->is_clogged = true; /* a second write would be a fault */
    lab_publish("ann", 41);
    lab_publish("ann", 42);
    lab_publish("ann", 43);
    LAB_UNTIL(call->sent.len > 0);
    assert_int_equal(call_sent_count(call, "event: x\n"), 3);
}

static void test_missing_seq_sends_the_stream_back_to_the_store(void **state UNUSED)
{
    struct call *call = stream_live();
    int64_t before = metrics_value(METRIC_CATCHUPS);
    lab_publish("ann", 42);
    LAB_UNTIL(lab.op_count > 0);
    assert_int_equal(LAB_OP(inbox_page, INBOX_PAGE)->after_seq, 40);
    assert_int_equal(metrics_value(METRIC_CATCHUPS), before + 1);
    lab_answer_page(41, 42, 42, false);
    assert_true(call_sent(call, "text 41."));
    forget_sent(call);
    lab_publish("ann", 43);
    LAB_UNTIL(call->sent.len > 0);
    assert_str(buf_str(&call->sent), "id: 7.43\nevent: x\ndata: {\"seq\":43}\n\n");
}

static void test_clogged_socket_is_written_to_once_and_goes_on(void **state UNUSED)
{
    struct call *call = stream_live();
    call->is_clogged = true;
    lab_publish("ann", 41);
    LAB_UNTIL(call->is_full);
    lab_publish("ann", 42);
    lab_publish("ann", 43);
    lab_turn(3);
    assert_int_equal(call_sent_count(call, "event: x\n"), 1);
    call_drains(call);
    assert_int_equal(call_sent_count(call, "event: x\n"), 3);
    call_drains(call); /* nothing is there: nothing is written */
    assert_int_equal(call_sent_count(call, "event: x\n"), 3);
}

static void test_reader_far_behind_costs_a_mailbox_and_reads_again(void **state UNUSED)
{
    struct call *call = stream_live();
    call->is_clogged = true;
    lab_publish("ann", 41);
    LAB_UNTIL(call->is_full);
    for (uint64_t seq = 42; seq <= 42 + MAILBOX_EVENTS_MAX; seq++)
        lab_publish("ann", seq);
    lab_turn(2);
    assert_int_equal(lab.op_count, 0); /* not before the socket has drained */
    call_drains(call);
    assert_int_equal(LAB_OP(inbox_page, INBOX_PAGE)->after_seq, 41);
    lab_answer_page(42, 241, 42 + MAILBOX_EVENTS_MAX, true);
    lab_answer_page(242, 42 + MAILBOX_EVENTS_MAX, 42 + MAILBOX_EVENTS_MAX, false);
    assert_int_equal(call_sent_count(call, "event: incoming_message\n"), MAILBOX_EVENTS_MAX + 1);
}

/* Five events, of which three fill a flush. */
enum { LARGE_LEN = 30 * 1024, LARGE_COUNT = 5 };

static void publish_large(void)
{
    char *text = calloc(1, LARGE_LEN + 64);
    for (uint64_t seq = 41; seq < 41 + LARGE_COUNT; seq++) {
        int at = snprintf(text, 64, "id: 7.%llu\nevent: large\ndata: ", (unsigned long long)seq);
        memset(text + at, 'x', LARGE_LEN);
        memcpy(text + at + LARGE_LEN, "\n\n", 2);
        struct str sse = str_of(text, (size_t)at + LARGE_LEN + 2);
        struct event *event = event_new(
            &(struct event_parts){.epoch = LAB_EPOCH, .seq = seq, .sse = sse, .json = sse});
        hub_publish(lab.app.api.hub, STR("ann"), event);
        event_release(event);
    }
    free(text);
}

static void test_large_events_are_flushed_in_pieces(void **state UNUSED)
{
    struct call *call = stream_live();
    publish_large();
    call->is_clogged = true;
    LAB_UNTIL(call->is_full);
    assert_int_equal(call_sent_count(call, "event: large"), 3);
    call_drains(call);
    assert_int_equal(call_sent_count(call, "event: large"), LARGE_COUNT);
}

static void test_socket_that_takes_a_whole_flush_gets_the_rest(void **state UNUSED)
{
    struct call *call = stream_live();
    publish_large();
    LAB_UNTIL(call->sent.len > 0);
    assert_int_equal(call_sent_count(call, "event: large"), LARGE_COUNT);
}

static void test_next_page_waits_for_the_socket(void **state UNUSED)
{
    struct call *call = stream_asked(stream_head);
    call->is_clogged = true;
    lab_answer_open(1, 200, 201, true);
    assert_int_equal(lab.op_count, 0);
    call_drains(call);
    lab_answer_page(201, 201, 201, false);
    assert_true(call_sent(call, "text 201."));
}

static void test_page_that_meets_a_clogged_socket_is_read_again(void **state UNUSED)
{
    lab.config.heartbeat_ms = 10;
    struct call *call = stream_asked(stream_head);
    lab_answer_open(1, 200, 201, true);
    call->is_clogged = true;
    LAB_UNTIL(call->is_full); /* by a ping, while the page is being read */
    assert_true(call_sent(call, "event: ping\n"));
    lab_answer_page(201, 201, 201, false);
    assert_false(call_sent(call, "text 201."));
    assert_int_equal(lab.op_count, 0);
    call_drains(call);
    assert_int_equal(LAB_OP(inbox_page, INBOX_PAGE)->after_seq, 200);
    lab_answer_page(201, 201, 201, false);
    assert_int_equal(call_sent_count(call, "text 201."), 1);
}

static void test_page_of_another_epoch_begins_anew(void **state UNUSED)
{
    struct call *call = stream_live();
    lab_publish("ann", 42);
    LAB_UNTIL(lab.op_count > 0);
    LAB_OP(inbox_page, INBOX_PAGE)->epoch_out = 8;
    LAB_OP(inbox_page, INBOX_PAGE)->newest_seq_out = 2;
    lab_answer(OK);
    assert_str(buf_str(&call->sent),
               "id:\nevent: reset\ndata: {\"type\":\"reset\",\"reason\":\"epoch\"}\n\n");
    struct inbox_page *page = LAB_OP(inbox_page, INBOX_PAGE);
    assert_int_equal(page->after_seq, 0);
    page->epoch_out = 8;
    page->newest_seq_out = 2;
    lab_answer(OK);
    forget_sent(call);
    lab_publish_row("ann", INBOX_MESSAGE, 8, 3);
    LAB_UNTIL(call->sent.len > 0);
    assert_str(buf_str(&call->sent), "id: 8.3\nevent: x\ndata: {\"seq\":3}\n\n");
}

static void test_page_that_fails_says_busy(void **state UNUSED)
{
    struct call *call = stream_live();
    lab_publish("ann", 42);
    LAB_UNTIL(lab.op_count > 0);
    lab_answer(ERR_UNAVAILABLE);
    assert_bye(call, "busy");
    lab.user_id = STR("eve");
    call = stream_live();
    lab.submit_err = ERR_BUSY;
    lab_publish("eve", 42);
    assert_bye(call, "busy");
}

static void test_shown_receipts_are_noted_for_confirmation(void **state UNUSED)
{
    struct call *call = stream_live();
    lab_publish_row("ann", INBOX_RECEIPT, LAB_EPOCH, 41);
    lab_publish("ann", 42);
    LAB_UNTIL(call_sent(call, "{\"seq\":42}"));
    struct hub_device *device = hub_device(lab.app.api.hub, STR("ann"), STR("phone"));
    assert_true(device->is_open);
    assert_int_equal(device->slot, 3);
    assert_int_equal(device->confirm_seq, 41);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_CASE(test_stream_subscribes_then_opens_its_device),
        LAB_CASE(test_stream_takes_its_cursor_where_it_stands),
        LAB_CASE(test_parameter_given_twice_is_a_fault),
        LAB_CASE(test_hello_and_first_page_are_one_flush),
        LAB_CASE(test_head_forbids_caches_and_buffers),
        LAB_CASE(test_cursor_that_is_no_good_is_told_right_after_hello),
        LAB_CASE(test_store_that_cannot_serve_gives_a_whole_stream),
        LAB_CASE(test_seventeenth_device_is_a_problem),
        LAB_CASE(test_draining_server_says_busy_at_once),
        LAB_CASE(test_backlog_is_paged_until_its_end),
        LAB_CASE(test_event_between_page_and_live_is_not_lost),
        LAB_CASE(test_live_event_is_written_as_published),
        LAB_CASE(test_several_events_are_one_write),
        LAB_CASE(test_missing_seq_sends_the_stream_back_to_the_store),
        LAB_CASE(test_clogged_socket_is_written_to_once_and_goes_on),
        LAB_CASE(test_reader_far_behind_costs_a_mailbox_and_reads_again),
        LAB_CASE(test_large_events_are_flushed_in_pieces),
        LAB_CASE(test_socket_that_takes_a_whole_flush_gets_the_rest),
        LAB_CASE(test_next_page_waits_for_the_socket),
        LAB_CASE(test_page_that_meets_a_clogged_socket_is_read_again),
        LAB_CASE(test_page_of_another_epoch_begins_anew),
        LAB_CASE(test_page_that_fails_says_busy),
        LAB_CASE(test_shown_receipts_are_noted_for_confirmation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
