/* What the kernel counts of other processes on this machine. */
#pragma once
#include "base/str.h"

enum { PROC_MAX = 8, PROC_NAME_LEN_MAX = 15 };

struct proc {
    char name[PROC_NAME_LEN_MAX + 1];
    int pid;
};
struct procs {
    struct proc list[PROC_MAX];
    size_t count;
};

/* name=PID,name=PID; false: malformed or too many. */
bool procs_parse(struct procs *procs, struct str text);
/* Adds parleyd, mariadbd and redis from the pid files in `var`, those that are there. */
void procs_read_var(struct procs *procs, const char *var);
int proc_pid(const struct procs *procs, const char *name); /* 0: not among them */

int64_t proc_cpu_us(int pid); /* user and system, of all threads, also ended ones; -1: gone */
int64_t proc_memory(int pid); /* resident anonymous bytes: the user memory; -1: gone */
