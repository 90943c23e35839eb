#include "server/commands.h"
#include "base/fault.h"
#include "base/log.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static enum log_level command_log_level(struct str name)
{
    static const char *const names[] = {
        [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_equal(name, str_from_c(names[i]))) return (enum log_level)i;
    return LOG_INFO; /* config_check has refused what is none of them */
}

static enum err command_read(struct config *config, int argc, char **argv, enum command_need need,
                             struct buf *why)
{
    const char *path = config_file_flag(argc, argv);
    enum err err = path ? config_read_file(config, path, why) : OK;
    if (err == OK) err = config_read_env(config, environ, why);
    if (err == OK) err = config_read_flags(config, argc, argv, why);
    if (err == OK && need == COMMAND_SERVING) err = config_check(config, why);
    return err;
}

static enum err command_arm_faults(struct buf *why)
{
    const char *spec = getenv("PARLEY_FAULT");
    if (!spec || fault_arm(str_from_c(spec)) == OK) return OK;
    return buf_printf(why, "PARLEY_FAULT: unknown fault in '%s'\n", spec) == OK ? ERR_CONFIG
                                                                                : ERR_TOO_LARGE;
}

enum err command_config(struct config *config, int argc, char **argv, enum command_need need)
{
    struct buf why;
    buf_init(&why, 64 * 1024);
    config_init(config);
    enum err err = command_read(config, argc, argv, need, &why);
    if (err == OK) err = command_arm_faults(&why);
    if (err == OK)
        log_setup(command_log_level(config->log_level), str_equal(config->log_format, STR("json")));
    else
        fprintf(stderr, "%.*s", STR_FMT(buf_str(&why)));
    buf_done(&why);
    if (err != OK) config_done(config);
    return err;
}
