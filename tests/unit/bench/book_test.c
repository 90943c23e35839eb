#include "tests/bench/book.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { ALICE, BOB, CAROL, USERS };

struct sheet {
    struct book book;
    uint64_t seq[USERS];
    int64_t now_us;
};
static struct sheet sheet;

static int sheet_setup(void **state UNUSED)
{
    sheet = (struct sheet){.now_us = 1000};
    book_init(&sheet.book, USERS);
    for (uint32_t i = 0; i < USERS; i++)
        book_reader_start(&sheet.book, i, 0);
    return 0;
}

static int sheet_teardown(void **state UNUSED)
{
    book_done(&sheet.book);
    return 0;
}

static const char *id_of(const struct message *message)
{
    static char id[BOOK_ID_LEN + 1];
    snprintf(id, sizeof(id), "%08u-aaaa-7bbb-8ccc-ddddeeeeffff", message->number);
    return id;
}

static struct message *sent(uint32_t from, uint32_t to)
{
    sheet.now_us++;
    return book_send(&sheet.book, from, to, sheet.now_us, sheet.now_us);
}

static void accepted(struct message *message)
{
    book_accept(&sheet.book, message, str_from_c(id_of(message)), ++sheet.now_us);
}

static struct message *delivered_at(const struct message *message, uint64_t seq)
{
    char content[200];
    size_t len = book_content(message, 100, content, sizeof(content));
    return book_deliver(&sheet.book, &(struct book_event){.user = message->recipient,
                                                          .seq = seq,
                                                          .id = str_from_c(id_of(message)),
                                                          .content = str_of(content, len),
                                                          .counterpart = message->sender});
}

static struct message *delivered(const struct message *message)
{
    return delivered_at(message, ++sheet.seq[message->recipient]);
}

static void receipted_at(const struct message *message, uint64_t seq)
{
    book_receipt(&sheet.book, &(struct book_event){.user = message->sender,
                                                   .seq = seq,
                                                   .id = str_from_c(id_of(message)),
                                                   .counterpart = message->recipient});
}

static void receipted(const struct message *message)
{
    receipted_at(message, ++sheet.seq[message->sender]);
}

/* Nothing is wrong but what a test names and sets to zero again. */
static void assert_clean(void)
{
    const struct book_counts *counts = &sheet.book.counts;
    assert_int_equal(counts->duplicated, 0);
    assert_int_equal(counts->redelivered, 0);
    assert_int_equal(counts->out_of_order, 0);
    assert_int_equal(counts->seq_gaps, 0);
    assert_int_equal(counts->receipts_duplicated, 0);
    assert_int_equal(counts->foreign, 0);
}

static void assert_only(uint64_t *count, uint64_t expected)
{
    assert_int_equal(*count, expected);
    *count = 0;
    assert_clean();
}

static void test_a_whole_life_is_counted_and_leaves_nothing_open(void **state UNUSED)
{
    struct message *message = sent(ALICE, BOB);
    accepted(message);
    assert_ptr_equal(delivered(message), message);
    book_ack(&sheet.book, message);
    receipted(message);
    const struct book_counts *counts = &sheet.book.counts;
    assert_int_equal(counts->lives, 1);
    assert_int_equal(counts->undelivered + counts->unacked + counts->unreceipted, 0);
    assert_clean();
}

static void test_the_event_may_come_before_the_answer(void **state UNUSED)
{
    struct message *message = sent(ALICE, BOB);
    assert_ptr_equal(delivered(message), message);
    book_ack(&sheet.book, message);
    receipted(message);
    assert_int_equal(sheet.book.counts.lives, 0);
    accepted(message);
    assert_int_equal(sheet.book.counts.lives, 1);
    assert_clean();
}

static void test_accepted_and_never_delivered_is_lost(void **state UNUSED)
{
    accepted(sent(ALICE, BOB));
    sent(ALICE, BOB); /* not accepted: nobody promised anything */
    assert_int_equal(sheet.book.counts.undelivered, 1);
}

static void test_an_acknowledged_message_without_receipt_lacks_it(void **state UNUSED)
{
    struct message *message = sent(ALICE, BOB);
    accepted(message);
    delivered(message);
    assert_int_equal(sheet.book.counts.unacked, 1);
    book_ack(&sheet.book, message);
    assert_int_equal(sheet.book.counts.unreceipted, 1);
}

static void test_shown_twice_on_one_stream_is_a_duplicate(void **state UNUSED)
{
    struct message *message = sent(ALICE, BOB);
    delivered(message);
    assert_null(delivered(message));
    assert_only(&sheet.book.counts.duplicated, 1);
}

