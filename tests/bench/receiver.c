#include "tests/bench/receiver.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "tests/bench/acker.h"
#include "tests/bench/scan.h"
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

/* Back after 50..250 ms: two thousand users at once would knock a server down that just came up. */
enum { RECEIVER_AGAIN_MS = 50, RECEIVER_AGAIN_SPREAD_MS = 200 };
enum { RECEIVERS_AT_ONCE = 256, RECEIVERS_OPEN_MS = 120 * 1000, RECEIVER_WAIT_S = 25 };

static void receiver_open(struct receiver *receiver)
{
    bool is_polling = receiver->all->is_polling;
    const struct options *options = &receiver->all->run->options;
    char path[160];
    int len = 0;
    if (is_polling) /* the first one asks where the log ends, and does not wait */
        len = snprintf(path, sizeof(path), "/chat/app/sync?limit=500&wait=%d%s%s",
                       receiver->cursor[0] ? RECEIVER_WAIT_S : 0,
                       receiver->cursor[0] ? "&cursor=" : "", receiver->cursor);
    else
        len = snprintf(path, sizeof(path), "/chat/app/stream%s%s",
                       receiver->cursor[0] ? "?cursor=" : "", receiver->cursor);
    sse_reader_restart(&receiver->sse);
    const char *token = receiver->all->run->users[receiver->user].token;
    client_call(&receiver->client,
                &(struct client_call){
                    .method = "GET",
                    .path = str_of(path, (size_t)len),
                    .token = str_from_c(token),
                    .accept = is_polling ? NULL : "text/event-stream",
                    .deadline_ms = is_polling ? (RECEIVER_WAIT_S + options->deadline) * 1000 : 0});
}

static void receiver_again(struct timer *timer)
{
    receiver_open(container_of(timer, struct receiver, again));
}

static void receiver_come_back(struct receiver *receiver)
{
    struct run *run = receiver->all->run;
    if (receiver->all->is_closing) return;
    run->trouble.reconnects++;
    loop_timer_set(run->loop, &receiver->again,
                   RECEIVER_AGAIN_MS + (int64_t)random_below(RECEIVER_AGAIN_SPREAD_MS));
}

/* Opening all: each that is placed lets the next one begin. */

static void receivers_open_next(struct receivers *receivers)
{
    if (receivers->opened_count == receivers->count) return;
    receiver_open(&receivers->list[receivers->opened_count++]);
}

static void receiver_placed(struct receiver *receiver)
{
    struct receivers *all = receiver->all;
    if (receiver->is_placed) return;
    receiver->is_placed = true;
    if (++all->placed_count == all->count && all->is_waited_for) loop_stop(all->run->loop);
    receivers_open_next(all);
}

/* What comes in */

/* Keeps the cursor and takes the seq out of it: `<epoch>.<seq>`. */
static bool receiver_keep_cursor(struct receiver *receiver, struct str cursor, uint64_t *seq_out)
{
    struct str seq = cursor;
    str_cut(&seq, '.');
    if (cursor.len > RECEIVER_CURSOR_LEN_MAX || !str_to_u64(seq, UINT64_MAX, seq_out)) {
        receiver->all->run->trouble.broken++;
        return false;
    }
    memcpy(receiver->cursor, cursor.ptr, cursor.len);
    receiver->cursor[cursor.len] = '\0';
    return true;
}

/* A user's number out of its name: the digits at its end. UINT32_MAX: none of ours. */
static uint32_t receiver_user_of(const struct run *run, struct str name)
{
    uint64_t number;
    size_t at = name.len;
    while (at > 0 && name.ptr[at - 1] >= '0' && name.ptr[at - 1] <= '9')
        at--;
    bool is_ours = str_to_u64(str_from(name, at), UINT32_MAX, &number) &&
                   number < run->user_count && str_equal(name, str_from_c(run->users[number].name));
    return is_ours ? (uint32_t)number : UINT32_MAX;
}

