/* UUIDs as text (RFC 9562): 36 bytes, lower case, NUL-terminated in a struct passed by value. */
#pragma once
#include "base/digest.h"
#include "base/str.h"

enum { UUID_LEN = 36 };
struct uuid {
    char text[UUID_LEN + 1];
};

struct uuid uuid_v7(void); /* by wall time and random bits; ascending within a thread */
struct uuid uuid_v8(const uint8_t hash[DIGEST_LEN]);  /* derived: the first 122 bits of the hash */
bool uuid_parse(struct str s, struct uuid *uuid_out); /* any version; upper case is lowered */
static inline struct str uuid_str(const struct uuid *uuid)
{
    return str_of(uuid->text, UUID_LEN);
}
static inline bool uuid_is_none(const struct uuid *uuid)
{
    return uuid->text[0] == '\0';
}
