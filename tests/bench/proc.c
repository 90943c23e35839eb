#include "tests/bench/proc.h"
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { PROC_TEXT_LEN_MAX = 8192 };

/* The file's text, NUL-terminated; empty if it cannot be read. */
static struct str proc_read(const char *path, char text[PROC_TEXT_LEN_MAX])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, text, PROC_TEXT_LEN_MAX - 1);
    if (fd >= 0) close(fd);
    text[MAX(len, 0)] = '\0';
    return str_of(text, (size_t)MAX(len, 0));
}

static bool procs_add(struct procs *procs, struct str name, struct str number)
{
    uint64_t pid;
    if (procs->count == PROC_MAX || name.len == 0 || name.len > PROC_NAME_LEN_MAX ||
        !str_to_u64(number, INT32_MAX, &pid) || pid == 0)
        return false;
    struct proc *proc = &procs->list[procs->count++];
    *proc = (struct proc){.pid = (int)pid};
    memcpy(proc->name, name.ptr, name.len);
    return true;
}

bool procs_parse(struct procs *procs, struct str text)
{
    for (struct str rest = text; rest.ptr && text.len;) {
        struct str number = str_cut(&rest, ','), name = str_cut(&number, '=');
        if (!number.ptr || !procs_add(procs, name, number)) return false;
    }
    return true;
}

void procs_read_var(struct procs *procs, const char *var)
{
    static const char *const names[] = {"parleyd", "mariadbd", "redis"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[512], text[PROC_TEXT_LEN_MAX];
        snprintf(path, sizeof(path), "%s/%s.pid", var, names[i]);
        struct str rest = proc_read(path, text);
        struct str number = str_trim(str_cut(&rest, '\n'));
        if (number.len && !procs_add(procs, str_from_c(names[i]), number))
            fprintf(stderr, "%s: not a process id\n", path);
    }
}

int proc_pid(const struct procs *procs, const char *name)
{
    for (size_t i = 0; i < procs->count; i++)
        if (strcmp(procs->list[i].name, name) == 0) return procs->list[i].pid;
    return 0;
}

int64_t proc_cpu_us(int pid)
{
    char path[64], text[PROC_TEXT_LEN_MAX];
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    proc_read(path, text);
    /* The name, in parentheses, may hold anything; the fields are counted behind it, from 3 on. */
    const char *at = strrchr(text, ')');
    struct str rest = str_from(str_from_c(at), 2);
    uint64_t ticks[2] = {0};
    for (int field = 3; field <= 15; field++) {
        struct str value = str_cut(&rest, ' ');
        if (field >= 14 && !str_to_u64(value, INT64_MAX / 4, &ticks[field - 14])) return -1;
    }
    return (int64_t)(ticks[0] + ticks[1]) * (1000000 / sysconf(_SC_CLK_TCK));
}

int64_t proc_memory(int pid)
{
    char path[64], text[PROC_TEXT_LEN_MAX];
    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    proc_read(path, text);
    const char *at = strstr(text, "\nRssAnon:");
    struct str rest = str_from(str_from_c(at), strlen("\nRssAnon:"));
    struct str line = str_trim(str_cut(&rest, '\n'));
    uint64_t kib;
    return str_to_u64(str_cut(&line, ' '), INT64_MAX / 1024, &kib) ? (int64_t)kib * 1024 : -1;
}
