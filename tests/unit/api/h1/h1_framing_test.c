/* Heads and bodies that two readers could understand differently, sent raw: one answer, a closed
 * door, and the request hidden behind is never answered. */
#include "api/h1/h1_framing.h"
#include "tests/unit/api/h1/bed.h"

#define TYPE "Content-Type: application/json\r\n"
#define AUTH "Host: x\r\nAuthorization: Bearer %T\r\n"
#define LOGIN "POST /chat/app/login HTTP/1.1\r\n" TYPE
#define HIDDEN "GET /chat/app/groups HTTP/1.1\r\n" AUTH "\r\n"

static int setup(void **state)
{
    struct bed *bed = bed_new();
    bed->config.head_ms = 1000;
    bed_start(bed);
    *state = bed;
    return 0;
}
static int teardown(void **state)
{
    bed_stop(*state);
    return 0;
}

struct raw_case {
    const char *what;
    struct str text;
    int status;
};
#define CASE(what, status, text)                        \
    {                                                   \
        (what), {("" text), sizeof(text) - 1}, (status) \
    }
static const struct raw_case raw_cases[] = {
    CASE("length with coding", 400,
         LOGIN
         "Host: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" HIDDEN),
    CASE("coding with length", 400,
         LOGIN
         "Host: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 60\r\n\r\n0\r\n\r\n" HIDDEN),
    CASE("two lengths", 400,
         LOGIN "Host: x\r\nContent-Length: 2\r\nContent-Length: 90\r\n\r\n{}" HIDDEN),
    CASE("two equal lengths", 400,
         LOGIN "Host: x\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}" HIDDEN),
    CASE("length list", 400, LOGIN "Host: x\r\nContent-Length: 2, 2\r\n\r\n{}" HIDDEN),
    CASE("negative length", 400, LOGIN "Host: x\r\nContent-Length: -2\r\n\r\n{}" HIDDEN),
    CASE("signed length", 400, LOGIN "Host: x\r\nContent-Length: +2\r\n\r\n{}" HIDDEN),
    CASE("hex length", 400, LOGIN "Host: x\r\nContent-Length: 0x2\r\n\r\n{}" HIDDEN),
    CASE("empty length", 400, LOGIN "Host: x\r\nContent-Length: \r\n\r\n{}" HIDDEN),
    CASE("two codings", 400,
         LOGIN "Host: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n"
               "0\r\n\r\n" HIDDEN),
    CASE("xchunked", 501, LOGIN "Host: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" HIDDEN),
    CASE("gzip, chunked", 501,
         LOGIN "Host: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" HIDDEN),
    CASE("identity", 501, LOGIN "Host: x\r\nTransfer-Encoding: identity\r\n\r\n" HIDDEN),
    CASE("chunked and a space", 501,
         LOGIN "Host: x\r\nTransfer-Encoding: chunked \r\n\r\n0\r\n\r\n" HIDDEN),
    CASE("coding in 1.0", 400,
         "POST /chat/app/login HTTP/1.0\r\n" TYPE "Transfer-Encoding: chunked\r\n\r\n"
         "0\r\n\r\n" HIDDEN),
    CASE("space before the colon", 400,
         LOGIN "Host: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n" HIDDEN),
    CASE("tab before the colon", 400, LOGIN "Host: x\r\nContent-Length\t: 2\r\n\r\n{}" HIDDEN),
    CASE("bad byte in a name", 400, LOGIN "Host: x\r\nA(b): c\r\n\r\n" HIDDEN),
    CASE("empty name", 400, LOGIN "Host: x\r\n: c\r\n\r\n" HIDDEN),
    CASE("line without a colon", 400, LOGIN "Host: x\r\nabc\r\n\r\n" HIDDEN),
    CASE("space before the first name", 400, "GET / HTTP/1.1\r\n Host: x\r\n\r\n" HIDDEN),
    CASE("folded line", 400, LOGIN "Host: x\r\nA: b\r\n c\r\n\r\n" HIDDEN),
    CASE("folded coding", 400,
         LOGIN "Host: x\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" HIDDEN),
    CASE("no host", 400, LOGIN "Content-Length: 2\r\n\r\n{}" HIDDEN),
    CASE("two hosts", 400, LOGIN "Host: x\r\nHost: y\r\nContent-Length: 2\r\n\r\n{}" HIDDEN),
    CASE("two equal hosts", 400, LOGIN "Host: x\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}" HIDDEN),
    CASE("NUL in a value", 400, LOGIN "Host: x\r\nA: b\0c\r\nContent-Length: 2\r\n\r\n{}" HIDDEN),
    CASE("NUL ends a value", 400, LOGIN "Host: x\r\nA: b\0\r\nContent-Length: 2\r\n\r\n{}" HIDDEN),
    CASE("NUL in the last value", 400, LOGIN "Host: x\r\nA: b\0c\r\n\r\n" HIDDEN),
    CASE("NUL in a name", 400, LOGIN "Host: x\r\nA\0b: c\r\n\r\n" HIDDEN),
    CASE("NUL begins a line", 400, LOGIN "Host: x\r\n\0A: b\r\n" HIDDEN),
    CASE("NUL in the target", 400, "GET /chat/app/groups\0/x HTTP/1.1\r\n" AUTH "\r\n" HIDDEN),
    CASE("NUL in the query", 400, "GET /chat/app/groups?a\0b HTTP/1.1\r\n" AUTH "\r\n" HIDDEN),
    CASE("bare CR in a value", 400, LOGIN "Host: x\r\nA: b\rc\r\n\r\n" HIDDEN),
    CASE("bare CR in the target", 400, "GET /chat/app/groups\r HTTP/1.1\r\n" AUTH "\r\n" HIDDEN),
    CASE("line that ends in LF", 400, LOGIN "Host: x\nContent-Length: 2\r\n\r\n{}" HIDDEN),
    CASE("head that ends in LF", 400, "GET /chat/app/groups HTTP/1.1\r\n" AUTH "\n" HIDDEN),
    CASE("control byte in a value", 400, LOGIN "Host: x\r\nA: b\001c\r\n\r\n" HIDDEN),
    CASE("bad method", 400, "G(T /chat/app/groups HTTP/1.1\r\n" AUTH "\r\n" HIDDEN),
    CASE("two spaces", 400, "GET  /chat/app/groups HTTP/1.1\r\n" AUTH "\r\n" HIDDEN),
    CASE("chunk size is no number", 400,
         LOGIN "Host: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n" HIDDEN),
    CASE("expectation unknown", 417,
         LOGIN "Host: x\r\nExpect: 200-maybe\r\nContent-Length: 2\r\n\r\n{}" HIDDEN),
};

