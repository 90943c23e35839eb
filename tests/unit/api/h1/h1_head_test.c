/* What becomes of a head: target, version, size. */
#include "tests/unit/api/h1/talk.h"

static void test_http_10_needs_no_host_and_closes(void **state)
{
    struct buf in;
    buf_init(&in, 1 << 20);
    client_talk(*state, STR("GET /chat/app/groups HTTP/1.0\r\nAuthorization: Bearer %T\r\n\r\n"),
                &in);
    assert_non_null(client_find(&in, " 200 OK\r\n"));
    buf_done(&in);
}

static void test_absolute_form_is_reduced_and_others_are_unknown(void **state)
{
    struct talk talk;
    talk_begin(&talk, *state);
    assert_int_equal(talk_ask(&talk, "GET http://x:80/chat/app/groups?q HTTP/1.1\r\n" AUTH "\r\n"),
                     200);
    assert_true(talk_has(&talk, "\"target\":\"/chat/app/groups?q\""));
    assert_int_equal(talk_ask(&talk, "GET http://x?q HTTP/1.1\r\n" AUTH "\r\n"), 404);
    assert_int_equal(talk_ask(&talk, "OPTIONS * HTTP/1.1\r\n" AUTH "\r\n"), 404);
    assert_int_equal(talk_ask(&talk, "CONNECT x:80 HTTP/1.1\r\n" AUTH "\r\n"), 404);
    talk_end(&talk);
}

static void test_upgrade_is_ignored(void **state)
{
    struct talk talk;
    talk_begin(&talk, *state);
    assert_int_equal(talk_ask(&talk, "GET /chat/app/groups HTTP/1.1\r\n" AUTH
                                     "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                                     "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n"),
                     200);
    talk_end(&talk);
}

static void talk_with_head_of(struct bed *bed, size_t len, struct buf *in)
{
    struct buf text;
    buf_init(&text, 1 << 20);
    size_t fixed_len =
        strlen("GET /chat/app/devices HTTP/1.0\r\nHost: x\r\nAuthorization: Bearer \r\n"
               "A: \r\n\r\n") +
        bed->token.len;
    char *fill = memory_alloc(len);
    memset(fill, 'a', len);
    assert_int_equal(
        buf_printf(&text,
                   "GET /chat/app/devices HTTP/1.0\r\nHost: x\r\nAuthorization: Bearer "
                   "%%T\r\nA: %.*s\r\n\r\n",
                   (int)(len - fixed_len), fill),
        OK);
    free(fill);
    client_talk(bed, buf_str(&text), in);
    buf_done(&text);
}

static void test_head_may_have_16_kib_and_not_more(void **state)
{
    static const struct {
        size_t len;
        int status;
    } cases[] = {{16384, 204}, {16385, 431}, {65536, 431}, {300000, 431}};
    struct buf in;
    buf_init(&in, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        talk_with_head_of(*state, cases[i].len, &in);
        assert_true(in.len > 9);
        assert_int_equal(strtol(buf_c(&in) + 9, NULL, 10), cases[i].status);
    }
    buf_done(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_http_10_needs_no_host_and_closes),
        TEST(test_absolute_form_is_reduced_and_others_are_unknown),
        TEST(test_upgrade_is_ignored),
        TEST(test_head_may_have_16_kib_and_not_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
