/* The three forms of an ack, what it answers, and whom it tells. */
#include "db/acks.h"
#include "handlers/app.h"
#include "tests/unit/handlers/lab.h"

static const char *const head = "POST /chat/app/ack";

static void test_documented_form_confirms_one_message(void **state UNUSED)
{
    struct call *call = lab_call(head, "{\"type\":\"message_delivered\",\"message_id\":\"" LAB_ID_1
                                       "\",\"timestamp\":\"today\"}");
    struct ack_add *add = LAB_OP(ack_add, ACK_ADD);
    assert_string_equal(lab.key, "ann");
    assert_str(add->user_id, "ann");
    assert_str(add->device_id, "phone");
    assert_int_equal(add->form, ACK_IDS);
    assert_int_equal(add->message_id_count, 1);
    assert_str(add->message_ids[0], LAB_ID_1);
    assert_int_equal(add->now_ms, LAB_NOW_MS);
    int64_t before = metrics_value(METRIC_ACKED);
    add->acknowledged_out = 1;
    lab_answer(OK);
    assert_reply(call, 200, "{\"status\":\"success\",\"acknowledged\":1}");
    assert_int_equal(metrics_value(METRIC_ACKED), before + 1);
}

static void test_list_confirms_those_that_are_ids(void **state UNUSED)
{
    lab_call(head, "{\"message_ids\":[\"01234567-89AB-7DEF-8123-456789ABCDEF\",\"nothing\","
                   "\"a\\u0000\",\"" LAB_ID_2 "\"]}");
    struct ack_add *add = LAB_OP(ack_add, ACK_ADD);
    assert_int_equal(add->form, ACK_IDS);
    assert_int_equal(add->message_id_count, 2);
    assert_str(add->message_ids[0], LAB_ID_1); /* lower case */
    assert_str(add->message_ids[1], LAB_ID_2);
}

static void test_unknown_ids_alone_need_no_store(void **state UNUSED)
{
    struct call *call = lab_call(head, "{\"message_id\":\"nothing\"}");
    assert_reply(call, 200, "{\"status\":\"success\",\"acknowledged\":0}");
    call = lab_call(head, "{\"message_ids\":[\"nothing\"]}");
    assert_reply(call, 200, "{\"status\":\"success\",\"acknowledged\":0}");
    assert_int_equal(lab.submits, 0);
}

static void test_cursor_confirms_all_up_to_it(void **state UNUSED)
{
    struct call *call = lab_call(head, "{\"up_to\":\"7.41\"}");
    struct ack_add *add = LAB_OP(ack_add, ACK_ADD);
    assert_int_equal(add->form, ACK_UP_TO);
    assert_int_equal(add->epoch, 7);
    assert_int_equal(add->seq, 41);
    add->acknowledged_out = 12;
    lab_answer(OK);
    assert_reply(call, 200, "{\"status\":\"success\",\"acknowledged\":12}");
}

static void test_bad_cursor_confirms_nothing(void **state UNUSED)
{
    static const char *const bodies[] = {"{\"up_to\":\"\"}", "{\"up_to\":\"7\"}",
                                         "{\"up_to\":\"7.41\\u0000\"}"};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
        assert_problem(lab_call(head, bodies[i]), ERR_CURSOR, "/up_to");
    assert_int_equal(lab.submits, 0);
    struct call *call = lab_call(head, "{\"up_to\":\"9.9\"}");
    lab_answer(ERR_CURSOR);
    assert_problem(call, ERR_CURSOR, "/up_to");
}

