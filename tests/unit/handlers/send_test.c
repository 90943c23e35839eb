/* What a send asks of the store, what it answers, and what it publishes. */
#include "db/groups.h"
#include "db/messages.h"
#include "handlers/app.h"
#include "tests/unit/handlers/lab.h"

static const char *const head = "POST /chat/app/send";
static const char *const body = "{\"receiver_id\":\"bob\",\"content\":\"hi\"}";
static const char *const group_body = "{\"groupId\":\"" LAB_GROUP "\",\"content\":\"hi\"}";

/* The id of the answer; it is drawn or derived anew for each call. */
static struct str message_id_of(const struct call *call)
{
    struct str text = call_body(call);
    const char *at = memmem(text.ptr, text.len, "\"message_id\":\"", 14);
    assert_non_null(at);
    return str_of(at + 14, 36);
}

static void answer_direct(bool is_replay, uint64_t seq)
{
    struct message_add *add = LAB_OP(message_add, MESSAGE_ADD);
    add->is_replay_out = is_replay;
    add->created_at_ms_out = is_replay ? LAB_NOW_MS - 5000 : add->created_at_ms;
    add->seq_out = seq;
    add->epoch_out = LAB_EPOCH;
    lab_answer(OK);
}

static void test_both_documented_forms_are_one_op(void **state UNUSED)
{
    static const char *const bodies[] = {
        "{\"userId\":\"ann\",\"content\":\"hi\",\"crratedat\":5,\"receiver_id\":\"bob\"}",
        "{\"action\":\"send_message\",\"receiver_id\":\"bob\",\"content\":\"hi\",\"timestamp\":1}",
        "{\"receiver_id\":\"bob\",\"content\":\"hi\",\"createdAt\":true,\"groupId\":null}",
    };
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct call *call = lab_call(head, bodies[i]);
        struct message_add *add = LAB_OP(message_add, MESSAGE_ADD);
        assert_string_equal(lab.key, "bob");
        assert_str(add->sender_id, "ann");
        assert_str(add->sender_device, "phone");
        assert_str(add->recipient_id, "bob");
        assert_str(add->content, "hi");
        assert_int_equal(add->attachments.len, 0);
        assert_int_equal(add->created_at_ms, LAB_NOW_MS);
        assert_false(add->is_numbered);
        assert_int_equal(add->message_id.len, 36);
        assert_str(add->op.request_id, "lab");
        answer_direct(false, 1);
        assert_int_equal(call->ex->reply.status, 201);
    }
}

static void test_answer_names_the_message_and_its_moment(void **state UNUSED)
{
    char want[256];
    struct call *call = lab_call(head, body);
    answer_direct(false, 1);
    snprintf(want, sizeof(want),
             "{\"status\":\"success\",\"action\":\"message_received\",\"message_id\":\"%.*s\","
             "\"timestamp\":1700000000,\"timestamp_ms\":1700000000123}",
             STR_FMT(message_id_of(call)));
    assert_reply(call, 201, want);
    assert_false(str_holds(buf_str(&call->ex->reply.fields), "Idempotency-Replayed"));
}

static void test_number_of_the_client_comes_back_as_it_came(void **state UNUSED)
{
    static const struct {
        const char *head, *body, *echo;
    } cases[] = {
        {"POST /chat/app/send",
         "{\"receiver_id\":\"bob\",\"content\":\"hi\",\"message_id_by_client\":5}",
         "\"message_id_by_client\":5,"},
        {"POST /chat/app/send",
         "{\"receiver_id\":\"bob\",\"content\":\"hi\",\"message_id_by_client\":\"5\"}",
         "\"message_id_by_client\":\"5\","},
        {"POST /chat/app/send\nIdempotency-Key: k",
         "{\"receiver_id\":\"bob\",\"content\":\"hi\",\"message_id_by_client\":6}",
         "\"message_id_by_client\":6,"},
        {"POST /chat/app/send\nIdempotency-Key: k", "{\"receiver_id\":\"bob\",\"content\":\"hi\"}",
         NULL},
    };
    struct str ids[ARRAY_LEN(cases)];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct call *call = lab_call(cases[i].head, cases[i].body);
        assert_true(LAB_OP(message_add, MESSAGE_ADD)->is_numbered);
        answer_direct(false, 1);
        ids[i] = message_id_of(call);
        assert_int_equal(str_holds(call_body(call), "message_id_by_client"), cases[i].echo != NULL);
        if (cases[i].echo) assert_true(str_holds(call_body(call), cases[i].echo));
    }
    assert_false(str_equal(ids[0], ids[1])); /* 5 and "5" differ */
    assert_true(str_equal(ids[2], ids[3]));  /* the header is the key */
}

