/* What the tests of the hub share: a hub in a lab, and two readers. */
#pragma once
#include "tests/support/hub_lab.h"

enum { EPOCH = 7, QUIET_MS = HUB_GAP_MS * 3 };

/* Readers are large (their book), so they lie here and not on the stack. */
static struct hub_lab lab;
static struct reader a, b;

static int setup(void **state)
{
    (void)state;
    memset(&a, 0, sizeof(a));
    memset(&b, 0, sizeof(b));
    hub_lab_open(&lab, "", NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (a.lab) hub_leave(a.lab->hub, &a.listener);
    if (b.lab) hub_leave(b.lab->hub, &b.listener);
    hub_lab_close(&lab);
    return 0;
}
