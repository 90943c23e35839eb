/* One client that asks and reads whole answers. */
#pragma once
#include "tests/unit/api/h1/bed.h"

#define AUTH "Host: x\r\nAuthorization: Bearer %T\r\n"

struct talk {
    struct bed *bed;
    int fd;
    struct buf in, answer;
};

UNUSED static void talk_begin(struct talk *talk, struct bed *bed)
{
    talk->bed = bed;
    talk->fd = client_open(bed);
    buf_init(&talk->in, 16 << 20);
    buf_init(&talk->answer, 16 << 20);
}
UNUSED static void talk_end(struct talk *talk)
{
    close(talk->fd);
    buf_done(&talk->in);
    buf_done(&talk->answer);
}
UNUSED static int talk_ask(struct talk *talk, const char *text)
{
    client_send(talk->bed, talk->fd, str_from_c(text));
    return client_answer(talk->fd, &talk->in, &talk->answer, strncmp(text, "HEAD", 4) == 0);
}
UNUSED static bool talk_has(struct talk *talk, const char *what)
{
    return client_find(&talk->answer, what) != NULL;
}

UNUSED static int setup(void **state)
{
    struct bed *bed = bed_new();
    bed_start(bed);
    *state = bed;
    return 0;
}
UNUSED static int teardown(void **state)
{
    bed_stop(*state);
    return 0;
}
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
