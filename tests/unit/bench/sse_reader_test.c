#include "tests/bench/sse_reader.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct sse_reader reader;

static int reader_setup(void **state UNUSED)
{
    sse_reader_init(&reader);
    return 0;
}

static int reader_teardown(void **state UNUSED)
{
    sse_reader_done(&reader);
    return 0;
}

static void assert_event(const struct sse_event *event, const char *id, const char *type,
                         const char *data)
{
    assert_true(str_equal(event->id, str_from_c(id)));
    assert_true(str_equal(event->type, str_from_c(type)));
    assert_true(str_equal(event->data, str_from_c(data)));
}

static const char stream_text[] = ": padding\n\nretry: 1000\n\nevent: hello\ndata: {\"a\":1}\n\n"
                                  "id: 1.1\nevent: message\ndata:{}\n\nid:\ndata: x\n\n";

static void test_a_stream_in_one_piece_gives_its_events(void **state UNUSED)
{
    struct str bytes = str_from_c(stream_text);
    struct sse_event event;
    assert_true(sse_reader_next(&reader, &bytes, &event));
    assert_event(&event, NULL, "hello", "{\"a\":1}");
    assert_true(sse_reader_next(&reader, &bytes, &event));
    assert_event(&event, "1.1", "message", "{}");
    assert_true(sse_reader_next(&reader, &bytes, &event));
    assert_event(&event, "", NULL, "x");
    assert_false(sse_reader_next(&reader, &bytes, &event));
    assert_false(reader.is_broken);
}

/* Each piece is a block of memory of its own, so that a sanitizer sees a step over its end. */
static void test_pieces_of_any_length_give_the_same(void **state UNUSED)
{
    for (size_t step = 1; step < sizeof(stream_text); step++) {
        int count = 0;
        for (size_t at = 0; at < sizeof(stream_text) - 1; at += step) {
            size_t len = MIN(step, sizeof(stream_text) - 1 - at);
            char *piece = malloc(len);
            assert_non_null(piece);
            memcpy(piece, stream_text + at, len);
            struct str bytes = str_of(piece, len);
            struct sse_event event;
            while (sse_reader_next(&reader, &bytes, &event))
                if (++count == 2) assert_event(&event, "1.1", "message", "{}");
            free(piece);
        }
        assert_int_equal(count, 3);
        assert_false(reader.is_broken);
    }
}

static void test_a_bare_cr_and_a_second_data_line_are_faults(void **state UNUSED)
{
    static const char *const faults[] = {"data: x\r\n\n", "data: x\ndata: y\n\n"};
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        struct str bytes = str_from_c(faults[i]);
        struct sse_event event;
        sse_reader_restart(&reader);
        assert_true(sse_reader_next(&reader, &bytes, &event));
        assert_true(reader.is_broken);
    }
}

static void test_a_restart_forgets_what_was_cut(void **state UNUSED)
{
    struct str cut = STR("data: lost"), whole = STR("data: kept\n\n");
    struct sse_event event;
    assert_false(sse_reader_next(&reader, &cut, &event));
    sse_reader_restart(&reader);
    assert_true(sse_reader_next(&reader, &whole, &event));
    assert_event(&event, NULL, NULL, "kept");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, reader_setup, reader_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_stream_in_one_piece_gives_its_events),
        TEST(test_pieces_of_any_length_give_the_same),
        TEST(test_a_bare_cr_and_a_second_data_line_are_faults),
        TEST(test_a_restart_forgets_what_was_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
