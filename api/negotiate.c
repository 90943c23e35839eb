#include "api/negotiate.h"
#include "api/router.h"

/* Cuts at a separator that does not stand within a quoted string. */
static struct str negotiate_cut(struct str *rest, char separator)
{
    bool is_quoted = false;
    struct str all = *rest;
    for (size_t i = 0; i < all.len; i++) {
        char c = all.ptr[i];
        if (is_quoted && c == '\\') i++;
        if (c == '"') is_quoted = !is_quoted;
        if (is_quoted || c != separator) continue;
        *rest = str_of(all.ptr + i + 1, all.len - i - 1);
        return str_of(all.ptr, i);
    }
    *rest = STR_NONE;
    return all;
}

/* qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] ); -1 if it is none. */
static int negotiate_quality(struct str q)
{
    int value = 0, scale = 1000;
    if (q.len < 1 || q.len > 5 || (q.ptr[0] != '0' && q.ptr[0] != '1')) return -1;
    if (q.len > 1 && q.ptr[1] != '.') return -1;
    value = (q.ptr[0] - '0') * scale;
    for (size_t i = 2; i < q.len; i++) {
        if (q.ptr[i] < '0' || q.ptr[i] > '9') return -1;
        scale /= 10;
        value += (q.ptr[i] - '0') * scale;
    }
    return value > 1000 ? -1 : value;
}

static int negotiate_range_quality(struct str parameters)
{
    while (parameters.ptr) {
        struct str value = str_trim(negotiate_cut(&parameters, ';'));
        struct str name = str_trim(str_cut(&value, '='));
        if (str_equal_nocase(name, STR("q"))) return negotiate_quality(str_trim(value));
    }
    return 1000;
}

static int negotiate_specificity(struct str range, struct str media_type)
{
    struct str family = media_type, range_subtype = range;
    str_cut(&media_type, '/');
    family.len -= media_type.len + 1;
    struct str range_family = str_cut(&range_subtype, '/');
    bool is_any = str_equal(range_subtype, STR("*"));
    if (str_equal(range_family, STR("*"))) return is_any ? 1 : 0;
    if (!str_equal_nocase(range_family, family)) return 0;
    if (is_any) return 2;
    return str_equal_nocase(range_subtype, media_type) ? 3 : 0;
}

void accept_read(struct str accept, struct str media_type, struct accepted *accepted)
{
    while (accept.ptr) {
        struct str parameters = negotiate_cut(&accept, ',');
        struct str range = str_trim(negotiate_cut(&parameters, ';'));
        int quality = negotiate_range_quality(parameters);
        int specificity = negotiate_specificity(range, media_type);
        if (quality < 0 || !specificity || specificity < accepted->specificity) continue;
        if (specificity == accepted->specificity) quality = MAX(quality, accepted->quality);
        *accepted = (struct accepted){quality, specificity};
    }
}

/* All Accept lines together. False: there are none, or they say nothing. */
static bool negotiate_read(const struct exchange *ex, struct str media_type,
                           struct accepted *accepted_out)
{
    bool is_there = false;
    *accepted_out = (struct accepted){0, 0};
    for (size_t i = 0; i < ex->request.header_count; i++) {
        const struct header *header = &ex->request.headers[i];
        if (!str_equal_nocase(header->name, STR("Accept")) || !str_trim(header->value).len)
            continue;
        is_there = true;
        accept_read(header->value, media_type, accepted_out);
    }
    return is_there;
}

/* `also` is what a caller may name instead of `main` and means the same by it. */
static enum err negotiate_either(const struct exchange *ex, struct str main, struct str also)
{
    struct accepted of_main, of_also;
    if (!negotiate_read(ex, main, &of_main) || of_main.quality > 0) return OK;
    negotiate_read(ex, also, &of_also);
    if (!of_main.specificity && of_also.specificity == 3 && of_also.quality > 0) return OK;
    return ERR_NOT_ACCEPTABLE;
}

enum err negotiate_accept(const struct exchange *ex)
{
    if (ex->route->flags & ROUTE_EVENTS)
        return negotiate_either(ex, STR("text/event-stream"), STR("text/event-stream"));
    if (ex->route->flags & ROUTE_TEXT)
        return negotiate_either(ex, STR("text/plain"), STR("application/openmetrics-text"));
    return negotiate_either(ex, STR("application/json"), STR("application/problem+json"));
}

const char *negotiate_problem_type(const struct exchange *ex)
{
    struct accepted of_problem, of_json;
    bool is_there = negotiate_read(ex, STR("application/problem+json"), &of_problem);
    negotiate_read(ex, STR("application/json"), &of_json);
    bool is_json_only = is_there && of_problem.quality == 0 && of_json.quality > 0;
    return is_json_only ? "application/json" : "application/problem+json";
}

bool media_type_is_json(struct str content_type)
{
    struct str type = str_trim(negotiate_cut(&content_type, ';'));
    if (!str_equal_nocase(type, STR("application/json"))) return false;
    while (content_type.ptr) {
        struct str value = str_trim(negotiate_cut(&content_type, ';'));
        struct str name = str_trim(str_cut(&value, '='));
        value = str_trim(value);
        if (!str_equal_nocase(name, STR("charset"))) continue;
        if (!str_equal_nocase(value, STR("utf-8")) && !str_equal_nocase(value, STR("\"utf-8\"")))
            return false;
    }
    return true;
}

enum err negotiate_body(const struct exchange *ex)
{
    if (exchange_header_count(ex, STR("Content-Type")) != 1) return ERR_MEDIA_TYPE;
    if (!media_type_is_json(exchange_header(ex, STR("Content-Type")))) return ERR_MEDIA_TYPE;
    return OK;
}
