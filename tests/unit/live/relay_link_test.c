#include "live/relay.h"
#include "live/relay_link.h"
#include "tests/support/hub_lab.h"
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

/* A Redis of our own on a free port, played by hand: it says what a test lets it say. */
static struct hub_lab lab;
static int listener_fd, peer_fd;
static struct address address;
static struct relay_link near_link;
static int ready, replies, losses;
static char last_reply[64];

static enum err link_replied(struct relay_link *link, const redisReply *reply)
{
    (void)link;
    replies++;
    if (reply->type == REDIS_REPLY_ERROR) return ERR_LOST;
    if (reply->str) snprintf(last_reply, sizeof(last_reply), "%s", reply->str);
    return OK;
}

static void link_ready(struct relay_link *link)
{
    (void)link;
    ready++;
}

static void link_lost(struct relay_link *link)
{
    losses++;
    relay_link_close(link);
}

static int setup(void **state)
{
    (void)state;
    ready = replies = losses = 0;
    hub_lab_open(&lab, "", NULL);
    near_link =
        (struct relay_link){.replied = link_replied, .became_ready = link_ready, .lost = link_lost};
    listener_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    peer_fd = -1;
    assert_int_equal(address_parse(STR("127.0.0.1:0"), &address), OK);
    struct sockaddr *at = (struct sockaddr *)(void *)&address.storage;
    assert_int_equal(bind(listener_fd, at, address.len), 0);
    assert_int_equal(listen(listener_fd, 4), 0);
    return getsockname(listener_fd, at, &address.len);
}

static int teardown(void **state)
{
    (void)state;
    relay_link_close(&near_link);
    relay_link_close(&near_link); /* twice is fine */
    close(listener_fd);
    if (peer_fd >= 0) close(peer_fd);
    hub_lab_close(&lab);
    return 0;
}

static void say(const char *text)
{
    assert_int_equal(send(peer_fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void expect(const char *text)
{
    char bytes[256] = "";
    size_t len = strlen(text);
    assert_true(len < sizeof(bytes));
    assert_int_equal(recv(peer_fd, bytes, len, MSG_WAITALL), len);
    assert_string_equal(bytes, text);
}

static void open_link(void)
{
    assert_int_equal(relay_link_open(&near_link, lab.loop, &address), OK);
    peer_fd = accept(listener_fd, NULL, NULL);
    hub_lab_turn(&lab, 5);
    expect("*1\r\n$4\r\nPING\r\n");
}

static void test_a_link_is_ready_once_its_ping_is_answered(void **state)
{
    (void)state;
    open_link();
    assert_int_equal(ready, 0);
    say("+PO");
    hub_lab_turn(&lab, 5);
    assert_int_equal(ready, 0);
    say("NG\r\n$2\r\nhi\r\n");
    assert_true(hub_lab_run(&lab, &replies, 1));
    assert_int_equal(ready, 1);
    assert_string_equal(last_reply, "hi");
}

static void test_a_redis_that_still_loads_is_lost(void **state)
{
    (void)state;
    open_link();
    say("-LOADING Redis is loading the dataset in memory\r\n");
    assert_true(hub_lab_run(&lab, &losses, 1));
    assert_int_equal(ready, 0);
}

static void test_commands_are_encoded_and_written_together(void **state)
{
    (void)state;
    open_link();
    assert_int_equal(relay_link_add_command(&near_link, 2), OK);
    assert_int_equal(relay_link_add_argument(&near_link, STR("GET"), STR_NONE), OK);
    assert_int_equal(relay_link_add_argument(&near_link, STR("a:"), STR("\r\n")), OK);
    assert_int_equal(relay_link_flush(&near_link), OK);
    expect("*2\r\n$3\r\nGET\r\n$4\r\na:\r\n\r\n");
    assert_int_equal(near_link.out.len, 0);
}

static void test_what_the_socket_does_not_take_follows_later(void **state)
{
    (void)state;
    enum { LEN = 6 * 1024 * 1024 };
    char *bytes = calloc(1, LEN);
    open_link();
    assert_int_equal(relay_link_add_argument(&near_link, str_of(bytes, LEN), STR_NONE), OK);
    assert_int_equal(relay_link_flush(&near_link), OK);
    assert_true(near_link.out.len > 0); /* nobody reads yet */
    size_t total = 0;
    while (total < LEN) {
        ssize_t count = recv(peer_fd, bytes, LEN, MSG_DONTWAIT);
        if (count > 0)
            total += (size_t)count;
        else
            hub_lab_turn(&lab, 1);
    }
    assert_int_equal(near_link.out.len, 0);
    free(bytes);
}

static void test_more_than_the_bound_is_refused(void **state)
{
    (void)state;
    char *bytes = calloc(1, RELAY_UNSENT_MAX);
    open_link();
    assert_int_equal(relay_link_add_argument(&near_link, str_of(bytes, RELAY_UNSENT_MAX), STR("x")),
                     ERR_TOO_LARGE);
    free(bytes);
}

static void test_an_end_an_error_and_nonsense_lose_the_link(void **state)
{
    (void)state;
    const char *const ways[] = {"", "-ERR no\r\n", "?nonsense\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        open_link();
        say("+PONG\r\n");
        say(ways[i]);
        if (!ways[i][0]) shutdown(peer_fd, SHUT_WR);
        assert_true(hub_lab_run(&lab, &losses, (int)i + 1));
        close(peer_fd);
        peer_fd = -1;
    }
}

static void test_nobody_at_the_address_is_lost(void **state)
{
    (void)state;
    close(listener_fd); /* the port is free now */
    if (relay_link_open(&near_link, lab.loop, &address) == OK)
        assert_true(hub_lab_run(&lab, &losses, 1));
    assert_null(near_link.reader);
    listener_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_link_is_ready_once_its_ping_is_answered, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_redis_that_still_loads_is_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(test_commands_are_encoded_and_written_together, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_what_the_socket_does_not_take_follows_later, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_more_than_the_bound_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_end_an_error_and_nonsense_lose_the_link, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_nobody_at_the_address_is_lost, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
