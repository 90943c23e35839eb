#include "tests/bench/sender.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "tests/bench/client.h"
#include "tests/bench/scan.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { SENDER_AGAIN_MS = 20, SENDER_AGAIN_SPREAD_MS = 60, SENDER_BODY_LEN_MAX = 2048 };

struct sender {
    struct senders *all;
    struct client client;
    struct timer again;
    struct list idle_link;
    struct message *message; /* under way, or NULL */
    struct buf body;
};

struct senders {
    struct senders_config config;
    struct run *run;
    struct sender *list;
    struct list idle;
    uint64_t begun_count;
    uint32_t busy_count;
    bool is_started, is_stopped;
    int64_t first_us;   /* open loop: send n is due at first_us + n / rate */
    struct watch clock; /* a timerfd: the loop's own timers know milliseconds only */
};

/* What is due */

static bool senders_may_begin(const struct senders *senders)
{
    uint64_t most = senders->config.messages;
    return senders->is_started && !senders->is_stopped &&
           (most == 0 || senders->begun_count < most);
}

static int64_t senders_next_due_us(const struct senders *senders)
{
    if (senders->config.rate == 0) return 0;
    return senders->first_us +
           (int64_t)(senders->begun_count * 1000000 / (uint64_t)senders->config.rate);
}

/* One send */

static void sender_call(struct sender *sender)
{
    struct run *run = sender->all->run;
    const struct message *message = sender->message;
    client_call(&sender->client,
                &(struct client_call){.method = "POST",
                                      .path = STR("/chat/app/send"),
                                      .token = str_from_c(run->users[message->sender].token),
                                      .body = buf_str(&sender->body),
                                      .deadline_ms = run->options.deadline * 1000});
}

static uint32_t senders_pick_recipient(const struct senders *senders, uint32_t sender)
{
    const struct senders_config *config = &senders->config;
    uint32_t recipient;
    do {
        recipient = config->recipient_first + (uint32_t)random_below(config->recipient_count);
    } while (recipient == sender);
    return recipient;
}

static void sender_begin(struct sender *sender, int64_t due_us)
{
    struct senders *all = sender->all;
    struct run *run = all->run;
    char content[1024];
    int64_t now_us = clock_mono_us();
    uint32_t from = all->config.sender_first + (uint32_t)random_below(all->config.sender_count);
    uint32_t to = senders_pick_recipient(all, from);
    sender->message = book_send(&run->book, from, to, due_us ? due_us : now_us, now_us);
    size_t len =
        book_content(sender->message, (size_t)run->options.content_len, content, sizeof(content));
    all->begun_count++;
    all->busy_count++;
    buf_clear(&sender->body);
    enum err err = buf_printf(&sender->body,
                              "{\"action\":\"send_message\",\"receiver_id\":\"%s\","
                              "\"content\":\"%.*s\",\"message_id_by_client\":%u}",
                              run->users[to].name, (int)len, content, sender->message->number);
    assert(err == OK);
    sender_call(sender);
}

/* Whoever is free takes what is due; then the clock is set to the next one, if somebody is free
 * to take it. */
static void senders_pump(struct senders *senders)
{
    int64_t due_us = 0;
    while (senders_may_begin(senders) && !list_is_empty(&senders->idle)) {
        due_us = senders_next_due_us(senders);
        if (due_us > clock_mono_us()) break;
        sender_begin(container_of(list_pop(&senders->idle), struct sender, idle_link), due_us);
    }
    if (senders->config.rate == 0 || !senders_may_begin(senders) || list_is_empty(&senders->idle))
        return;
    const struct itimerspec at = {
        .it_value = {.tv_sec = due_us / 1000000, .tv_nsec = due_us % 1000000 * 1000}};
    int result = timerfd_settime(senders->clock.fd, TFD_TIMER_ABSTIME, &at, NULL);
    assert(result == 0);
}

static void sender_finish(struct sender *sender)
{
    struct senders *all = sender->all;
    sender->message = NULL;
    all->busy_count--;
    list_push(&all->idle, &sender->idle_link);
    senders_pump(all);
}

static void sender_accepted(struct sender *sender, struct str id)
{
    struct run *run = sender->all->run;
    int64_t now_us = clock_mono_us(), due_us = sender->message->due_us;
    book_accept(&run->book, sender->message, id, now_us);
    if (run->is_measuring && due_us >= run->measured_from_us)
        histogram_add(&run->send_us, now_us - due_us);
}

/* Only a broken connection, a 5xx or a 429 leaves open what a repetition would bring. */
static bool sender_may_retry(const struct client *client, bool is_answered)
{
    return !is_answered || client_status(client) >= 500 || client_status(client) == 429;
}

static void sender_ended(struct client *client, bool is_answered)
{
    struct sender *sender = container_of(client, struct sender, client);
    struct run *run = sender->all->run;
    struct scan id = {.name = STR("message_id")};
    if (is_answered && client_status(client) == 201) {
        if (!scan_object(buf_str(&client->body), &id, 1)) run->trouble.broken++;
        sender_accepted(sender, id.value);
        sender_finish(sender);
    } else if (run->options.retry && sender_may_retry(client, is_answered)) {
        run->trouble.send_retries++;
        loop_timer_set(run->loop, &sender->again,
                       SENDER_AGAIN_MS + (int64_t)random_below(SENDER_AGAIN_SPREAD_MS));
    } else {
        run->trouble.send_errors++;
        sender_finish(sender);
    }
}

static void sender_again(struct timer *timer)
{
    sender_call(container_of(timer, struct sender, again));
}

/* All of them */

static void senders_tick(struct watch *watch, uint32_t events UNUSED)
{
    uint64_t ticks;
    if (read(watch->fd, &ticks, sizeof(ticks)) < 0) return; /* set anew meanwhile */
    senders_pump(container_of(watch, struct senders, clock));
}

struct senders *senders_new(const struct senders_config *config)
{
    struct senders *senders = MEMORY_NEW(struct senders);
    *senders = (struct senders){.config = *config, .run = config->run};
    list_init(&senders->idle);
    senders->list = memory_alloc(config->connections * sizeof(struct sender));
    for (uint32_t i = 0; i < config->connections; i++) {
        struct sender *sender = &senders->list[i];
        *sender = (struct sender){.all = senders, .again = {.due = sender_again}};
        sender->client = (struct client){
            .loop = config->run->loop, .server = &config->run->server, .ended = sender_ended};
        client_init(&sender->client);
        buf_init(&sender->body, SENDER_BODY_LEN_MAX);
        list_push(&senders->idle, &sender->idle_link);
    }
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    senders->clock = (struct watch){.ready = senders_tick};
    bool is_watched = fd >= 0 && loop_watch(senders->run->loop, &senders->clock, fd, EPOLLIN) == OK;
    assert(is_watched);
    return senders;
}

void senders_start(struct senders *senders)
{
    senders->is_started = true;
    senders->first_us = clock_mono_us();
    senders_pump(senders);
}

void senders_stop(struct senders *senders)
{
    senders->is_stopped = true;
}

bool senders_are_done(const struct senders *senders)
{
    return senders->busy_count == 0 && !senders_may_begin(senders);
}

void senders_free(struct senders *senders)
{
    if (!senders) return;
    for (uint32_t i = 0; i < senders->config.connections; i++) {
        loop_timer_cancel(senders->run->loop, &senders->list[i].again);
        client_done(&senders->list[i].client);
        buf_done(&senders->list[i].body);
    }
    loop_unwatch(senders->run->loop, &senders->clock);
    close(senders->clock.fd);
    free(senders->list);
    free(senders);
}
