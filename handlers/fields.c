#include "handlers/fields.h"
#include "api/auth.h"
#include "api/reply.h"
#include "base/map.h"

static struct str fields_pointer(struct exchange *ex, const char *name)
{
    return arena_printf(&ex->arena, "/%s", name);
}

static bool fields_fault(struct exchange *ex, const char *name, const char *reason)
{
    reply_fault(ex, fields_pointer(ex, name), reason);
    return false;
}

/* The member, or NULL; `ok_out` tells whether its absence is in order. */
static const struct json *fields_member(struct exchange *ex, const struct json *root,
                                        const char *name, enum field_need need, bool *ok_out)
{
    const struct json *member = json_member(root, name);
    *ok_out = member != NULL || need == FIELD_OPTIONAL;
    if (!*ok_out) fields_fault(ex, name, "is required");
    return member;
}

struct json *fields_parse(struct exchange *ex)
{
    struct json *root = NULL;
    const char *why = "";
    size_t at = 0;
    enum err err = json_parse(buf_str(&ex->body), &root, &why, &at);
    if (err == OK) return root;
    reply_error_detail(ex, err, arena_printf(&ex->arena, "%s, at byte %zu", why, at));
    return NULL;
}

bool fields_are_good(struct exchange *ex, struct json *root)
{
    json_free(root);
    if (!ex->faults) return true;
    reply_error(ex, ERR_FIELD);
    return false;
}

bool field_str(struct exchange *ex, const struct json *root, const char *name, enum field_need need,
               size_t len_min, size_t len_max, struct str *out)
{
    bool ok;
    const struct json *member = fields_member(ex, root, name, need, &ok);
    *out = STR_NONE;
    if (!member) return ok;
    if (json_kind(member) != JSON_STRING) return fields_fault(ex, name, "must be a string");
    if (json_has_nul(member)) return fields_fault(ex, name, "must not hold a NUL");
    struct str s = json_str(member);
    if (s.len < len_min) return fields_fault(ex, name, "is too short");
    if (s.len > len_max) return fields_fault(ex, name, "is too long");
    *out = arena_str(&ex->arena, s);
    return true;
}

bool field_id(struct exchange *ex, const struct json *root, const char *name, enum field_need need,
              struct str *out)
{
    if (!field_str(ex, root, name, need, 1, 64, out)) return false;
    if (out->ptr && !user_id_is_valid(*out))
        return fields_fault(ex, name, "must be 1 to 64 of A-Z a-z 0-9 . _ : @ + -");
    return true;
}

bool field_uuid(struct exchange *ex, const struct json *root, const char *name,
                enum field_need need, struct str *out)
{
    struct uuid uuid;
    if (!field_str(ex, root, name, need, 0, SIZE_MAX, out)) return false;
    if (!out->ptr) return true;
    if (!uuid_parse(*out, &uuid)) return fields_fault(ex, name, "must be a UUID");
    *out = arena_str(&ex->arena, uuid_str(&uuid)); /* lower case */
    return true;
}

bool field_integer(struct exchange *ex, const struct json *root, const char *name,
                   enum field_need need, int64_t min, int64_t max, int64_t *out)
{
    bool ok;
    const struct json *member = fields_member(ex, root, name, need, &ok);
    if (!member) return ok;
    if (json_kind(member) == JSON_NUMBER && json_integer(member, min, max, out)) return true;
    struct str reason = arena_printf(&ex->arena, "must be an integer from %lld to %lld",
                                     (long long)min, (long long)max);
    return fields_fault(ex, name, reason.ptr);
}

bool field_ignored_scalar(struct exchange *ex, const struct json *root, const char *name)
{
    const struct json *member = json_member(root, name);
    if (!member) return true;
    enum json_kind kind = json_kind(member);
    if (kind != JSON_ARRAY && kind != JSON_OBJECT) return true;
    return fields_fault(ex, name, "must be a string, a number or a boolean");
}

bool field_constant(struct exchange *ex, const struct json *root, const char *name,
                    struct str expected)
{
    const struct json *member = json_member(root, name);
    if (!member) return true;
    if (json_kind(member) == JSON_STRING && !json_has_nul(member) &&
        str_equal(json_str(member), expected))
        return true;
    struct str reason = arena_printf(&ex->arena, "must be \"%.*s\"", STR_FMT(expected));
    return fields_fault(ex, name, reason.ptr);
}

/* One item of a list of ids; false: a fault was noted. */
static bool fields_list_item(struct exchange *ex, const char *name, size_t at,
                             const struct json *item, struct str *id_out)
{
    struct str pointer = arena_printf(&ex->arena, "/%s/%zu", name, at);
    if (json_kind(item) != JSON_STRING) {
        reply_fault(ex, pointer, "must be a string");
        return false;
    }
    struct str id = json_str(item);
    if (json_has_nul(item) || !user_id_is_valid(id)) {
        reply_fault(ex, pointer, "must be 1 to 64 of A-Z a-z 0-9 . _ : @ + -");
        return false;
    }
    *id_out = arena_str(&ex->arena, id);
    return true;
}

bool field_id_list(struct exchange *ex, const struct json *root, const char *name,
                   struct id_list *out)
{
    bool ok;
    const struct json *list = fields_member(ex, root, name, FIELD_REQUIRED, &ok);
    *out = (struct id_list){0};
    if (!list) return false;
    if (json_kind(list) != JSON_ARRAY) return fields_fault(ex, name, "must be a list");
    size_t count = json_count(list);
    if (count == 0) return fields_fault(ex, name, "must not be empty");

    out->ids = ARENA_ARRAY(&ex->arena, struct str, count);
    out->at = ARENA_ARRAY(&ex->arena, size_t, count);
    struct map_link *links = ARENA_ARRAY(&ex->arena, struct map_link, count);
    struct map seen;
    map_init(&seen);
    size_t at = 0;
    for (const struct json *item = json_first(list); item; item = json_next(item), at++) {
        struct str id;
        if (!fields_list_item(ex, name, at, item, &id)) {
            ok = false;
            continue;
        }
        if (map_find(&seen, id)) continue;
        map_insert(&seen, &links[out->count], id);
        out->ids[out->count] = id;
        out->at[out->count++] = at;
    }
    map_done(&seen);
    return ok;
}
