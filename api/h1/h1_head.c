/* From libmicrohttpd's view of a head to an exchange's request. One copy of the whole text goes
 * into the arena; every string of the request is a slice of it. */
#include "api/h1/h1_framing.h"
#include "api/h1/h1_parts.h"
#include <stdlib.h>

struct head_fields {
    struct header *headers;
    size_t count;
};

static enum MHD_Result head_add_field(void *cls, enum MHD_ValueKind kind UNUSED, const char *key,
                                      size_t key_len, const char *value, size_t value_len)
{
    struct head_fields *fields = cls;
    fields->headers[fields->count++] =
        (struct header){str_of(key, key_len), str_of(value, value ? value_len : 0)};
    return MHD_YES;
}

static struct head_fields head_fields_of(struct h1_request *request)
{
    int count = MHD_get_connection_values_n(request->mhd, MHD_HEADER_KIND, NULL, NULL);
    assert(count >= 0);
    struct head_fields fields = {
        .headers = ARENA_ARRAY(&request->ex->arena, struct header, (size_t)count)};
    MHD_get_connection_values_n(request->mhd, MHD_HEADER_KIND, head_add_field, &fields);
    return fields;
}

static enum method head_method(struct str name)
{
    static const struct {
        struct str name;
        enum method method;
    } methods[] = {
        {{"GET", 3}, METHOD_GET}, {{"HEAD", 4}, METHOD_HEAD},     {{"POST", 4}, METHOD_POST},
        {{"PUT", 3}, METHOD_PUT}, {{"DELETE", 6}, METHOD_DELETE}, {{"OPTIONS", 7}, METHOD_OPTIONS},
    };
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (str_equal(name, methods[i].name)) return methods[i].method;
    return METHOD_OTHER;
}

/* The absolute form is for proxies, but every server must take it (RFC 9112 3.2.2). The asterisk
 * and the authority form name no resource of ours: the router does not know them. */
static struct str head_origin_form(struct arena *arena, struct str target)
{
    struct str rest;
    if (target.len >= 7 && str_equal_nocase(str_of(target.ptr, 7), STR("http://")))
        rest = str_from(target, 7);
    else if (target.len >= 8 && str_equal_nocase(str_of(target.ptr, 8), STR("https://")))
        rest = str_from(target, 8);
    else
        return target;
    size_t at = 0;
    while (at < rest.len && rest.ptr[at] != '/' && rest.ptr[at] != '?')
        at++;
    rest = str_from(rest, at);
    if (rest.len && rest.ptr[0] == '/') return rest;
    return arena_printf(arena, "/%.*s", STR_FMT(rest));
}

static void head_read_body(struct request *request)
{
    for (size_t i = 0; i < request->header_count; i++) {
        struct str name = request->headers[i].name, value = request->headers[i].value;
        uint64_t len;
        if (str_equal_nocase(name, STR("Transfer-Encoding"))) request->has_body = true;
        if (!str_equal_nocase(name, STR("Content-Length"))) continue;
        /* libmicrohttpd has refused what is no number, and reads what it took for one. */
        if (!str_to_u64(value, INT64_MAX, &len)) len = INT64_MAX;
        request->content_length = (int64_t)len;
        request->has_body = len > 0;
    }
}

static void head_fill(struct exchange *ex, const struct h1_head *head, struct header *headers)
{
    struct str copy = arena_str(&ex->arena, head->text);
    for (size_t i = 0; i < head->header_count; i++) {
        struct header *header = &headers[i];
        header->name.ptr = copy.ptr + (header->name.ptr - head->text.ptr);
        header->value.ptr = copy.ptr + (header->value.ptr - head->text.ptr);
        header->value = str_trim(header->value);
    }
    ex->request.headers = headers;
    ex->request.header_count = head->header_count;
    head_read_body(&ex->request);
}

enum err h1_head_read(struct h1_request *request, const char *method, const char *version)
{
    struct exchange *ex = request->ex;
    size_t len =
        MHD_get_connection_info(request->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)->header_size;
    request->socket->used_len += len;
    struct str target = arena_str(&ex->arena, str_of(request->target, request->target_len));
    ex->request.peer = h1_socket_peer(request->socket);
    ex->request.version = strcmp(version, "HTTP/1.0") == 0 ? 10 : 11;
    ex->request.method = head_method(str_from_c(method));
    ex->request.target = head_origin_form(&ex->arena, target);
    if (len > H1_HEAD_LEN_MAX) return ERR_HEAD_TOO_LARGE;
    struct head_fields fields = head_fields_of(request);
    struct h1_head head = {.text = str_of(method, len),
                           .method = str_from_c(method),
                           .target = str_of(request->target_at, request->target_len),
                           .target_text = target,
                           .version = str_from_c(version),
                           .headers = fields.headers,
                           .header_count = fields.count};
    enum err err = h1_framing_check(&head);
    if (err == OK || err == ERR_EXPECTATION) head_fill(ex, &head, fields.headers);
    return err;
}
