#include "tests/bench/http_reader.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

struct answer {
    const char *text, *body;
    int status;
    enum http_state state;
    bool keeps_alive;
};

static const struct answer answers[] = {
    {"HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello", "hello", 201, HTTP_WHOLE, true},
    {"HTTP/1.1 200 OK\r\ncontent-length:0\r\nConnection: Close\r\n\r\n", "", 200, HTTP_WHOLE,
     false},
    {"HTTP/1.1 204 No Content\r\n\r\n", "", 204, HTTP_WHOLE, true},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", "x", 200,
     HTTP_WHOLE, true},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1A;x=y\r\n"
     "abcdefghijklmnopqrstuvwxyz\r\n0\r\nTrailer: x\r\n\r\n",
     "abcabcdefghijklmnopqrstuvwxyz", 200, HTTP_WHOLE, true},
    {"HTTP/1.0 200 OK\r\n\r\nall that comes", "all that comes", 200, HTTP_BODY_CLOSE, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "half", 200, HTTP_BODY, true},
    {"HTTP/1.1 200 OK\nContent-Length: 1\n\nx", "", 0, HTTP_BROKEN, false},
    {"HTTP/1.1 20x OK\r\n\r\n", "", 0, HTTP_BROKEN, false},
    {"SPDY/1.1 200 OK\r\n\r\n", "", 0, HTTP_BROKEN, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "", 200, HTTP_BROKEN, true},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "", 200, HTTP_BROKEN, true},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "", 200, HTTP_BROKEN, true},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n", "abc", 200, HTTP_BROKEN,
     true},
};

/* Reads the text in pieces of `step` bytes, each a block of memory of its own. */
static void assert_answer(const struct answer *answer, size_t step)
{
    struct http_reader reader;
    struct buf body;
    struct str text = str_from_c(answer->text);
    http_reader_init(&reader);
    buf_init(&body, 1000);
    for (size_t at = 0; at < text.len; at += step) {
        size_t len = MIN(step, text.len - at);
        char *piece = malloc(len);
        assert_non_null(piece);
        memcpy(piece, text.ptr + at, len);
        struct str bytes = str_of(piece, len), part;
        while ((part = http_reader_take(&reader, &bytes)).len)
            assert_int_equal(buf_add(&body, part), OK);
        free(piece);
        if (reader.state == HTTP_BROKEN) break;
    }
    assert_int_equal(reader.state, answer->state);
    assert_int_equal(reader.status, answer->status);
    assert_int_equal(reader.keeps_alive, answer->keeps_alive);
    assert_true(str_equal(buf_str(&body), str_from_c(answer->body)));
    assert_int_equal(http_reader_may_end(&reader), answer->state == HTTP_BODY_CLOSE);
    buf_done(&body);
    http_reader_done(&reader);
}

static void test_answers_read_whole_and_in_pieces_of_any_length(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(answers); i++)
        for (size_t step = 1; step <= strlen(answers[i].text); step++)
            assert_answer(&answers[i], step);
}

static void test_bytes_behind_an_answer_are_left(void **state UNUSED)
{
    struct http_reader reader;
    struct str bytes = STR("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200");
    http_reader_init(&reader);
    assert_int_equal(http_reader_take(&reader, &bytes).len, 0);
    assert_int_equal(reader.state, HTTP_WHOLE);
    assert_true(str_equal(bytes, STR("HTTP/1.1 200")));
    http_reader_done(&reader);
}

static void test_a_line_without_end_is_broken_at_its_limit(void **state UNUSED)
{
    struct http_reader reader;
    http_reader_init(&reader);
    for (int i = 0; i < 20000 && reader.state != HTTP_BROKEN; i++) {
        struct str bytes = STR("x");
        http_reader_take(&reader, &bytes);
    }
    assert_int_equal(reader.state, HTTP_BROKEN);
    http_reader_done(&reader);
}

#define TEST(name) cmocka_unit_test(name)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_answers_read_whole_and_in_pieces_of_any_length),
        TEST(test_bytes_behind_an_answer_are_left),
        TEST(test_a_line_without_end_is_broken_at_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
