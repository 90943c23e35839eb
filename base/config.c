/* Options are rows of one table: each source (file, environment, flags) only finds the row and
 * hands over a text and the place it stood in. */
#include "base/config.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { CONFIG_FILE_LEN_MAX = 64 * 1024 };

enum config_kind { CONFIG_INT, CONFIG_STRING, CONFIG_SECRET, CONFIG_BOOL };

static const struct config_option {
    const char *name, *help;
    const char *standard_string;
    int64_t standard, min, max;
    size_t offset; /* into struct config */
    enum config_kind kind;
} config_options[] = {
#define INT(name, standard, min, max, help) \
    {#name, help, NULL, standard, min, max, offsetof(struct config, name), CONFIG_INT},
#define STRING(name, standard, help) \
    {#name, help, standard, 0, 0, 0, offsetof(struct config, name), CONFIG_STRING},
#define SECRET(name, standard, help) \
    {#name, help, standard, 0, 0, 0, offsetof(struct config, name), CONFIG_SECRET},
#define BOOL(name, standard, help) \
    {#name, help, NULL, standard, 0, 1, offsetof(struct config, name), CONFIG_BOOL},
#include "base/config.def"
#undef INT
#undef STRING
#undef SECRET
#undef BOOL
};

/* One reading of a source: where its faults go, and whether there was any. */
struct config_reader {
    struct config *config;
    struct buf *why;
    const char *place; /* the file's path, "environment" or "flags" */
    int line;          /* in a file, else 0 */
    bool is_faulty;
};

static void config_fault(struct config_reader *reader, struct str key, const char *what)
{
    char line[32] = "";
    reader->is_faulty = true;
    if (reader->line > 0) snprintf(line, sizeof(line), ":%d", reader->line);
    enum err err =
        buf_printf(reader->why, "%s%s: %.*s: %s\n", reader->place, line, STR_FMT(key), what);
    (void)err; /* a full `why` has told enough */
}

static int64_t *config_int(const struct config *config, const struct config_option *option)
{
    return (int64_t *)(void *)((char *)(uintptr_t)config + option->offset);
}

static struct str *config_string(const struct config *config, const struct config_option *option)
{
    return (struct str *)(void *)((char *)(uintptr_t)config + option->offset);
}

static bool *config_bool(const struct config *config, const struct config_option *option)
{
    return (bool *)(void *)((char *)(uintptr_t)config + option->offset);
}

void config_init(struct config *config)
{
    *config = (struct config){0};
    arena_init(&config->arena);
    for (size_t i = 0; i < ARRAY_LEN(config_options); i++) {
        const struct config_option *option = &config_options[i];
        if (option->kind == CONFIG_INT)
            *config_int(config, option) = option->standard;
        else if (option->kind == CONFIG_BOOL)
            *config_bool(config, option) = option->standard != 0;
        else
            *config_string(config, option) = str_from_c(option->standard_string);
    }
}

void config_done(struct config *config)
{
    arena_done(&config->arena);
    *config = (struct config){0};
}

static void config_set_int(struct config_reader *reader, const struct config_option *option,
                           struct str text)
{
    char what[96];
    uint64_t value;
    if (!str_to_u64(text, (uint64_t)option->max, &value) || (int64_t)value < option->min) {
        snprintf(what, sizeof(what), "must be a number from %lld to %lld", (long long)option->min,
                 (long long)option->max);
        config_fault(reader, str_from_c(option->name), what);
        return;
    }
    *config_int(reader->config, option) = (int64_t)value;
}

static void config_set_bool(struct config_reader *reader, const struct config_option *option,
                            struct str text)
{
    static const struct str words[2][4] = {{STR("false"), STR("no"), STR("off"), STR("0")},
                                           {STR("true"), STR("yes"), STR("on"), STR("1")}};
    for (int value = 0; value < 2; value++) {
        for (size_t i = 0; i < ARRAY_LEN(words[value]); i++) {
            if (!str_equal(text, words[value][i])) continue;
            *config_bool(reader->config, option) = value;
            return;
        }
    }
    config_fault(reader, str_from_c(option->name), "must be true or false");
}

static void config_set_string(struct config_reader *reader, const struct config_option *option,
                              struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] >= ' ' && text.ptr[i] != 0x7f) continue;
        config_fault(reader, str_from_c(option->name), "holds a control character");
        return;
    }
    *config_string(reader->config, option) = arena_str(&reader->config->arena, text);
}

static void config_set(struct config_reader *reader, const struct config_option *option,
                       struct str text)
{
    if (option->kind == CONFIG_INT)
        config_set_int(reader, option, text);
    else if (option->kind == CONFIG_BOOL)
        config_set_bool(reader, option, text);
    else
        config_set_string(reader, option, text);
}

static const struct config_option *config_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(config_options); i++) {
        if (str_equal(name, str_from_c(config_options[i].name))) return &config_options[i];
    }
    return NULL;
}

