/* A `struct json` is a cJSON: the casts are confined to this file. What cJSON cannot say is put
 * into fields that it leaves unused: valueint of a string is 1 if it holds \u0000, valueint of a
 * number is 1 if it is written as an integer. */
#include "api/json_in.h"
#include "api/json_scan.h"
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* RFC 7493: integers beyond are not told apart by everybody, nor by a double. */
static const double json_integer_max = 9007199254740991.0;

static const cJSON *json_item(const struct json *json)
{
    return (const cJSON *)json;
}

/* cJSON cuts a number at its 63rd byte and takes what follows for garbage. A longer one is given to
 * it in 17 digits, which say all that a double can hold; spaces fill the rest. */
static void json_shorten_number(char *number, size_t len)
{
    char digits[32];
    double value = strtod(number, NULL); /* a number always ends before the text does: at } */
    int short_len = isinf(value) ? snprintf(digits, sizeof(digits), "%s1e999", value < 0 ? "-" : "")
                                 : snprintf(digits, sizeof(digits), "%.17g", value);
    assert(short_len > 0 && (size_t)short_len <= len);
    memset(number, ' ', len);
    memcpy(number, digits, (size_t)short_len);
}

static char *json_shorten_numbers(struct str text)
{
    char *copy = malloc(text.len + 1);
    if (!copy) abort();
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    for (size_t i = 0; i < text.len; i++) {
        bool is_integer;
        if (copy[i] == '"') { /* the text is known to be good: every string has its end */
            for (i++; copy[i] != '"'; i++)
                i += copy[i] == '\\';
            continue;
        }
        size_t len = json_number_len(str_of(copy + i, text.len - i), &is_integer);
        if (len > JSON_NUMBER_LEN_MAX) json_shorten_number(copy + i, len);
        if (len) i += len - 1;
    }
    return copy;
}

/* Walks in the order of the text and hands each name, string and number its mark. A name with a NUL
 * is emptied: cJSON has cut it, and what is left must not pass for another name. */
static void json_put_marks(cJSON *item, const struct buf *marks, size_t *at)
{
    if (item->string && marks->bytes[(*at)++] == JSON_MARK_NUL) item->string[0] = '\0';
    if (cJSON_IsString(item) || cJSON_IsNumber(item))
        item->valueint = marks->bytes[(*at)++] != JSON_MARK_NONE;
    for (cJSON *child = item->child; child; child = child->next)
        json_put_marks(child, marks, at);
}

static cJSON *json_build(struct str text, const struct json_scan *scan)
{
    char *copy = scan->has_long_numbers ? json_shorten_numbers(text) : NULL;
    cJSON *root = cJSON_ParseWithLength(copy ? copy : text.ptr, text.len);
    free(copy);
    if (!root) abort(); /* the text is good, so memory is what it lacked */
    size_t at = 0;
    json_put_marks(root, &scan->marks, &at);
    assert(at == scan->marks.len);
    return root;
}

enum err json_parse(struct str text, struct json **root_out, const char **why_out, size_t *at_out)
{
    struct json_scan scan;
    enum err err = json_scan(text, &scan);
    if (err == OK) {
        *root_out = (struct json *)json_build(text, &scan);
    } else {
        *why_out = scan.why;
        *at_out = scan.at;
    }
    json_scan_done(&scan);
    return err;
}

void json_free(struct json *root)
{
    cJSON_Delete((cJSON *)root);
}

enum json_kind json_kind(const struct json *json)
{
    switch (json_item(json)->type & 0xff) {
    case cJSON_False:
    case cJSON_True:
        return JSON_BOOL;
    case cJSON_Number:
        return JSON_NUMBER;
    case cJSON_String:
        return JSON_STRING;
    case cJSON_Array:
        return JSON_ARRAY;
    case cJSON_Object:
        return JSON_OBJECT;
    default:
        return JSON_NULL;
    }
}

const struct json *json_member(const struct json *object, const char *name)
{
    assert(json_kind(object) == JSON_OBJECT && name[0]);
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json_item(object), name);
    return item && !cJSON_IsNull(item) ? (const struct json *)item : NULL;
}

size_t json_count(const struct json *array)
{
    return (size_t)cJSON_GetArraySize(json_item(array));
}

const struct json *json_first(const struct json *array)
{
    return (const struct json *)json_item(array)->child;
}

const struct json *json_next(const struct json *item)
{
    return (const struct json *)json_item(item)->next;
}

struct str json_str(const struct json *string)
{
    assert(json_kind(string) == JSON_STRING);
    return str_from_c(json_item(string)->valuestring);
}

bool json_has_nul(const struct json *string)
{
    assert(json_kind(string) == JSON_STRING);
    return json_item(string)->valueint != 0;
}

bool json_integer(const struct json *number, int64_t min, int64_t max, int64_t *value_out)
{
    const cJSON *item = json_item(number);
    double value = item->valuedouble;
    if (json_kind(number) != JSON_NUMBER || !item->valueint) return false;
    if (value < -json_integer_max || value > json_integer_max) return false;
    if ((int64_t)value < min || (int64_t)value > max) return false;
    *value_out = (int64_t)value;
    return true;
}

bool json_number(const struct json *number, double *value_out)
{
    if (json_kind(number) != JSON_NUMBER || !isfinite(json_item(number)->valuedouble)) return false;
    *value_out = json_item(number)->valuedouble;
    return true;
}
