/* Recursive descent, bounded by JSON_DEPTH_MAX. Names are looked up in one map for the whole text,
 * keyed by the number of their object and what they say (not how they spell it), so the search for
 * doubles stays linear however large an object is. */
#include "api/json_scan.h"
#include "base/arena.h"
#include "base/map.h"
#include "base/utf8.h"

struct json_reader {
    struct str text;
    size_t at;
    int depth;
    uint32_t object_count;
    struct json_scan *scan;
    struct arena arena; /* the names */
    struct map names;
};

static bool json_fail(struct json_reader *reader, const char *why)
{
    reader->scan->why = why;
    reader->scan->at = reader->at;
    return false;
}

/* The byte at the front; NUL at the end, which is nowhere allowed in a text. */
static char json_peek(const struct json_reader *reader)
{
    return reader->at < reader->text.len ? reader->text.ptr[reader->at] : '\0';
}

static bool json_take(struct json_reader *reader, char c)
{
    if (reader->at >= reader->text.len || reader->text.ptr[reader->at] != c) return false;
    reader->at++;
    return true;
}

static void json_skip_space(struct json_reader *reader)
{
    while (reader->at < reader->text.len) {
        char c = reader->text.ptr[reader->at];
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r') return;
        reader->at++;
    }
}

static bool json_mark(struct json_reader *reader, enum json_mark mark)
{
    enum err err = buf_add_char(&reader->scan->marks, (char)mark);
    assert(err == OK); /* a mark takes at least one byte of the text */
    return true;
}

/* Four hex digits behind \u. */
static bool json_hex4(struct json_reader *reader, uint32_t *unit_out)
{
    uint32_t unit = 0;
    for (int i = 0; i < 4; i++) {
        char c = json_peek(reader);
        uint32_t digit;
        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            digit = (uint32_t)(c - 'a' + 10);
        else if (c >= 'A' && c <= 'F')
            digit = (uint32_t)(c - 'A' + 10);
        else
            return json_fail(reader, "\\u without four hex digits");
        unit = unit << 4 | digit;
        reader->at++;
    }
    *unit_out = unit;
    return true;
}

/* What stands behind \u: one code point, which may take two escapes. */
static bool json_unicode(struct json_reader *reader, uint32_t *point_out)
{
    uint32_t high, low;
    if (!json_hex4(reader, &high)) return false;
    *point_out = high;
    if (high < 0xd800 || high > 0xdfff) return true;
    if (high > 0xdbff) return json_fail(reader, "a lone surrogate");
    if (!json_take(reader, '\\') || !json_take(reader, 'u'))
        return json_fail(reader, "a lone surrogate");
    if (!json_hex4(reader, &low)) return false;
    if (low < 0xdc00 || low > 0xdfff) return json_fail(reader, "a lone surrogate");
    *point_out = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    return true;
}

static bool json_escape(struct json_reader *reader, uint32_t *point_out)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    char c = json_peek(reader);
    const char *at = c ? strchr(names, c) : NULL;
    if (at) {
        *point_out = (unsigned char)values[at - names];
        reader->at++;
        return true;
    }
    if (!json_take(reader, 'u')) return json_fail(reader, "an unknown escape");
    return json_unicode(reader, point_out);
}

/* One code point of a string, escaped or not; out has room for its four bytes. */
static bool json_character(struct json_reader *reader, char out[4], size_t *len_out)
{
    struct str rest = str_from(reader->text, reader->at);
    if (!rest.len) return json_fail(reader, "a string without its end");
    unsigned char c = (unsigned char)rest.ptr[0];
    if (c < 0x20) return json_fail(reader, "a raw control character");
    if (c != '\\') {
        size_t len = utf8_step(rest);
        if (!len) return json_fail(reader, "invalid UTF-8");
        memcpy(out, rest.ptr, len);
        reader->at += len;
        *len_out = len;
        return true;
    }
    uint32_t point;
    reader->at++;
    if (!json_escape(reader, &point)) return false;
    *len_out = utf8_encode(point, out);
    return true;
}

/* How many bytes at the front say themselves: most strings are such a run from end to end. */
static size_t json_plain_len(struct str s)
{
    size_t len = 0;
    while (len < s.len) {
        unsigned char c = (unsigned char)s.ptr[len];
        if (c < 0x20 || c > 0x7f || c == '"' || c == '\\') break;
        len++;
    }
    return len;
}

/* A string from its opening quote on. decoded_out: NULL, or room for what it says, which is never
 * longer than how it is spelled. */
static bool json_string(struct json_reader *reader, char *decoded_out, size_t *decoded_len_out)
{
    enum json_mark mark = JSON_MARK_NONE;
    size_t decoded_len = 0;
    if (!json_take(reader, '"')) return json_fail(reader, "a string was expected");
    for (;;) {
        struct str rest = str_from(reader->text, reader->at);
        size_t len = json_plain_len(rest);
        if (decoded_out && len) memcpy(decoded_out + decoded_len, rest.ptr, len);
        decoded_len += len;
        reader->at += len;
        if (json_take(reader, '"')) break;
        char bytes[4];
        if (!json_character(reader, bytes, &len)) return false;
        if (bytes[0] == '\0') mark = JSON_MARK_NUL;
        if (decoded_out) memcpy(decoded_out + decoded_len, bytes, len);
        decoded_len += len;
    }
    if (decoded_len_out) *decoded_len_out = decoded_len;
    return json_mark(reader, mark);
}