static void test_same_number_is_the_same_id_and_content_the_same_fingerprint(void **state UNUSED)
{
    static const char *const bodies[] = {
        "{\"receiver_id\":\"bob\",\"content\":\"hi\",\"message_id_by_client\":5,\"timestamp\":1}",
        "{\"receiver_id\":\"bob\",\"content\":\"hi\",\"message_id_by_client\":5,\"timestamp\":2}",
        "{\"receiver_id\":\"bob\",\"content\":\"ho\",\"message_id_by_client\":5}",
        "{\"receiver_id\":\"bob\",\"content\":\"hi\",\"message_id_by_client\":5,"
        "\"attachments\":[{\"url\":\"http://x/\"}]}",
    };
    const struct message_add *adds[ARRAY_LEN(bodies)];
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        lab_call(head, bodies[i]);
        adds[i] = container_of(lab.ops[i], struct message_add, op);
        assert_true(str_equal(adds[i]->message_id, adds[0]->message_id));
        int difference = memcmp(adds[i]->fingerprint, adds[0]->fingerprint, FINGERPRINT_LEN);
        assert_int_equal(difference == 0, i < 2);
    }
    assert_str(adds[3]->attachments, "[{\"url\":\"http://x/\"}]");
}

static void test_stored_message_is_published_to_its_recipient(void **state UNUSED)
{
    struct ear bob;
    char want[512];
    ear_open(&bob, "bob", "pad", 40);
    int64_t sends = metrics_value(METRIC_SENDS);
    struct call *call = lab_call(head, "{\"receiver_id\":\"bob\",\"content\":\"hi\","
                                       "\"attachments\":[{\"url\":\"http://x/\",\"size\":3}]}");
    assert_heard(&bob, NULL); /* after the commit, never before */
    answer_direct(false, 41);
    snprintf(want, sizeof(want),
             "{\"type\":\"incoming_message\",\"message_id\":\"%.*s\",\"sender_id\":\"ann\","
             "\"content\":\"hi\",\"timestamp\":1700000000,\"timestamp_ms\":1700000000123,"
             "\"device_id\":\"phone\",\"cursor\":\"7.41\","
             "\"attachments\":[{\"url\":\"http://x/\",\"size\":3}]}",
             STR_FMT(message_id_of(call)));
    assert_heard(&bob, want);
    assert_int_equal(metrics_value(METRIC_SENDS), sends + 1);
    ear_close(&bob);
}

static void test_replay_has_the_first_answer_and_is_not_published(void **state UNUSED)
{
    struct ear bob;
    ear_open(&bob, "bob", "pad", 40);
    int64_t replays = metrics_value(METRIC_REPLAYS), sends = metrics_value(METRIC_SENDS);
    struct call *call = lab_call(head, body);
    answer_direct(true, 41);
    assert_field(call, "Idempotency-Replayed: true\r\n");
    assert_true(
        str_holds(call_body(call), "\"timestamp\":1699999995,\"timestamp_ms\":1699999995123"));
    assert_heard(&bob, NULL);
    assert_int_equal(metrics_value(METRIC_REPLAYS), replays + 1);
    assert_int_equal(metrics_value(METRIC_SENDS), sends);
    ear_close(&bob);
}

