/* Memory that ends together: everything an exchange needs comes out of its arena and goes with it.
 * Blocks of a power of two, linked; no free of a single piece. Out of memory aborts.
 * Not thread-safe: it belongs to one exchange at a time. */
#pragma once
#include "base/str.h"

struct arena_block;
struct arena {
    struct arena_block *blocks;
    char *next, *end;
    size_t total_len; /* bytes handed out, for limits and tests */
};

void arena_init(struct arena *arena); /* takes no memory before the first alloc */
void arena_done(struct arena *arena); /* frees all; may be used again */
/* At the end of a thread: gives up the blocks that it has kept for its next arenas. */
void arena_thread_done(void);
void *arena_alloc(struct arena *arena, size_t len);      /* zeroed, aligned to 16; never NULL */
struct str arena_str(struct arena *arena, struct str s); /* a copy, NUL-terminated beyond len */
struct str arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);

#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_alloc((arena), sizeof(type) * (count)))
