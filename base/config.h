/* The configuration: one struct, filled from config.def's defaults, then file, environment, flags.
 * Read-only once the server runs, so any thread may read it. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

struct config {
#define INT(name, standard, min, max, help) int64_t name;
#define STRING(name, standard, help) struct str name; /* NUL-terminated, in the arena */
#define SECRET(name, standard, help) struct str name;
#define BOOL(name, standard, help) bool name;
#include "base/config.def"
#undef INT
#undef STRING
#undef SECRET
#undef BOOL
    struct arena arena; /* owns the strings */
};

void config_init(struct config *config); /* the defaults */
void config_done(struct config *config);
/* Each says in `why` (one line a fault, with the place and the option) what is wrong: ERR_CONFIG.
 * An unknown key, a key given twice in the file, a value out of bounds are faults. All faults are
 * told, not the first alone; what is not at fault has been set. Of variables only PARLEY_* are
 * looked at; PARLEY_FAULT and PARLEY_TEST_* are not ours. */
MUST_CHECK enum err config_read_file(struct config *config, const char *path, struct buf *why);
MUST_CHECK enum err config_read_env(struct config *config, char *const *env, struct buf *why);
/* Takes --name value, --name=value, --flag, --no-flag, and --config FILE (read by the caller first,
 * see config_file_flag). An argv[0] that is no flag is the program's or subcommand's name. */
MUST_CHECK enum err config_read_flags(struct config *config, int argc, char *const *argv,
                                      struct buf *why);
const char *config_file_flag(int argc, char *const *argv); /* the value of --config, or NULL */
/* What no single option shows: --dev off loopback, HS256 key too short ... */
MUST_CHECK enum err config_check(const struct config *config, struct buf *why);
void config_print(const struct config *config, struct buf *out); /* secrets as "***" */
void config_help(struct buf *out);                               /* a line an option */
