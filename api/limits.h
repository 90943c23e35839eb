/* Token buckets, one a user and one an address, shared by all reactors (striped locks). A table of
 * bounded size: full buckets are forgotten first. */
#pragma once
#include "base/config.h"
#include <sys/socket.h>

struct limits;
struct limits *limits_new(const struct config *config); /* --dev: at least 1,000/s a user */
void limits_free(struct limits *limits);

struct limit_state {         /* what RateLimit and RateLimit-Policy say */
    int64_t quota, window_s; /* policy: q, w */
    int64_t remaining, reset_s;
    int64_t retry_s; /* with ERR_RATE */
};
MUST_CHECK enum err limits_take_user(struct limits *limits, struct str user_id,
                                     struct limit_state *state_out); /* ERR_RATE */
/* Before authentication has succeeded: failed ones cost a token, good ones give it back. */
MUST_CHECK enum err limits_take_address(struct limits *limits, const struct sockaddr_storage *peer,
                                        struct limit_state *state_out); /* ERR_RATE */
void limits_return_address(struct limits *limits, const struct sockaddr_storage *peer);
