#include "api/frame.h"
#include "base/clock.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct inbox_row direct = {.kind = INBOX_MESSAGE,
                                        .epoch = 7,
                                        .seq = 42,
                                        .message_id = STR("0190-m"),
                                        .peer_id = STR("ann"),
                                        .peer_device = STR("phone"),
                                        .content = STR("a \"b\"\n\xc3\xa9"),
                                        .created_at_ms = 1700000000999};

static void assert_frame(const struct inbox_row *row, const char *want)
{
    struct buf sse;
    size_t json_at = 0, json_len = 0;
    buf_init(&sse, 4096);
    assert_int_equal(frame_write(row, &sse, &json_at, &json_len), OK);
    assert_string_equal(buf_c(&sse), want);
    const char *data = strstr(want, "data: ") + 6;
    assert_int_equal(json_at, data - want);
    assert_int_equal(json_len, strlen(data) - 2);
    buf_done(&sse);
}

static void test_direct_message_has_its_fields_in_order(void **state UNUSED)
{
    assert_frame(&direct, "id: 7.42\nevent: incoming_message\ndata: "
                          "{\"type\":\"incoming_message\",\"message_id\":\"0190-m\","
                          "\"sender_id\":\"ann\",\"content\":\"a \\\"b\\\"\\n\xc3\xa9\","
                          "\"timestamp\":1700000000,\"timestamp_ms\":1700000000999,"
                          "\"device_id\":\"phone\",\"cursor\":\"7.42\"}\n\n");
}

static void test_group_message_adds_group_and_attachments(void **state UNUSED)
{
    struct inbox_row row = direct;
    row.content = STR("x");
    row.group_id = STR("g");
    row.group_seq = 3;
    row.attachments = STR("[{\"url\":\"https://x\"}]");
    assert_frame(&row, "id: 7.42\nevent: incoming_message\ndata: "
                       "{\"type\":\"incoming_message\",\"message_id\":\"0190-m\","
                       "\"sender_id\":\"ann\",\"content\":\"x\",\"timestamp\":1700000000,"
                       "\"timestamp_ms\":1700000000999,\"device_id\":\"phone\","
                       "\"cursor\":\"7.42\",\"groupId\":\"g\",\"group_seq\":3,"
                       "\"attachments\":[{\"url\":\"https://x\"}]}\n\n");
}

static void test_receipt_names_the_recipient(void **state UNUSED)
{
    struct inbox_row row = {.kind = INBOX_RECEIPT,
                            .epoch = 1,
                            .seq = 2,
                            .message_id = STR("m"),
                            .peer_id = STR("bob"),
                            .created_at_ms = 1999};
    assert_frame(&row, "id: 1.2\nevent: message_delivered\ndata: "
                       "{\"type\":\"message_delivered\",\"message_id\":\"m\","
                       "\"receiver_id\":\"bob\",\"timestamp\":1,\"cursor\":\"1.2\"}\n\n");
    row.group_id = STR("g");
    assert_frame(&row, "id: 1.2\nevent: message_delivered\ndata: "
                       "{\"type\":\"message_delivered\",\"message_id\":\"m\","
                       "\"receiver_id\":\"bob\",\"timestamp\":1,\"cursor\":\"1.2\","
                       "\"groupId\":\"g\"}\n\n");
}

static void test_expiry_names_the_recipient(void **state UNUSED)
{
    const struct inbox_row row = {.kind = INBOX_EXPIRY,
                                  .epoch = 1,
                                  .seq = 2,
                                  .message_id = STR("m"),
                                  .peer_id = STR("bob"),
                                  .created_at_ms = 5000};
    assert_frame(&row, "id: 1.2\nevent: message_expired\ndata: "
                       "{\"type\":\"message_expired\",\"message_id\":\"m\","
                       "\"receiver_id\":\"bob\",\"timestamp\":5,\"cursor\":\"1.2\"}\n\n");
}

static void test_group_change_takes_its_members_from_the_row(void **state UNUSED)
{
    const struct inbox_row row = {
        .kind = INBOX_CHANGE,
        .epoch = 1,
        .seq = 9,
        .peer_id = STR("x"),
        .group_id = STR("g"),
        .content = STR("\"groupname\":\"tea\",\"change\":\"added\",\"userId\":[\"a\"],\"by\":\"x\","
                       "\"version\":7"),
        .created_at_ms = 5000};
    assert_frame(&row, "id: 1.9\nevent: group_changed\ndata: "
                       "{\"type\":\"group_changed\",\"groupId\":\"g\",\"groupname\":\"tea\","
                       "\"change\":\"added\",\"userId\":[\"a\"],\"by\":\"x\",\"version\":7,"
                       "\"timestamp\":5,\"cursor\":\"1.9\"}\n\n");
}

static void test_frame_that_does_not_fit_leaves_nothing(void **state UNUSED)
{
    size_t whole_len, at, len;
    struct buf sse;
    buf_init(&sse, 4096);
    assert_int_equal(frame_write(&direct, &sse, &at, &len), OK);
    whole_len = sse.len;
    buf_done(&sse);
    for (size_t cap = 5; cap < whole_len + 5; cap++) {
        buf_init(&sse, cap);
        assert_int_equal(buf_add(&sse, STR("seen\n")), OK);
        assert_int_equal(frame_write(&direct, &sse, &at, &len), ERR_TOO_LARGE);
        assert_string_equal(buf_c(&sse), "seen\n");
        buf_done(&sse);
    }
}

