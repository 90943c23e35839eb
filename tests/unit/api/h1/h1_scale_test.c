/* Many streams on one reactor: what one costs in memory, and that a push to one does not depend on
 * how many there are. As many as the limit of descriptors allows, up to 9,000 (a socket has two
 * ends here). The figures are printed; the bounds asserted are wide. */
#include "tests/unit/api/h1/bed.h"
#include <sys/resource.h>
#include <time.h>

#define AUTH "Host: x\r\nAuthorization: Bearer %T\r\n"
enum { STREAMS_MAX = 9000, PUSHES = 500 };

static struct exchange *streams[STREAMS_MAX];
static int stream_count;
static double push_us;

static double thread_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static long resident_kb(void)
{
    char line[128] = "";
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof(line), file));
    fclose(file);
    char *resident = strchr(line, ' ');
    assert_non_null(resident);
    return strtol(resident, NULL, 10) * 4;
}

static void collect(struct bed *bed)
{
    stream_count = 0;
    LIST_EACH (&bed->waiting, link)
        streams[stream_count++] = container_of(link, struct bed_wait, link)->ex;
}

static void push_some(struct bed *bed UNUSED)
{
    static char event[128];
    memset(event, 'x', sizeof(event));
    double start_us = thread_us();
    unsigned at = 0;
    for (int i = 0; i < PUSHES; i++, at = (at + 7919) % (unsigned)stream_count) {
        struct exchange *ex = streams[at];
        ex->transport->ops->stream_write(ex->transport, str_of(event, sizeof(event)));
    }
    push_us = (thread_us() - start_us) / PUSHES;
}

static int streams_wanted(void)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return (int)MIN((rlim_t)STREAMS_MAX, limit.rlim_cur / 2 - 200);
}

static void test_push_does_not_depend_on_the_number_of_streams(void **state UNUSED)
{
    struct bed *bed = bed_new();
    bed_start(bed);
    int wanted = streams_wanted(), count = 0;
    int *fds = memory_alloc((size_t)wanted * sizeof(fds[0]));
    const int steps[] = {100, 1000, wanted};
    double first_us = 0;
    long before_kb = resident_kb();
    for (size_t step = 0; step < ARRAY_LEN(steps); step++) {
        for (; count < steps[step]; count++) {
            fds[count] = client_open(bed);
            client_send(bed, fds[count], STR("GET /chat/app/stream HTTP/1.1\r\n" AUTH "\r\n"));
        }
        BED_UNTIL(bed->waiting_count == count);
        if (count == wanted)
            print_message("%d streams: %ld bytes each, with exchange and socket\n", count,
                          (resident_kb() - before_kb) * 1024 / count);
        bed_do(bed, collect);
        bed_do(bed, push_some);
        print_message("%d streams: %.1f us of CPU a push\n", count, push_us);
        if (!first_us) first_us = push_us;
        assert_true(push_us < 4 * first_us + 20);
    }
    for (int i = 0; i < count; i++)
        close(fds[i]);
    BED_UNTIL(bed->gone_count == count);
    BED_UNTIL(peers_count(bed->peers) == 0);
    free(fds);
    bed_stop(bed);
}

static double reactor_us;
static void read_clock(struct bed *bed UNUSED)
{
    reactor_us = thread_us();
}

/* CPU of the reactor for one request, of 64 connections that ask all at once. */
static double cost_of(struct bed *bed, struct str request, bool is_waiting)
{
    enum { CONNECTIONS = 64, ROUNDS = 100 };
    int fds[CONNECTIONS];
    struct buf in, answer;
    buf_init(&in, 1 << 20);
    buf_init(&answer, 1 << 20);
    for (int i = 0; i < CONNECTIONS; i++)
        fds[i] = client_open(bed);
    bed_do(bed, read_clock);
    double start_us = reactor_us;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < CONNECTIONS; i++)
            client_send(bed, fds[i], request);
        if (is_waiting) {
            BED_UNTIL(bed->waiting_count == CONNECTIONS);
            bed_do(bed, bed_answer_all);
        }
        for (int i = 0; i < CONNECTIONS; i++)
            assert_int_equal(client_answer(fds[i], &in, &answer, false), 200);
    }
    bed_do(bed, read_clock);
    for (int i = 0; i < CONNECTIONS; i++)
        close(fds[i]);
    buf_done(&in);
    buf_done(&answer);
    return (reactor_us - start_us) / (CONNECTIONS * ROUNDS);
}

static void test_requests_and_polls_have_a_price(void **state UNUSED)
{
    struct bed *bed = bed_new();
    bed_start(bed);
    print_message("request: %.1f us\n",
                  cost_of(bed, STR("GET /chat/app/groups HTTP/1.1\r\n" AUTH "\r\n"), false));
    print_message("request answered later: %.1f us\n",
                  cost_of(bed,
                          STR("POST /chat/app/login HTTP/1.1\r\nHost: x\r\n"
                              "Content-Type: application/json\r\nContent-Length: 4\r\n\r\nwait"),
                          true));
    print_message("waiting poll, there and back: %.1f us\n",
                  cost_of(bed, STR("GET /chat/app/sync HTTP/1.1\r\n" AUTH "\r\n"), true));
    bed_stop(bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_push_does_not_depend_on_the_number_of_streams),
        cmocka_unit_test(test_requests_and_polls_have_a_price),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
