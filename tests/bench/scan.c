#include "tests/bench/scan.h"

static void scan_space(struct str *rest)
{
    while (rest->len &&
           (*rest->ptr == ' ' || *rest->ptr == '\n' || *rest->ptr == '\t' || *rest->ptr == '\r'))
        *rest = str_from(*rest, 1);
}

static bool scan_char(struct str *rest, char c)
{
    scan_space(rest);
    if (rest->len == 0 || *rest->ptr != c) return false;
    *rest = str_from(*rest, 1);
    return true;
}

/* The length of the string at the front, with its quotes; 0 if it is cut off. */
static size_t scan_string_len(struct str rest)
{
    for (size_t i = 1; i < rest.len; i++) {
        if (rest.ptr[i] == '\\')
            i++;
        else if (rest.ptr[i] == '"')
            return i + 1;
    }
    return 0;
}

/* The same for an object or an array: to the bracket that closes the first one. */
static size_t scan_nest_len(struct str rest)
{
    size_t depth = 0;
    for (size_t i = 0; i < rest.len; i++) {
        char c = rest.ptr[i];
        if (c == '"') {
            size_t len = scan_string_len(str_from(rest, i));
            if (len == 0) return 0;
            i += len - 1;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            if (--depth == 0) return i + 1;
        }
    }
    return 0;
}

static size_t scan_scalar_len(struct str rest)
{
    size_t len = 0;
    while (len < rest.len && !strchr(",]} \t\r\n", rest.ptr[len]))
        len++;
    return len < rest.len ? len : 0;
}

static bool scan_value(struct str *rest, struct str *value_out)
{
    scan_space(rest);
    if (rest->len == 0) return false;
    char c = *rest->ptr;
    size_t len = c == '"'               ? scan_string_len(*rest)
                 : c == '{' || c == '[' ? scan_nest_len(*rest)
                                        : scan_scalar_len(*rest);
    if (len == 0) return false;
    *value_out = c == '"' ? str_of(rest->ptr + 1, len - 2) : str_of(rest->ptr, len);
    *rest = str_from(*rest, len);
    return true;
}

bool scan_object(struct str json, struct scan *wanted, size_t wanted_count)
{
    for (size_t i = 0; i < wanted_count; i++)
        wanted[i].value = STR_NONE;
    struct str rest = json;
    if (!scan_char(&rest, '{')) return false;
    if (scan_char(&rest, '}')) return true;
    do {
        struct str name, value;
        if (!scan_value(&rest, &name) || !scan_char(&rest, ':') || !scan_value(&rest, &value))
            return false;
        for (size_t i = 0; i < wanted_count; i++)
            if (str_equal(name, wanted[i].name)) wanted[i].value = value;
    } while (scan_char(&rest, ','));
    return scan_char(&rest, '}');
}

bool scan_item(struct str *rest, struct str *item_out)
{
    if (!scan_char(rest, '[') && !scan_char(rest, ',')) return false;
    scan_space(rest);
    return rest->len && *rest->ptr != ']' && scan_value(rest, item_out);
}
