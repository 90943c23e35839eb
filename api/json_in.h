/* JSON in: RFC 8259 to the letter, over cJSON, which takes more (raw control bytes, leading zeros,
 * a BOM, trailing bytes) and cuts strings at \u0000. Refused as well: invalid UTF-8, lone
 * surrogates, a name twice in one object, nesting over 32, what is no object. The tree belongs to
 * the caller: json_free. */
#pragma once
#include "base/error.h"
#include "base/str.h"

struct json; /* one value */
/* ERR_BAD_JSON with why_out, one phrase, and the byte where it was seen. */
MUST_CHECK enum err json_parse(struct str text, struct json **root_out, const char **why_out,
                               size_t *at_out);
void json_free(struct json *root);

enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };
enum json_kind json_kind(const struct json *json);
/* NULL if absent; a null member counts as absent. */
const struct json *json_member(const struct json *object, const char *name);
size_t json_count(const struct json *array);
const struct json *json_first(
    const struct json *array); /* and json_next: in order; NULL at the end */
const struct json *json_next(const struct json *item);
struct str json_str(const struct json *string); /* up to its first NUL; lives as long as the tree */
bool json_has_nul(const struct json *string);   /* it holds \u0000 somewhere */
/* A number written as an integer (no fraction, no exponent: 1.0 and 1e3 are none) within min..max
 * and within what a double tells apart, +-(2^53 - 1). */
bool json_integer(const struct json *number, int64_t min, int64_t max, int64_t *value_out);
bool json_number(const struct json *number, double *value_out); /* any that is finite */
