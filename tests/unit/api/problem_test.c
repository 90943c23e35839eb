#include "api/problem.h"
#include "base/random.h"
#include "tests/unit/api/fake.h"

static struct exchange *problem_sent(struct fake *fake, enum err err)
{
    fake_handler_err = err;
    return fake_run(fake, STR("GET /chat/app/groups\nBearer\nX-Request-Id: r\n"), STR_NONE);
}

static void test_document_has_every_member_in_its_place(void **state UNUSED)
{
    struct fake fake;
    fake_open(&fake);
    struct exchange *ex = problem_sent(&fake, ERR_NOT_MEMBER);
    assert_str(buf_str(&ex->reply.body),
               "{\"type\":\"urn:parley:problem:not_member\","
               "\"title\":\"The caller is not a member of the group\",\"status\":403,"
               "\"detail\":\"The caller is not a member of the group\",\"code\":\"not_member\","
               "\"request_id\":\"r\"}");
    fake_close(&fake);
}

/* What each row is shown as; rows that are not listed here are shown as themselves. */
static enum err problem_expected(enum err err)
{
    switch (err) {
    case OK:
    case ERR_CONFIG:
    case ERR_SYSTEM:
    case ERR_DUPLICATE:
        return ERR_INTERNAL;
    case ERR_LOST:
    case ERR_RETRY:
        return ERR_UNAVAILABLE;
    case ERR_CLOSED:
        return ERR_DRAINING;
    default:
        return err;
    }
}

static void test_every_row_is_answered_and_inner_ones_never_shown(void **state UNUSED)
{
    struct fake fake;
    fake_open(&fake);
    for (int i = 1; i < ERR_COUNT; i++) {
        enum err err = (enum err)i;
        assert_int_equal(problem_shown(err), problem_expected(err));
        struct exchange *ex = problem_sent(&fake, err);
        assert_problem(ex, problem_expected(err));
        assert_true(ex->reply.status >= 400);
    }
    assert_int_equal(problem_shown(OK), ERR_INTERNAL);
    fake_close(&fake);
}

static void test_who_may_come_back_is_told_when(void **state UNUSED)
{
    static const enum err errs[] = {ERR_BUSY,      ERR_UNAVAILABLE, ERR_DRAINING,
                                    ERR_UNCERTAIN, ERR_LOST,        ERR_RATE};
    struct fake fake;
    fake_open(&fake);
    for (size_t i = 0; i < ARRAY_LEN(errs); i++) {
        uint64_t seconds = 0;
        struct exchange *ex = problem_sent(&fake, errs[i]);
        assert_true(str_to_u64(fake_field(ex, STR("Retry-After")), 5, &seconds));
        assert_true(seconds >= 1);
    }
    assert_field(problem_sent(&fake, ERR_INTERNAL), "Retry-After", NULL);
    assert_field(problem_sent(&fake, ERR_FIELD), "Retry-After", NULL);
    fake_close(&fake);
}

static void test_time_to_come_back_is_not_the_same_for_all(void **state UNUSED)
{
    struct fake fake;
    unsigned seen = 0;
    fake_open(&fake);
    random_seed(7);
    for (int i = 0; i < 100; i++) {
        uint64_t seconds = 0;
        struct exchange *ex = problem_sent(&fake, ERR_BUSY);
        assert_true(str_to_u64(fake_field(ex, STR("Retry-After")), 5, &seconds));
        seen |= BIT(seconds);
    }
    random_seed(0);
    assert_int_equal(seen, BIT(1) | BIT(2) | BIT(3) | BIT(4) | BIT(5));
    fake_close(&fake);
}

static void test_time_that_was_computed_stays(void **state UNUSED)
{
    struct fake fake;
    fake_open(&fake);
    struct exchange *ex = fake_new(&fake, STR("GET /chat/app/groups\nBearer\n"));
    reply_field(ex, STR("Retry-After"), STR("42"));
    reply_error(ex, ERR_RATE);
    assert_field(ex, "Retry-After", "42");
    fake_close(&fake);
}

static void test_only_doubt_about_the_framing_closes(void **state UNUSED)
{
    struct fake fake;
    fake_open(&fake);
    for (int i = 1; i < ERR_COUNT; i++) {
        enum err err = (enum err)i;
        bool is_doubt = err == ERR_BAD_REQUEST || err == ERR_CODING || err == ERR_EXPECTATION ||
                        err == ERR_REQUEST_TIMEOUT || err == ERR_HEAD_TOO_LARGE;
        assert_int_equal(problem_sent(&fake, err)->reply.must_close, is_doubt);
    }
    fake_close(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_document_has_every_member_in_its_place),
        cmocka_unit_test(test_every_row_is_answered_and_inner_ones_never_shown),
        cmocka_unit_test(test_who_may_come_back_is_told_when),
        cmocka_unit_test(test_time_to_come_back_is_not_the_same_for_all),
        cmocka_unit_test(test_time_that_was_computed_stays),
        cmocka_unit_test(test_only_doubt_about_the_framing_closes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
