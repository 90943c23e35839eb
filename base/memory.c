#include "base/memory.h"
#include <stdlib.h>

void *memory_alloc(size_t len)
{
    void *memory = calloc(1, len ? len : 1);
    if (!memory) abort();
    return memory;
}

void *memory_resize(void *memory, size_t len)
{
    void *resized = realloc(memory, len ? len : 1);
    if (!resized) abort();
    return resized;
}
