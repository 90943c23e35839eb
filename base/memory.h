/* The heap, for parts that free piece by piece. Out of memory aborts: sizes a client controls meet
 * a cap long before, so there is nothing sensible left to do. Thread-safe; free() gives back. */
#pragma once
#include "base/compiler.h"

void *memory_alloc(size_t len);                /* zeroed; len 0 is fine; never NULL */
void *memory_resize(void *memory, size_t len); /* like realloc: what is new is not zeroed */

#define MEMORY_NEW(type) ((type *)memory_alloc(sizeof(type)))
