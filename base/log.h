/* The log: one line an event on stderr, `key=value` or JSON, each written by one write(2).
 * An event is a stable snake_case name, its facts are fields. No message body, no token, at any
 * level. Lower layers return errors and do not log: who decides what happens next logs, once.
 * Thread-safe. */
#pragma once
#include "base/error.h"
#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
    const char *key;
    enum { LOG_FIELD_STR, LOG_FIELD_INT } kind;
    struct str s;
    int64_t i;
};
static inline struct log_field log_str(const char *key, struct str value)
{
    return (struct log_field){key, LOG_FIELD_STR, value, 0};
}
static inline struct log_field log_c(const char *key, const char *value)
{
    return (struct log_field){key, LOG_FIELD_STR, str_from_c(value), 0};
}
static inline struct log_field log_int(const char *key, int64_t value)
{
    return (struct log_field){key, LOG_FIELD_INT, STR_NONE, value};
}
static inline struct log_field log_err(enum err err)
{
    return log_c("error", err_code(err));
}

void log_setup(enum log_level level, bool as_json); /* before other threads start */
bool log_is_on(enum log_level level);
void log_write(enum log_level level, const char *event, const struct log_field *fields,
               size_t field_count);

/* log_event(LOG_INFO, "listening", log_str("address", address), log_int("port", port)); */
#define log_event(level, event, ...)                                                               \
    do {                                                                                           \
        if (log_is_on(level))                                                                      \
            log_write((level), (event), (const struct log_field[]){__VA_ARGS__},                   \
                      sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field)); \
    } while (0)
