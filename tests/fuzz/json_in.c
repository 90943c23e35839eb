/* Whatever json_parse takes can be walked to its last leaf, and no shorter beginning of it is taken
 * as well (but for blanks at its end). */
#include "api/json_in.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static size_t json_walk(const struct json *json)
{
    size_t count = 1;
    int64_t integer;
    double number;
    switch (json_kind(json)) {
    case JSON_STRING:
        count += json_str(json).len + json_has_nul(json);
        break;
    case JSON_NUMBER:
        if (json_integer(json, INT64_MIN, INT64_MAX, &integer))
            assert(json_number(json, &number) && (int64_t)number == integer);
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        for (const struct json *item = json_first(json); item; item = json_next(item))
            count += json_walk(item);
        break;
    case JSON_NULL:
    case JSON_BOOL:
        break;
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct str text = str_of((const char *)data, len);
    struct json *root = NULL;
    const char *why = NULL;
    size_t at = 0;
    if (json_parse(text, &root, &why, &at) != OK) {
        assert(!root && why && at <= len);
        return 0;
    }
    assert(json_walk(root) > 0 && json_kind(root) == JSON_OBJECT);
    (void)json_member(root, "userId");
    json_free(root);
    while (text.ptr[text.len - 1] != '}')
        text.len--;
    text.len--;
    assert(json_parse(text, &root, &why, &at) == ERR_BAD_JSON);
    return 0;
}
