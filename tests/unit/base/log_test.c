#include "base/clock.h"
#include "base/log.h"
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

/* Stderr leads into a file in memory while something is logged. */
static char captured[1 << 20];
static int capture_fd, stderr_fd;

static void capture_start(void)
{
    capture_fd = memfd_create("log", MFD_CLOEXEC);
    stderr_fd = dup(STDERR_FILENO);
    assert_true(capture_fd >= 0 && stderr_fd >= 0);
    dup2(capture_fd, STDERR_FILENO);
    fcntl(capture_fd, F_SETFL, O_APPEND);
}

static const char *capture_end(void)
{
    dup2(stderr_fd, STDERR_FILENO);
    close(stderr_fd);
    ssize_t len = pread(capture_fd, captured, sizeof(captured) - 1, 0);
    close(capture_fd);
    assert_true(len >= 0);
    captured[len] = '\0';
    return captured;
}

static int log_test_setup(void **state UNUSED)
{
    clock_wall_set(INT64_C(1715438096789)); /* 2024-05-11T14:34:56.789Z */
    log_setup(LOG_INFO, false);
    return 0;
}

static int log_test_teardown(void **state UNUSED)
{
    clock_wall_set(0);
    return 0;
}

static void test_text_quotes_only_what_needs_it(void **state UNUSED)
{
    capture_start();
    log_event(LOG_INFO, "listening", log_c("address", "[::1]:8080"), log_int("port", -1),
              log_c("why", "no \"such\" file"), log_c("empty", ""), log_c("pair", "a=b"),
              log_err(ERR_TOO_LARGE));
    assert_string_equal(capture_end(),
                        "time=2024-05-11T14:34:56.789Z level=info event=listening "
                        "address=[::1]:8080 port=-1 why=\"no \\\"such\\\" file\" empty=\"\" "
                        "pair=\"a=b\" error=too_large\n");
}

static void test_json_is_one_object_a_line(void **state UNUSED)
{
    log_setup(LOG_DEBUG, true);
    capture_start();
    log_event(LOG_DEBUG, "first", log_c("text", "a\\b"), log_int("n", INT64_MIN));
    log_event(LOG_ERROR, "second");
    assert_string_equal(
        capture_end(),
        "{\"time\":\"2024-05-11T14:34:56.789Z\",\"level\":\"debug\",\"event\":\"first\","
        "\"text\":\"a\\\\b\",\"n\":-9223372036854775808}\n"
        "{\"time\":\"2024-05-11T14:34:56.789Z\",\"level\":\"error\",\"event\":\"second\"}\n");
}

static void test_lower_levels_are_silent(void **state UNUSED)
{
    log_setup(LOG_WARN, false);
    assert_false(log_is_on(LOG_INFO));
    assert_true(log_is_on(LOG_WARN));
    capture_start();
    log_event(LOG_INFO, "unseen");
    log_write(LOG_DEBUG, "unseen", NULL, 0);
    assert_string_equal(capture_end(), "");
}

static void test_controls_and_bytes_that_are_no_utf8_are_escaped(void **state UNUSED)
{
    capture_start();
    log_event(LOG_INFO, "e", log_str("v", STR("a\nb\x1b[1m\0\x7f\xc2\x9b\xff\xc3")),
              log_c("w", "\xc3\xa4\xf0\x9f\x98\x80"));
    assert_non_null(strstr(capture_end(),
                           " v=\"a\\nb\\u001b[1m\\u0000\\u007f\\u009b\\ufffd\\ufffd\" "
                           "w=\"\xc3\xa4\xf0\x9f\x98\x80\"\n"));
}

static void test_a_long_line_is_cut_and_says_so(void **state UNUSED)
{
    static char big[10000];
    for (int as_json = 0; as_json < 2; as_json++) {
        for (size_t len = 3900; len < 4200; len++) {
            log_setup(LOG_INFO, as_json);
            memset(big, len % 2 ? 'x' : '\n', sizeof(big));
            capture_start();
            log_event(LOG_INFO, "e", log_str("v", str_of(big, len % 2 ? len : len / 2)),
                      log_int("n", 7));
            const char *line = capture_end();
            size_t line_len = strlen(line);
            assert_true(line_len <= 4096 && line[line_len - 1] == '\n');
            const char *whole = as_json ? ",\"n\":7}\n" : " n=7\n";
            const char *cut = as_json ? "\",\"truncated\":true}\n" : " truncated=true\n";
            const char *cut_behind = as_json ? "\",\"truncated\":true}\n" : "x truncated=true\n";
            assert_true(strstr(line, whole) || strstr(line, cut) || strstr(line, cut_behind));
            assert_true(len < 4100 || strstr(line, cut) || strstr(line, cut_behind));
        }
    }
}

enum { WRITER_COUNT = 4, WRITE_COUNT = 500 };

static void *writer_run(void *unused UNUSED)
{
    pthread_setname_np(pthread_self(), "writer-1");
    for (int i = 0; i < WRITE_COUNT; i++)
        log_event(LOG_INFO, "note", log_c("filler", "0123456789012345678901234567890123456789"));
    return NULL;
}

static void test_lines_of_threads_never_mix_and_name_them(void **state UNUSED)
{
    pthread_t threads[WRITER_COUNT];
    capture_start();
    for (int i = 0; i < WRITER_COUNT; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, writer_run, NULL), 0);
    for (int i = 0; i < WRITER_COUNT; i++)
        pthread_join(threads[i], NULL);
    struct str rest = str_from_c(capture_end());
    int count = 0;
    for (; rest.len > 0; count++)
        assert_true(str_equal(str_cut(&rest, '\n'),
                              STR("time=2024-05-11T14:34:56.789Z level=info event=note "
                                  "thread=writer-1 "
                                  "filler=0123456789012345678901234567890123456789")));
    assert_int_equal(count, WRITER_COUNT * WRITE_COUNT);
}

#define LOG_TEST(name) cmocka_unit_test_setup_teardown(name, log_test_setup, log_test_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(test_text_quotes_only_what_needs_it),
        LOG_TEST(test_json_is_one_object_a_line),
        LOG_TEST(test_lower_levels_are_silent),
        LOG_TEST(test_controls_and_bytes_that_are_no_utf8_are_escaped),
        LOG_TEST(test_a_long_line_is_cut_and_says_so),
        LOG_TEST(test_lines_of_threads_never_mix_and_name_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