static void test_frame_is_placed_behind_what_was_there(void **state UNUSED)
{
    struct buf sse;
    size_t at, len;
    buf_init(&sse, 4096);
    assert_int_equal(frame_write(&direct, &sse, &at, &len), OK);
    assert_int_equal(frame_write(&direct, &sse, &at, &len), OK);
    assert_int_equal(at + len + 2, sse.len);
    assert_int_equal(sse.bytes[at], '{');
    assert_int_equal(sse.bytes[at + len - 1], '}');
    buf_done(&sse);
}

static void test_event_holds_the_block_and_the_frame_within(void **state UNUSED)
{
    struct inbox_row row = direct;
    row.message_id = STR("018bcfe5-6800-7000-8000-000000000000");
    struct event *event = frame_event(&row);
    assert_string_equal(event->message_id, row.message_id.ptr);
    assert_int_equal(event->holds, 1);
    assert_int_equal(event->epoch, 7);
    assert_int_equal(event->seq, 42);
    assert_true(event->is_message);
    assert_true(str_starts(event_sse(event), STR("id: 7.42\nevent: incoming_message\ndata: {")));
    assert_true(str_starts(event_json(event), STR("{\"type\":\"incoming_message\",")));
    assert_int_equal(event_json(event).ptr[event_json(event).len - 1], '}');
    event_release(event);
    const struct inbox_row change = {
        .kind = INBOX_CHANGE, .epoch = 1, .seq = 1, .group_id = STR("g")};
    event = frame_event(&change);
    assert_false(event->is_message);
    assert_string_equal(event->message_id, "");
    event_release(event);
}

static int frame_setup(void **state UNUSED)
{
    clock_wall_set(1700000000500);
    return 0;
}
static int frame_teardown(void **state UNUSED)
{
    clock_wall_set(0);
    return 0;
}

static void test_opening_pads_then_sets_retry_then_greets(void **state UNUSED)
{
    struct buf sse;
    buf_init(&sse, FRAME_OPENING_LEN_MAX);
    frame_opening(&sse, &(struct frame_hello){.epoch = UINT32_MAX,
                                              .seq = UINT64_MAX,
                                              .heartbeat_s = 15,
                                              .lifetime_s = 600,
                                              .retry_ms = 7000});
    const char *text = buf_c(&sse), *line = strchr(text, '\n');
    assert_int_equal(text[0], ':');
    assert_int_equal(line - text, 2048);
    assert_string_equal(line + 1,
                        "retry: 7000\nevent: hello\ndata: {\"type\":\"hello\","
                        "\"cursor\":\"4294967295.18446744073709551615\",\"heartbeat_s\":15,"
                        "\"lifetime_s\":600,\"server_time\":1700000000}\n\n");
    buf_done(&sse);
}

static void test_streams_own_frames_have_no_cursor(void **state UNUSED)
{
    struct buf sse;
    buf_init(&sse, 4 * FRAME_OWN_LEN_MAX);
    frame_ping(&sse);
    assert_string_equal(buf_c(&sse),
                        "event: ping\ndata: {\"type\":\"ping\",\"server_time\":1700000000}\n\n");
    buf_clear(&sse);
    frame_reset(&sse, "unknown_cursor");
    assert_string_equal(buf_c(&sse), "id:\nevent: reset\ndata: {\"type\":\"reset\","
                                     "\"reason\":\"unknown_cursor\"}\n\n");
    buf_clear(&sse);
    frame_reauth(&sse, 1700000060);
    assert_string_equal(buf_c(&sse), "event: reauth\ndata: {\"type\":\"reauth\","
                                     "\"expires_at\":1700000060}\n\n");
    buf_clear(&sse);
    frame_bye(&sse, "displaced", 60000);
    assert_string_equal(buf_c(&sse), "retry: 60000\nevent: bye\ndata: {\"type\":\"bye\","
                                     "\"reason\":\"displaced\",\"retry_ms\":60000}\n\n");
    buf_done(&sse);
}

static void test_reset_of_a_poll_is_plain_json(void **state UNUSED)
{
    struct buf buf;
    struct json_out out;
    buf_init(&buf, 256);
    json_out_begin(&out, &buf);
    frame_reset_json(&out, "epoch");
    assert_int_equal(json_out_end(&out), OK);
    assert_string_equal(buf_c(&buf), "{\"type\":\"reset\",\"reason\":\"epoch\"}");
    buf_done(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_direct_message_has_its_fields_in_order),
        cmocka_unit_test(test_group_message_adds_group_and_attachments),
        cmocka_unit_test(test_receipt_names_the_recipient),
        cmocka_unit_test(test_expiry_names_the_recipient),
        cmocka_unit_test(test_group_change_takes_its_members_from_the_row),
        cmocka_unit_test(test_frame_that_does_not_fit_leaves_nothing),
        cmocka_unit_test(test_frame_is_placed_behind_what_was_there),
        cmocka_unit_test(test_event_holds_the_block_and_the_frame_within),
        cmocka_unit_test(test_opening_pads_then_sets_retry_then_greets),
        cmocka_unit_test(test_streams_own_frames_have_no_cursor),
        cmocka_unit_test(test_reset_of_a_poll_is_plain_json),
    };
    return cmocka_run_group_tests(tests, frame_setup, frame_teardown);
}
