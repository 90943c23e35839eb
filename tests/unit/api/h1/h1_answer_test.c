/* Answers by libmicrohttpd: what their heads say. */
#include "tests/unit/api/h1/talk.h"

static void test_head_has_length_but_no_body(void **state)
{
    struct talk talk;
    talk_begin(&talk, *state);
    assert_int_equal(talk_ask(&talk, "HEAD /chat/app/groups HTTP/1.1\r\n" AUTH "\r\n"), 200);
    assert_true(talk_has(&talk, "Content-Length: 37\r\n"));
    assert_int_equal(talk_ask(&talk, "GET /chat/app/groups HTTP/1.1\r\n" AUTH "\r\n"), 200);
    talk_end(&talk);
}

static void test_no_content_has_no_type_and_no_length(void **state)
{
    struct talk talk;
    talk_begin(&talk, *state);
    assert_int_equal(talk_ask(&talk, "GET /chat/app/devices HTTP/1.1\r\n" AUTH "\r\n"), 204);
    assert_false(talk_has(&talk, "\r\nContent-Type"));
    assert_false(talk_has(&talk, "Content-Length"));
    assert_int_equal(talk_ask(&talk, "GET /chat/app/groups HTTP/1.1\r\n" AUTH "\r\n"), 200);
    talk_end(&talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_head_has_length_but_no_body),
        TEST(test_no_content_has_no_type_and_no_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