static void test_sender_who_left_has_sent_all_the_same(void **state UNUSED)
{
    struct ear bob;
    ear_open(&bob, "bob", "pad", 40);
    struct call *call = lab_call(head, body);
    call_leaves(call);
    answer_direct(false, 41);
    assert_int_equal(bob.listener.mailbox.count, 1);
    assert_int_equal(call->replies, 0);
    ear_close(&bob);
}

static void test_outcomes_of_the_store_are_passed_on(void **state UNUSED)
{
    static const enum err errs[] = {ERR_KEY_REUSED};
    static const enum err group_errs[] = {ERR_KEY_REUSED, ERR_UNKNOWN_GROUP, ERR_NOT_MEMBER};
    assert_awaits_well(head, body);
    assert_awaits_well(head, group_body);
    assert_outcomes_pass(head, body, errs, ARRAY_LEN(errs));
    assert_outcomes_pass(head, group_body, group_errs, ARRAY_LEN(group_errs));
    struct call *call = lab_call(head, body);
    lab_answer(ERR_UNKNOWN_USER);
    assert_problem(call, ERR_UNKNOWN_USER, "/receiver_id");
}

/* --- to a group --- */

static void test_group_send_is_one_op_with_its_outbox(void **state UNUSED)
{
    lab_call(head, "{\"groupId\":\"AAAAAAAA-89AB-7DEF-8123-456789ABCDEF\",\"content\":\"hi\","
                   "\"message_id_by_client\":1}");
    struct group_send *add = LAB_OP(group_send, GROUP_SEND);
    assert_string_equal(lab.key, LAB_GROUP);
    assert_str(add->group_id, LAB_GROUP);
    assert_str(add->sender_id, "ann");
    assert_str(add->sender_device, "phone");
    assert_str(add->content, "hi");
    assert_true(add->is_numbered);
    assert_int_equal(add->created_at_ms, LAB_NOW_MS);
    assert_str(add->outbox.lease_owner, "this-process");
    assert_int_equal(add->outbox.lease_ms, lab.config.fanout_lease_ms);
}

static void test_stored_group_send_sets_the_fan_out_going(void **state UNUSED)
{
    int64_t sends = metrics_value(METRIC_GROUP_SENDS);
    struct call *call = lab_call(head, group_body);
    struct group_send *add = LAB_OP(group_send, GROUP_SEND);
    add->created_at_ms_out = LAB_NOW_MS;
    add->outbox.is_job_out = true;
    assert_string_equal(lab.kicked, "");
    lab_answer(OK);
    assert_int_equal(call->ex->reply.status, 201);
    assert_string_equal(lab.kicked, LAB_GROUP);
    assert_int_equal(metrics_value(METRIC_GROUP_SENDS), sends + 1);
}

static void test_replayed_group_send_kicks_nobody(void **state UNUSED)
{
    struct call *call = lab_call(head, group_body);
    LAB_OP(group_send, GROUP_SEND)->is_replay_out = true;
    lab_answer(OK);
    assert_field(call, "Idempotency-Replayed: true\r\n");
    assert_string_equal(lab.kicked, "");
}

/* --- what is refused before the store is asked --- */