static enum err config_outcome(const struct config_reader *reader)
{
    return reader->is_faulty ? ERR_CONFIG : OK;
}

/* The file */

static enum err config_load(const char *path, struct buf *text)
{
    enum err err = ERR_SYSTEM;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return err;
    for (;;) {
        err = buf_reserve(text, 4096);
        if (err != OK) break;
        ssize_t len = read(fd, text->bytes + text->len, 4096);
        if (len < 0 && errno == EINTR) continue;
        if (len < 0) err = ERR_SYSTEM;
        if (len <= 0) break;
        text->len += (size_t)len;
    }
    close(fd);
    return err;
}

static void config_read_line(struct config_reader *reader, struct str line,
                             bool is_given[ARRAY_LEN(config_options)])
{
    if (line.len && line.ptr[line.len - 1] == '\r') line.len--;
    line = str_trim(line);
    if (str_is_empty(line) || line.ptr[0] == '#') return;
    struct str key = str_trim(str_cut(&line, '='));
    if (!line.ptr) {
        config_fault(reader, key, "is not followed by = and a value");
        return;
    }
    const struct config_option *option = config_find(key);
    if (!option) {
        config_fault(reader, key, "unknown option");
        return;
    }
    bool *is_given_before = &is_given[option - config_options];
    if (*is_given_before)
        config_fault(reader, key, "given twice");
    else
        config_set(reader, option, str_trim(line));
    *is_given_before = true;
}

enum err config_read_file(struct config *config, const char *path, struct buf *why)
{
    struct config_reader reader = {.config = config, .why = why, .place = path};
    bool is_given[ARRAY_LEN(config_options)] = {false};
    struct buf text;
    buf_init(&text, CONFIG_FILE_LEN_MAX);
    enum err err = config_load(path, &text);
    if (err != OK) {
        config_fault(&reader, STR("config"),
                     err == ERR_TOO_LARGE ? "the file is too large" : strerrordesc_np(errno));
        goto done;
    }
    for (struct str rest = buf_str(&text); rest.ptr;) {
        reader.line++;
        config_read_line(&reader, str_cut(&rest, '\n'), is_given);
    }
done:
    buf_done(&text);
    return config_outcome(&reader);
}

/* The environment */

enum { CONFIG_NAME_LEN_MAX = 48 };

/* The option's name in lower case with underscores, whatever the source's own spelling is. A name
 * that uses the alphabet of another source stays unknown. */
static struct str config_name(struct str spelled, char dash, bool is_upper,
                              char out[CONFIG_NAME_LEN_MAX])
{
    if (spelled.len > CONFIG_NAME_LEN_MAX) return STR_NONE;
    for (size_t i = 0; i < spelled.len; i++) {
        char c = spelled.ptr[i];
        bool is_letter_upper = c >= 'A' && c <= 'Z', is_letter_lower = c >= 'a' && c <= 'z';
        if (is_upper ? is_letter_lower : is_letter_upper) return STR_NONE;
        if ((c == '-' || c == '_') && c != dash) return STR_NONE;
        out[i] = c == dash ? '_' : is_letter_upper ? (char)(c - 'A' + 'a') : c;
    }
    return str_of(out, spelled.len);
}

enum err config_read_env(struct config *config, char *const *env, struct buf *why)
{
    struct config_reader reader = {.config = config, .why = why, .place = "environment"};
    for (; *env; env++) {
        struct str value = str_from_c(*env);
        struct str key = str_cut(&value, '=');
        if (!str_starts(key, STR("PARLEY_")) || str_equal(key, STR("PARLEY_FAULT")) ||
            str_starts(key, STR("PARLEY_TEST_")))
            continue;
        char name[CONFIG_NAME_LEN_MAX];
        const struct config_option *option =
            config_find(config_name(str_from(key, strlen("PARLEY_")), '_', true, name));
        if (option)
            config_set(&reader, option, value);
        else
            config_fault(&reader, key, "unknown variable");
    }
    return config_outcome(&reader);
}

/* The flags */

