/* One thread: the client's calls do not block, the loop runs until what is awaited has come. */
#include "base/metrics.h"
#include "net/listener.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { WAIT_MS = 5000, ARRIVED_MAX = 64 };

struct bed {
    struct config config;
    struct loop *loop;
    struct peers *peers;
    struct net_listener *listener;
    struct net_listener_sink sink;
    struct timer look, deadline;
    bool (*is_done)(struct bed *bed);
    int wanted;
    int arrived[ARRIVED_MAX], arrived_count;
    struct sockaddr_storage peer;
};

static void bed_arrived(struct net_listener_sink *sink, int fd, const struct sockaddr_storage *peer,
                        socklen_t peer_len UNUSED)
{
    struct bed *bed = container_of(sink, struct bed, sink);
    bed->arrived[bed->arrived_count++] = fd;
    bed->peer = *peer;
}

static void bed_look(struct timer *timer)
{
    struct bed *bed = container_of(timer, struct bed, look);
    if (bed->is_done(bed))
        loop_stop(bed->loop);
    else
        loop_timer_set(bed->loop, timer, 1);
}
static void bed_too_late(struct timer *timer)
{
    loop_stop(container_of(timer, struct bed, deadline)->loop);
}
static void bed_run(struct bed *bed, bool (*is_done)(struct bed *bed), int wanted)
{
    bed->is_done = is_done;
    bed->wanted = wanted;
    loop_timer_set(bed->loop, &bed->look, 1);
    loop_timer_set(bed->loop, &bed->deadline, WAIT_MS);
    loop_run(bed->loop);
    loop_timer_cancel(bed->loop, &bed->look);
    loop_timer_cancel(bed->loop, &bed->deadline);
    assert_true(is_done(bed));
}
static bool has_arrived(struct bed *bed)
{
    return bed->arrived_count == bed->wanted;
}
static bool has_entered(struct bed *bed)
{
    return peers_count(bed->peers) == bed->wanted;
}

static int client_open(const struct bed *bed)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)net_listener_port(bed->listener)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static int setup(void **state)
{
    struct bed *bed = calloc(1, sizeof(*bed));
    config_init(&bed->config);
    bed->config.head_ms = 200;
    bed->sink.arrived = bed_arrived;
    bed->look.due = bed_look;
    bed->deadline.due = bed_too_late;
    assert_int_equal(loop_open(&bed->loop), OK);
    bed->peers = peers_new(8, 8);
    struct sockaddr_storage address = {.ss_family = AF_INET};
    ((struct sockaddr_in *)&address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(net_listener_open(bed->loop, &bed->config, &address, bed->peers, &bed->sink,
                                       &bed->listener),
                     OK);
    *state = bed;
    return 0;
}
static int teardown(void **state)
{
    struct bed *bed = *state;
    for (int i = 0; i < bed->arrived_count; i++) {
        close(bed->arrived[i]);
        peers_leave(bed->peers, &bed->peer);
    }
    net_listener_close(bed->listener);
    assert_int_equal(peers_count(bed->peers), 0);
    peers_free(bed->peers);
    loop_close(bed->loop);
    config_done(&bed->config);
    free(bed);
    return 0;
}

static void test_connection_arrives_with_its_first_byte(void **state)
{
    struct bed *bed = *state;
    int64_t accepted = metrics_value(METRIC_ACCEPTED);
    int fd = client_open(bed);
    bed_run(bed, has_entered, 1);
    assert_int_equal(bed->arrived_count, 0); /* it is parked */
    assert_int_equal(send(fd, "x", 1, 0), 1);
    bed_run(bed, has_arrived, 1);
    char byte;
    assert_int_equal(recv(bed->arrived[0], &byte, 1, MSG_DONTWAIT), 1); /* unread until now */
    assert_int_equal(bed->peer.ss_family, AF_INET);
    int no_delay = 0;
    socklen_t len = sizeof(no_delay);
    getsockopt(bed->arrived[0], IPPROTO_TCP, TCP_NODELAY, &no_delay, &len);
    assert_int_equal(no_delay, 1);
    assert_int_equal(metrics_value(METRIC_ACCEPTED), accepted + 1);
    close(fd);
}

static void test_silent_and_leaving_ones_never_arrive(void **state)
{
    struct bed *bed = *state;
    int silent = client_open(bed), leaving = client_open(bed);
    bed_run(bed, has_entered, 2);
    close(leaving);
    bed_run(bed, has_entered, 1);
    bed_run(bed, has_entered, 0); /* head_ms is over */
    char byte;
    assert_int_equal(recv(silent, &byte, 1, 0), 0);
    assert_int_equal(bed->arrived_count, 0);
    close(silent);
}

static bool has_refused(struct bed *bed)
{
    return metrics_value(METRIC_REFUSED) >= bed->wanted;
}
static void test_over_the_limit_is_refused_with_503(void **state)
{
    struct bed *bed = *state;
    int fds[9];
    int refused = (int)metrics_value(METRIC_REFUSED);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        fds[i] = client_open(bed);
    bed_run(bed, has_refused, refused + 1);
    char bytes[512] = "";
    assert_true(recv(fds[8], bytes, sizeof(bytes) - 1, 0) > 0);
    assert_non_null(strstr(bytes, "HTTP/1.1 503 "));
    assert_non_null(strstr(bytes, "Retry-After: "));
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]);
}

