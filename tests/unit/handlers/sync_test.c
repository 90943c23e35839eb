/* A poll's life: answered at once, held, parked, displaced, and each of its ends. */
#include "db/acks.h"
#include "handlers/delivery.h"
#include "handlers/resources.h"
#include "tests/unit/handlers/lab.h"

static const char *const wait_head = "GET /chat/app/sync?cursor=7.40&wait=50";

/* An inbox that ends at 40, with nothing new in it. */
static void answer_empty(void)
{
    lab_answer_open(41, 40, 40, false);
}

static struct call *poll_asked(const char *head)
{
    struct call *call = lab_call(head, NULL);
    LAB_UNTIL(lab.op_count > 0);
    return call;
}

/* A poll that is parked after seq 40. */
static struct call *poll_parked(void)
{
    struct call *call = poll_asked(wait_head);
    answer_empty();
    assert_int_equal(call->replies, 0);
    return call;
}

static void assert_answer(struct call *call, const char *body)
{
    LAB_UNTIL(call->replies > 0);
    assert_reply(call, 200, body);
}

/* How the answer ends, whatever its events. */
static void assert_answer_ends(struct call *call, const char *end)
{
    LAB_UNTIL(call->replies > 0);
    struct str body = call_body(call);
    assert_str(str_from(body, body.len - MIN(body.len, strlen(end))), end);
    assert_true(call_is_over(call));
}

/* --- the request --- */

static void test_poll_without_wait_reads_at_once(void **state UNUSED)
{
    struct call *call = lab_call("GET /chat/app/sync?cursor=7.40", NULL);
    struct device_open *open = LAB_OP(device_open, DEVICE_OPEN); /* no turn of the loop needed */
    assert_string_equal(lab.key, "ann");
    assert_str(open->user_id, "ann");
    assert_str(open->device_id, "phone");
    assert_int_equal(open->cursor, CURSOR_AT);
    assert_int_equal(open->epoch, 7);
    assert_int_equal(open->seq, 40);
    assert_int_equal(open->limit, 100);
    assert_int_equal(metrics_value(METRIC_POLLS), 1);
    answer_empty();
    assert_answer(call, "{\"events\":[],\"cursor\":\"7.40\",\"more\":false,\"superseded\":false}");
    assert_int_equal(metrics_value(METRIC_POLLS), 0);
}

static void test_limit_is_clamped(void **state UNUSED)
{
    static const struct {
        const char *head;
        size_t limit;
    } cases[] = {
        {"GET /chat/app/sync?limit=1", 1},
        {"GET /chat/app/sync?limit=0", 1},
        {"GET /chat/app/sync?limit=-3", 1},
        {"GET /chat/app/sync?limit=500", 500},
        {"GET /chat/app/sync?limit=501", 500},
        {"GET /chat/app/sync?limit=99999999999999999999999", 500},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct call *call = poll_asked(cases[i].head);
        assert_int_equal(LAB_OP(device_open, DEVICE_OPEN)->limit, cases[i].limit);
        call_leaves(call);
        lab_answer(OK);
    }
}

