/* Statements become text with their values in it: a batch has another number of rows each time, so
 * a prepared statement would serve one batch only. */
#include "db/stmt.h"
#include <mysql.h>

enum { STMT_ITEMS_MAX = 10000 };

/* A list is repeated; a statement has up to two. */
static const struct stmt_form {
    struct str head, first, middle, list, tail;
    bool has_two;
} stmt_forms[STMT_COUNT] = {
#define STMT(constant, head, item, tail) \
    [constant] = {STR(head), STR(""), STR(""), STR(item), STR(tail), false},
#define STMT_LISTS(constant, head, item, middle, second, tail) \
    [constant] = {STR(head), STR(item), STR(middle), STR(second), STR(tail), true},
#include "db/stmt.def"
#undef STMT
#undef STMT_LISTS
};

/* A statement being written: what is there, and the values still to come. */
struct stmt_writer {
    struct buf *text;
    MYSQL *mysql;
    const struct value *next, *end;
};

static size_t stmt_marks(struct str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] == '?';
    return count;
}

static enum err stmt_add_str(struct stmt_writer *writer, struct str s)
{
    struct buf *text = writer->text;
    enum err err = buf_reserve(text, 2 * s.len + 3);
    if (err != OK) return err;
    text->bytes[text->len++] = '\'';
    if (s.len > 0)
        text->len += mysql_real_escape_string(writer->mysql, text->bytes + text->len, s.ptr,
                                              (unsigned long)s.len);
    text->bytes[text->len++] = '\'';
    return OK;
}

static enum err stmt_add_bytes(struct stmt_writer *writer, struct str bytes)
{
    static const char digits[] = "0123456789abcdef";
    struct buf *text = writer->text;
    enum err err = buf_reserve(text, 2 * bytes.len + 3);
    if (err == OK) err = buf_add(text, STR("x'"));
    if (err != OK) return err;
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];
        text->bytes[text->len++] = digits[c >> 4];
        text->bytes[text->len++] = digits[c & 15];
    }
    return buf_add_char(text, '\'');
}

static enum err stmt_add_int(struct stmt_writer *writer, int64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do
        digits[--at] = (char)('0' + rest % 10);
    while (rest /= 10);
    enum err err = value < 0 ? buf_add_char(writer->text, '-') : OK;
    return err == OK ? buf_add(writer->text, str_of(digits + at, sizeof(digits) - at)) : err;
}

static enum err stmt_add_value(struct stmt_writer *writer)
{
    assert(writer->next < writer->end);
    const struct value *value = writer->next++;
    switch (value->kind) {
    case VALUE_INT:
        return stmt_add_int(writer, value->i);
    case VALUE_STR:
        return stmt_add_str(writer, value->s);
    case VALUE_BYTES:
        return stmt_add_bytes(writer, value->s);
    case VALUE_NULL:
        return buf_add(writer->text, STR("NULL"));
    case VALUE_LIST_END:
        break;
    }
    assert(!"a list ends where a value is due");
    return ERR_INTERNAL;
}

static enum err stmt_add_part(struct stmt_writer *writer, struct str part)
{
    enum err err = OK;
    while (part.len > 0 && err == OK) {
        struct str plain = str_cut(&part, '?');
        bool has_mark = part.ptr != NULL;
        err = buf_add(writer->text, plain);
        if (has_mark && err == OK) err = stmt_add_value(writer);
    }
    return err;
}

static enum err stmt_add_first_list(struct stmt_writer *writer, struct str item)
{
    enum err err = OK;
    while (err == OK && writer->next < writer->end && writer->next->kind != VALUE_LIST_END)
        err = stmt_add_part(writer, item);
    assert(err != OK || writer->next < writer->end);
    writer->next++;
    return err;
}

static enum err stmt_add_list(struct stmt_writer *writer, struct str item, size_t tail_marks)
{
    size_t each = stmt_marks(item), left = (size_t)(writer->end - writer->next);
    assert(left >= tail_marks);
    left -= tail_marks;
    assert(each ? left % each == 0 && left / each <= STMT_ITEMS_MAX : left == 0);
    enum err err = OK;
    for (size_t i = 0; each && i < left / each && err == OK; i++) {
        if (i > 0) err = buf_add_char(writer->text, ',');
        if (err == OK) err = stmt_add_part(writer, item);
    }
    return err;
}

static enum err stmt_write(struct stmt_writer *writer, const struct stmt_form *form)
{
    enum err err = stmt_add_part(writer, form->head);
    if (err == OK && form->has_two) err = stmt_add_first_list(writer, form->first);
    if (err == OK) err = stmt_add_part(writer, form->middle);
    if (err == OK) err = stmt_add_list(writer, form->list, stmt_marks(form->tail));
    if (err == OK) err = stmt_add_part(writer, form->tail);
    return err;
}

enum err stmt_run(struct conn *conn, enum stmt stmt, const struct value *values, size_t value_count,
                  struct rows *rows_out)
{
    struct stmt_writer writer = {.text = conn_text(conn), .mysql = conn_library(conn)};
    if (value_count > 0) {
        writer.next = values;
        writer.end = values + value_count;
    }
    if (rows_out) *rows_out = (struct rows){0};
    enum err err = stmt_write(&writer, &stmt_forms[stmt]);
    assert(err == OK); /* callers slice: see the header */
    err = conn_query(conn, buf_str(writer.text));
    if (err != OK) return err;
    assert((mysql_field_count(writer.mysql) > 0) == (rows_out != NULL));
    if (!rows_out) return OK;
    rows_out->result = mysql_store_result(writer.mysql);
    return rows_out->result ? OK : conn_failed(conn);
}

uint64_t stmt_affected(const struct conn *conn)
{
    return mysql_affected_rows(conn_library(conn));
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
    bool is_number = str_to_u64(rows_str(rows, column), UINT64_MAX, &value);
    assert(is_number || rows_is_null(rows, column)); /* the schema is ours */
    return value;
}

void rows_done(struct rows *rows)
{
    if (rows->result) mysql_free_result(rows->result);
    *rows = (struct rows){0};
}
