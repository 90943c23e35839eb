/* The takeover stands on what libmicrohttpd does, not on what it promises. So it is tried before it
 * is relied on: a request on a loopback pair is taken over, and its client must get our bytes and
 * see no end of the stream. */
#include "api/h1/h1_parts.h"
#include "base/clock.h"
#include "base/fault.h"
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

enum { SELFTEST_WAIT_MS = 1000 };

struct selftest {
    struct MHD_Daemon *daemon;
    int listener_fd, client_fd, taken_fd;
};

static enum MHD_Result selftest_handle(void *cls, struct MHD_Connection *mhd,
                                       const char *url UNUSED, const char *method UNUSED,
                                       const char *version UNUSED, const char *upload UNUSED,
                                       size_t *upload_len UNUSED, void **context)
{
    struct selftest *test = cls;
    static char mark;
    if (!*context) { /* the head; the real thing takes over once the request is whole, too */
        *context = &mark;
        return MHD_YES;
    }
    int fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    test->taken_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return MHD_NO;
}

static bool selftest_connect(struct selftest *test, int *server_fd_out)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr *any = (struct sockaddr *)&address;
    socklen_t len = sizeof(address);
    test->listener_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    test->client_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (test->listener_fd < 0 || test->client_fd < 0) return false;
    if (bind(test->listener_fd, any, len) < 0 || listen(test->listener_fd, 1) < 0) return false;
    if (getsockname(test->listener_fd, any, &len) < 0) return false;
    if (connect(test->client_fd, any, len) < 0) return false;
    *server_fd_out = accept4(test->listener_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    return *server_fd_out >= 0;
}

static bool selftest_take_over(struct selftest *test, int server_fd)
{
    struct sockaddr_in peer = {.sin_family = AF_INET};
    test->daemon =
        MHD_start_daemon(h1_cell_flags(), 0, NULL, NULL, selftest_handle, test, MHD_OPTION_END);
    if (!test->daemon) {
        close(server_fd);
        return false;
    }
    const char *request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    if (send(test->client_fd, request, strlen(request), MSG_NOSIGNAL) < 0) {
        close(server_fd);
        return false;
    }
    if (!MHD_add_connection(test->daemon, server_fd, (struct sockaddr *)&peer, sizeof(peer)))
        return false;
    int64_t deadline_ms = clock_mono_ms() + SELFTEST_WAIT_MS;
    while (test->taken_fd < 0 && clock_mono_ms() < deadline_ms)
        MHD_run_wait(test->daemon, 10);
    return test->taken_fd >= 0;
}

/* Nothing may have reached the client from the close; then our byte, and nothing behind it. */
static bool selftest_is_unseen(const struct selftest *test)
{
    char bytes[8];
    MHD_run(test->daemon); /* libmicrohttpd has cleaned up behind this */
    if (recv(test->client_fd, bytes, sizeof(bytes), MSG_DONTWAIT) >= 0) return false;
    if (send(test->taken_fd, "x", 1, MSG_NOSIGNAL) != 1) return false;
    struct pollfd client = {.fd = test->client_fd, .events = POLLIN | POLLRDHUP};
    if (poll(&client, 1, SELFTEST_WAIT_MS) != 1 || client.revents != POLLIN) return false;
    if (recv(test->client_fd, bytes, sizeof(bytes), MSG_DONTWAIT) != 1) return false;
    return recv(test->client_fd, bytes, sizeof(bytes), MSG_DONTWAIT) < 0;
}

bool h1_selftest(void)
{
    if (fault_hits(FAULT_TAKEOVER_TEST)) return false;
    struct selftest test = {.listener_fd = -1, .client_fd = -1, .taken_fd = -1};
    int server_fd;
    bool is_good = selftest_connect(&test, &server_fd) && selftest_take_over(&test, server_fd) &&
                   selftest_is_unseen(&test);
    if (test.daemon) MHD_stop_daemon(test.daemon);
    if (test.taken_fd >= 0) close(test.taken_fd);
    if (test.client_fd >= 0) close(test.client_fd);
    if (test.listener_fd >= 0) close(test.listener_fd);
    return is_good;
}
