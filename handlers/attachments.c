#include "handlers/attachments.h"
#include "api/json_out.h"
#include "api/reply.h"

static const int64_t attachment_size_max = (INT64_C(1) << 53) - 1;

static void attachments_fault(struct exchange *ex, size_t at, const char *name, const char *reason)
{
    reply_fault(
        ex, arena_printf(&ex->arena, "/attachments/%zu%s%s", at, name ? "/" : "", name ? name : ""),
        reason);
}

static bool attachments_is_url(struct str url)
{
    struct str rest = str_starts(url, STR("https://"))  ? str_from(url, 8)
                      : str_starts(url, STR("http://")) ? str_from(url, 7)
                                                        : STR_NONE;
    if (rest.len == 0 || rest.ptr[0] == '/') return false;
    for (size_t i = 0; i < url.len; i++)
        if ((unsigned char)url.ptr[i] <= 0x20 || url.ptr[i] == 0x7f) return false;
    return true;
}

/* Copies one optional string member; `url` is the one that is required and checked further. */
static void attachments_copy_str(struct exchange *ex, const struct json *item, size_t at,
                                 const char *name, struct json_out *out)
{
    const struct json *member = json_member(item, name);
    bool is_url = strcmp(name, "url") == 0;
    if (!member) {
        if (is_url) attachments_fault(ex, at, name, "is required");
        return;
    }
    if (json_kind(member) != JSON_STRING || json_has_nul(member))
        attachments_fault(ex, at, name, "must be a string without NUL");
    else if (is_url && !attachments_is_url(json_str(member)))
        attachments_fault(ex, at, name, "must be an http or https URL");
    else
        json_out_str(out, name, json_str(member));
}

static void attachments_copy(struct exchange *ex, const struct json *item, size_t at,
                             struct json_out *out)
{
    if (json_kind(item) != JSON_OBJECT) {
        attachments_fault(ex, at, NULL, "must be an object");
        return;
    }
    json_out_object(out, NULL);
    attachments_copy_str(ex, item, at, "url", out);
    attachments_copy_str(ex, item, at, "name", out);
    attachments_copy_str(ex, item, at, "type", out);
    const struct json *size = json_member(item, "size");
    int64_t bytes = 0;
    if (size &&
        (json_kind(size) != JSON_NUMBER || !json_integer(size, 0, attachment_size_max, &bytes)))
        attachments_fault(ex, at, "size", "must be a number of bytes");
    else if (size)
        json_out_int(out, "size", bytes);
    json_out_close_object(out);
}

void attachments_read(struct exchange *ex, const struct json *root, struct str *json_out)
{
    *json_out = STR_NONE;
    const struct json *list = json_member(root, "attachments");
    if (!list) return;
    if (json_kind(list) != JSON_ARRAY) {
        reply_fault(ex, STR("/attachments"), "must be a list");
        return;
    }
    if (json_count(list) == 0) return;
    if (json_count(list) > ATTACHMENTS_MAX) {
        reply_fault(ex, STR("/attachments"), "must hold at most 10");
        return;
    }
    struct buf text;
    struct json_out out;
    buf_init(&text, 8 * ex->body.len + 4096); /* every byte escaped would still fit */
    json_out_begin(&out, &text);
    json_out_array(&out, NULL);
    size_t at = 0;
    for (const struct json *item = json_first(list); item; item = json_next(item))
        attachments_copy(ex, item, at++, &out);
    json_out_close_array(&out);
    if (json_out_end(&out) == OK) *json_out = arena_str(&ex->arena, buf_str(&text));
    buf_done(&text);
}