static struct rlimit old_limit;
static void set_fd_limit(rlim_t limit)
{
    struct rlimit new_limit = {limit, old_limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &new_limit), 0);
}
static bool has_turned(struct bed *bed)
{
    return --bed->wanted <= 0;
}
static void test_out_of_descriptors_it_pauses_and_goes_on(void **state)
{
    struct bed *bed = *state;
    getrlimit(RLIMIT_NOFILE, &old_limit);
    int fd = client_open(bed);
    assert_int_equal(send(fd, "x", 1, 0), 1);
    int free_fd = dup(fd);
    close(free_fd);
    set_fd_limit((rlim_t)free_fd); /* the next one would be free_fd */
    bed_run(bed, has_turned, 50);
    assert_int_equal(peers_count(bed->peers), 0);
    set_fd_limit(old_limit.rlim_cur);
    bed_run(bed, has_arrived, 1);
    close(fd);
}

static void test_stopped_listener_keeps_the_parked(void **state)
{
    struct bed *bed = *state;
    int fd = client_open(bed), queued = client_open(bed);
    net_listener_stop(bed->listener); /* takes in whoever stands in the queue */
    assert_int_equal(peers_count(bed->peers), 2);
    assert_int_equal(send(fd, "x", 1, 0), 1);
    bed_run(bed, has_arrived, 1);
    close(fd);
    close(queued);
}

static void test_two_listeners_share_a_port(void **state)
{
    struct bed *bed = *state;
    struct sockaddr_storage address = {.ss_family = AF_INET};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
    v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    v4->sin_port = htons((uint16_t)net_listener_port(bed->listener));
    struct net_listener *second;
    assert_int_equal(
        net_listener_open(bed->loop, &bed->config, &address, bed->peers, &bed->sink, &second), OK);
    assert_int_equal(net_listener_port(second), net_listener_port(bed->listener));
    net_listener_close(second);
}

static void test_foreign_address_cannot_be_opened(void **state)
{
    struct bed *bed = *state;
    struct sockaddr_storage address = {.ss_family = AF_INET};
    ((struct sockaddr_in *)&address)->sin_addr.s_addr = htonl(0xc0000201); /* 192.0.2.1 */
    struct net_listener *none = NULL;
    assert_int_equal(
        net_listener_open(bed->loop, &bed->config, &address, bed->peers, &bed->sink, &none),
        ERR_SYSTEM);
    assert_null(none);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_connection_arrives_with_its_first_byte),
        TEST(test_silent_and_leaving_ones_never_arrive),
        TEST(test_over_the_limit_is_refused_with_503),
        TEST(test_out_of_descriptors_it_pauses_and_goes_on),
        TEST(test_stopped_listener_keeps_the_parked),
        TEST(test_two_listeners_share_a_port),
        TEST(test_foreign_address_cannot_be_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
