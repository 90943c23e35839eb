/* Whatever bytes a client sends, h1 answers or closes: when the client has left, the connection
 * ends within a bounded number of turns and nothing of it is left. The first byte of an
 * input says where the bytes are cut in two, so that heads and bodies arrive in pieces. */
#include "api/h1/h1.h"
#include "api/reply.h"
#include "base/memory.h"
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { TURNS_MAX = 10000 };

struct bed {
    struct config config;
    struct api api;
    struct peers *peers;
    struct h1 *h1;
    struct task turn;
    int turn_count, client_fd;
    struct str rest;
};
static struct bed bed;
static handler_fn *handlers[ROUTE_COUNT];

static void handler_reply(struct exchange *ex)
{
    reply_text(ex, 200, "text/plain", buf_str(&ex->body));
}

static void bed_send(struct str bytes)
{
    ssize_t sent = send(bed.client_fd, bytes.ptr, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)sent; /* h1 may have closed already */
}

/* Runs in every turn: sends the second piece, reads over the answers, waits for the end. */
static void bed_turn(struct task *task)
{
    char bytes[4096];
    bed.turn_count++;
    while (bed.turn_count < 8 && recv(bed.client_fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0) {
    }
    if (bed.turn_count == 4) bed_send(bed.rest);
    if (bed.turn_count == 8) close(bed.client_fd);
    assert(bed.turn_count < TURNS_MAX);
    if (bed.turn_count > 8 && h1_connection_count(bed.h1) == 0)
        loop_stop(bed.api.loop);
    else
        loop_post(bed.api.loop, task);
}

static void bed_open(void)
{
    config_init(&bed.config);
    bed.config.dev = true;
    bed.config.rate_address_per_s = bed.config.rate_address_burst = 1000000;
    for (size_t i = 0; i < ROUTE_COUNT; i++)
        handlers[i] = handler_reply;
    struct buf why;
    struct auth *auth = NULL;
    buf_init(&why, 4096);
    enum err err = auth_open(&bed.config, &auth, &why);
    assert(err == OK);
    bed.api = (struct api){.config = &bed.config,
                           .auth = auth,
                           .limits = limits_new(&bed.config),
                           .known = users_known_new(),
                           .handlers = handlers};
    err = loop_open(&bed.api.loop);
    assert(err == OK);
    bed.peers = peers_new(16, 16);
    err = h1_open(&bed.api, bed.peers, &bed.h1);
    assert(err == OK);
    bed.turn.run = bed_turn;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (!bed.h1) bed_open();
    if (len < 1) return 0;
    struct str text = str_of((const char *)data + 1, len - 1);
    size_t cut = text.len * data[0] / 255;
    struct sockaddr_storage peer = {.ss_family = AF_UNIX};
    int fds[2];
    int result = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds);
    assert(result == 0);
    enum err err = peers_enter(bed.peers, &peer);
    assert(err == OK);
    bed.client_fd = fds[0];
    bed.turn_count = 0;
    bed.rest = str_from(text, cut);
    bed_send(str_of(text.ptr, cut));
    h1_adopt(bed.h1, fds[1], &peer, sizeof(sa_family_t));
    loop_post(bed.api.loop, &bed.turn);
    loop_run(bed.api.loop);
    assert(peers_count(bed.peers) == 0);
    return 0;
}
