#include "net/connection.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

enum { WAIT_MS = 5000 };

struct bed {
    struct loop *loop;
    struct connection connection;
    struct connection_lingers lingers;
    struct timer look, deadline;
    bool (*is_done)(struct bed *bed);
    int client;
    bool is_open;
    int drained_count, readable_count, closed_count;
    size_t got_len;
    bool has_ended, was_reset;
};

static struct bed *bed_of(struct connection *connection)
{
    return container_of(connection, struct bed, connection);
}
static void bed_drained(struct connection *connection)
{
    bed_of(connection)->drained_count++;
}
static void bed_readable(struct connection *connection)
{
    bed_of(connection)->readable_count++;
    connection_watch_input(connection, false);
}
static void bed_closed(struct connection *connection)
{
    struct bed *bed = bed_of(connection);
    bed->closed_count++;
    bed->is_open = false;
    connection_close(connection);
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
static void bed_run(struct bed *bed, bool (*is_done)(struct bed *bed))
{
    bed->is_done = is_done;
    loop_timer_set(bed->loop, &bed->look, 1);
    loop_timer_set(bed->loop, &bed->deadline, WAIT_MS);
    loop_run(bed->loop);
    loop_timer_cancel(bed->loop, &bed->look);
    loop_timer_cancel(bed->loop, &bed->deadline);
    assert_true(is_done(bed));
}

static void pair_open(int *client_out, int *server_out)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    *client_out = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(*client_out, (struct sockaddr *)&address, len), 0);
    *server_out = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(*server_out >= 0);
    close(listener);
}

static int setup(void **state)
{
    struct bed *bed = calloc(1, sizeof(*bed));
    int server;
    assert_int_equal(loop_open(&bed->loop), OK);
    pair_open(&bed->client, &server);
    bed->look.due = bed_look;
    bed->deadline.due = bed_too_late;
    connection_lingers_init(&bed->lingers);
    bed->connection = (struct connection){.drained = bed_drained,
                                          .readable = bed_readable,
                                          .closed = bed_closed,
                                          .write_ms = 100,
                                          .lingers = &bed->lingers};
    assert_int_equal(connection_open(bed->loop, &bed->connection, server), OK);
    bed->is_open = true;
    *state = bed;
    return 0;
}
static int teardown(void **state)
{
    struct bed *bed = *state;
    if (bed->is_open) connection_close(&bed->connection);
    connection_lingers_end(&bed->lingers);
    assert_int_equal(bed->lingers.count, 0);
    loop_close(bed->loop);
    close(bed->client);
    free(bed);
    return 0;
}

/* The client reads a piece of what is there. */
static void client_read(struct bed *bed)
{
    char bytes[65536];
    ssize_t got;
    while ((got = recv(bed->client, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
        bed->got_len += (size_t)got;
    if (got == 0) bed->has_ended = true;
    if (got < 0 && errno == ECONNRESET) bed->was_reset = true;
}
static bool has_drained(struct bed *bed)
{
    client_read(bed);
    return bed->drained_count > 0;
}
static bool has_ended(struct bed *bed)
{
    client_read(bed);
    return bed->has_ended || bed->was_reset;
}
static bool has_closed(struct bed *bed)
{
    return bed->closed_count > 0;
}
static bool is_readable(struct bed *bed)
{
    return bed->readable_count > 0;
}

/* Fills the socket until one write is held; returns how much was written. */
static size_t write_until_held(struct bed *bed)
{
    static char bytes[65536];
    size_t len = sizeof(bytes);
    while (connection_write(&bed->connection, str_of(bytes, sizeof(bytes))))
        len += sizeof(bytes);
    return len;
}

static void test_what_fits_has_left_and_keeps_nothing(void **state)
{
    struct bed *bed = *state;
    struct str parts[] = {STR("ab"), STR_NONE, STR("c"), STR("def")};
    assert_true(connection_write_parts(&bed->connection, parts, ARRAY_LEN(parts)));
    char bytes[8] = "";
    assert_int_equal(recv(bed->client, bytes, sizeof(bytes), 0), 6);
    assert_string_equal(bytes, "abcdef");
    assert_int_equal(bed->connection.unsent.cap, 0);
}

static void test_rest_is_held_until_drained(void **state)
{
    struct bed *bed = *state;
    size_t len = write_until_held(bed);
    assert_true(bed->connection.unsent.len <= 65536);
    bed->connection.write_ms = WAIT_MS;
    loop_timer_set(bed->loop, &bed->connection.stall, WAIT_MS);
    bed_run(bed, has_drained);
    assert_int_equal(bed->drained_count, 1);
    assert_int_equal(bed->connection.unsent.cap, 0);
    client_read(bed);
    assert_int_equal(bed->got_len, len);
}

static void test_reader_that_stops_is_closed(void **state)
{
    struct bed *bed = *state;
    write_until_held(bed);
    bed_run(bed, has_closed);
    assert_int_equal(bed->lingers.count, 0);
}

static void test_fin_is_seen(void **state)
{
    struct bed *bed = *state;
    assert_int_equal(shutdown(bed->client, SHUT_WR), 0);
    bed_run(bed, has_closed);
}

static void test_write_to_a_reset_peer_is_harmless(void **state)
{
    struct bed *bed = *state;
    struct linger linger = {.l_onoff = 1};
    assert_int_equal(setsockopt(bed->client, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
    close(bed->client);
    bed->client = -1;
    assert_true(connection_write(&bed->connection, STR("x")));
    assert_true(connection_write(&bed->connection, STR("x")));
    assert_int_equal(bed->closed_count, 0); /* never inside a call */
    bed_run(bed, has_closed);
}

static void test_input_is_told_only_while_wanted(void **state)
{
    struct bed *bed = *state;
    assert_int_equal(send(bed->client, "x", 1, 0), 1);
    connection_watch_input(&bed->connection, true);
    bed_run(bed, is_readable);
    char byte;
    assert_int_equal(recv(bed->connection.watch.fd, &byte, 1, MSG_DONTWAIT), 1);
}

static void test_fd_comes_back(void **state)
{
    struct bed *bed = *state;
    int fd = connection_take_fd(&bed->connection);
    bed->is_open = false;
    assert_int_equal(send(fd, "x", 1, 0), 1);
    close(fd);
}

static void test_close_with_unread_input_does_not_reset(void **state)
{
    struct bed *bed = *state;
    assert_int_equal(send(bed->client, "unread", 6, 0), 6);
    assert_true(connection_write(&bed->connection, STR("answer")));
    connection_close(&bed->connection);
    bed->is_open = false;
    assert_int_equal(bed->lingers.count, 1);
    assert_int_equal(send(bed->client, "more", 4, 0), 4); /* as a client does that has not heard */
    bed_run(bed, has_ended);
    assert_int_equal(bed->got_len, 6);
    assert_false(bed->was_reset);
}

static void test_held_rest_leaves_after_close(void **state)
{
    struct bed *bed = *state;
    size_t len = write_until_held(bed);
    connection_close(&bed->connection);
    bed->is_open = false;
    bed_run(bed, has_ended);
    assert_int_equal(bed->got_len, len);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_what_fits_has_left_and_keeps_nothing),
        TEST(test_rest_is_held_until_drained),
        TEST(test_reader_that_stops_is_closed),
        TEST(test_fin_is_seen),
        TEST(test_write_to_a_reset_peer_is_harmless),
        TEST(test_input_is_told_only_while_wanted),
        TEST(test_fd_comes_back),
        TEST(test_close_with_unread_input_does_not_reset),
        TEST(test_held_rest_leaves_after_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
