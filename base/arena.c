/* The first block is small, since most exchanges need little; each next one doubles, up to a bound,
 * so a long exchange takes few mallocs and wastes at most half.
 * First blocks come and go with every request and every op, often freed by another thread than the
 * one that took them: each thread keeps some of those it frees for its next arenas, which the
 * allocator would do dearer. Sanitizers see through to the allocator. */
#include "base/arena.h"
#include "base/memory.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { ARENA_ALIGN = 16, ARENA_BLOCK_MIN = 2048, ARENA_BLOCK_MAX = 64 * 1024 };

struct arena_block {
    _Alignas(16) struct arena_block *next;
    size_t len; /* of the whole block, a power of two */
};

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ARENA_SANITIZED
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ARENA_SANITIZED
#endif
#ifdef ARENA_SANITIZED
enum { ARENA_KEPT_MAX = 0 };
#else
enum { ARENA_KEPT_MAX = 256 }; /* 512 KiB a thread */
#endif

static _Thread_local struct arena_kept {
    struct arena_block *blocks;
    int count;
} arena_kept;

static struct arena_block *arena_block_take_kept(void)
{
    struct arena_block *block = arena_kept.blocks;
    if (!block) return NULL;
    arena_kept.blocks = block->next;
    arena_kept.count--;
    return block;
}

static void arena_block_free(struct arena_block *block)
{
    if (block->len != ARENA_BLOCK_MIN || arena_kept.count >= ARENA_KEPT_MAX) {
        free(block);
        return;
    }
    block->next = arena_kept.blocks;
    arena_kept.blocks = block;
    arena_kept.count++;
}

void arena_thread_done(void)
{
    for (struct arena_block *block = arena_block_take_kept(); block;
         block = arena_block_take_kept())
        free(block);
}

void arena_init(struct arena *arena)
{
    *arena = (struct arena){0};
}

void arena_done(struct arena *arena)
{
    while (arena->blocks) {
        struct arena_block *block = arena->blocks;
        arena->blocks = block->next;
        arena_block_free(block);
    }
    arena_init(arena);
}

static struct arena_block *arena_block_new(const struct arena *arena, size_t len)
{
    size_t block_len = ARENA_BLOCK_MIN;
    if (arena->blocks) block_len = MIN(arena->blocks->len * 2, (size_t)ARENA_BLOCK_MAX);
    while (block_len - sizeof(struct arena_block) < len)
        block_len *= 2;
    struct arena_block *block = block_len == ARENA_BLOCK_MIN ? arena_block_take_kept() : NULL;
    if (!block) block = memory_resize(NULL, block_len);
    block->len = block_len;
    return block;
}

/* Hands out len bytes of a new block. What it leaves is used from now on if it is more than what
 * the current block has left: a single big piece does not end a block that is nearly empty. */
static char *arena_alloc_new_block(struct arena *arena, size_t len)
{
    struct arena_block *block = arena_block_new(arena, len);
    char *start = (char *)(block + 1);
    char *end = (char *)block + block->len;
    size_t rest_len = (size_t)(end - start) - len;
    if (!arena->blocks || rest_len >= (size_t)(arena->end - arena->next)) {
        arena->next = start + len;
        arena->end = end;
    }
    block->next = arena->blocks;
    arena->blocks = block;
    return start;
}

void *arena_alloc(struct arena *arena, size_t len)
{
    assert(len < SIZE_MAX / 4);
    size_t padded_len = (len + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    char *memory;
    if (arena->blocks && padded_len <= (size_t)(arena->end - arena->next)) {
        memory = arena->next;
        arena->next += padded_len;
    } else {
        memory = arena_alloc_new_block(arena, padded_len);
    }
    arena->total_len += padded_len;
    memset(memory, 0, padded_len);
    return memory;
}

struct str arena_str(struct arena *arena, struct str s)
{
    char *copy = arena_alloc(arena, s.len + 1);
    if (s.len) memcpy(copy, s.ptr, s.len);
    return str_of(copy, s.len);
}

struct str arena_printf(struct arena *arena, const char *format, ...)
{
    va_list values, again;
    va_start(values, format);
    va_copy(again, values);
    int len = vsnprintf(NULL, 0, format, values);
    assert(len >= 0);
    char *text = arena_alloc(arena, (size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    va_end(values);
    return str_of(text, (size_t)len);
}
