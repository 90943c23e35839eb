/* The one catalog of errors; every function that can fail returns `enum err`.
 * Caller's or world's fault: enum err. Our own bug: assert. Out of memory: abort. */
#pragma once
#include "base/compiler.h"

enum err {
#define ROW(constant, status, code, title) constant,
#include "base/error.def"
#undef ROW
    ERR_COUNT
};

int err_status(enum err err);        /* the HTTP status, 200..599 */
const char *err_code(enum err err);  /* stable, lower_snake_case; for problem documents and logs */
const char *err_title(enum err err); /* one English phrase without a full stop */
