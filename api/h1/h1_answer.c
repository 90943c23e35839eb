/* Answers: as libmicrohttpd's responses, or as bytes of our own. */
#include "api/h1/h1_parts.h"
#include "base/clock.h"
#include "base/config.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

bool h1_must_close(const struct h1_request *request)
{
    return request->ex->reply.must_close || request->socket->h1->is_draining ||
           request->ex->api->is_draining;
}

/* By libmicrohttpd */

static void answer_add_field(struct MHD_Response *response, const char *name, const char *value)
{
    enum MHD_Result result = MHD_add_response_header(response, name, value);
    assert(result == MHD_YES); /* else a control byte slipped through reply_field */
}

/* "Name: value\r\n" lines become C strings where they stand. */
static void answer_add_lines(struct MHD_Response *response, struct buf *fields)
{
    char *at = fields->bytes, *end = fields->bytes + fields->len;
    while (at < end) {
        char *colon = memchr(at, ':', (size_t)(end - at));
        char *line_end = memchr(at, '\r', (size_t)(end - at));
        assert(colon && line_end && colon < line_end);
        *colon = '\0';
        *line_end = '\0';
        answer_add_field(response, at, colon + 2);
        at = line_end + 2;
    }
}

void h1_answer_add_fields(struct MHD_Response *response, struct reply *reply, bool must_close)
{
    if (reply->content_type) answer_add_field(response, "Content-Type", reply->content_type);
    answer_add_lines(response, &reply->fields);
    if (must_close) answer_add_field(response, "Connection", "close");
}

static struct MHD_Response *answer_response(struct buf *body)
{
    struct MHD_Response *response =
        body->len ? MHD_create_response_from_buffer_with_free_callback(body->len, body->bytes, free)
                  : MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    if (!response) abort();                                        /* memory */
    if (body->len) *body = (struct buf){.len_max = body->len_max}; /* it has them now */
    return response;
}

enum MHD_Result h1_answer_queue(struct h1_request *request)
{
    struct reply *reply = &request->ex->reply;
    struct MHD_Response *response = answer_response(&reply->body);
    h1_answer_add_fields(response, reply, h1_must_close(request));
    h1_enter(request->socket, H1_ANSWERING);
    request->is_queued = true;
    enum MHD_Result result = MHD_queue_response(request->mhd, (unsigned)reply->status, response);
    MHD_destroy_response(response);
    return result;
}

/* By ourselves */

static void answer_date(char out[32])
{
    static _Thread_local int64_t last_s;
    static _Thread_local char last[32];
    time_t now_s = (time_t)(clock_wall_ms() / 1000);
    if (now_s != last_s || !last[0]) {
        struct tm tm;
        gmtime_r(&now_s, &tm);
        static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
        static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        snprintf(last, sizeof(last), "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday],
                 tm.tm_mday % 100, months[tm.tm_mon], (tm.tm_year + 1900) % 10000, tm.tm_hour,
                 tm.tm_min, tm.tm_sec);
        last_s = now_s;
    }
    memcpy(out, last, sizeof(last));
}

static const char *answer_length_line(const struct h1_request *request, bool is_stream,
                                      char line[64])
{
    line[0] = '\0';
    if (is_stream && request->is_chunked) return "Transfer-Encoding: chunked\r\n";
    if (!is_stream && request->ex->reply.status != 204)
        snprintf(line, 64, "Content-Length: %zu\r\n", request->ex->reply.body.len);
    return line; /* a stream without chunks ends with the connection */
}

void h1_answer_head(const struct h1_request *request, bool is_stream, struct buf *head)
{
    const struct exchange *ex = request->ex;
    const struct reply *reply = &ex->reply;
    char date[32], length_line[64];
    answer_date(date);
    const char *type = reply->content_type;
    const char *connection = h1_must_close(request)      ? "Connection: close\r\n"
                             : ex->request.version == 10 ? "Connection: keep-alive\r\n"
                                                         : "";
    enum err err = buf_printf(head, "HTTP/1.1 %d %s\r\nDate: %s\r\n%s%s%s%s%s", reply->status,
                              MHD_get_reason_phrase_for((unsigned)reply->status), date,
                              type ? "Content-Type: " : "", type ? type : "", type ? "\r\n" : "",
                              answer_length_line(request, is_stream, length_line), connection);
    if (err == OK) err = buf_add(head, buf_str(&reply->fields));
    if (err == OK) err = buf_add(head, STR("\r\n"));
    assert(err == OK); /* the fields' cap is far below the head's */
}

/* Best effort: a client that has not even sent its request whole is not waited for. */
void h1_answer_now(struct h1_request *request)
{
    struct h1_socket *socket = request->socket;
    struct exchange *ex = request->ex;
    struct buf answer;
    buf_init(&answer, H1_ANSWER_LEN_MAX);
    ex->reply.must_close = true;
    h1_answer_head(request, false, &answer);
    if (ex->request.method != METHOD_HEAD) {
        enum err err = buf_add(&answer, buf_str(&ex->reply.body));
        assert(err == OK);
    }
    ssize_t sent = send(socket->fd, answer.bytes, answer.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)sent;
    buf_done(&answer);
    socket->must_linger = true;
    h1_enter(socket, H1_ENDING);
}
