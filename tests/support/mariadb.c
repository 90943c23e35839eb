#include "tests/support/mariadb.h"
#include "db/conn.h"
#include "db/migrate.h"
#include "db/stmt.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MARIADB_START_TRIES = 6000, MARIADB_TRY_MS = 10, TEXT_LEN_MAX = 64 * 1024 };

static void test_db_die(const char *what, const char *why)
{
    fprintf(stderr, "test database: %s: %s\n", what, why);
    abort();
}

/* ---- the server ---- */

static _Noreturn void test_db_exec(const struct test_db *db, const char *input,
                                   const char *const *arguments)
{
    char log[128];
    snprintf(log, sizeof(log), "%s/log", db->directory);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* never outlives the test */
    int in = open(input, O_RDONLY), out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (in < 0 || dup2(in, STDIN_FILENO) < 0) _exit(127);
    if (out < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0) _exit(127);
    execv(arguments[0], (char *const *)(uintptr_t)arguments);
    _exit(127);
}

static pid_t test_db_fork(const struct test_db *db, const char *input, const char *const *arguments)
{
    pid_t pid = fork();
    if (pid < 0) test_db_die("fork", "failed");
    if (pid == 0) test_db_exec(db, input, arguments);
    return pid;
}

static int test_db_wait(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) test_db_die("waitpid", "failed");
    return status;
}

static void test_db_copy(FILE *to, const char *path)
{
    char bytes[64 * 1024];
    FILE *from = fopen(path, "r");
    if (!from) test_db_die("opening", path);
    for (size_t len; (len = fread(bytes, 1, sizeof(bytes), from)) > 0;)
        if (fwrite(bytes, 1, len, to) != len) test_db_die("copying", path);
    fclose(from);
}

/* What mariadb-install-db does, which the server's package alone cannot run. */
static void test_db_write_bootstrap(const char *path)
{
    FILE *file = fopen(path, "w");
    if (!file) test_db_die("opening", path);
    fputs("CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket = NULL;\n", file);
    test_db_copy(file, "/usr/share/mysql/mysql_system_tables.sql");
    test_db_copy(file, "/usr/share/mysql/mysql_performance_tables.sql");
    test_db_copy(file, "/usr/share/mysql/mysql_system_tables_data.sql");
    if (fclose(file) != 0) test_db_die("writing", path);
}

enum { MARIADB_ARGUMENTS_MAX = 20 };

/* What the making of the data and the serving of them have in common, then `more`, up to a NULL. */
static pid_t test_db_run_server(const struct test_db *db, const char *input,
                                const char *const *more)
{
    char data[128], temporary[128];
    snprintf(data, sizeof(data), "--datadir=%s/data", db->directory);
    /* One that starts empties its tmpdir of what it takes for leftovers: never one of another's. */
    snprintf(temporary, sizeof(temporary), "--tmpdir=%s/tmp", db->directory);
    const char *arguments[MARIADB_ARGUMENTS_MAX] = {"/usr/sbin/mariadbd",
                                                    "--no-defaults",
                                                    data,
                                                    temporary,
                                                    "--lc-messages-dir=/usr/share/mysql",
                                                    "--innodb-log-file-size=32M",
                                                    "--innodb-buffer-pool-size=64M",
                                                    "--performance-schema=OFF"};
    size_t count = 8;
    if (geteuid() == 0) arguments[count++] = "--user=root";
    while (*more && count < MARIADB_ARGUMENTS_MAX - 1)
        arguments[count++] = *more++;
    return test_db_fork(db, input, arguments);
}

static void test_db_install(const struct test_db *db)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/data", db->directory);
    if (mkdir(path, 0700) != 0) test_db_die("mkdir", path);
    snprintf(path, sizeof(path), "%s/tmp", db->directory);
    if (mkdir(path, 0700) != 0) test_db_die("mkdir", path);
    snprintf(path, sizeof(path), "%s/bootstrap.sql", db->directory);
    test_db_write_bootstrap(path);
    const char *const more[] = {"--bootstrap", "--log-warnings=0", NULL};
    if (test_db_wait(test_db_run_server(db, path, more)) != 0)
        test_db_die("mariadbd --bootstrap failed: see the log in", db->directory);
}

/* The same server and schema as its administrator. */
static struct config test_db_root(const struct test_db *db)
{
    struct config root = db->config;
    root.db_user = STR("root");
    return root;
}

static bool test_db_answers(struct test_db *db)
{
    struct conn *conn = NULL;
    struct config server = test_db_root(db);
    server.db_name = STR("");
    if (conn_open(&server, NULL, &conn) != OK) return false;
    conn_close(conn);
    return true;
}

static void test_db_await(struct test_db *db)
{
    for (int i = 0; i < MARIADB_START_TRIES; i++) {
        if (test_db_answers(db)) return;
        poll(NULL, 0, MARIADB_TRY_MS);
    }
    test_db_die("no answer at", db->socket);
}

