/* getrandom costs a system call, so each thread draws a page's worth at once. A byte that was
 * handed out is wiped from the buffer: who reads our memory later learns nothing of earlier draws.
 */
#include "base/random.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { RANDOM_BUFFER_LEN = 512 };

static _Thread_local struct {
    unsigned char bytes[RANDOM_BUFFER_LEN];
    size_t left; /* unused bytes, at the end */
} random_buffer;

static _Atomic bool random_is_seeded;
static _Atomic uint64_t random_state;

static void random_fill(unsigned char *out, size_t len)
{
    while (len > 0) {
        ssize_t count = getrandom(out, len, 0);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) abort(); /* without randomness no id and no secret is safe */
        out += count;
        len -= (size_t)count;
    }
}

/* SplitMix64: the whole state is one counter, so threads can share it without a lock. */
static uint64_t random_seeded_u64(void)
{
    const uint64_t step = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = atomic_fetch_add_explicit(&random_state, step, memory_order_relaxed) + step;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void random_seeded_bytes(unsigned char *out, size_t len)
{
    while (len > 0) {
        uint64_t value = random_seeded_u64();
        size_t part = MIN(len, sizeof(value));
        memcpy(out, &value, part);
        out += part;
        len -= part;
    }
}

void random_bytes(void *out, size_t len)
{
    if (atomic_load_explicit(&random_is_seeded, memory_order_relaxed)) {
        random_seeded_bytes(out, len);
        return;
    }
    if (len > RANDOM_BUFFER_LEN) {
        random_fill(out, len);
        return;
    }
    if (random_buffer.left < len) {
        random_fill(random_buffer.bytes, RANDOM_BUFFER_LEN);
        random_buffer.left = RANDOM_BUFFER_LEN;
    }
    unsigned char *at = random_buffer.bytes + RANDOM_BUFFER_LEN - random_buffer.left;
    memcpy(out, at, len);
    memset(at, 0, len);
    random_buffer.left -= len;
}

uint64_t random_u64(void)
{
    uint64_t value;
    random_bytes(&value, sizeof(value));
    return value;
}

uint64_t random_below(uint64_t bound)
{
    assert(bound > 0);
    /* 2^64 mod bound: values below it would make the first residues more likely than the rest. */
    uint64_t uneven = (0 - bound) % bound;
    uint64_t value;
    do {
        value = random_u64();
    } while (value < uneven);
    return value % bound;
}

void random_seed(uint64_t seed)
{
    atomic_store_explicit(&random_state, seed, memory_order_relaxed);
    atomic_store_explicit(&random_is_seeded, seed != 0, memory_order_relaxed);
}
