/* parleyd check-config: says what the configuration amounts to, or what is wrong with it. */
#include "server/commands.h"
#include <stdio.h>

int command_check_config(int argc, char **argv)
{
    struct config config;
    struct buf text;
    if (command_config(&config, argc, argv, COMMAND_SERVING) != OK) return 2;
    buf_init(&text, 64 * 1024);
    config_print(&config, &text);
    printf("%.*s", STR_FMT(buf_str(&text)));
    buf_done(&text);
    config_done(&config);
    return 0;
}
