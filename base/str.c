#include "base/str.h"

static unsigned char str_lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

bool str_equal_nocase(struct str a, struct str b)
{
    if (a.len != b.len) return false;
    for (size_t i = 0; i < a.len; i++) {
        if (str_lower(a.ptr[i]) != str_lower(b.ptr[i])) return false;
    }
    return true;
}

bool str_equal_secret(struct str a, struct str b)
{
    if (a.len != b.len) return false; /* the length is no secret */
    volatile unsigned char difference = 0;
    for (size_t i = 0; i < a.len; i++)
        difference = (unsigned char)(difference | (a.ptr[i] ^ b.ptr[i]));
    return difference == 0;
}

int str_compare(struct str a, struct str b)
{
    size_t len = MIN(a.len, b.len);
    int order = len ? memcmp(a.ptr, b.ptr, len) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

bool str_starts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && str_equal(str_of(s.ptr, prefix.len), prefix);
}

static bool str_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct str str_trim(struct str s)
{
    while (s.len && str_is_blank(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len && str_is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

struct str str_from(struct str s, size_t at)
{
    if (at == 0) return s; /* also keeps a NULL out of pointer arithmetic */
    size_t skip = MIN(at, s.len);
    return s.ptr ? str_of(s.ptr + skip, s.len - skip) : STR_NONE;
}

struct str str_cut(struct str *rest, char separator)
{
    struct str all = *rest;
    const char *at = all.len ? memchr(all.ptr, separator, all.len) : NULL;
    if (!at) {
        *rest = STR_NONE;
        return all;
    }
    size_t len = (size_t)(at - all.ptr);
    *rest = str_of(at + 1, all.len - len - 1);
    return str_of(all.ptr, len);
}

bool str_to_u64(struct str s, uint64_t max, uint64_t *value_out)
{
    uint64_t value = 0;
    if (s.len == 0) return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') return false;
        uint64_t digit = (uint64_t)(s.ptr[i] - '0');
        if (digit > max || value > (max - digit) / 10) return false;
        value = value * 10 + digit;
    }
    *value_out = value;
    return true;
}
