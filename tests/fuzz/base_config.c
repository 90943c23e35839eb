/* A configuration file of any bytes is read or refused with a reason; what was read prints as a
 * file that reads back to the same. */
#include "base/config.h"
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static enum err fuzz_read(struct config *config, struct str text)
{
    static int fd = -1;
    static char path[64];
    if (fd < 0) fd = memfd_create("parley.conf", 0);
    assert(fd >= 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    ssize_t written = ftruncate(fd, 0) == 0 ? pwrite(fd, text.ptr, text.len, 0) : -1;
    assert(written == (ssize_t)text.len);

    struct buf why;
    buf_init(&why, 1 << 20);
    config_init(config);
    enum err err = config_read_file(config, path, &why);
    assert((err == OK) == (why.len == 0));
    buf_done(&why);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct config config, again;
    struct buf text, same;
    buf_init(&text, 1 << 20);
    buf_init(&same, 1 << 20);
    if (fuzz_read(&config, str_of((const char *)bytes, len)) == OK) {
        config_print(&config, &text);
        if (fuzz_read(&again, buf_str(&text)) == OK) config_print(&again, &same);
        assert(str_equal(buf_str(&text), buf_str(&same)));
        config_done(&again);
    }
    config_done(&config);
    buf_done(&text);
    buf_done(&same);
    return 0;
}
