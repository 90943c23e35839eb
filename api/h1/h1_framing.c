/* libmicrohttpd cuts its buffer into C strings where they stand: a NUL for the space behind the
 * method, for the colon of a field, for each CR and LF. So a head that holds what it should is
 * covered without a gap by the strings that it reports. A NUL sent by the client ends a string
 * early, a folded line is copied elsewhere, a line that ends in LF alone is a byte short: each
 * shows as a gap. The bytes themselves are checked after that. */
#include "api/h1/h1_framing.h"

/* The string must begin at `at`; gap_len is what stands behind it. Returns where the next begins,
 * or NULL. */
static const char *framing_follow(const char *at, struct str s, size_t gap_len)
{
    return at && s.ptr == at ? s.ptr + s.len + gap_len : NULL;
}

static bool framing_is_covered(const struct h1_head *head)
{
    const char *end = head->text.ptr + head->text.len;
    const char *at = framing_follow(head->text.ptr, head->method, 1);
    at = framing_follow(at, head->target, 1);
    at = framing_follow(at, head->version, 2);
    for (size_t i = 0; at && i < head->header_count; i++) {
        at = framing_follow(at, head->headers[i].name, 1);
        struct str value = head->headers[i].value;
        if (!at || value.ptr < at || value.ptr + value.len > end) return false;
        while (at < value.ptr && (*at == ' ' || *at == '\t'))
            at++;
        at = framing_follow(at, value, 2);
    }
    return at && at + 2 == end;
}

static bool framing_is_token(struct str s)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_word && !(c && strchr(others, c))) return false;
    }
    return s.len > 0;
}

static bool framing_is_text(struct str s, char first_good)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if ((c < (unsigned char)first_good && c != '\t') || c == 0x7f) return false;
    }
    return true;
}

static bool framing_is_clean(const struct h1_head *head)
{
    if (!framing_is_token(head->method)) return false;
    struct str target = head->target_text;
    if (str_is_empty(target) || !framing_is_text(target, '!')) return false;
    if (memchr(target.ptr, '\t', target.len)) return false;
    for (size_t i = 0; i < head->header_count; i++)
        if (!framing_is_token(head->headers[i].name) ||
            !framing_is_text(head->headers[i].value, ' '))
            return false;
    return true;
}

struct framing_fields { /* what decides where the body ends, and whose request it is */
    size_t host_count, length_count, coding_count;
    bool is_chunked, is_expectation_met;
};

static struct framing_fields framing_fields_of(const struct h1_head *head)
{
    struct framing_fields fields = {.is_expectation_met = true};
    for (size_t i = 0; i < head->header_count; i++) {
        struct str name = head->headers[i].name, value = head->headers[i].value;
        if (str_equal_nocase(name, STR("Host"))) {
            fields.host_count++;
        } else if (str_equal_nocase(name, STR("Content-Length"))) {
            fields.length_count++;
        } else if (str_equal_nocase(name, STR("Transfer-Encoding"))) {
            fields.coding_count++; /* libmicrohttpd knows the bare word, without a space behind */
            fields.is_chunked = str_equal_nocase(value, STR("chunked"));
        } else if (str_equal_nocase(name, STR("Expect"))) {
            fields.is_expectation_met &= str_equal_nocase(str_trim(value), STR("100-continue"));
        }
    }
    return fields;
}

enum err h1_framing_check(const struct h1_head *head)
{
    if (!framing_is_covered(head) || !framing_is_clean(head)) return ERR_BAD_REQUEST;
    struct framing_fields fields = framing_fields_of(head);
    bool is_10 = str_equal(head->version, STR("HTTP/1.0"));
    if (fields.host_count > 1 || (fields.host_count == 0 && !is_10)) return ERR_BAD_REQUEST;
    if (fields.length_count + fields.coding_count > 1) return ERR_BAD_REQUEST;
    if (fields.coding_count && is_10) return ERR_BAD_REQUEST; /* 1.0 has no codings */
    if (fields.coding_count && !fields.is_chunked) return ERR_CODING;
    if (!fields.is_expectation_met && !is_10) return ERR_EXPECTATION;
    return OK;
}