static void receiver_message(struct receiver *receiver, const struct book_event *event)
{
    struct run *run = receiver->all->run;
    struct message *message = book_deliver(&run->book, event);
    if (!message) return;
    if (run->is_measuring && message->due_us >= run->measured_from_us)
        histogram_add(&run->delivery_us, clock_mono_us() - message->due_us);
    if (receiver->all->ackers) ackers_offer(receiver->all->ackers, receiver, message);
}

/* An event that takes a place in the user's log. */
static void receiver_logged(struct receiver *receiver, struct str type, struct str json)
{
    struct run *run = receiver->all->run;
    enum { ID, SENDER, RECEIVER, CONTENT, CURSOR };
    struct scan fields[] = {[ID] = {.name = STR("message_id")},
                            [SENDER] = {.name = STR("sender_id")},
                            [RECEIVER] = {.name = STR("receiver_id")},
                            [CONTENT] = {.name = STR("content")},
                            [CURSOR] = {.name = STR("cursor")}};
    struct book_event event = {.user = receiver->user};
    if (!scan_object(json, fields, ARRAY_LEN(fields))) run->trouble.broken++;
    if (!receiver_keep_cursor(receiver, fields[CURSOR].value, &event.seq)) return;
    event.id = fields[ID].value;
    event.content = fields[CONTENT].value;
    if (str_equal(type, STR("incoming_message"))) {
        event.counterpart = receiver_user_of(run, fields[SENDER].value);
        receiver_message(receiver, &event);
    } else if (str_equal(type, STR("message_delivered"))) {
        event.counterpart = receiver_user_of(run, fields[RECEIVER].value);
        book_receipt(&run->book, &event);
    } else {
        book_other(&run->book, &event);
    }
}

/* `hello` says where the stream starts. With a cursor that is where we stand already, and the book
 * goes on by itself; without one, or after a reset, it starts there. */
static void receiver_hello(struct receiver *receiver, struct str json)
{
    struct scan cursor = {.name = STR("cursor")};
    bool had_cursor = receiver->cursor[0] != '\0';
    if (!scan_object(json, &cursor, 1) ||
        !receiver_keep_cursor(receiver, cursor.value, &receiver->hello_seq))
        return;
    if (!had_cursor)
        book_reader_start(&receiver->all->run->book, receiver->user, receiver->hello_seq);
    receiver_placed(receiver);
}

static void receiver_reset(struct receiver *receiver)
{
    receiver->all->run->trouble.resets++;
    book_reader_start(&receiver->all->run->book, receiver->user, receiver->hello_seq);
}

static void receiver_event(struct receiver *receiver, const struct sse_event *event)
{
    if (str_equal(event->type, STR("hello")))
        receiver_hello(receiver, event->data);
    else if (str_equal(event->type, STR("ping")))
        receiver->all->run->pings++;
    else if (str_equal(event->type, STR("reset")))
        receiver_reset(receiver);
    else if (event->id.len)
        receiver_logged(receiver, event->type, event->data);
    /* bye and reauth need nothing: the end of the stream brings the receiver back. */
}

static void receiver_piece(struct client *client, struct str bytes)
{
    struct receiver *receiver = container_of(client, struct receiver, client);
    struct sse_event event;
    if (client_status(client) != 200) return;
    while (sse_reader_next(&receiver->sse, &bytes, &event))
        receiver_event(receiver, &event);
    if (receiver->sse.is_broken) receiver->all->run->trouble.broken++;
    receiver->sse.is_broken = false;
}

static void receiver_stream_ended(struct client *client, bool is_answered UNUSED)
{
    receiver_come_back(container_of(client, struct receiver, client));
}

/* Long-poll */

