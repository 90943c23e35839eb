#include "api/url.h"

bool url_is_escaped(struct str s)
{
    return s.len > 0 && memchr(s.ptr, '%', s.len);
}

static int url_hex(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool url_unescape(struct str s, struct arena *arena, struct str *text_out)
{
    if (!url_is_escaped(s)) {
        *text_out = s;
        return true;
    }
    char *out = arena_alloc(arena, s.len);
    size_t len = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] != '%') {
            out[len++] = s.ptr[i];
            continue;
        }
        if (s.len - i < 3) return false;
        int high = url_hex(s.ptr[i + 1]), low = url_hex(s.ptr[i + 2]);
        if (high < 0 || low < 0) return false;
        out[len++] = (char)(high << 4 | low);
        i += 2;
    }
    *text_out = str_of(out, len);
    return true;
}
