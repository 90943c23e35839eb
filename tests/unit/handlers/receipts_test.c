/* An ack's receipts go to whoever sent the messages. */
#include "handlers/receipts.h"
#include "tests/unit/handlers/lab.h"

static struct inbox_row receipt(uint64_t seq)
{
    return (struct inbox_row){.kind = INBOX_RECEIPT,
                              .epoch = LAB_EPOCH,
                              .seq = seq,
                              .message_id = STR(LAB_ID_1),
                              .peer_id = STR("ann"),
                              .created_at_ms = LAB_NOW_MS};
}

static void test_each_receipt_goes_to_its_sender(void **state UNUSED)
{
    struct ear bob;
    struct receipt_row rows[] = {
        {STR("bob"), receipt(6)}, {STR("nobody"), receipt(1)}, {STR("bob"), receipt(7)}};
    struct ack_add add = {.receipts_out = rows, .receipt_count_out = ARRAY_LEN(rows)};
    ear_open(&bob, "bob", "pad", 5);
    receipts_publish(lab.app.api.hub, &add);
    assert_heard(&bob, "{\"type\":\"message_delivered\",\"message_id\":\"" LAB_ID_1
                       "\",\"receiver_id\":\"ann\",\"timestamp\":1700000000,\"cursor\":\"7.6\"}");
    assert_heard(&bob, "{\"type\":\"message_delivered\",\"message_id\":\"" LAB_ID_1
                       "\",\"receiver_id\":\"ann\",\"timestamp\":1700000000,\"cursor\":\"7.7\"}");
    assert_heard(&bob, NULL);
    ear_close(&bob);
}

static void test_ack_without_receipts_is_silent(void **state UNUSED)
{
    struct ear bob;
    ear_open(&bob, "bob", "pad", 5);
    receipts_publish(lab.app.api.hub, &(struct ack_add){0});
    assert_heard(&bob, NULL);
    ear_close(&bob);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_CASE(test_each_receipt_goes_to_its_sender),
        LAB_CASE(test_ack_without_receipts_is_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
