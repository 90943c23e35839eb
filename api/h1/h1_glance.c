#include "api/h1/h1_glance.h"

enum { GLANCE_DIGITS_MAX = 18 }; /* what an int64_t holds in any case */

/* The document without a request_id: the head that would name it is not read. */
#define GLANCE_ANSWER(status_line, len, document)                            \
    STR("HTTP/1.1 " status_line                                              \
        "\r\nContent-Type: application/problem+json\r\nContent-Length: " len \
        "\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n" document)

static struct str glance_malformed(void)
{
    return GLANCE_ANSWER(
        "400 Bad Request", "168",
        "{\"type\":\"urn:parley:problem:bad_request\",\"title\":\"The request is not well-formed "
        "HTTP\",\"status\":400,\"detail\":\"Content-Length must be digits alone\","
        "\"code\":\"bad_request\"}");
}

static struct str glance_too_large(void)
{
    return GLANCE_ANSWER(
        "413 Content Too Large", "155",
        "{\"type\":\"urn:parley:problem:too_large\",\"title\":\"The content passes its limit\","
        "\"status\":413,\"detail\":\"Content-Length passes every limit\",\"code\":\"too_large\"}");
}

static bool glance_is_digits(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < '0' || s.ptr[i] > '9') return false;
    return s.len > 0;
}

struct str h1_glance(struct str bytes)
{
    struct str rest = bytes;
    (void)str_cut(&rest, '\n'); /* the request line */
    while (rest.ptr) {
        struct str value = str_cut(&rest, '\n');
        if (!rest.ptr) break; /* a line that is not whole yet */
        if (value.len > 0 && value.ptr[value.len - 1] == '\r') value.len--;
        if (value.len == 0) break; /* the head's end */
        struct str name = str_cut(&value, ':');
        if (!value.ptr || !str_equal_nocase(name, STR("Content-Length"))) continue;
        value = str_trim(value);
        if (!glance_is_digits(value)) return glance_malformed();
        if (value.len > GLANCE_DIGITS_MAX) return glance_too_large();
    }
    return STR_NONE;
}
