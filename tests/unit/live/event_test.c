#include "live/event.h"
#include <stdarg.h>

#include <setjmp.h>

#include <cmocka.h>

#define MESSAGE_ID "01234567-89ab-7def-8123-456789abcdef"

static struct event *event_sample(struct str message_id)
{
    struct str sse = STR("id: 7.42\nevent: x\ndata: {\"a\":1}\n\n");
    return event_new(&(struct event_parts){
        .epoch = 7,
        .seq = UINT64_C(0x1122334455667788),
        .is_message = message_id.len > 0,
        .message_id = message_id,
        .sse = sse,
        .json = str_of(sse.ptr + 24, 7),
    });
}

static void assert_str(struct str s, const char *expected)
{
    assert_int_equal(s.len, strlen(expected));
    assert_memory_equal(s.ptr, expected, s.len);
}

static void test_json_is_a_slice_of_the_block(void **state)
{
    (void)state;
    struct event *event = event_sample(STR_NONE);
    assert_str(event_json(event), "{\"a\":1}");
    assert_true(event_json(event).ptr > event_sse(event).ptr);
    event_release(event);
}

static void test_last_release_frees(void **state)
{
    (void)state;
    struct event *event = event_sample(STR_NONE);
    assert_ptr_equal(event_hold(event), event);
    event_release(event);
    assert_int_equal(event->holds, 1);
    event_release(event);
    event_release(NULL);
}

static void test_wire_form_brings_back_the_same_event(void **state)
{
    (void)state;
    const struct str ids[] = {STR_NONE, STR(MESSAGE_ID)};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        struct event *event = event_sample(ids[i]), *back = NULL;
        struct buf wire;
        buf_init(&wire, EVENT_LEN_MAX * 2);
        assert_int_equal(event_to_wire(event, &wire), OK);
        assert_int_equal(event_from_wire(buf_str(&wire), &back), OK);
        assert_int_equal(back->epoch, event->epoch);
        assert_int_equal(back->seq, event->seq);
        assert_int_equal(back->is_message, event->is_message);
        assert_string_equal(back->message_id, event->message_id);
        assert_true(str_equal(event_sse(back), event_sse(event)));
        assert_true(str_equal(event_json(back), event_json(event)));
        event_release(event);
        event_release(back);
        buf_done(&wire);
    }
}

static void test_every_cut_or_broken_wire_form_is_refused(void **state)
{
    (void)state;
    struct event *event = event_sample(STR(MESSAGE_ID)), *back = NULL;
    struct buf wire;
    buf_init(&wire, EVENT_LEN_MAX * 2);
    assert_int_equal(event_to_wire(event, &wire), OK);
    for (size_t len = 0; len <= 24 + 36; len++) /* the block cut short is one of another event */
        assert_int_equal(event_from_wire(str_of(wire.bytes, len), &back), ERR_FIELD);

    const struct {
        size_t at;
        char byte;
    } breaks[] = {
        {0, 'e'},     {1, 2},       {2, 2},  {3, 35},   /* kind, version, flag, id length */
        {16, '\x7f'}, {20, '\x7f'}, {23, 1}, {24, '\0'} /* slice out of the block, NUL in the id */
    };
    for (size_t i = 0; i < ARRAY_LEN(breaks); i++) {
        char kept = wire.bytes[breaks[i].at];
        wire.bytes[breaks[i].at] = breaks[i].byte;
        assert_int_equal(event_from_wire(buf_str(&wire), &back), ERR_FIELD);
        wire.bytes[breaks[i].at] = kept;
    }
    memset(wire.bytes + 8, 0, 8); /* no event has seq 0 */
    assert_int_equal(event_from_wire(buf_str(&wire), &back), ERR_FIELD);
    assert_null(back);
    event_release(event);
    buf_done(&wire);
}

static void test_wire_form_needs_room(void **state)
{
    (void)state;
    struct event *event = event_sample(STR_NONE);
    struct buf wire;
    buf_init(&wire, 30);
    assert_int_equal(event_to_wire(event, &wire), ERR_TOO_LARGE);
    assert_int_equal(wire.len, 0);
    event_release(event);
    buf_done(&wire);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_is_a_slice_of_the_block),
        cmocka_unit_test(test_last_release_frees),
        cmocka_unit_test(test_wire_form_brings_back_the_same_event),
        cmocka_unit_test(test_every_cut_or_broken_wire_form_is_refused),
        cmocka_unit_test(test_wire_form_needs_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
