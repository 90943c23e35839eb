/* The same streams and polls when nothing may be taken over. */
#include "tests/unit/api/h1/flows.h"

static int setup(void **state)
{
    struct bed *bed = bed_new();
    bed->config.stream_write_ms = 300;
    bed->config.h1_takeover = false;
    bed_start(bed);
    assert_false(h1_is_takeover(bed->h1));
    *state = bed;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {FLOWS};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