/* Where reading stands in the arguments. */
struct config_flags {
    int argc, at;
    char *const *argv;
};

/* The value behind `=`, or the next argument; ptr NULL if there is none. */
static struct str config_flag_value(struct config_flags *flags, struct str behind_equals)
{
    if (behind_equals.ptr) return behind_equals;
    return flags->at < flags->argc ? str_from_c(flags->argv[flags->at++]) : STR_NONE;
}

static void config_read_bool_flag(struct config_reader *reader, const struct config_option *option,
                                  struct str value, bool is_negated, struct str flag)
{
    if (!value.ptr)
        config_set(reader, option, is_negated ? STR("false") : STR("true"));
    else if (is_negated)
        config_fault(reader, flag, "takes no value");
    else
        config_set(reader, option, value);
}

static void config_read_flag(struct config_reader *reader, struct config_flags *flags)
{
    struct str value = str_from_c(flags->argv[flags->at++]);
    struct str flag = str_cut(&value, '=');
    if (!str_starts(flag, STR("--"))) {
        config_fault(reader, flag, "unexpected argument");
        return;
    }
    char name[CONFIG_NAME_LEN_MAX];
    struct str spelled = str_from(flag, 2);
    const struct config_option *option = config_find(config_name(spelled, '-', false, name));
    bool is_negated = !option && str_starts(spelled, STR("no-"));
    if (is_negated) option = config_find(config_name(str_from(spelled, 3), '-', false, name));
    if (option && option->kind == CONFIG_BOOL) {
        config_read_bool_flag(reader, option, value, is_negated, flag);
        return;
    }
    if (!str_equal(flag, STR("--config")) && (!option || is_negated)) {
        config_fault(reader, flag, "unknown flag");
        return;
    }
    value = config_flag_value(flags, value);
    if (!value.ptr)
        config_fault(reader, flag, "needs a value");
    else if (option)
        config_set(reader, option, value);
}

/* 1 if argv[0] is a name, 0 if it is a flag already. */
static int config_first_flag(int argc, char *const *argv)
{
    return argc > 0 && !str_starts(str_from_c(argv[0]), STR("--"));
}

enum err config_read_flags(struct config *config, int argc, char *const *argv, struct buf *why)
{
    struct config_reader reader = {.config = config, .why = why, .place = "flags"};
    struct config_flags flags = {argc, config_first_flag(argc, argv), argv};
    while (flags.at < flags.argc)
        config_read_flag(&reader, &flags);
    return config_outcome(&reader);
}

const char *config_file_flag(int argc, char *const *argv)
{
    const char *path = NULL;
    for (int i = config_first_flag(argc, argv); i < argc; i++) {
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc) path = argv[i + 1];
        if (strncmp(argv[i], "--config=", strlen("--config=")) == 0)
            path = argv[i] + strlen("--config=");
    }
    return path;
}

/* Showing */

void config_print(const struct config *config, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(config_options); i++) {
        const struct config_option *option = &config_options[i];
        struct str text;
        char digits[24];
        if (option->kind == CONFIG_INT) {
            snprintf(digits, sizeof(digits), "%lld", (long long)*config_int(config, option));
            text = str_from_c(digits);
        } else if (option->kind == CONFIG_BOOL) {
            text = *config_bool(config, option) ? STR("true") : STR("false");
        } else {
            text = *config_string(config, option);
            if (option->kind == CONFIG_SECRET && text.len > 0) text = STR("***");
        }
        if (buf_printf(out, "%s = %.*s\n", option->name, STR_FMT(text)) != OK) return;
    }
}

static void config_help_default(const struct config_option *option, char out[64])
{
    if (option->kind == CONFIG_INT)
        snprintf(out, 64, "%lld; %lld..%lld", (long long)option->standard, (long long)option->min,
                 (long long)option->max);
    else if (option->kind == CONFIG_BOOL)
        snprintf(out, 64, "%s", option->standard ? "on" : "off");
    else
        snprintf(out, 64, "%s", option->standard_string[0] ? option->standard_string : "none");
}

void config_help(struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(config_options); i++) {
        const struct config_option *option = &config_options[i];
        char flag[CONFIG_NAME_LEN_MAX], standard[64];
        snprintf(flag, sizeof(flag), "%s", option->name);
        for (char *c = flag; *c; c++) {
            if (*c == '_') *c = '-';
        }
        config_help_default(option, standard);
        if (buf_printf(out, "  --%-24s %s (%s)\n", flag, option->help, standard) != OK) return;
    }
}