static void test_the_same_event_again_after_a_cursor_is_a_duplicate(void **state UNUSED)
{
    struct message *message = sent(ALICE, BOB);
    delivered_at(message, 1);
    assert_null(delivered_at(message, 1));
    assert_only(&sheet.book.counts.duplicated, 1);
}

static void test_shown_again_after_a_start_without_cursor_is_a_redelivery(void **state UNUSED)
{
    struct message *message = sent(ALICE, BOB);
    delivered_at(message, 1);
    book_reader_start(&sheet.book, BOB, 0);
    assert_null(delivered_at(message, 1));
    assert_only(&sheet.book.counts.redelivered, 1);
}

static void test_a_new_seq_is_no_redelivery_even_then(void **state UNUSED)
{
    struct message *message = sent(ALICE, BOB);
    delivered_at(message, 1);
    book_reader_start(&sheet.book, BOB, 0);
    assert_null(delivered_at(message, 2));
    assert_only(&sheet.book.counts.duplicated, 1);
}

static void test_the_same_content_under_another_id_is_a_duplicate(void **state UNUSED)
{
    char content[64];
    struct message *message = sent(ALICE, BOB);
    delivered(message);
    size_t len = book_content(message, 0, content, sizeof(content));
    book_deliver(&sheet.book,
                 &(struct book_event){.user = BOB,
                                      .seq = 2,
                                      .id = STR("ffffffff-aaaa-7bbb-8ccc-ddddeeeeffff"),
                                      .content = str_of(content, len),
                                      .counterpart = ALICE});
    assert_only(&sheet.book.counts.duplicated, 1);
}

static void test_a_jump_of_seq_is_a_gap_of_its_width(void **state UNUSED)
{
    delivered_at(sent(ALICE, BOB), 1);
    delivered_at(sent(ALICE, BOB), 4);
    assert_only(&sheet.book.counts.seq_gaps, 2);
}

static void test_what_was_seen_and_confirmed_leaves_no_gap_on_return(void **state UNUSED)
{
    delivered_at(sent(ALICE, BOB), 1);
    delivered_at(sent(ALICE, BOB), 2);
    book_reader_start(&sheet.book, BOB, 0);
    delivered_at(sent(ALICE, BOB), 3);
    assert_clean();
    delivered_at(sent(ALICE, BOB), 5);
    assert_only(&sheet.book.counts.seq_gaps, 1);
}

static void test_a_step_back_is_out_of_order(void **state UNUSED)
{
    delivered_at(sent(ALICE, BOB), 2);
    sheet.book.counts.seq_gaps = 0;
    delivered_at(sent(ALICE, BOB), 1);
    assert_only(&sheet.book.counts.out_of_order, 1);
}

static void test_overtaking_an_accepted_message_is_out_of_order(void **state UNUSED)
{
    struct message *first = sent(ALICE, BOB);
    accepted(first);
    struct message *second = sent(CAROL, BOB);
    delivered(second);
    delivered(first);
    assert_only(&sheet.book.counts.out_of_order, 1);
}

static void test_messages_under_way_together_may_come_in_any_order(void **state UNUSED)
{
    struct message *first = sent(ALICE, BOB), *second = sent(CAROL, BOB);
    accepted(first);
    accepted(second);
    delivered(second);
    delivered(first);
    assert_clean();
}

static void test_a_receipt_counts_once(void **state UNUSED)
{
    struct message *message = sent(ALICE, BOB);
    delivered(message);
    book_ack(&sheet.book, message);
    receipted(message);
    receipted(message);
    assert_only(&sheet.book.counts.receipts_duplicated, 1);
}

static void test_a_receipt_may_come_again_after_a_start_without_cursor(void **state UNUSED)
{
    struct message *message = sent(ALICE, BOB);
    delivered(message);
    receipted_at(message, 1);
    book_reader_start(&sheet.book, ALICE, 0);
    receipted_at(message, 1);
    assert_only(&sheet.book.counts.redelivered, 1);
}

static void test_a_receipt_for_what_nobody_saw_is_foreign(void **state UNUSED)
{
    struct message *message = sent(ALICE, BOB);
    accepted(message);
    receipted(message);
    assert_only(&sheet.book.counts.foreign, 1);
}

static void test_a_message_in_the_wrong_inbox_is_foreign(void **state UNUSED)
{
    char content[64];
    struct message *message = sent(ALICE, BOB);
    size_t len = book_content(message, 0, content, sizeof(content));
    struct book_event event = {.user = CAROL,
                               .seq = 1,
                               .id = str_from_c(id_of(message)),
                               .content = str_of(content, len),
                               .counterpart = ALICE};
    assert_null(book_deliver(&sheet.book, &event));
    assert_only(&sheet.book.counts.foreign, 1);
}

