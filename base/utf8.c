#include "base/utf8.h"

static bool utf8_is_tail(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* What the second byte must lie in, by the first one (RFC 3629, section 4): that alone shuts out
 * overlong forms, surrogates and what lies over U+10FFFF. */
static bool utf8_second_fits(unsigned char first, unsigned char second)
{
    unsigned char low = 0x80, high = 0xbf;
    if (first == 0xe0) low = 0xa0;
    if (first == 0xed) high = 0x9f;
    if (first == 0xf0) low = 0x90;
    if (first == 0xf4) high = 0x8f;
    return second >= low && second <= high;
}

size_t utf8_step(struct str s)
{
    if (s.len == 0) return 0;
    unsigned char first = (unsigned char)s.ptr[0];
    if (first < 0x80) return 1;
    if (first < 0xc2 || first > 0xf4) return 0;
    size_t len = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (s.len < len || !utf8_second_fits(first, (unsigned char)s.ptr[1])) return 0;
    for (size_t i = 2; i < len; i++) {
        if (!utf8_is_tail(s.ptr[i])) return 0;
    }
    return len;
}

/* How many bytes at the front are ASCII, in steps of eight: most text is, all the way. */
static size_t utf8_ascii_len(struct str s)
{
    size_t len = 0;
    for (; s.len - len >= 8; len += 8) {
        uint64_t word;
        memcpy(&word, s.ptr + len, 8);
        if (word & UINT64_C(0x8080808080808080)) break;
    }
    return len;
}

bool utf8_is_valid(struct str s)
{
    while (s.len > 0) {
        size_t len = utf8_ascii_len(s);
        if (len == 0) len = utf8_step(s);
        if (len == 0) return false;
        s = str_from(s, len);
    }
    return true;
}

size_t utf8_count(struct str s)
{
    size_t count = 0;
    for (size_t i = 0; i < s.len; i++)
        count += !utf8_is_tail(s.ptr[i]);
    return count;
}

size_t utf8_encode(uint32_t code_point, char out[4])
{
    assert(code_point <= 0x10ffff && (code_point < 0xd800 || code_point > 0xdfff));
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    size_t len = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code_point & 0x3f));
        code_point >>= 6;
    }
    static const unsigned char lead[] = {[2] = 0xc0, [3] = 0xe0, [4] = 0xf0};
    out[0] = (char)(lead[len] | code_point);
    return len;
}