static void test_what_is_no_number_is_named(void **state UNUSED)
{
    static const struct {
        const char *head, *pointer;
    } cases[] = {
        {"GET /chat/app/sync?limit=x", "limit"},
        {"GET /chat/app/sync?limit=", "limit"},
        {"GET /chat/app/sync?limit=-", "limit"},
        {"GET /chat/app/sync?limit=1&limit=2", "limit"},
        {"GET /chat/app/sync?wait=1.5", "wait"},
        {"GET /chat/app/sync?wait=0&wait=0", "wait"},
        {"GET /chat/app/sync?cursor=7.1&cursor=7.1", "cursor"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_problem(lab_call(cases[i].head, NULL), ERR_FIELD, cases[i].pointer);
    struct call *call = lab_call("GET /chat/app/sync?limit=x&wait=y", NULL);
    assert_problem(call, ERR_FIELD, "limit");
    assert_problem(call, ERR_FIELD, "wait");
    assert_int_equal(lab.submits, 0);
}

static void test_prefer_wait_is_applied_unless_wait_is_given(void **state UNUSED)
{
    static const struct {
        const char *head, *applied;
    } cases[] = {
        {"GET /chat/app/sync\nPrefer: wait=2", "Preference-Applied: wait=2\r\n"},
        {"GET /chat/app/sync\nPrefer: respond-async, Wait = 2", "Preference-Applied: wait=2\r\n"},
        {"GET /chat/app/sync\nPrefer: wait=99", "Preference-Applied: wait=50\r\n"},
        {"GET /chat/app/sync?wait=0\nPrefer: wait=2", NULL},
        {"GET /chat/app/sync\nPrefer: wait", NULL},
        {"GET /chat/app/sync\nPrefer: wait=soon", NULL},
        {"GET /chat/app/sync\nPrefer: return=minimal", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct call *call = lab_call(cases[i].head, NULL);
        if (cases[i].applied)
            assert_field(call, cases[i].applied);
        else
            assert_false(str_holds(buf_str(&call->ex->reply.fields), "Preference-Applied"));
        assert_int_equal(lab.op_count, cases[i].applied ? 0 : 1); /* who waits joins first */
        call_leaves(call);
        while (lab.op_count)
            lab_answer(OK);
    }
}

/* --- answers of the store --- */

static void test_rows_are_the_answer(void **state UNUSED)
{
    struct call *call = poll_asked("GET /chat/app/sync?cursor=7.40");
    lab_answer_open(41, 41, 44, false);
    assert_answer(call, "{\"events\":[{\"type\":\"incoming_message\",\"message_id\":\"" LAB_ID_1
                        "\",\"sender_id\":\"bob\",\"content\":\"text 41.\",\"timestamp\":1700000000"
                        ",\"timestamp_ms\":1700000000123,\"device_id\":\"pad\",\"cursor\":\"7.41\"}"
                        "],\"cursor\":\"7.44\",\"more\":false,\"superseded\":false}");
}

static void test_page_that_is_full_says_more(void **state UNUSED)
{
    struct call *call = poll_asked("GET /chat/app/sync?limit=2");
    lab_answer_open(1, 2, 44, true);
    assert_answer_ends(call, "}],\"cursor\":\"7.2\",\"more\":true,\"superseded\":false}");
}

static void test_answer_is_bounded_in_bytes(void **state UNUSED)
{
    enum { LEN = 60 * 1024, ROWS = 100 };
    struct call *call = poll_asked("GET /chat/app/sync?cursor=7.0");
    struct device_open *open = LAB_OP(device_open, DEVICE_OPEN);
    char *text = arena_alloc(&open->op.results, LEN);
    memset(text, 'x', LEN);
    open->epoch_out = LAB_EPOCH;
    open->newest_seq_out = open->row_count_out = ROWS;
    open->rows_out = lab_rows(&open->op, 1, ROWS);
    for (size_t i = 0; i < ROWS; i++)
        open->rows_out[i].content = str_of(text, LEN);
    lab_answer(OK);
    assert_true(call_body(call).len > 4 * 1024 * 1024);
    assert_true(call_body(call).len < 4 * 1024 * 1024 + 2 * LEN);
    assert_answer_ends(call, "}],\"cursor\":\"7.69\",\"more\":true,\"superseded\":false}");
}

static void test_useless_cursor_is_answered_by_reset_and_all(void **state UNUSED)
{
    struct call *call = poll_asked("GET /chat/app/sync?cursor=x&wait=50");
    assert_int_equal(LAB_OP(device_open, DEVICE_OPEN)->cursor, CURSOR_UNKNOWN);
    LAB_OP(device_open, DEVICE_OPEN)->reset_out = RESET_UNKNOWN_CURSOR;
    answer_empty();
    assert_answer(call, "{\"events\":[{\"type\":\"reset\",\"reason\":\"unknown_cursor\"}],"
                        "\"cursor\":\"7.40\",\"more\":false,\"superseded\":false}");
    call = poll_asked("GET /chat/app/sync?cursor=6.9");
    LAB_OP(device_open, DEVICE_OPEN)->reset_out = RESET_EPOCH;
    lab_answer_open(1, 1, 1, false);
    assert_true(str_holds(call_body(call), "{\"events\":[{\"type\":\"reset\",\"reason\":\"epoch\"},"
                                           "{\"type\":\"incoming_message\","));
    assert_answer_ends(call, "}],\"cursor\":\"7.1\",\"more\":false,\"superseded\":false}");
}

static void test_outcomes_of_the_store_are_passed_on(void **state UNUSED)
{
    static const enum err errs[] = {ERR_UNAVAILABLE, ERR_UNCERTAIN, ERR_TOO_MANY_DEVICES};
    assert_outcomes_pass("GET /chat/app/sync", NULL, errs, ARRAY_LEN(errs));
    lab.submit_err = ERR_BUSY;
    assert_problem(lab_call("GET /chat/app/sync", NULL), ERR_BUSY, NULL);
    struct call *call = lab_call(wait_head, NULL);
    LAB_UNTIL(call->replies > 0);
    assert_problem(call, ERR_BUSY, NULL);
}

/* --- waiting --- */

static void test_waiting_poll_ends_with_the_first_event(void **state UNUSED)
{
    struct call *call = poll_parked();
    lab_publish("ann", 41);
    assert_answer(call, "{\"events\":[{\"seq\":41}],\"cursor\":\"7.41\",\"more\":false,"
                        "\"superseded\":false}");
}

static void test_event_between_read_and_park_is_not_lost(void **state UNUSED)
{
    struct call *call = poll_asked(wait_head);
    lab_publish("ann", 41);
    answer_empty();
    assert_answer_ends(call, "[{\"seq\":41}],\"cursor\":\"7.41\",\"more\":false,"
                             "\"superseded\":false}");
}

static void test_limit_bounds_what_a_mailbox_gives(void **state UNUSED)
{
    struct call *call = poll_asked("GET /chat/app/sync?cursor=7.40&wait=50&limit=2");
    answer_empty();
    for (uint64_t seq = 41; seq <= 43; seq++)
        lab_publish("ann", seq);
    assert_answer(call, "{\"events\":[{\"seq\":41},{\"seq\":42}],\"cursor\":\"7.42\",\"more\":true,"
                        "\"superseded\":false}");
}

static void test_deadline_is_answered_empty(void **state UNUSED)
{
    struct call *call = poll_asked("GET /chat/app/sync?cursor=7.40&wait=1");
    int64_t asked_ms = clock_mono_ms();
    answer_empty();
    assert_answer(call, "{\"events\":[],\"cursor\":\"7.40\",\"more\":false,\"superseded\":false}");
    assert_true(clock_mono_ms() - asked_ms >= 990);
}

static void test_poll_that_is_behind_reads_a_page(void **state UNUSED)
{
    struct call *call = poll_parked();
    lab_publish("ann", 42);
    LAB_UNTIL(lab.op_count > 0);
    struct inbox_page *page = LAB_OP(inbox_page, INBOX_PAGE);
    assert_int_equal(page->after_seq, 40);
    assert_int_equal(page->slot, 3);
    assert_int_equal(page->limit, 100);
    lab_answer_page(41, 42, 42, false);
    assert_answer_ends(call, "}],\"cursor\":\"7.42\",\"more\":false,\"superseded\":false}");
}

static void test_page_without_rows_waits_on(void **state UNUSED)
{
    struct call *call = poll_parked();
    lab_publish("ann", 42);
    LAB_UNTIL(lab.op_count > 0);
    lab_answer_page(43, 42, 42, false);
    assert_int_equal(call->replies, 0);
    lab_publish("ann", 43);
    assert_answer_ends(call, "[{\"seq\":43}],\"cursor\":\"7.43\",\"more\":false,"
                             "\"superseded\":false}");
}

static void test_page_of_another_epoch_is_a_reset(void **state UNUSED)
{
    struct call *call = poll_parked();
    lab_publish("ann", 42);
    LAB_UNTIL(lab.op_count > 0);
    LAB_OP(inbox_page, INBOX_PAGE)->epoch_out = 8;
    LAB_OP(inbox_page, INBOX_PAGE)->newest_seq_out = 2;
    lab_answer(OK);
    assert_answer(call, "{\"events\":[{\"type\":\"reset\",\"reason\":\"epoch\"}],\"cursor\":\"8.2\""
                        ",\"more\":false,\"superseded\":false}");
}

static void test_page_that_fails_is_a_problem(void **state UNUSED)
{
    struct call *call = poll_parked();
    lab_publish("ann", 42);
    LAB_UNTIL(lab.op_count > 0);
    lab_answer(ERR_UNAVAILABLE);
    assert_problem(call, ERR_UNAVAILABLE, NULL);
    lab.user_id = STR("eve");
    call = poll_parked();
    lab.submit_err = ERR_BUSY;
    lab_publish("eve", 42);
    LAB_UNTIL(call->replies > 0);
    assert_problem(call, ERR_BUSY, NULL);
}

/* --- without the store --- */

static void test_poll_with_the_newest_cursor_parks_without_the_store(void **state UNUSED)
{
    call_leaves(poll_parked());
    int submits = lab.submits;
    struct call *call = lab_call(wait_head, NULL);
    lab_turn(3);
    lab_publish("ann", 41);
    assert_answer_ends(call, "[{\"seq\":41}],\"cursor\":\"7.41\",\"more\":false,"
                             "\"superseded\":false}");
    assert_int_equal(lab.submits, submits);
}

static void test_any_other_poll_asks_the_store(void **state UNUSED)
{
    static const char *const heads[] = {"GET /chat/app/sync?cursor=7.39&wait=50",
                                        "GET /chat/app/sync?cursor=8.40&wait=50",
                                        "GET /chat/app/sync?wait=50"};
    call_leaves(poll_parked());
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        struct call *call = poll_asked(heads[i]);
        call_leaves(call);
        lab_answer(OK);
    }
    lab.device_id = STR("pad"); /* was not opened yet */
    call_leaves(poll_asked(wait_head));
}

static void test_poll_that_moved_past_receipts_confirms_them(void **state UNUSED)
{
    struct call *call = poll_parked();
    lab_publish_row("ann", INBOX_RECEIPT, LAB_EPOCH, 41);
    LAB_UNTIL(call->replies > 0);
    struct call *next = lab_call("GET /chat/app/sync?cursor=7.41&wait=50", NULL);
    struct ack_add *add = LAB_OP(ack_add, ACK_ADD);
    assert_int_equal(add->form, ACK_PASSED);
    assert_str(add->user_id, "ann");
    assert_str(add->device_id, "phone");
    assert_int_equal(add->epoch, 7);
    assert_int_equal(add->seq, 41);
    assert_int_equal(add->now_ms, LAB_NOW_MS);
    call_leaves(next);
    lab_answer(OK); /* it needs nobody */
    next = lab_call("GET /chat/app/sync?cursor=7.41&wait=50", NULL);
    assert_int_equal(lab.op_count, 0); /* once is enough */
    call_leaves(next);
}

/* --- wait=0, again and again --- */

static void test_same_cursor_again_is_held_for_the_rest_of_a_second(void **state UNUSED)
{
    poll_asked("GET /chat/app/sync?cursor=7.40");
    answer_empty();
    int64_t empty_ms = clock_mono_ms();
    struct call *call = lab_call("GET /chat/app/sync?cursor=7.40", NULL);
    lab_turn(5);
    assert_int_equal(lab.op_count, 0);
    LAB_UNTIL(lab.op_count > 0);
    assert_true(clock_mono_ms() - empty_ms >= 990);
    lab_answer_open(41, 41, 41, false);
    assert_answer_ends(call, "}],\"cursor\":\"7.41\",\"more\":false,\"superseded\":false}");
}

static void test_newer_cursor_and_first_call_are_not_held(void **state UNUSED)
{
    poll_asked("GET /chat/app/sync?cursor=7.40");
    answer_empty();
    call_leaves(poll_asked("GET /chat/app/sync?cursor=7.41"));
    lab_answer(OK);
    lab.device_id = STR("pad");
    call_leaves(poll_asked("GET /chat/app/sync?cursor=7.40"));
}

static void test_client_may_leave_while_held(void **state UNUSED)
{
    poll_asked("GET /chat/app/sync?cursor=7.40");
    answer_empty();
    struct call *call = lab_call("GET /chat/app/sync?cursor=7.40", NULL);
    call_leaves(call);
    assert_true(call_is_over(call));
    assert_int_equal(lab.op_count, 0);
}

/* --- ends --- */

static void test_newer_waiting_poll_supersedes_the_older(void **state UNUSED)
{
    struct call *old = poll_parked();
    struct call *newer = lab_call(wait_head, NULL);
    assert_answer(old, "{\"events\":[],\"cursor\":\"7.40\",\"more\":false,\"superseded\":true}");
    assert_int_equal(newer->replies, 0);
}

static void test_poll_superseded_before_its_read_gives_its_cursor_back(void **state UNUSED)
{
    call_leaves(poll_parked()); /* so that the next parks at once */
    struct call *old = poll_asked("GET /chat/app/sync?cursor=7.12&wait=50");
    struct call *newer = lab_call(wait_head, NULL);
    assert_answer(old, "{\"events\":[],\"cursor\":\"7.12\",\"more\":false,\"superseded\":true}");
    lab_answer(OK); /* nobody waits for it */
    assert_int_equal(newer->replies, 0);
}

static void test_poll_without_wait_displaces_nothing(void **state UNUSED)
{
    struct call *waiting = poll_parked();
    poll_asked("GET /chat/app/sync?cursor=7.40");
    answer_empty();
    lab_turn(3);
    assert_int_equal(waiting->replies, 0);
}

static void test_stream_and_poll_do_not_displace_each_other(void **state UNUSED)
{
    struct call *poll = poll_parked();
    struct call *stream = lab_call("GET /chat/app/stream?cursor=7.40", NULL);
    LAB_UNTIL(lab.op_count > 0);
    answer_empty();
    lab_turn(3);
    assert_int_equal(poll->replies, 0);
    assert_int_equal(stream->ends, 0);
}

static void test_forgotten_device_gets_an_empty_answer(void **state UNUSED)
{
    struct call *call = poll_parked();
    hub_dismiss(lab.app.api.hub, STR("ann"), STR("phone"), DISMISSED_FORGOTTEN);
    assert_answer(call, "{\"events\":[],\"cursor\":\"7.40\",\"more\":false,\"superseded\":false}");
}

static void test_drain_ends_parked_polls(void **state UNUSED)
{
    struct call *call = poll_parked();
    delivery_drain_all(&lab.app, 10);
    assert_answer(call, "{\"events\":[],\"cursor\":\"7.40\",\"more\":false,\"superseded\":false}");
}

static void test_drain_ends_a_poll_that_is_reading(void **state UNUSED)
{
    struct call *call = poll_asked(wait_head);
    delivery_drain_all(&lab.app, 10);
    answer_empty();
    assert_answer(call, "{\"events\":[],\"cursor\":\"7.40\",\"more\":false,\"superseded\":false}");
}

static void test_drain_ends_a_poll_that_is_catching_up(void **state UNUSED)
{
    struct call *call = poll_parked();
    lab_publish("ann", 42);
    LAB_UNTIL(lab.op_count > 0);
    delivery_drain_all(&lab.app, 10);
    lab_answer_page(43, 42, 42, false);
    LAB_UNTIL(call->replies > 0);
    assert_answer(call, "{\"events\":[],\"cursor\":\"7.42\",\"more\":false,\"superseded\":false}");
}

static void test_draining_server_does_not_let_polls_wait(void **state UNUSED)
{
    lab.app.api.is_draining = true;
    struct call *call = lab_call(wait_head, NULL);
    assert_int_equal(lab.op_count, 1);
    answer_empty();
    assert_answer(call, "{\"events\":[],\"cursor\":\"7.40\",\"more\":false,\"superseded\":false}");
    assert_true(call->ex->reply.must_close);
}

static void test_client_may_leave_at_any_moment(void **state UNUSED)
{
    struct call *call = lab_call(wait_head, NULL);
    call_leaves(call); /* joining */
    lab_turn(2);
    assert_int_equal(lab.submits, 0);
    call = poll_asked(wait_head);
    call_leaves(call); /* opening */
    lab_answer_open(41, 41, 41, false);
    assert_int_equal(call->replies, 0);
    lab.user_id = STR("eve");
    call = poll_parked();
    lab_publish("eve", 42);
    LAB_UNTIL(lab.op_count > 0);
    call_leaves(call); /* catching up */
    lab_answer(OK);
    assert_int_equal(call->replies, 0);
    assert_true(call_is_over(call));
    sync_get(call->ex); /* gone before the handler: nothing is opened */
    assert_true(call_is_over(call));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_CASE(test_poll_without_wait_reads_at_once),
        LAB_CASE(test_limit_is_clamped),
        LAB_CASE(test_what_is_no_number_is_named),
        LAB_CASE(test_prefer_wait_is_applied_unless_wait_is_given),
        LAB_CASE(test_rows_are_the_answer),
        LAB_CASE(test_page_that_is_full_says_more),
        LAB_CASE(test_answer_is_bounded_in_bytes),
        LAB_CASE(test_useless_cursor_is_answered_by_reset_and_all),
        LAB_CASE(test_outcomes_of_the_store_are_passed_on),
        LAB_CASE(test_waiting_poll_ends_with_the_first_event),
        LAB_CASE(test_event_between_read_and_park_is_not_lost),
        LAB_CASE(test_limit_bounds_what_a_mailbox_gives),
        LAB_CASE(test_deadline_is_answered_empty),
        LAB_CASE(test_poll_that_is_behind_reads_a_page),
        LAB_CASE(test_page_without_rows_waits_on),
        LAB_CASE(test_page_of_another_epoch_is_a_reset),
        LAB_CASE(test_page_that_fails_is_a_problem),
        LAB_CASE(test_poll_with_the_newest_cursor_parks_without_the_store),
        LAB_CASE(test_any_other_poll_asks_the_store),
        LAB_CASE(test_poll_that_moved_past_receipts_confirms_them),
        LAB_CASE(test_same_cursor_again_is_held_for_the_rest_of_a_second),
        LAB_CASE(test_newer_cursor_and_first_call_are_not_held),
        LAB_CASE(test_client_may_leave_while_held),
        LAB_CASE(test_newer_waiting_poll_supersedes_the_older),
        LAB_CASE(test_poll_superseded_before_its_read_gives_its_cursor_back),
        LAB_CASE(test_poll_without_wait_displaces_nothing),
        LAB_CASE(test_stream_and_poll_do_not_displace_each_other),
        LAB_CASE(test_forgotten_device_gets_an_empty_answer),
        LAB_CASE(test_drain_ends_parked_polls),
        LAB_CASE(test_drain_ends_a_poll_that_is_reading),
        LAB_CASE(test_drain_ends_a_poll_that_is_catching_up),
        LAB_CASE(test_draining_server_does_not_let_polls_wait),
        LAB_CASE(test_client_may_leave_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
