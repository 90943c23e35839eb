#include "base/error.h"

static const struct err_row {
    int status;
    const char *code, *title;
} err_rows[] = {
#define ROW(constant, status, code, title) [constant] = {status, code, title},
#include "base/error.def"
#undef ROW
};

static const struct err_row *err_row(enum err err)
{
    assert(err < ERR_COUNT);
    return &err_rows[err];
}

int err_status(enum err err)
{
    return err_row(err)->status;
}

const char *err_code(enum err err)
{
    return err_row(err)->code;
}

const char *err_title(enum err err)
{
    return err_row(err)->title;
}