static void test_wrong_fields_are_named(void **state UNUSED)
{
    static const struct {
        const char *body, *pointer;
    } cases[] = {
        {"{\"content\":\"hi\"}", "/receiver_id"},
        {"{\"content\":\"hi\",\"receiver_id\":\"b\",\"groupId\":\"" LAB_GROUP "\"}",
         "/receiver_id"},
        {"{\"content\":\"hi\",\"receiver_id\":\"b b\"}", "/receiver_id"},
        {"{\"content\":\"hi\",\"groupId\":\"g\"}", "/groupId"},
        {"{\"receiver_id\":\"bob\"}", "/content"},
        {"{\"receiver_id\":\"bob\",\"content\":\"\"}", "/content"},
        {"{\"receiver_id\":\"bob\",\"content\":\"a\\u0000\"}", "/content"},
        {"{\"receiver_id\":\"bob\",\"content\":\"hi\",\"action\":\"send\"}", "/action"},
        {"{\"receiver_id\":\"bob\",\"content\":\"hi\",\"timestamp\":[]}", "/timestamp"},
        {"{\"receiver_id\":\"bob\",\"content\":\"hi\",\"crratedat\":{}}", "/crratedat"},
        {"{\"receiver_id\":\"bob\",\"content\":\"hi\",\"createdAt\":[]}", "/createdAt"},
        {"{\"receiver_id\":\"bob\",\"content\":\"hi\",\"userId\":1}", "/userId"},
        {"{\"receiver_id\":\"bob\",\"content\":\"hi\",\"message_id_by_client\":1.0}",
         "/message_id_by_client"},
        {"{\"receiver_id\":\"bob\",\"content\":\"hi\",\"attachments\":{}}", "/attachments"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_problem(lab_call(head, cases[i].body), ERR_FIELD, cases[i].pointer);
    assert_problem(lab_call("POST /chat/app/send\nIdempotency-Key: ", body), ERR_FIELD,
                   "Idempotency-Key");
    assert_problem(lab_call(head, "{\"content\""), ERR_BAD_JSON, NULL);
    assert_int_equal(lab.submits, 0);
}

static void test_content_is_measured_in_characters(void **state UNUSED)
{
    struct buf text;
    buf_init(&text, 8192);
    assert_int_equal(buf_add(&text, STR("{\"receiver_id\":\"bob\",\"content\":\"")), OK);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(buf_add(&text, STR("\xe2\x82\xac")), OK);
    assert_int_equal(buf_add(&text, STR("\"}")), OK);
    lab_call(head, buf_c(&text));
    assert_int_equal(LAB_OP(message_add, MESSAGE_ADD)->content.len, 3000);
    text.len -= 2;
    assert_int_equal(buf_add(&text, STR("x\"}")), OK);
    struct call *call = lab_call(head, buf_c(&text));
    assert_problem(call, ERR_TOO_LARGE, "/content");
    assert_true(str_holds(call_body(call), "1000 characters"));
    buf_done(&text);
}

static void test_attachments_are_measured_in_bytes(void **state UNUSED)
{
    struct buf text;
    buf_init(&text, 8192);
    assert_int_equal(
        buf_printf(&text,
                   "{\"receiver_id\":\"bob\",\"content\":\"hi\",\"attachments\":[{\"url\":"
                   "\"http://x/%04200d\"}]}",
                   1),
        OK);
    assert_problem(lab_call(head, buf_c(&text)), ERR_TOO_LARGE, "/attachments");
    buf_done(&text);
}

static void test_another_user_is_not_the_caller(void **state UNUSED)
{
    struct call *call =
        lab_call(head, "{\"receiver_id\":\"bob\",\"content\":\"hi\",\"userId\":\"bob\"}");
    assert_problem(call, ERR_FORBIDDEN, "/userId");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_CASE(test_both_documented_forms_are_one_op),
        LAB_CASE(test_answer_names_the_message_and_its_moment),
        LAB_CASE(test_number_of_the_client_comes_back_as_it_came),
        LAB_CASE(test_same_number_is_the_same_id_and_content_the_same_fingerprint),
        LAB_CASE(test_stored_message_is_published_to_its_recipient),
        LAB_CASE(test_replay_has_the_first_answer_and_is_not_published),
        LAB_CASE(test_sender_who_left_has_sent_all_the_same),
        LAB_CASE(test_outcomes_of_the_store_are_passed_on),
        LAB_CASE(test_group_send_is_one_op_with_its_outbox),
        LAB_CASE(test_stored_group_send_sets_the_fan_out_going),
        LAB_CASE(test_replayed_group_send_kicks_nobody),
        LAB_CASE(test_wrong_fields_are_named),
        LAB_CASE(test_content_is_measured_in_characters),
        LAB_CASE(test_attachments_are_measured_in_bytes),
        LAB_CASE(test_another_user_is_not_the_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