/* The raw length of the string that begins here, for room to decode it; its end at most. */
static size_t json_string_room(const struct json_reader *reader)
{
    size_t at = reader->at + 1;
    while (at < reader->text.len && reader->text.ptr[at] != '"')
        at += reader->text.ptr[at] == '\\' ? 2 : 1;
    return MIN(at, reader->text.len) - reader->at;
}

static bool json_name(struct json_reader *reader, uint32_t object)
{
    size_t start = reader->at, len = 0;
    if (json_peek(reader) != '"') return json_fail(reader, "a name was expected");
    char *key = arena_alloc(&reader->arena, sizeof(object) + json_string_room(reader));
    memcpy(key, &object, sizeof(object));
    if (!json_string(reader, key + sizeof(object), &len)) return false;
    struct str name = str_of(key, sizeof(object) + len);
    if (map_find(&reader->names, name)) {
        reader->at = start;
        return json_fail(reader, "a name stands twice in one object");
    }
    map_insert(&reader->names, ARENA_NEW(&reader->arena, struct map_link), name);
    return true;
}

static size_t json_digits(struct str s, size_t at)
{
    size_t end = at;
    while (end < s.len && s.ptr[end] >= '0' && s.ptr[end] <= '9')
        end++;
    return end - at;
}

size_t json_number_len(struct str s, bool *is_integer_out)
{
    size_t at = s.len && s.ptr[0] == '-', digits = json_digits(s, at);
    if (!digits || (digits > 1 && s.ptr[at] == '0')) return 0;
    at += digits;
    *is_integer_out = true;
    if (at < s.len && s.ptr[at] == '.') {
        digits = json_digits(s, at + 1);
        if (!digits) return 0;
        at += 1 + digits;
        *is_integer_out = false;
    }
    if (at < s.len && (s.ptr[at] == 'e' || s.ptr[at] == 'E')) {
        at++;
        if (at < s.len && (s.ptr[at] == '+' || s.ptr[at] == '-')) at++;
        digits = json_digits(s, at);
        if (!digits) return 0;
        at += digits;
        *is_integer_out = false;
    }
    return at;
}

static bool json_read_number(struct json_reader *reader)
{
    bool is_integer;
    size_t len = json_number_len(str_from(reader->text, reader->at), &is_integer);
    if (!len) return json_fail(reader, "a malformed number");
    reader->at += len;
    if (len > JSON_NUMBER_LEN_MAX) reader->scan->has_long_numbers = true;
    return json_mark(reader, is_integer ? JSON_MARK_INTEGER : JSON_MARK_NONE);
}

static bool json_word(struct json_reader *reader, struct str word)
{
    if (!str_starts(str_from(reader->text, reader->at), word))
        return json_fail(reader, "a value was expected");
    reader->at += word.len;
    return true;
}

static bool json_value(struct json_reader *reader);

static bool json_items(struct json_reader *reader)
{
    json_skip_space(reader);
    if (json_take(reader, ']')) return true;
    for (;;) {
        if (!json_value(reader)) return false;
        json_skip_space(reader);
        if (json_take(reader, ']')) return true;
        if (!json_take(reader, ',')) return json_fail(reader, "a comma or ] was expected");
        json_skip_space(reader);
    }
}

static bool json_members(struct json_reader *reader)
{
    uint32_t object = reader->object_count++;
    json_skip_space(reader);
    if (json_take(reader, '}')) return true;
    for (;;) {
        if (!json_name(reader, object)) return false;
        json_skip_space(reader);
        if (!json_take(reader, ':')) return json_fail(reader, "a colon was expected");
        json_skip_space(reader);
        if (!json_value(reader)) return false;
        json_skip_space(reader);
        if (json_take(reader, '}')) return true;
        if (!json_take(reader, ',')) return json_fail(reader, "a comma or } was expected");
        json_skip_space(reader);
    }
}

static bool json_nested(struct json_reader *reader, bool (*read)(struct json_reader *))
{
    if (reader->depth == JSON_DEPTH_MAX) return json_fail(reader, "nested too deeply");
    reader->at++;
    reader->depth++;
    if (!read(reader)) return false;
    reader->depth--;
    return true;
}

static bool json_value(struct json_reader *reader)
{
    switch (json_peek(reader)) {
    case '{':
        return json_nested(reader, json_members);
    case '[':
        return json_nested(reader, json_items);
    case '"':
        return json_string(reader, NULL, NULL);
    case 't':
        return json_word(reader, STR("true"));
    case 'f':
        return json_word(reader, STR("false"));
    case 'n':
        return json_word(reader, STR("null"));
    case '-':
    case '0' ... '9':
        return json_read_number(reader);
    default:
        return json_fail(reader, "a value was expected");
    }
}

static bool json_text(struct json_reader *reader)
{
    json_skip_space(reader);
    if (reader->at == reader->text.len) return json_fail(reader, "the body is empty");
    if (json_peek(reader) != '{') return json_fail(reader, "the body is not an object");
    if (!json_value(reader)) return false;
    json_skip_space(reader);
    return reader->at == reader->text.len || json_fail(reader, "something follows the object");
}

enum err json_scan(struct str text, struct json_scan *scan)
{
    struct json_reader reader = {.text = text, .scan = scan};
    *scan = (struct json_scan){0};
    buf_init(&scan->marks, text.len);
    arena_init(&reader.arena);
    map_init(&reader.names);
    bool is_good = json_text(&reader);
    map_done(&reader.names);
    arena_done(&reader.arena);
    return is_good ? OK : ERR_BAD_JSON;
}

void json_scan_done(struct json_scan *scan)
{
    buf_done(&scan->marks);
}
