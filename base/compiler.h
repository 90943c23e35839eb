/* The few macros that every file may use: attributes, container_of, bits. No code. */
#pragma once
#include <assert.h> /* on in release builds too: a failed assert is our bug, never a client's */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_at, values_at) __attribute__((format(printf, format_at, values_at)))
#define UNUSED __attribute__((unused))
#define NO_RETURN __attribute__((noreturn))

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))
#define BIT(n) (UINT32_C(1) << (n))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* From a pointer to a member back to the struct that holds it; the type of the member is checked.
 */
#define container_of(pointer, type, member) \
    ((type *)(void *)((uintptr_t)(1 ? (pointer) : &((type *)0)->member) - offsetof(type, member)))