static void test_nothing_behind_a_doubtful_request_is_answered(void **state)
{
    struct bed *bed = *state;
    struct buf in;
    buf_init(&in, 1 << 20);
    int bad_count = 0;
    for (size_t i = 0; i < ARRAY_LEN(raw_cases); i++) {
        const struct raw_case *c = &raw_cases[i];
        int handled_count = bed->handled_count;
        client_talk(bed, c->text, &in);
        int status = in.len ? (int)strtol(buf_c(&in) + 9, NULL, 10) : 0;
        /* libmicrohttpd sends the head of its own 400 for a Content-Length twice, then closes. */
        size_t answer_count = client_count(&in, "HTTP/1.") - client_count(&in, "value for <b>");
        bool is_good =
            status == c->status && answer_count == 1 && bed->handled_count == handled_count;
        if (!is_good)
            print_error("%s: status %d, answers %zu, handled %d\n", c->what, status,
                        client_count(&in, "HTTP/1."), bed->handled_count - handled_count);
        bad_count += !is_good;
    }
    assert_int_equal(bad_count, 0);
    buf_done(&in);
}

static void test_refused_heads_end_politely(void **state)
{
    struct buf in;
    buf_init(&in, 1 << 20);
    client_talk(*state,
                STR(LOGIN "Host: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}"),
                &in);
    assert_non_null(client_find(&in, "\r\nConnection: close\r\n"));
    assert_non_null(client_find(&in, "\"code\":\"bad_request\""));
    assert_non_null(client_find(&in, "\r\nX-Request-Id: "));
    buf_done(&in);
}

static void test_length_beyond_all_numbers_is_too_large(void **state)
{
    struct bed *bed = *state;
    struct buf in;
    buf_init(&in, 1 << 20);
    client_talk(
        bed, STR(LOGIN "Host: x\r\nContent-Length: 99999999999999999999999\r\n\r\n{}" HIDDEN), &in);
    assert_non_null(client_find(&in, "HTTP/1.1 413 "));
    assert_int_equal(bed->handled_count, 0);
    buf_done(&in);
}

/* The check alone, over a buffer cut up as libmicrohttpd does it. */
static void test_check_takes_a_head_that_is_covered(void **state UNUSED)
{
    static const char text[] = "GET\0/a\0HTTP/1.1\0\0Host\0 x\0\0A\0\0\0B\0\t c \0\0\0\0";
    struct header headers[] = {{{text + 17, 4}, {text + 23, 1}},
                               {{text + 26, 1}, {text + 28, 0}},
                               {{text + 30, 1}, {text + 34, 2}}};
    struct h1_head head = {.text = str_of(text, sizeof(text) - 1),
                           .method = str_of(text, 3),
                           .target = str_of(text + 4, 2),
                           .target_text = STR("/a"),
                           .version = str_of(text + 7, 8),
                           .headers = headers,
                           .header_count = 3};
    assert_int_equal(h1_framing_check(&head), OK);
    head.text.len++;
    assert_int_equal(h1_framing_check(&head), ERR_BAD_REQUEST);
    head.text.len--;
    headers[1].name.ptr--;
    assert_int_equal(h1_framing_check(&head), ERR_BAD_REQUEST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_behind_a_doubtful_request_is_answered, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_refused_heads_end_politely, setup, teardown),
        cmocka_unit_test_setup_teardown(test_length_beyond_all_numbers_is_too_large, setup,
                                        teardown),
        cmocka_unit_test(test_check_takes_a_head_that_is_covered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
