#include "db/groups_text.h"
#include <inttypes.h>
#include <stdio.h>

struct text {
    char *bytes;
    size_t len, cap;
};

static void text_add(struct text *text, struct str s)
{
    assert(s.len <= text->cap - text->len);
    if (s.len > 0) memcpy(text->bytes + text->len, s.ptr, s.len);
    text->len += s.len;
}

static void text_add_id(struct text *text, struct str id)
{
    text_add(text, STR("\""));
    text_add(text, id);
    text_add(text, STR("\""));
}

/* RFC 8259: quotation mark, reverse solidus and the control characters; the rest is UTF-8. */
static void text_add_escaped(struct text *text, struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c == '"' || c == '\\') {
            text_add(text, STR("\\"));
            text_add(text, str_of(s.ptr + i, 1));
        } else if (c < 0x20) {
            char escape[7];
            snprintf(escape, sizeof escape, "\\u%04x", c);
            text_add(text, str_from_c(escape));
        } else {
            text_add(text, str_of(s.ptr + i, 1));
        }
    }
}

static size_t groups_text_len_max(const struct group_news *news)
{
    enum { NAMES_AND_NUMBERS = 128, ESCAPE = 6, QUOTES_AND_COMMA = 3 };
    size_t len = NAMES_AND_NUMBERS + news->groupname.len * ESCAPE + news->by.len;
    for (size_t i = 0; i < news->user_count; i++)
        len += news->user_ids[i].len + QUOTES_AND_COMMA;
    return len;
}

struct str groups_text(struct arena *arena, const struct group_news *news)
{
    struct text text = {.cap = groups_text_len_max(news)};
    text.bytes = arena_alloc(arena, text.cap);
    text_add(&text, STR("\"groupname\":\""));
    text_add_escaped(&text, news->groupname);
    text_add(&text, STR("\",\"change\":"));
    text_add_id(&text, str_from_c(news->change));
    text_add(&text, STR(",\"userId\":["));
    for (size_t i = 0; i < news->user_count; i++) {
        if (i > 0) text_add(&text, STR(","));
        text_add_id(&text, news->user_ids[i]);
    }
    text_add(&text, STR("],\"by\":"));
    text_add_id(&text, news->by);
    char version[32];
    snprintf(version, sizeof version, ",\"version\":%" PRIu64, news->version);
    text_add(&text, str_from_c(version));
    return str_of(text.bytes, text.len);
}
