/* A token bucket: `burst` requests at once, `per_s` a second in the long run. Pure arithmetic in
 * millionths of a token, of which `per_s` come back each microsecond. */
#pragma once
#include "base/compiler.h"

struct bucket_policy {
    int64_t per_s, burst;
};
struct bucket {
    int64_t tokens_millionths;
    int64_t at_us; /* when they were so many */
};
void bucket_fill(struct bucket *bucket, const struct bucket_policy *policy, int64_t now_us);
/* Brings it up to now; false: no whole token is there, and none is taken. */
bool bucket_take(struct bucket *bucket, const struct bucket_policy *policy, int64_t now_us);
void bucket_return(struct bucket *bucket, const struct bucket_policy *policy, int64_t now_us);
bool bucket_is_full(const struct bucket *bucket, const struct bucket_policy *policy,
                    int64_t now_us);
/* The rest is of a bucket that has just been taken from. Seconds are rounded up. */
int64_t bucket_whole_tokens(const struct bucket *bucket);
int64_t bucket_full_in_s(const struct bucket *bucket, const struct bucket_policy *policy);
int64_t bucket_token_in_s(const struct bucket *bucket, const struct bucket_policy *policy);
