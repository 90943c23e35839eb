#include "api/h1/h1_glance.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

static const struct glance_case {
    const char *bytes;
    const char *status; /* NULL: nothing to refuse */
} glance_cases[] = {
    {"", NULL},
    {"POST / HTTP/1.1", NULL},
    {"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", NULL},
    {"POST / HTTP/1.1\r\ncontent-length:\t 5 \r\n\r\n", NULL},
    {"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "400"},
    {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\n", "400"},
    {"POST / HTTP/1.1\r\nCONTENT-LENGTH: 0x2\r\n\r\n", "400"},
    {"POST / HTTP/1.1\r\nContent-Length:\r\n\r\n", "400"},
    {"POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\n", "400"},
    {"POST / HTTP/1.1\nContent-Length: 5 5\n\n", "400"},
    {"POST / HTTP/1.1\r\nContent-Length: 999999999999999999\r\n\r\n", NULL},
    {"POST / HTTP/1.1\r\nContent-Length: 9999999999999999999\r\n\r\n", "413"},
    {"POST / HTTP/1.1\r\nContent-Length: -", NULL},                     /* not whole yet */
    {"POST / HTTP/1.1\r\nHost: x\r\n\r\nContent-Length: -1\r\n", NULL}, /* the body */
    {"POST / HTTP/1.1\r\nContent-Lengths: -1\r\n\r\n", NULL},
};

static void test_only_a_content_length_that_is_no_number_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(glance_cases); i++) {
        struct str answer = h1_glance(str_from_c(glance_cases[i].bytes));
        if (!glance_cases[i].status) {
            assert_null(answer.ptr);
            continue;
        }
        assert_true(str_starts(answer, STR("HTTP/1.1 ")));
        assert_true(str_starts(str_from(answer, 9), str_from_c(glance_cases[i].status)));
    }
}

static void test_answers_are_as_long_as_they_say(void **state)
{
    (void)state;
    static const char *const lengths[] = {"-1", "9999999999999999999"};
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        char request[128];
        uint64_t said = 0;
        size_t len = (size_t)snprintf(request, sizeof(request),
                                      "POST / HTTP/1.1\r\nContent-Length: %s\r\n\r\n", lengths[i]);
        struct str rest = h1_glance(str_of(request, len));
        for (;;) {
            struct str value = str_cut(&rest, '\n');
            if (value.len <= 1) break;
            struct str name = str_cut(&value, ':');
            if (!str_equal(name, STR("Content-Length"))) continue;
            value = str_trim(value);
            value.len--; /* the CR */
            assert_true(str_to_u64(value, 1000, &said));
        }
        assert_int_equal(rest.len, said);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_a_content_length_that_is_no_number_is_refused),
        cmocka_unit_test(test_answers_are_as_long_as_they_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
