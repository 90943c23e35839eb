#include "tests/bench/options.h"
#include <stdio.h>

static const char *const option_modes[] = {
    [MODE_LIFE] = "life", [MODE_SENDS] = "sends", [MODE_STREAMS] = "streams"};

const char *options_mode_name(enum mode mode)
{
    return option_modes[mode];
}

enum option_kind { OPTION_INT, OPTION_TEXT, OPTION_FLAG };

struct option_row {
    enum option_kind kind;
    const char *name, *help, *text;
    size_t at;
    int64_t standard, min, max;
};

#define AT(name) offsetof(struct options, name)
static const struct option_row option_rows[] = {
#define INT(name, standard, min, max, help) \
    {OPTION_INT, #name, help, "", AT(name), standard, min, max},
#define TEXT(name, standard, help) {OPTION_TEXT, #name, help, standard, AT(name), 0, 0, 0},
#define FLAG(name, help) {OPTION_FLAG, #name, help, "", AT(name), 0, 0, 0},
#include "tests/bench/options.def"
#undef INT
#undef TEXT
#undef FLAG
};

static void option_set(struct options *options, const struct option_row *row, int64_t number,
                       const char *text)
{
    char *place = (char *)options + row->at;
    if (row->kind == OPTION_INT) memcpy(place, &number, sizeof(number));
    if (row->kind == OPTION_TEXT) memcpy(place, &text, sizeof(text));
    if (row->kind == OPTION_FLAG) memcpy(place, &(bool){true}, sizeof(bool));
}

/* The row that `--content-len` or `--content-len=...` names. */
static const struct option_row *option_find(struct str argument)
{
    struct str name = str_from(argument, 2);
    name = str_cut(&name, '=');
    for (size_t i = 0; i < ARRAY_LEN(option_rows); i++) {
        size_t len = strlen(option_rows[i].name), same = 0;
        while (same < len && same < name.len &&
               (name.ptr[same] == '-' ? '_' : name.ptr[same]) == option_rows[i].name[same])
            same++;
        if (same == len && len == name.len) return &option_rows[i];
    }
    return NULL;
}

static bool options_fail(struct buf *why, const char *what, const char *argument)
{
    if (buf_printf(why, "%s: %s", argument, what) != OK) buf_clear(why);
    return false;
}

static bool options_mode_read(struct options *options, const char *name, struct buf *why)
{
    for (size_t i = 0; i < ARRAY_LEN(option_modes); i++) {
        options->mode = (enum mode)i;
        if (strcmp(option_modes[i], name) == 0) return true;
    }
    return options_fail(why, "not a mode: life, sends or streams", name);
}

/* Takes one option and its value; `*at` is left at the last argument taken. */
static bool option_read(struct options *options, int argc, char *const *argv, int *at,
                        struct buf *why)
{
    const char *argument = argv[*at], *equals = strchr(argument, '=');
    const struct option_row *row = option_find(str_from_c(argument));
    if (strncmp(argument, "--", 2) != 0 || !row) return options_fail(why, "unknown", argument);
    const char *value = equals ? equals + 1 : NULL;
    if (row->kind == OPTION_FLAG && value) return options_fail(why, "takes no value", argument);
    if (row->kind != OPTION_FLAG && !value) {
        if (++*at >= argc) return options_fail(why, "lacks its value", argument);
        value = argv[*at];
    }
    uint64_t number = 0;
    if (row->kind == OPTION_INT && (!str_to_u64(str_from_c(value), (uint64_t)row->max, &number) ||
                                    number < (uint64_t)row->min))
        return options_fail(why, "not a number within its bounds", argument);
    option_set(options, row, (int64_t)number, value);
    return true;
}

static bool option_is_one_of(const char *value, const char *one, const char *other)
{
    return strcmp(value, one) == 0 || strcmp(value, other) == 0;
}

bool options_read(struct options *options, int argc, char *const *argv, struct buf *why)
{
    *options = (struct options){.mode = MODE_LIFE};
    for (size_t i = 0; i < ARRAY_LEN(option_rows); i++)
        if (option_rows[i].kind != OPTION_FLAG)
            option_set(options, &option_rows[i], option_rows[i].standard, option_rows[i].text);
    if (argc < 2) return options_fail(why, "lacks its mode: life, sends or streams", argv[0]);
    if (!options_mode_read(options, argv[1], why)) return false;
    for (int at = 2; at < argc; at++)
        if (!option_read(options, argc, argv, &at, why)) return false;
    if (!option_is_one_of(options->receivers, "sse", "poll"))
        return options_fail(why, "sse or poll", "--receivers");
    if (!option_is_one_of(options->ack, "up_to", "ids"))
        return options_fail(why, "up_to or ids", "--ack");
    return true;
}

void options_help(struct buf *out)
{
    enum err err = buf_add(out, STR("bench-load life|sends|streams [--option value ...]\n"));
    for (size_t i = 0; i < ARRAY_LEN(option_rows) && err == OK; i++) {
        const struct option_row *row = &option_rows[i];
        char standard[32] = "";
        if (row->kind == OPTION_INT) snprintf(standard, sizeof(standard), "%ld", row->standard);
        err = buf_printf(out, "  --%-12s %s (%s)\n", row->name, row->help,
                         row->kind == OPTION_INT    ? standard
                         : row->kind == OPTION_FLAG ? "off"
                                                    : row->text);
    }
}
