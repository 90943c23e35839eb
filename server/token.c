/* parleyd token USER [DEVICE]: a bearer token by the configured key, for development and scripts.
 */
#include "api/auth.h"
#include "base/clock.h"
#include "server/commands.h"
#include <stdio.h>

enum { TOKEN_TTL_S = 86400 };

static enum err token_print(const struct config *config, struct str user_id, struct str device_id)
{
    struct auth *auth = NULL;
    struct buf why, token;
    buf_init(&why, 4096);
    buf_init(&token, 4096);
    enum err err = auth_open(config, &auth, &why);
    if (err == OK) {
        int64_t now_s = clock_wall_ms() / 1000;
        auth_mint(auth,
                  &(struct token_claims){.user_id = user_id,
                                         .device_id = device_id,
                                         .issued_at_s = now_s,
                                         .expires_at_s = now_s + TOKEN_TTL_S},
                  &token);
        printf("%.*s\n", STR_FMT(buf_str(&token)));
    } else {
        fprintf(stderr, "token: %.*s\n", STR_FMT(buf_str(&why)));
    }
    auth_close(auth);
    buf_done(&token);
    buf_done(&why);
    return err;
}

/* parleyd token [flags] USER [DEVICE]: the ids are the words behind the last flag. */
int command_token(int argc, char **argv)
{
    int flag_count = argc;
    struct config config;
    while (flag_count > 0 && argv[flag_count - 1][0] != '-' && argc - flag_count < 2 &&
           user_id_is_valid(str_from_c(argv[flag_count - 1])))
        flag_count--;
    if (flag_count == argc) {
        fprintf(stderr, "usage: parleyd token [--flag=value ...] USER [DEVICE]\n");
        return 2;
    }
    struct str user_id = str_from_c(argv[flag_count]);
    struct str device_id = argc - flag_count > 1 ? str_from_c(argv[flag_count + 1]) : STR_NONE;
    if (command_config(&config, flag_count, argv, COMMAND_SERVING) != OK) return 2;
    if (config.token_key_file.len == 0) {
        fprintf(stderr, "token: --token-key-file is needed: a key drawn at start is known to the "
                        "server alone\n");
        config_done(&config);
        return 2;
    }
    enum err err = token_print(&config, user_id, device_id);
    config_done(&config);
    return err == OK ? 0 : 1;
}
