/* The load tool's command line: MODE, then --name value or --name=value; flags take no value. */
#pragma once
#include "base/buf.h"

enum mode { MODE_LIFE, MODE_SENDS, MODE_STREAMS };

struct options {
    enum mode mode;
#define INT(name, standard, min, max, help) int64_t name;
#define TEXT(name, standard, help) const char *name;
#define FLAG(name, help) bool name;
#include "tests/bench/options.def"
#undef INT
#undef TEXT
#undef FLAG
};

/* False: `why` says what is wrong, in one line. The strings stay argv's. */
bool options_read(struct options *options, int argc, char *const *argv, struct buf *why);
void options_help(struct buf *out);
const char *options_mode_name(enum mode mode);