static void test_senders_get_their_receipts(void **state UNUSED)
{
    struct ear bob, eve;
    ear_open(&bob, "bob", "pad", 5);
    ear_open(&eve, "eve", "pad", 8);
    struct call *call = lab_call(head, "{\"up_to\":\"7.41\"}");
    struct ack_add *add = LAB_OP(ack_add, ACK_ADD);
    add->receipt_count_out = 2;
    add->receipts_out = ARENA_ARRAY(&add->op.results, struct receipt_row, 2);
    struct inbox_row row = {.kind = INBOX_RECEIPT,
                            .epoch = LAB_EPOCH,
                            .seq = 6,
                            .message_id = STR(LAB_ID_1),
                            .peer_id = STR("ann"),
                            .created_at_ms = LAB_NOW_MS};
    add->receipts_out[0] = (struct receipt_row){STR("bob"), row};
    row.seq = 9;
    row.group_id = STR(LAB_GROUP);
    add->receipts_out[1] = (struct receipt_row){STR("eve"), row};
    call_leaves(call); /* they are told also if the client does not wait for its answer */
    lab_answer(OK);
    assert_heard(&bob, "{\"type\":\"message_delivered\",\"message_id\":\"" LAB_ID_1
                       "\",\"receiver_id\":\"ann\",\"timestamp\":1700000000,\"cursor\":\"7.6\"}");
    assert_heard(&eve, "{\"type\":\"message_delivered\",\"message_id\":\"" LAB_ID_1
                       "\",\"receiver_id\":\"ann\",\"timestamp\":1700000000,\"cursor\":\"7.9\","
                       "\"groupId\":\"" LAB_GROUP "\"}");
    assert_int_equal(call->replies, 0);
    ear_close(&bob);
    ear_close(&eve);
}

static void test_outcomes_of_the_store_are_passed_on(void **state UNUSED)
{
    static const enum err errs[] = {ERR_TOO_MANY_DEVICES};
    assert_awaits_well(head, "{\"up_to\":\"7.41\"}");
    assert_outcomes_pass(head, "{\"up_to\":\"7.41\"}", errs, ARRAY_LEN(errs));
}

static void test_wrong_fields_are_named(void **state UNUSED)
{
    static const struct {
        const char *body, *pointer;
    } cases[] = {
        {"{}", ""},
        {"{\"message_id\":\"" LAB_ID_1 "\",\"up_to\":\"7.1\"}", ""},
        {"{\"message_id\":\"" LAB_ID_1 "\",\"message_ids\":[\"x\"]}", ""},
        {"{\"message_id\":1}", "/message_id"},
        {"{\"message_ids\":\"x\"}", "/message_ids"},
        {"{\"message_ids\":[]}", "/message_ids"},
        {"{\"message_ids\":[\"x\",1]}", "/message_ids/1"},
        {"{\"up_to\":7}", "/up_to"},
        {"{\"up_to\":\"7.1\",\"type\":\"ack\"}", "/type"},
        {"{\"up_to\":\"7.1\",\"timestamp\":{}}", "/timestamp"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_problem(lab_call(head, cases[i].body), ERR_FIELD, cases[i].pointer);
    assert_problem(lab_call(head, "[]"), ERR_BAD_JSON, NULL);
    assert_int_equal(lab.submits, 0);
}

static void test_one_ack_names_a_thousand_messages(void **state UNUSED)
{
    struct buf text;
    buf_init(&text, 128 * 1024);
    assert_int_equal(buf_add(&text, STR("{\"message_ids\":[\"" LAB_ID_1 "\"")), OK);
    for (int i = 1; i < 1000; i++)
        assert_int_equal(buf_add(&text, STR(",\"" LAB_ID_1 "\"")), OK);
    assert_int_equal(buf_add(&text, STR("]}")), OK);
    lab_call(head, buf_c(&text));
    assert_int_equal(LAB_OP(ack_add, ACK_ADD)->message_id_count, 1000);
    text.len -= 2;
    assert_int_equal(buf_add(&text, STR(",\"x\"]}")), OK);
    struct call *call = lab_call(head, buf_c(&text));
    assert_problem(call, ERR_TOO_LARGE, NULL);
    assert_true(str_holds(call_body(call), "1000 messages"));
    buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_CASE(test_documented_form_confirms_one_message),
        LAB_CASE(test_list_confirms_those_that_are_ids),
        LAB_CASE(test_unknown_ids_alone_need_no_store),
        LAB_CASE(test_cursor_confirms_all_up_to_it),
        LAB_CASE(test_bad_cursor_confirms_nothing),
        LAB_CASE(test_senders_get_their_receipts),
        LAB_CASE(test_outcomes_of_the_store_are_passed_on),
        LAB_CASE(test_wrong_fields_are_named),
        LAB_CASE(test_one_ack_names_a_thousand_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
