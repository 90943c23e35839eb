#include "db/stmt.h"
#include "base/fault.h"
#include <mysql.h>
#include <stdlib.h>

enum { STMT_LEN_MAX = 16 * 1024 * 1024, STMT_ITEMS_MAX = 10000 };

static const struct {
    struct str head, item, tail;
} stmt_table[STMT_COUNT] = {
#define STMT(constant, head, item, tail) [constant] = {STR(head), STR(item), STR(tail)},
#include "db/stmt.def"
#undef STMT
};

static size_t stmt_marks(struct str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] == '?';
    return count;
}

static enum err stmt_add_text(struct buf *sql, MYSQL *mysql, struct str text)
{
    enum err err = buf_reserve(sql, 2 * text.len + 3);
    if (err == OK) err = buf_add_char(sql, '\'');
    if (err != OK) return err;
    sql->len += mysql_real_escape_string(mysql, sql->bytes + sql->len, text.ptr ? text.ptr : "",
                                         (unsigned long)text.len);
    return buf_add_char(sql, '\'');
}

static enum err stmt_add_bytes(struct buf *sql, struct str bytes)
{
    static const char digits[] = "0123456789abcdef";
    enum err err = buf_add(sql, STR("x'"));
    for (size_t i = 0; i < bytes.len && err == OK; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];
        char hex[2] = {digits[c >> 4], digits[c & 15]};
        err = buf_add(sql, str_of(hex, 2));
    }
    return err == OK ? buf_add_char(sql, '\'') : err;
}

static enum err stmt_add_int(struct buf *sql, int64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do
        digits[--at] = (char)('0' + rest % 10);
    while (rest /= 10);
    enum err err = value < 0 ? buf_add_char(sql, '-') : OK;
    return err == OK ? buf_add(sql, str_of(digits + at, sizeof(digits) - at)) : err;
}

static enum err stmt_add_value(struct buf *sql, MYSQL *mysql, const struct value *value)
{
    switch (value->kind) {
    case VALUE_INT:
        return stmt_add_int(sql, value->i);
    case VALUE_STR:
        return stmt_add_text(sql, mysql, value->s);
    case VALUE_BYTES:
        return stmt_add_bytes(sql, value->s);
    case VALUE_NULL:
        return buf_add(sql, STR("NULL"));
    }
    return ERR_INTERNAL;
}

/* Text with its marks replaced; *values moves on. */
static enum err stmt_add_part(struct buf *sql, MYSQL *mysql, struct str text,
                              const struct value **values)
{
    enum err err = OK;
    while (text.ptr && err == OK) {
        struct str plain = str_cut(&text, '?');
        err = buf_add(sql, plain);
        if (text.ptr && err == OK) err = stmt_add_value(sql, mysql, (*values)++);
    }
    return err;
}

static enum err stmt_build(struct buf *sql, MYSQL *mysql, enum stmt stmt,
                           const struct value *values, size_t value_count)
{
    struct str head = stmt_table[stmt].head, item = stmt_table[stmt].item;
    struct str tail = stmt_table[stmt].tail;
    size_t outer = stmt_marks(head) + stmt_marks(tail), each = stmt_marks(item);
    assert(value_count >= outer &&
           (each ? (value_count - outer) % each : value_count - outer) == 0);
    size_t items = each ? (value_count - outer) / each : 0;
    assert(items <= STMT_ITEMS_MAX);

    enum err err = stmt_add_part(sql, mysql, head, &values);
    for (size_t i = 0; i < items && err == OK; i++) {
        if (i > 0) err = buf_add_char(sql, ',');
        if (err == OK) err = stmt_add_part(sql, mysql, item, &values);
    }
    return err == OK ? stmt_add_part(sql, mysql, tail, &values) : err;
}

static enum err stmt_send(struct conn *conn, struct str sql, struct rows *rows_out)
{
    MYSQL *mysql = conn_handle(conn);
    if (fault_hits(FAULT_LANE_BEFORE_STATEMENT)) return ERR_LOST;
    if (mysql_real_query(mysql, sql.ptr, (unsigned long)sql.len) != 0) return conn_failed(conn);
    if (rows_out) {
        *rows_out = (struct rows){.result = mysql_store_result(mysql)};
        if (!rows_out->result) return conn_failed(conn);
    }
    return OK;
}

enum err stmt_run(struct conn *conn, enum stmt stmt, const struct value *values, size_t value_count,
                  struct rows *rows_out)
{
    struct buf sql;
    if (rows_out) *rows_out = (struct rows){0};
    buf_init(&sql, STMT_LEN_MAX);
    enum err err = stmt_build(&sql, conn_handle(conn), stmt, values, value_count);
    assert(err == OK); /* callers slice: see the header */
    err = stmt_send(conn, buf_str(&sql), rows_out);
    buf_done(&sql);
    if (err == OK && fault_hits(FAULT_LANE_AFTER_STATEMENT)) err = ERR_RETRY;
    if (err != OK && rows_out) rows_done(rows_out);
    return err;
}

uint64_t stmt_affected(const struct conn *conn)
{
    return mysql_affected_rows(conn_handle(conn));
}

bool rows_next(struct rows *rows)
{
    if (!rows->result) return false;
    rows->row = (void *)mysql_fetch_row(rows->result);
    rows->lengths = rows->row ? mysql_fetch_lengths(rows->result) : NULL;
    return rows->row != NULL;
}

size_t rows_count(const struct rows *rows)
{
    return rows->result ? (size_t)mysql_num_rows(rows->result) : 0;
}

bool rows_is_null(const struct rows *rows, unsigned column)
{
    return ((MYSQL_ROW)rows->row)[column] == NULL;
}

struct str rows_str(const struct rows *rows, unsigned column)
{
    const char *bytes = ((MYSQL_ROW)rows->row)[column];
    return bytes ? str_of(bytes, rows->lengths[column]) : STR_NONE;
}

uint64_t rows_u64(const struct rows *rows, unsigned column)
{
    uint64_t value = 0;
    bool ok = str_to_u64(rows_str(rows, column), UINT64_MAX, &value);
    assert(ok || rows_is_null(rows, column)); /* the schema is ours */
    return value;
}

void rows_done(struct rows *rows)
{
    if (rows->result) mysql_free_result(rows->result);
    *rows = (struct rows){0};
}
