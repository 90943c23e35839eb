/* A line is built on the stack and leaves by one write, so lines of several threads never mix and
 * no lock is held while stderr blocks. What does not fit is cut and marked `truncated`. */
#include "base/log.h"
#include "base/clock.h"
#include "base/utf8.h"
#include <errno.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum {
    LOG_LINE_MAX = 4096,
    LOG_TAIL_MAX = 32, /* kept free for a closing quote, the mark and the line's end */
    LOG_NAME_MAX = 16, /* of a thread, by the kernel */
};

static enum log_level log_level = LOG_INFO;
static bool log_as_json;

struct log_line {
    char bytes[LOG_LINE_MAX];
    size_t len, len_max; /* len_max leaves the tail free until the line is finished */
    bool is_cut;
};

void log_setup(enum log_level level, bool as_json)
{
    log_level = level;
    log_as_json = as_json;
}

bool log_is_on(enum log_level level)
{
    return level >= log_level;
}

/* Whole or not at all; after the first piece that does not fit nothing more is taken. */
static void log_line_add(struct log_line *line, struct str s)
{
    if (s.len > line->len_max - line->len) line->is_cut = true;
    if (line->is_cut || s.len == 0) return;
    memcpy(line->bytes + line->len, s.ptr, s.len);
    line->len += s.len;
}

/* One code point as it may stand between quotes. Returns the bytes of s it took. C1 controls are
 * escaped too: terminals obey them. A byte that is no UTF-8 becomes U+FFFD. */
static size_t log_line_add_escaped(struct log_line *line, struct str s)
{
    size_t len = utf8_step(s);
    unsigned char c = (unsigned char)s.ptr[0];
    char escape[8];
    if (len == 0) {
        log_line_add(line, STR("\\ufffd"));
        return 1;
    }
    if (c == '"' || c == '\\') {
        log_line_add(line, str_of((char[2]){'\\', s.ptr[0]}, 2));
    } else if (c == '\n') {
        log_line_add(line, STR("\\n"));
    } else if (c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)s.ptr[1] < 0xa0)) {
        snprintf(escape, sizeof(escape), "\\u%04x", c == 0xc2 ? (unsigned char)s.ptr[1] : c);
        log_line_add(line, str_from_c(escape));
    } else {
        log_line_add(line, str_of(s.ptr, len));
    }
    return len;
}

static bool log_is_plain(struct str s)
{
    static const char punctuation[] = "-_.:/@+,%*()[]~#";
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool is_alphanumeric =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_alphanumeric && (c == '\0' || !strchr(punctuation, c))) return false;
    }
    return s.len > 0;
}

static void log_line_add_value(struct log_line *line, struct str value)
{
    if (!log_as_json && log_is_plain(value) && value.len <= line->len_max - line->len) {
        log_line_add(line, value);
        return;
    }
    log_line_add(line, STR("\""));
    bool is_open = !line->is_cut;
    while (value.len > 0 && !line->is_cut)
        value = str_from(value, log_line_add_escaped(line, value));
    if (is_open) line->bytes[line->len++] = '"'; /* out of the tail if need be */
}

static void log_line_add_key(struct log_line *line, const char *key)
{
    /* Key and punctuation together or not at all: a lone key would not be JSON. */
    size_t key_len = strlen(key);
    if (key_len + 32 > line->len_max - line->len) line->is_cut = true;
    if (line->len > 0) log_line_add(line, log_as_json ? STR(",") : STR(" "));
    if (log_as_json) log_line_add(line, line->len > 0 ? STR("\"") : STR("{\""));
    log_line_add(line, str_of(key, key_len));
    log_line_add(line, log_as_json ? STR("\":") : STR("="));
}

static void log_line_add_str(struct log_line *line, const char *key, struct str value)
{
    log_line_add_key(line, key);
    if (!line->is_cut) log_line_add_value(line, value);
}

static void log_line_add_int(struct log_line *line, const char *key, int64_t value)
{
    char digits[24];
    snprintf(digits, sizeof(digits), "%lld", (long long)value);
    log_line_add_key(line, key);
    log_line_add(line, str_from_c(digits));
}

static void log_line_add_time(struct log_line *line)
{
    int64_t now_ms = clock_wall_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    char text[80];
    snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
             tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(now_ms % 1000));
    log_line_add_str(line, "time", str_from_c(text));
}

/* A thread without a name of its own has the program's. */
static void log_line_add_thread(struct log_line *line)
{
    char name[LOG_NAME_MAX] = "";
    if (prctl(PR_GET_NAME, name) < 0 || name[0] == '\0') return;
    if (strncmp(name, program_invocation_short_name, LOG_NAME_MAX - 1) == 0) return;
    log_line_add_str(line, "thread", str_from_c(name));
}

static void log_line_finish(struct log_line *line)
{
    line->len_max = LOG_LINE_MAX;
    bool was_cut = line->is_cut;
    line->is_cut = false;
    if (was_cut)
        log_line_add(line, log_as_json ? STR(",\"truncated\":true") : STR(" truncated=true"));
    log_line_add(line, log_as_json ? STR("}\n") : STR("\n"));
}

void log_write(enum log_level level, const char *event, const struct log_field *fields,
               size_t field_count)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    if (!log_is_on(level)) return;
    struct log_line line;
    line.len = 0;
    line.len_max = LOG_LINE_MAX - LOG_TAIL_MAX;
    line.is_cut = false;
    log_line_add_time(&line);
    log_line_add_str(&line, "level", str_from_c(levels[level]));
    log_line_add_str(&line, "event", str_from_c(event));
    log_line_add_thread(&line);
    for (size_t i = 0; i < field_count && !line.is_cut; i++) {
        if (fields[i].kind == LOG_FIELD_INT)
            log_line_add_int(&line, fields[i].key, fields[i].i);
        else
            log_line_add_str(&line, fields[i].key, fields[i].s);
    }
    log_line_finish(&line);
    while (write(STDERR_FILENO, line.bytes, line.len) < 0 && errno == EINTR) {
    }
}
