/* The rules that no single option shows. Each says one thing; all are asked, so that one start
 * tells everything that is wrong. */
#include "base/address.h"
#include "base/config.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { CONFIG_LISTENERS_MAX = 16, CONFIG_KEY_LEN_MIN = 32 };

static bool config_check_fault(struct buf *why, const char *option, const char *what)
{
    enum err err = buf_printf(why, "%s: %s\n", option, what);
    (void)err; /* a full `why` has told enough */
    return false;
}

static bool config_check_listener(const struct config *config, const char *option,
                                  struct str listen, struct buf *why)
{
    struct address addresses[CONFIG_LISTENERS_MAX];
    size_t count;
    enum err err = address_parse_list(listen, addresses, CONFIG_LISTENERS_MAX, &count);
    if (err == ERR_TOO_LARGE) return config_check_fault(why, option, "more than 16 addresses");
    if (err != OK) return config_check_fault(why, option, "must be HOST:PORT or [IPV6]:PORT");
    for (size_t i = 0; i < count && config->dev; i++) {
        if (!address_is_loopback(&addresses[i]))
            return config_check_fault(why, option, "with dev only loopback addresses are allowed");
    }
    return true;
}

static bool config_check_word(const char *option, struct str word, const char *const *words,
                              size_t word_count, struct buf *why)
{
    for (size_t i = 0; i < word_count; i++) {
        if (str_equal(word, str_from_c(words[i]))) return true;
    }
    return config_check_fault(why, option, "unknown word; see help");
}

/* HOST may be a name: it is looked up when Redis is connected. */
static bool config_check_redis(const struct config *config, struct buf *why)
{
    struct str redis = config->redis;
    if (str_is_empty(redis)) return true;
    if (str_starts(redis, STR("unix:")) && redis.len > strlen("unix:")) return true;
    const char *colon = memrchr(redis.ptr, ':', redis.len);
    size_t host_len = colon ? (size_t)(colon - redis.ptr) : 0;
    uint64_t port = 0;
    if (host_len > 0 && str_to_u64(str_from(redis, host_len + 1), UINT16_MAX, &port) && port > 0)
        return true;
    return config_check_fault(why, "redis", "must be unix:PATH or HOST:PORT");
}

static bool config_check_key(const struct config *config, struct buf *why)
{
    char key[CONFIG_KEY_LEN_MIN + 1]; /* one more byte than is asked for: it may be the newline */
    if (str_is_empty(config->token_key_file)) {
        if (config->dev) return true;
        return config_check_fault(why, "token_key_file", "is needed without dev");
    }
    int fd = open(config->token_key_file.ptr, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return config_check_fault(why, "token_key_file", strerrordesc_np(errno));
    size_t len = 0;
    ssize_t count;
    while ((count = read(fd, key + len, sizeof(key) - len)) > 0)
        len += (size_t)count;
    int read_errno = errno;
    close(fd);
    if (count < 0) return config_check_fault(why, "token_key_file", strerrordesc_np(read_errno));
    if (len > 0 && len <= CONFIG_KEY_LEN_MIN && key[len - 1] == '\n') len--;
    if (len < CONFIG_KEY_LEN_MIN)
        return config_check_fault(why, "token_key_file", "the key has fewer than 32 bytes");
    return true;
}

enum err config_check(const struct config *config, struct buf *why)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    static const char *const formats[] = {"text", "json"};
    bool is_good = true;
    if (str_is_empty(str_trim(config->listen)))
        is_good = config_check_fault(why, "listen", "must not be empty");
    is_good &= config_check_listener(config, "listen", config->listen, why);
    is_good &= config_check_listener(config, "admin_listen", config->admin_listen, why);
    is_good &= config_check_word("log_level", config->log_level, levels, ARRAY_LEN(levels), why);
    is_good &=
        config_check_word("log_format", config->log_format, formats, ARRAY_LEN(formats), why);
    is_good &= config_check_redis(config, why);
    is_good &= config_check_key(config, why);
    if (str_is_empty(config->db_socket) && str_is_empty(config->db_host))
        is_good = config_check_fault(why, "db_host", "is needed without db_socket");
    return is_good ? OK : ERR_CONFIG;
}
