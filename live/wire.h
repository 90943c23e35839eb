/* Integers of the wire form: little-endian bytes, at any alignment. The caller checks the length.
 */
#pragma once
#include "base/buf.h"

static inline void wire_put(char *at, uint64_t value, size_t len)
{
    for (size_t i = 0; i < len; i++)
        at[i] = (char)(value >> (8 * i));
}
static inline uint64_t wire_get(const char *at, size_t len)
{
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++)
        value |= (uint64_t)(unsigned char)at[i] << (8 * i);
    return value;
}

/* The first byte of a payload says what it carries, the second its version. */
enum { WIRE_EVENT = 'E', WIRE_NOTICE = 'N', WIRE_VERSION = 1 };
