#include "base/arena.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_pieces_are_zeroed_aligned_and_apart(void **state UNUSED)
{
    struct arena arena;
    arena_init(&arena);
    unsigned char *pieces[500];
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        size_t len = i * 7 % 300 + 1;
        pieces[i] = arena_alloc(&arena, len);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        for (size_t j = 0; j < len; j++)
            assert_int_equal(pieces[i][j], 0);
        memset(pieces[i], (int)(i % 255 + 1), len);
    }
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        for (size_t j = 0; j < i * 7 % 300 + 1; j++)
            assert_int_equal(pieces[i][j], i % 255 + 1);
    }
    arena_done(&arena);
}

static void test_a_big_piece_does_not_end_the_current_block(void **state UNUSED)
{
    struct arena arena;
    arena_init(&arena);
    char *first = arena_alloc(&arena, 16);
    const size_t big_len = (1 << 20) - 128; /* leaves less of its own block than the first has */
    char *big = arena_alloc(&arena, big_len);
    char *second = arena_alloc(&arena, 16);
    memset(big, 'x', big_len);
    assert_ptr_equal(second, first + 16);
    arena_done(&arena);
}

static void test_strings_are_copies_with_a_nul_behind(void **state UNUSED)
{
    struct arena arena;
    arena_init(&arena);
    char text[] = "hello";
    struct str copy = arena_str(&arena, str_of(text, 4));
    text[0] = 'j';
    assert_string_equal(copy.ptr, "hell");
    assert_int_equal(copy.len, 4);
    assert_string_equal(arena_str(&arena, STR_NONE).ptr, "");
    struct str number = arena_printf(&arena, "%s=%d", "n", 42);
    assert_string_equal(number.ptr, "n=42");
    assert_int_equal(number.len, 4);
    arena_done(&arena);
}

static void test_takes_no_memory_before_the_first_piece(void **state UNUSED)
{
    struct arena arena;
    arena_init(&arena);
    assert_null(arena.blocks);
    arena_done(&arena);
    assert_int_equal(arena.total_len, 0);
    assert_non_null(arena_alloc(&arena, 0));
    assert_non_null(ARENA_ARRAY(&arena, uint64_t, 3));
    assert_int_equal(arena.total_len, 32);
    arena_done(&arena);
    assert_int_equal(arena.total_len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_are_zeroed_aligned_and_apart),
        cmocka_unit_test(test_a_big_piece_does_not_end_the_current_block),
        cmocka_unit_test(test_strings_are_copies_with_a_nul_behind),
        cmocka_unit_test(test_takes_no_memory_before_the_first_piece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
