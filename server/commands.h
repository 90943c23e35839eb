/* The subcommands of parleyd. Each gets what stands behind its name, and returns the exit status: 0
 * done, 1 failed, 2 wrong usage or configuration. */
#pragma once
#include "base/config.h"

int command_serve(int argc, char **argv);        /* serve.c */
int command_migrate(int argc, char **argv);      /* migrate.c */
int command_check_config(int argc, char **argv); /* check_config.c */
int command_token(int argc, char **argv);        /* token.c */

/* File, environment and flags into config, whose log settings take effect. Not OK: said on stderr.
 * Only a command that serves asks for what serving needs (config_check: keys, loopback with --dev).
 */
enum command_need { COMMAND_STORE, COMMAND_SERVING };
MUST_CHECK enum err command_config(struct config *config, int argc, char **argv,
                                   enum command_need need);
