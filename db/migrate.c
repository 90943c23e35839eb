#include "db/migrate.h"
#include "base/clock.h"
#include "base/digest.h"
#include "db/stmt.h"
#include <stdio.h>

static const struct migration {
    unsigned version;
    const char *name, *sql;
} migrations[] = {
#define MIGRATE(version, name, sql) {version, name, sql},
#include "db/migrations.def"
#undef MIGRATE
};

enum { MIGRATE_CHECKSUM_LEN = 16, MIGRATE_WHY_LEN_MAX = 512 };

struct migrate_checksum {
    char hex[MIGRATE_CHECKSUM_LEN + 1];
};

static const char migrate_table[] =
    "CREATE TABLE IF NOT EXISTS schema_migrations (version INT UNSIGNED NOT NULL, "
    "name VARCHAR(100) NOT NULL, checksum CHAR(16) CHARACTER SET ascii NOT NULL, "
    "applied_at BIGINT NOT NULL, PRIMARY KEY (version)) ENGINE=InnoDB";

static unsigned migrate_newest(void)
{
    return migrations[ARRAY_LEN(migrations) - 1].version;
}

/* Over all statements of a version: what was applied then is what stands here now. */
static struct migrate_checksum migrate_checksum(unsigned version)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t hash[DIGEST_LEN];
    struct digest digest;
    struct migrate_checksum checksum = {{0}};
    digest_start(&digest);
    for (size_t i = 0; i < ARRAY_LEN(migrations); i++)
        if (migrations[i].version == version)
            digest_add_field(&digest, str_from_c(migrations[i].sql));
    digest_finish(&digest, hash);
    for (size_t i = 0; i < MIGRATE_CHECKSUM_LEN; i++)
        checksum.hex[i] = digits[i % 2 ? hash[i / 2] & 15 : hash[i / 2] >> 4];
    return checksum;
}

static enum err migrate_say(struct buf *report, enum err err, const char *format, ...)
    PRINTF_LIKE(3, 4);
static enum err migrate_say(struct buf *report, enum err err, const char *format, ...)
{
    char line[512];
    va_list values;
    va_start(values, format);
    vsnprintf(line, sizeof(line), format, values);
    va_end(values);
    enum err said = buf_printf(report, "%s\n", line);
    return err == OK ? said : err;
}

static const char *migrate_name(unsigned version)
{
    for (size_t i = 0; i < ARRAY_LEN(migrations); i++)
        if (migrations[i].version == version) return migrations[i].name;
    return "";
}

/* How far the schema is, after comparing what was applied with what this program knows. */
static enum err migrate_compare(struct conn *conn, unsigned *version_out, struct buf *report)
{
    struct rows rows;
    *version_out = 0;
    enum err err = stmt_run(conn, STMT_MIGRATE_LIST, NULL, 0, &rows);
    if (err != OK) return migrate_say(report, err, "schema_migrations: %s", conn_error(conn));
    while (err == OK && rows_next(&rows)) {
        unsigned version = (unsigned)rows_u64(&rows, 0);
        struct migrate_checksum own = migrate_checksum(version);
        if (version > migrate_newest())
            err = migrate_say(report, ERR_CONFIG,
                              "the schema has version %u, newer than this program's %u", version,
                              migrate_newest());
        else if (!str_equal(rows_str(&rows, 1), str_from_c(own.hex)))
            err = migrate_say(report, ERR_CONFIG, "migration %u was applied with another content",
                              version);
        *version_out = version;
    }
    rows_done(&rows);
    return err;
}

static enum err migrate_apply(struct conn *conn, unsigned version, struct buf *report)
{
    enum err err = OK;
    for (size_t i = 0; i < ARRAY_LEN(migrations) && err == OK; i++)
        if (migrations[i].version == version) err = conn_query(conn, str_from_c(migrations[i].sql));
    struct migrate_checksum checksum = migrate_checksum(version);
    struct value values[] = {value_int(version), value_str(str_from_c(migrate_name(version))),
                             value_str(str_from_c(checksum.hex)), value_int(clock_wall_ms())};
    if (err == OK) err = stmt_run(conn, STMT_MIGRATE_DONE, values, ARRAY_LEN(values), NULL);
    if (err != OK)
        return migrate_say(report, err, "migration %u failed: %s", version, conn_error(conn));
    return migrate_say(report, OK, "migration %u applied: %s", version, migrate_name(version));
}

static enum err migrate_all(struct conn *conn, struct buf *report)
{
    unsigned version;
    enum err err = conn_query(conn, str_from_c(migrate_table));
    if (err != OK) return migrate_say(report, err, "schema_migrations: %s", conn_error(conn));
    err = migrate_compare(conn, &version, report);
    while (err == OK && version < migrate_newest())
        err = migrate_apply(conn, ++version, report);
    return err == OK ? migrate_say(report, OK, "the schema has version %u", version) : err;
}

/* A lock of the database's, so that two servers that start together do not both migrate. */
static enum err migrate_lock(struct conn *conn, struct buf *report)
{
    struct rows rows;
    enum err err = stmt_run(conn, STMT_MIGRATE_LOCK, NULL, 0, &rows);
    if (err == OK && (!rows_next(&rows) || !str_equal(rows_str(&rows, 0), STR("1"))))
        err = migrate_say(report, ERR_BUSY, "another migration holds the lock");
    rows_done(&rows);
    return err;
}

static void migrate_unlock(struct conn *conn)
{
    struct rows rows;
    if (stmt_run(conn, STMT_MIGRATE_UNLOCK, NULL, 0, &rows) == OK) rows_done(&rows);
}

static enum err migrate_connect(const struct config *config, struct buf *report,
                                struct conn **conn_out)
{
    struct buf why;
    buf_init(&why, MIGRATE_WHY_LEN_MAX);
    enum err err = conn_open(config, &why, conn_out);
    if (err != OK)
        err = migrate_say(report, err, "the database cannot be reached: %s", buf_c(&why));
    buf_done(&why);
    return err;
}

enum err migrate_run(const struct config *config, struct buf *report)
{
    struct conn *conn = NULL;
    enum err err = migrate_connect(config, report, &conn);
    if (err != OK) return err;
    err = migrate_lock(conn, report);
    if (err == OK) {
        err = migrate_all(conn, report);
        migrate_unlock(conn);
    }
    conn_close(conn);
    return err;
}

enum err migrate_check(const struct config *config, struct buf *report)
{
    struct conn *conn = NULL;
    unsigned version = 0;
    enum err err = migrate_connect(config, report, &conn);
    if (err != OK) return err;
    err = migrate_compare(conn, &version, report);
    if (err != OK && err != ERR_LOST) err = ERR_CONFIG;
    if (err == OK && version < migrate_newest())
        err = migrate_say(report, ERR_CONFIG,
                          "the schema has version %u, this program needs %u: run parleyd migrate",
                          version, migrate_newest());
    conn_close(conn);
    return err;
}
