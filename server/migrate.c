/* parleyd migrate: brings the schema up to this program's. */
#include "db/migrate.h"
#include "server/commands.h"
#include <stdio.h>

int command_migrate(int argc, char **argv)
{
    struct config config;
    struct buf report;
    if (command_config(&config, argc, argv, COMMAND_STORE) != OK) return 2;
    buf_init(&report, 64 * 1024);
    enum err err = migrate_run(&config, &report);
    printf("%.*s", STR_FMT(buf_str(&report)));
    if (err != OK) fprintf(stderr, "migrate: %s\n", err_title(err));
    buf_done(&report);
    config_done(&config);
    return err == OK ? 0 : 1;
}
