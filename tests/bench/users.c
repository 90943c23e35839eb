#include "tests/bench/users.h"
#include "base/clock.h"
#include "base/memory.h"
#include "tests/bench/client.h"
#include "tests/bench/scan.h"
#include <stdio.h>
#include <stdlib.h>

enum { USERS_CONNECTIONS = 64, USERS_DEADLINE_MS = 60 * 1000, USERS_RETRY_MS = 50 };

struct login {
    struct users_login *all;
    struct client client;
    struct timer again;
    struct user *user;
};

struct users_login {
    struct run *run;
    struct timer deadline;
    struct login logins[USERS_CONNECTIONS];
    uint32_t begun_count, done_count;
};

static void login_begin(struct login *login)
{
    char body[128];
    int len = snprintf(body, sizeof(body), "{\"userId\":\"%s\"}", login->user->name);
    client_call(&login->client, &(struct client_call){.method = "POST",
                                                      .path = STR("/chat/app/login"),
                                                      .body = str_of(body, (size_t)len),
                                                      .deadline_ms = USERS_DEADLINE_MS});
}

static void login_next(struct login *login)
{
    struct users_login *all = login->all;
    if (all->begun_count == all->run->user_count) return;
    login->user = &all->run->users[all->begun_count++];
    login_begin(login);
}

static void login_again(struct timer *timer)
{
    login_begin(container_of(timer, struct login, again));
}

static void login_ended(struct client *client, bool is_answered)
{
    struct login *login = container_of(client, struct login, client);
    struct users_login *all = login->all;
    struct scan token = {.name = STR("token")};
    bool is_in = is_answered && client_status(client) == 200 &&
                 scan_object(buf_str(&client->body), &token, 1) && token.value.len;
    if (!is_in) {
        loop_timer_set(all->run->loop, &login->again, USERS_RETRY_MS);
        return;
    }
    login->user->token = strndup(token.value.ptr, token.value.len);
    if (!login->user->token) abort();
    if (++all->done_count == all->run->user_count)
        loop_stop(all->run->loop);
    else
        login_next(login);
}

static void users_too_late(struct timer *timer)
{
    struct users_login *all = container_of(timer, struct users_login, deadline);
    run_fail(all->run, "not all users could log in");
}

static void users_name(struct run *run)
{
    char prefix[24];
    snprintf(prefix, sizeof(prefix), "b%lx-", (unsigned long)clock_wall_ms());
    const char *wanted = run->options.prefix;
    for (uint32_t i = 0; i < run->user_count; i++)
        snprintf(run->users[i].name, sizeof(run->users[i].name), "%.32s%u",
                 *wanted ? wanted : prefix, i);
}

bool users_login(struct run *run)
{
    struct users_login *all = MEMORY_NEW(struct users_login);
    *all = (struct users_login){.run = run, .deadline = {.due = users_too_late}};
    run->users = memory_alloc(run->user_count * sizeof(*run->users));
    users_name(run);
    loop_timer_set(run->loop, &all->deadline, USERS_DEADLINE_MS);
    for (size_t i = 0; i < USERS_CONNECTIONS; i++) {
        struct login *login = &all->logins[i];
        *login = (struct login){.all = all, .again = {.due = login_again}};
        login->client =
            (struct client){.loop = run->loop, .server = &run->server, .ended = login_ended};
        client_init(&login->client);
        login_next(login);
    }
    loop_run(run->loop);
    for (size_t i = 0; i < USERS_CONNECTIONS; i++) {
        loop_timer_cancel(run->loop, &all->logins[i].again);
        client_done(&all->logins[i].client);
    }
    loop_timer_cancel(run->loop, &all->deadline);
    bool is_whole = all->done_count == run->user_count;
    free(all);
    return is_whole;
}

void users_free(struct run *run)
{
    for (uint32_t i = 0; run->users && i < run->user_count; i++)
        free(run->users[i].token);
    free(run->users);
}