static void test_contents_that_we_never_wrote_are_foreign(void **state UNUSED)
{
    static const char *const contents[] = {"",
                                           "hello",
                                           "7 from 0 to 1;",
                                           "0 from 2 to 1;",
                                           "0 from 0 to 1",
                                           "99999999999 from 0 to 1;"};
    sent(ALICE, BOB);
    for (size_t i = 0; i < ARRAY_LEN(contents); i++)
        assert_null(
            book_deliver(&sheet.book, &(struct book_event){.user = BOB,
                                                           .seq = i + 1,
                                                           .id = STR("x"),
                                                           .content = str_from_c(contents[i]),
                                                           .counterpart = ALICE}));
    assert_only(&sheet.book.counts.foreign, ARRAY_LEN(contents));
}

static void test_an_id_that_two_messages_bear_is_foreign(void **state UNUSED)
{
    struct message *first = sent(ALICE, BOB), *second = sent(ALICE, CAROL);
    accepted(first);
    book_accept(&sheet.book, second, str_from_c(id_of(first)), ++sheet.now_us);
    assert_only(&sheet.book.counts.foreign, 1);
}

static void test_an_answer_that_disagrees_with_the_event_is_foreign(void **state UNUSED)
{
    struct message *message = sent(ALICE, BOB);
    delivered(message);
    book_accept(&sheet.book, message, STR("ffffffff-aaaa-7bbb-8ccc-ddddeeeeffff"), ++sheet.now_us);
    assert_only(&sheet.book.counts.foreign, 1);
}

static void test_other_events_take_their_seq(void **state UNUSED)
{
    book_other(&sheet.book, &(struct book_event){.user = BOB, .seq = 1});
    delivered_at(sent(ALICE, BOB), 2);
    assert_clean();
    book_other(&sheet.book, &(struct book_event){.user = BOB, .seq = 2});
    assert_only(&sheet.book.counts.out_of_order, 1);
}

static void test_many_messages_keep_their_places_and_their_ids(void **state UNUSED)
{
    enum { MANY = 10000 };
    static struct message *messages[MANY];
    for (int i = 0; i < MANY; i++) {
        messages[i] = sent(ALICE, BOB);
        accepted(messages[i]);
    }
    for (int i = 0; i < MANY; i++) {
        assert_ptr_equal(delivered(messages[i]), messages[i]);
        book_ack(&sheet.book, messages[i]);
        receipted(messages[i]);
    }
    assert_int_equal(sheet.book.counts.lives, MANY);
    assert_clean();
}

static void test_what_is_written_off_is_not_lost(void **state UNUSED)
{
    accepted(sent(ALICE, BOB));
    book_write_off(&sheet.book);
    accepted(sent(ALICE, BOB));
    assert_int_equal(sheet.book.counts.undelivered, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, sheet_setup, sheet_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_whole_life_is_counted_and_leaves_nothing_open),
        TEST(test_the_event_may_come_before_the_answer),
        TEST(test_accepted_and_never_delivered_is_lost),
        TEST(test_an_acknowledged_message_without_receipt_lacks_it),
        TEST(test_shown_twice_on_one_stream_is_a_duplicate),
        TEST(test_the_same_event_again_after_a_cursor_is_a_duplicate),
        TEST(test_shown_again_after_a_start_without_cursor_is_a_redelivery),
        TEST(test_a_new_seq_is_no_redelivery_even_then),
        TEST(test_the_same_content_under_another_id_is_a_duplicate),
        TEST(test_a_jump_of_seq_is_a_gap_of_its_width),
        TEST(test_what_was_seen_and_confirmed_leaves_no_gap_on_return),
        TEST(test_a_step_back_is_out_of_order),
        TEST(test_overtaking_an_accepted_message_is_out_of_order),
        TEST(test_messages_under_way_together_may_come_in_any_order),
        TEST(test_a_receipt_counts_once),
        TEST(test_a_receipt_may_come_again_after_a_start_without_cursor),
        TEST(test_a_receipt_for_what_nobody_saw_is_foreign),
        TEST(test_a_message_in_the_wrong_inbox_is_foreign),
        TEST(test_contents_that_we_never_wrote_are_foreign),
        TEST(test_an_id_that_two_messages_bear_is_foreign),
        TEST(test_an_answer_that_disagrees_with_the_event_is_foreign),
        TEST(test_other_events_take_their_seq),
        TEST(test_many_messages_keep_their_places_and_their_ids),
        TEST(test_what_is_written_off_is_not_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
