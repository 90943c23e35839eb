#include "base/memory.h"
#include "live/mailbox.h"
#include <stdarg.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

static struct event *event_sized(uint64_t seq, size_t len)
{
    char *bytes = memory_alloc(len);
    struct event *event = event_new(&(struct event_parts){
        .epoch = 1, .seq = seq, .sse = str_of(bytes, len), .json = str_of(bytes, len)});
    free(bytes);
    return event;
}

static void push(struct mailbox *mailbox, uint64_t seq, size_t len)
{
    struct event *event = event_sized(seq, len);
    mailbox_push(mailbox, event);
    event_release(event);
}

static uint64_t pop(struct mailbox *mailbox)
{
    struct event *event = mailbox_pop(mailbox);
    uint64_t seq = event ? event->seq : 0;
    event_release(event);
    return seq;
}

static void test_events_leave_in_the_order_they_came(void **state)
{
    (void)state;
    struct mailbox mailbox;
    mailbox_init(&mailbox);
    uint64_t in = 0, out = 0;
    for (int round = 0; round < 40; round++) { /* grows while it is wrapped around */
        for (int i = 0; i < 5; i++)
            push(&mailbox, ++in, 10);
        for (int i = 0; i < 3; i++)
            assert_int_equal(pop(&mailbox), ++out);
    }
    while (out < in)
        assert_int_equal(pop(&mailbox), ++out);
    assert_null(mailbox_pop(&mailbox));
    mailbox_done(&mailbox);
}

static void test_empty_mailbox_takes_no_memory(void **state)
{
    (void)state;
    struct mailbox mailbox;
    mailbox_init(&mailbox);
    assert_null(mailbox.events);
    push(&mailbox, 1, 10);
    assert_int_equal(pop(&mailbox), 1);
    assert_null(mailbox.events);
    assert_int_equal(mailbox.bytes_len, 0);
}

static void test_full_mailbox_keeps_only_the_mark(void **state)
{
    (void)state;
    struct mailbox mailbox;
    mailbox_init(&mailbox);
    for (uint64_t seq = 1; seq <= MAILBOX_EVENTS_MAX; seq++)
        push(&mailbox, seq, 10);
    assert_false(mailbox.is_behind);
    push(&mailbox, MAILBOX_EVENTS_MAX + 1, 10);
    assert_true(mailbox.is_behind);
    assert_null(mailbox.events);
    push(&mailbox, MAILBOX_EVENTS_MAX + 2, 10); /* the store has it */
    assert_null(mailbox_pop(&mailbox));
}

static void test_bytes_are_bounded_too(void **state)
{
    (void)state;
    struct mailbox mailbox;
    mailbox_init(&mailbox);
    push(&mailbox, 1, MAILBOX_BYTES_MAX);
    assert_false(mailbox.is_behind); /* the longest event fits into an empty one */
    push(&mailbox, 2, 1);
    assert_true(mailbox.is_behind);
}

static void test_reset_clears_the_mark(void **state)
{
    (void)state;
    struct mailbox mailbox;
    mailbox_init(&mailbox);
    push(&mailbox, 1, 10);
    mailbox_fall_behind(&mailbox);
    mailbox_reset(&mailbox);
    assert_false(mailbox.is_behind);
    push(&mailbox, 2, 10);
    assert_int_equal(pop(&mailbox), 2);
    mailbox_done(&mailbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_leave_in_the_order_they_came),
        cmocka_unit_test(test_empty_mailbox_takes_no_memory),
        cmocka_unit_test(test_full_mailbox_keeps_only_the_mark),
        cmocka_unit_test(test_bytes_are_bounded_too),
        cmocka_unit_test(test_reset_clears_the_mark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