static void test_db_spawn(struct test_db *db)
{
    char socket[160];
    snprintf(socket, sizeof(socket), "--socket=%s", db->socket);
    const char *const more[] = {socket, "--skip-networking", NULL};
    db->pid = test_db_run_server(db, "/dev/null", more);
    test_db_await(db);
}

/* ---- the schema ---- */

static void test_db_set_socket(struct test_db *db, const char *socket)
{
    snprintf(db->socket, sizeof(db->socket), "%s", socket);
    config_init(&db->config);
    db->config.db_socket = str_from_c(db->socket);
}

static void test_db_make_schema(struct test_db *db)
{
    static unsigned number;
    struct buf report;
    snprintf(db->schema, sizeof(db->schema), "pt_%d_%u", (int)getpid(), ++number);
    db->config.db_name = STR("");
    test_db_execute(db, "CREATE DATABASE %s CHARACTER SET utf8mb4", db->schema);
    test_db_execute(db, "CREATE USER %s@localhost", db->schema);
    test_db_execute(db, "GRANT ALL ON %s.* TO %s@localhost", db->schema, db->schema);
    db->config.db_name = db->config.db_user = str_from_c(db->schema);
    buf_init(&report, TEXT_LEN_MAX);
    if (migrate_run(&db->config, &report) != OK) test_db_die("migrating", buf_c(&report));
    buf_done(&report);
}

void test_db_start_own(struct test_db *db)
{
    char socket[128];
    *db = (struct test_db){0};
    snprintf(db->directory, sizeof(db->directory), "/tmp/parley-mariadb-XXXXXX");
    if (!mkdtemp(db->directory)) test_db_die("mkdtemp", "failed");
    snprintf(socket, sizeof(socket), "%s/socket", db->directory);
    test_db_set_socket(db, socket);
    test_db_install(db);
    test_db_spawn(db);
    test_db_make_schema(db);
}

void test_db_start(struct test_db *db)
{
    const char *given = getenv("PARLEY_TEST_DB_SOCKET");
    if (!given || !given[0]) {
        test_db_start_own(db);
        return;
    }
    *db = (struct test_db){0};
    test_db_set_socket(db, given);
    test_db_await(db);
    test_db_make_schema(db);
}

static void test_db_remove_directory(const struct test_db *db)
{
    const char *const arguments[] = {"/bin/rm", "-rf", db->directory, NULL};
    pid_t pid = fork();
    if (pid == 0) {
        execv(arguments[0], (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    if (pid > 0) test_db_wait(pid);
}

void test_db_stop(struct test_db *db)
{
    if (db->directory[0]) {
        test_db_kill(db);
        test_db_remove_directory(db);
    } else {
        test_db_execute(db, "DROP DATABASE %s", db->schema);
        test_db_execute(db, "DROP USER %s@localhost", db->schema);
    }
    config_done(&db->config);
}

void test_db_kill(struct test_db *db)
{
    if (db->pid == 0) return;
    kill(db->pid, SIGKILL);
    test_db_wait(db->pid);
    db->pid = 0;
}

void test_db_restart(struct test_db *db)
{
    assert(db->directory[0] && db->pid == 0);
    test_db_spawn(db);
}

void test_db_pause(struct test_db *db, bool is_paused)
{
    assert(db->pid != 0);
    kill(db->pid, is_paused ? SIGSTOP : SIGCONT);
}

/* ---- SQL ---- */

static struct conn *test_db_connect(const struct test_db *db)
{
    struct conn *conn = NULL;
    struct config root = test_db_root(db);
    struct buf why;
    buf_init(&why, TEXT_LEN_MAX);
    if (conn_open(&root, &why, &conn) != OK) test_db_die("connecting", buf_c(&why));
    buf_done(&why);
    return conn;
}

/* The rows that the statement changed; a table made from a SELECT counts the SELECT's. */
static uint64_t test_db_run(struct test_db *db, const char *before, const char *format,
                            va_list values) PRINTF_LIKE(3, 0);
static PRINTF_LIKE(3, 0) uint64_t
    test_db_run(struct test_db *db, const char *before, const char *format, va_list values)
{
    char text[TEXT_LEN_MAX];
    int len = snprintf(text, sizeof(text), "%s", before);
    vsnprintf(text + len, sizeof(text) - (size_t)len, format, values);
    struct conn *conn = test_db_connect(db);
    enum err err = conn_query(conn, STR("SET sql_safe_updates = 0")); /* tests empty whole tables */
    if (err == OK) err = conn_query(conn, str_from_c(text));
    if (err != OK) test_db_die(text, conn_error(conn));
    uint64_t count = stmt_affected(conn);
    conn_close(conn);
    return count;
}

void test_db_execute(struct test_db *db, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    test_db_run(db, "", format, values);
    va_end(values);
}

uint64_t test_db_count(struct test_db *db, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    uint64_t count = test_db_run(db, "CREATE TEMPORARY TABLE counted AS ", format, values);
    va_end(values);
    return count;
}

void test_db_kill_connections(struct test_db *db)
{
    test_db_execute(db, "KILL CONNECTION USER %s", db->schema);
}
