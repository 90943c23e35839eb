#include "base/uuid.h"
#include "base/clock.h"
#include "base/random.h"

enum { UUID_BYTES = 16 };

static struct uuid uuid_from_bytes(const uint8_t bytes[UUID_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    struct uuid uuid;
    char *at = uuid.text;
    for (int i = 0; i < UUID_BYTES; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
        *at++ = digits[bytes[i] >> 4];
        *at++ = digits[bytes[i] & 15];
    }
    *at = '\0';
    return uuid;
}

static void uuid_mark(uint8_t bytes[UUID_BYTES], int version)
{
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | version << 4);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80); /* the variant of RFC 9562 */
}

/* The next (millisecond, counter) of this thread, as 48 and 12 bits. A new millisecond starts the
 * counter at random in its lower half; a full counter borrows from the time to come, and a clock
 * that steps back is waited out at the last time, so the order never breaks. */
static uint64_t uuid_next_tick(void)
{
    static _Thread_local uint64_t last;
    uint64_t fresh = ((uint64_t)clock_wall_ms() & UINT64_C(0xffffffffffff)) << 12;
    last = fresh > (last | 0xfff) ? fresh | random_below(0x800) : last + 1;
    return last;
}

struct uuid uuid_v7(void)
{
    uint64_t tick = uuid_next_tick();
    uint8_t bytes[UUID_BYTES];
    for (int i = 0; i < 6; i++)
        bytes[i] = (uint8_t)(tick >> (52 - 8 * i));
    bytes[6] = (uint8_t)(tick >> 8 & 0x0f);
    bytes[7] = (uint8_t)tick;
    random_bytes(bytes + 8, 8);
    uuid_mark(bytes, 7);
    return uuid_from_bytes(bytes);
}

/* 122 bits in a row: 48 before the version, 12 behind it, 62 behind the variant. */
struct uuid uuid_v8(const uint8_t hash[DIGEST_LEN])
{
    uint64_t high = 0, low = 0; /* the first 128 bits of the hash */
    for (int i = 0; i < 8; i++) {
        high = high << 8 | hash[i];
        low = low << 8 | hash[8 + i];
    }
    uint64_t first = (high >> 16) << 16 | (high >> 4 & 0x0fff);
    uint64_t second = (high & 0x0f) << 58 | low >> 6;
    uint8_t bytes[UUID_BYTES];
    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(first >> (56 - 8 * i));
        bytes[8 + i] = (uint8_t)(second >> (56 - 8 * i));
    }
    uuid_mark(bytes, 8);
    return uuid_from_bytes(bytes);
}

bool uuid_parse(struct str s, struct uuid *uuid_out)
{
    if (s.len != UUID_LEN) return false;
    struct uuid uuid = {{0}};
    for (size_t i = 0; i < UUID_LEN; i++) {
        char c = s.ptr[i];
        if (c >= 'A' && c <= 'F') c = (char)(c - 'A' + 'a');
        bool is_digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        bool is_dash_place = i == 8 || i == 13 || i == 18 || i == 23;
        if (is_dash_place ? c != '-' : !is_digit) return false;
        uuid.text[i] = c;
    }
    *uuid_out = uuid;
    return true;
}
