#include "tests/bench/acker.h"
#include "base/memory.h"
#include <stdlib.h>

enum { ACKER_IDS_MAX = 1000, ACKER_AGAIN_MS = 100 };

struct acker {
    struct ackers *all;
    struct client client;
    struct timer again;
    struct list idle_link;
    struct receiver *receiver; /* whom it confirms for, or NULL */
    struct message *last;      /* the call confirms the receiver's list up to here */
    struct buf body;
};

struct ackers {
    struct run *run;
    struct acker *list;
    size_t count;
    struct list idle, waiting; /* ackers; receivers with something to confirm */
};

static void acker_write_ids(struct acker *acker)
{
    struct buf *body = &acker->body;
    struct message *message = acker->receiver->unacked_first;
    enum err err = buf_add(body, STR("{\"message_ids\":["));
    for (size_t i = 0; i < ACKER_IDS_MAX && message && err == OK; i++) {
        err = buf_printf(body, "%s\"%s\"", i ? "," : "", message->id);
        acker->last = message;
        message = message->next;
    }
    if (err == OK) err = buf_add(body, STR("]}"));
    assert(err == OK);
}

static void acker_write_up_to(struct acker *acker)
{
    acker->last = acker->receiver->unacked_last;
    enum err err = buf_printf(&acker->body, "{\"up_to\":\"%s\"}", acker->receiver->cursor);
    assert(err == OK);
}

static void acker_call(struct acker *acker)
{
    struct run *run = acker->all->run;
    client_call(&acker->client,
                &(struct client_call){.method = "POST",
                                      .path = STR("/chat/app/ack"),
                                      .token = str_from_c(run->users[acker->receiver->user].token),
                                      .body = buf_str(&acker->body),
                                      .deadline_ms = run->options.deadline * 1000});
}

static void acker_begin(struct acker *acker, struct receiver *receiver)
{
    acker->receiver = receiver;
    receiver->is_acking = true;
    buf_clear(&acker->body);
    if (acker->all->run->options.ack[0] == 'i')
        acker_write_ids(acker);
    else
        acker_write_up_to(acker);
    acker_call(acker);
}

/* The next user in need, if any; else it waits for one. */
static void acker_next(struct acker *acker)
{
    struct list *link = list_pop(&acker->all->waiting);
    if (link)
        acker_begin(acker, container_of(link, struct receiver, ack_link));
    else
        list_push(&acker->all->idle, &acker->idle_link);
}

static void acker_confirm(struct acker *acker)
{
    struct receiver *receiver = acker->receiver;
    struct message *message;
    do {
        message = receiver->unacked_first;
        receiver->unacked_first = message->next;
        book_ack(&acker->all->run->book, message);
    } while (message != acker->last);
    if (!receiver->unacked_first) receiver->unacked_last = NULL;
}

static void acker_ended(struct client *client, bool is_answered)
{
    struct acker *acker = container_of(client, struct acker, client);
    struct receiver *receiver = acker->receiver;
    if (!is_answered || client_status(client) != 200) {
        acker->all->run->trouble.ack_errors++;
        loop_timer_set(acker->all->run->loop, &acker->again, ACKER_AGAIN_MS);
        return;
    }
    acker_confirm(acker);
    acker->receiver = NULL;
    receiver->is_acking = false;
    if (receiver->unacked_first) list_push(&acker->all->waiting, &receiver->ack_link);
    acker_next(acker);
}

static void acker_again(struct timer *timer)
{
    acker_call(container_of(timer, struct acker, again));
}

void ackers_offer(struct ackers *ackers, struct receiver *receiver, struct message *message)
{
    message->next = NULL;
    if (receiver->unacked_last)
        receiver->unacked_last->next = message;
    else
        receiver->unacked_first = message;
    receiver->unacked_last = message;
    if (receiver->is_acking || list_is_linked(&receiver->ack_link)) return;
    struct list *link = list_pop(&ackers->idle);
    if (link)
        acker_begin(container_of(link, struct acker, idle_link), receiver);
    else
        list_push(&ackers->waiting, &receiver->ack_link);
}

struct ackers *ackers_new(struct run *run)
{
    struct ackers *ackers = MEMORY_NEW(struct ackers);
    ackers->run = run;
    ackers->count = (size_t)run->options.ackers;
    ackers->list = memory_alloc(ackers->count * sizeof(struct acker));
    list_init(&ackers->idle);
    list_init(&ackers->waiting);
    for (size_t i = 0; i < ackers->count; i++) {
        struct acker *acker = &ackers->list[i];
        *acker = (struct acker){.all = ackers, .again = {.due = acker_again}};
        acker->client =
            (struct client){.loop = run->loop, .server = &run->server, .ended = acker_ended};
        client_init(&acker->client);
        buf_init(&acker->body, 64 * 1024);
        list_push(&ackers->idle, &acker->idle_link);
    }
    return ackers;
}

void ackers_free(struct ackers *ackers)
{
    if (!ackers) return;
    for (size_t i = 0; i < ackers->count; i++) {
        struct acker *acker = &ackers->list[i];
        loop_timer_cancel(ackers->run->loop, &acker->again);
        client_done(&acker->client);
        buf_done(&acker->body);
    }
    free(ackers->list);
    free(ackers);
}
