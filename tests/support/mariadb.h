/* A private MariaDB for tests, on a UNIX socket in a directory of its own, and a schema of the
 * test's own in it. With PARLEY_TEST_DB_SOCKET set, that server is used instead: one serves all
 * test programs, since each makes a schema of its own. Failures abort. */
#pragma once
#include "base/config.h"
#include <sys/types.h>

struct test_db {
    struct config config; /* what a program that uses this schema is configured with */
    char directory[64], socket[128];
    char schema[32]; /* also the name of the user in `config`, who owns it */
    pid_t pid;       /* 0: not ours, or not running */
};

/* The schema is there and migrated when these return. */
void test_db_start(struct test_db *db);
void test_db_start_own(struct test_db *db); /* its own server in any case: one that can be hurt */
void test_db_stop(struct test_db *db); /* drops the schema, ends and removes a server of ours */

/* Of a server of ours. */
void test_db_kill(struct test_db *db);                  /* SIGKILL; the data stay */
void test_db_restart(struct test_db *db);               /* on the same data */
void test_db_pause(struct test_db *db, bool is_paused); /* SIGSTOP, SIGCONT */

/* SQL over a connection of the moment. */
void test_db_execute(struct test_db *db, const char *format, ...) PRINTF_LIKE(2, 3);
/* How many rows the SELECT gives. */
uint64_t test_db_count(struct test_db *db, const char *format, ...) PRINTF_LIKE(2, 3);
/* Ends every connection that was made with `config`, whatever it is doing. */
void test_db_kill_connections(struct test_db *db);
