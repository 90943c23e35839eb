#include "live/relay_hall.h"
#include "tests/support/hub_lab.h"
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

enum { POSTERS = 4, POSTS = 2000 };

/* A port with a loop of its own, which counts what came from each poster and in what order. */
struct desk {
    struct bell_ear ear;
    struct relay_hall *hall;
    struct relay_port port;
    struct loop *loop;
    int count, disorders;
    int last[POSTERS];
};

static void desk_rung(struct bell_ear *ear)
{
    struct desk *desk = container_of(ear, struct desk, ear);
    for (struct relay_letter *letter = relay_port_take(&desk->port), *next; letter; letter = next) {
        next = letter->next;
        int poster = letter->bytes[0] - '0', number = 0;
        assert_int_equal(letter->user_id_len, 1);
        assert_int_equal(letter->payload_len, sizeof(number));
        memcpy(&number, letter->bytes + 1, sizeof(number));
        desk->disorders += number != desk->last[poster] + 1;
        desk->last[poster] = number;
        if (++desk->count == POSTERS * POSTS) loop_stop(desk->loop);
        free(letter);
    }
}

static void desk_open(struct desk *desk, struct relay_hall *hall)
{
    *desk = (struct desk){.ear.rung = desk_rung, .hall = hall};
    assert_int_equal(loop_open(&desk->loop), OK);
    relay_hall_enter(hall, &desk->port, relay_hall_bell(hall, desk->loop, &desk->ear));
}

static void desk_close(struct desk *desk)
{
    relay_hall_leave(desk->hall, &desk->port);
    bell_mute(desk->port.bell);
    loop_close(desk->loop);
}

struct poster {
    pthread_t thread;
    struct relay_hall *hall;
    int number;
};

static void *poster_run(void *argument)
{
    struct poster *poster = argument;
    char name = (char)('0' + poster->number);
    for (int i = 1; i <= POSTS; i++)
        relay_hall_post(poster->hall, NULL, str_of(&name, 1), str_of((const char *)&i, sizeof(i)));
    return NULL;
}

static void test_letters_of_many_threads_come_in_each_ones_order(void **state)
{
    (void)state;
    struct relay_hall *hall = relay_hall_new();
    struct poster posters[POSTERS];
    struct desk desk;
    desk_open(&desk, hall);
    for (int i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){.hall = hall, .number = i};
        assert_int_equal(pthread_create(&posters[i].thread, NULL, poster_run, &posters[i]), 0);
    }
    loop_run(desk.loop);
    for (int i = 0; i < POSTERS; i++)
        pthread_join(posters[i].thread, NULL);
    assert_int_equal(desk.count, POSTERS * POSTS);
    assert_int_equal(desk.disorders, 0);
    desk_close(&desk);
    relay_hall_free(hall);
}

static void test_a_letter_goes_to_all_but_the_sender(void **state)
{
    (void)state;
    struct relay_hall *hall = relay_hall_new();
    struct desk desks[3];
    for (int i = 0; i < 3; i++)
        desk_open(&desks[i], hall);
    relay_hall_post(hall, &desks[1].port, STR("u"), STR("payload"));
    for (int i = 0; i < 3; i++) {
        struct relay_letter *letter = relay_port_take(&desks[i].port);
        assert_true(i == 1 ? !letter : letter && !letter->next);
        if (letter) assert_memory_equal(letter->bytes, "upayload", 8);
        free(letter);
        desk_close(&desks[i]);
    }
    relay_hall_free(hall);
}

static void test_a_port_that_reads_too_slowly_misses_letters(void **state)
{
    (void)state;
    enum { LEN = 1024 * 1024 };
    struct relay_hall *hall = relay_hall_new();
    struct desk desk;
    char *payload = calloc(1, LEN);
    desk_open(&desk, hall);
    for (int i = 0; i < 20; i++)
        relay_hall_post(hall, NULL, STR("u"), str_of(payload, LEN));
    int count = 0;
    for (struct relay_letter *letter = relay_port_take(&desk.port), *next; letter; letter = next) {
        next = letter->next;
        free(letter);
        count++;
    }
    assert_int_equal(count, RELAY_UNSENT_MAX / (LEN + 1));
    relay_hall_post(hall, NULL, STR("u"), STR("x")); /* there is room again; freed by leaving */
    desk_close(&desk);
    relay_hall_free(hall);
    relay_hall_free(NULL);
    free(payload);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_letters_of_many_threads_come_in_each_ones_order),
        cmocka_unit_test(test_a_letter_goes_to_all_but_the_sender),
        cmocka_unit_test(test_a_port_that_reads_too_slowly_misses_letters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