static bool receiver_polled(struct receiver *receiver, struct str answer)
{
    struct run *run = receiver->all->run;
    struct scan fields[] = {{.name = STR("events")}, {.name = STR("cursor")}};
    uint64_t seq;
    if (!scan_object(answer, fields, 2)) return false;
    if (!receiver->is_placed) { /* fresh users have an empty log: what comes is the first */
        book_reader_start(&run->book, receiver->user, 0);
    }
    struct str rest = fields[0].value, item;
    while (scan_item(&rest, &item)) {
        struct scan type = {.name = STR("type")};
        if (!scan_object(item, &type, 1)) return false;
        if (!str_equal(type.value, STR("reset"))) {
            receiver_logged(receiver, type.value, item);
            continue;
        }
        run->trouble.resets++;
        book_reader_start(&run->book, receiver->user, 0);
    }
    if (!receiver_keep_cursor(receiver, fields[1].value, &seq)) return false;
    receiver_placed(receiver);
    return true;
}

static void receiver_poll_ended(struct client *client, bool is_answered)
{
    struct receiver *receiver = container_of(client, struct receiver, client);
    if (!is_answered || client_status(client) != 200) {
        receiver_come_back(receiver);
    } else if (!receiver_polled(receiver, buf_str(&client->body))) {
        receiver->all->run->trouble.broken++;
        receiver_come_back(receiver);
    } else if (!receiver->all->is_closing) {
        receiver_open(receiver);
    }
}

/* All of them */

static void receiver_init(struct receiver *receiver, struct receivers *all, uint32_t user)
{
    const struct run *run = all->run;
    bool is_polling = all->is_polling;
    *receiver = (struct receiver){.all = all, .user = user, .again = {.due = receiver_again}};
    receiver->client =
        (struct client){.loop = run->loop,
                        .server = &run->server,
                        .source = INADDR_LOOPBACK + 1 + user % (uint32_t)run->options.sources,
                        .piece = is_polling ? NULL : receiver_piece,
                        .ended = is_polling ? receiver_poll_ended : receiver_stream_ended};
    client_init(&receiver->client);
    sse_reader_init(&receiver->sse);
    list_init(&receiver->ack_link);
}

struct receivers *receivers_new(const struct receivers_config *config)
{
    struct receivers *receivers = MEMORY_NEW(struct receivers);
    *receivers = (struct receivers){.run = config->run,
                                    .ackers = config->ackers,
                                    .count = config->count,
                                    .is_polling = config->is_polling};
    receivers->list = memory_alloc(config->count * sizeof(struct receiver));
    for (uint32_t i = 0; i < config->count; i++)
        receiver_init(&receivers->list[i], receivers, i);
    return receivers;
}

struct receivers_deadline {
    struct receivers *receivers;
    struct timer timer;
};

static void receivers_too_late(struct timer *timer)
{
    struct receivers_deadline *deadline = container_of(timer, struct receivers_deadline, timer);
    run_fail(deadline->receivers->run, "not all receivers could open");
}

bool receivers_open(struct receivers *receivers)
{
    struct loop *loop = receivers->run->loop;
    struct receivers_deadline deadline = {receivers, {.due = receivers_too_late}};
    loop_timer_set(loop, &deadline.timer, RECEIVERS_OPEN_MS);
    receivers->is_waited_for = true;
    for (int i = 0; i < RECEIVERS_AT_ONCE; i++)
        receivers_open_next(receivers);
    loop_run(loop);
    receivers->is_waited_for = false;
    loop_timer_cancel(loop, &deadline.timer);
    return receivers->placed_count == receivers->count;
}

void receivers_free(struct receivers *receivers)
{
    if (!receivers) return;
    receivers->is_closing = true;
    for (uint32_t i = 0; i < receivers->count; i++) {
        struct receiver *receiver = &receivers->list[i];
        loop_timer_cancel(receivers->run->loop, &receiver->again);
        list_remove(&receiver->ack_link);
        client_done(&receiver->client);
        sse_reader_done(&receiver->sse);
    }
    free(receivers->list);
    free(receivers);
}
