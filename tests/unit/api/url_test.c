#include "api/url.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_escapes_are_resolved_and_broken_ones_refused(void **state UNUSED)
{
    static const struct {
        struct str text;
        bool is_good;
        struct str value;
    } cases[] = {
        {STR(""), true, STR("")},
        {STR("abc"), true, STR("abc")},
        {STR("a+b"), true, STR("a+b")},
        {STR("%61%2Bb%2f"), true, STR("a+b/")},
        {STR("%00"), true, STR("\0")},
        {STR("%25%36%31"), true, STR("%61")},
        {STR("%C3%a9"), true, STR("\xc3\xa9")},
        {STR("%"), false, STR_NONE},
        {STR("%6"), false, STR_NONE},
        {STR("a%"), false, STR_NONE},
        {STR("%6g"), false, STR_NONE},
        {STR("%g6"), false, STR_NONE},
        {STR("%%61"), false, STR_NONE},
        {STR("% 1"), false, STR_NONE},
        {STR("%u0061"), false, STR_NONE},
    };
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str text = STR_NONE;
        assert_int_equal(url_unescape(cases[i].text, &arena, &text), cases[i].is_good);
        assert_true(str_equal(text, cases[i].value));
    }
    arena_done(&arena);
}

static void test_what_has_no_escape_takes_no_memory(void **state UNUSED)
{
    struct arena arena;
    struct str text, plain = STR("groups/7");
    arena_init(&arena);
    assert_true(url_unescape(plain, &arena, &text));
    assert_ptr_equal(text.ptr, plain.ptr);
    assert_int_equal(arena.total_len, 0);
    assert_false(url_is_escaped(plain));
    assert_false(url_is_escaped(STR_NONE));
    assert_true(url_is_escaped(STR("a%20")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escapes_are_resolved_and_broken_ones_refused),
        cmocka_unit_test(test_what_has_no_escape_takes_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
