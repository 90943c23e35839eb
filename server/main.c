/* parleyd: chat that works wherever HTTP works. This file picks the subcommand. */
#include "server/commands.h"
#include <stdio.h>
#include <string.h>

#define PARLEY_VERSION "0.1.0"

static const struct command {
    const char *name, *help;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"serve", "serve in the foreground", command_serve},
    {"migrate", "bring the database's schema up to date", command_migrate},
    {"check-config", "print the configuration, or what is wrong with it", command_check_config},
    {"token", "print a bearer token: token [flags] USER [DEVICE]", command_token},
};

static void main_help(FILE *out)
{
    struct buf options;
    buf_init(&options, 64 * 1024);
    fprintf(out, "usage: parleyd COMMAND [--config=FILE] [--option=value ...]\n\nCommands:\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(out, "  %-14s %s\n", commands[i].name, commands[i].help);
    config_help(&options);
    fprintf(out, "\nOptions:\n%.*s", STR_FMT(buf_str(&options)));
    buf_done(&options);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0) {
        printf("parleyd %s\n", PARLEY_VERSION);
        return 0;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "help") == 0) {
        main_help(stdout);
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(name, commands[i].name) == 0) return commands[i].run(argc - 2, argv + 2);
    main_help(stderr);
    return 2;
}
