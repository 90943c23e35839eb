#include "api/bucket.h"

enum { BUCKET_TOKEN = 1000000 };

static int64_t bucket_cap(const struct bucket_policy *policy)
{
    return policy->burst * BUCKET_TOKEN;
}

/* What it holds at now_us. The comparison before the multiplication is what keeps a bucket from
 * overflowing that nobody has asked for a century. */
static int64_t bucket_tokens_at(const struct bucket *bucket, const struct bucket_policy *policy,
                                int64_t now_us)
{
    int64_t missing = bucket_cap(policy) - bucket->tokens_millionths;
    int64_t passed_us = MAX(now_us - bucket->at_us, 0);
    if (passed_us >= missing / policy->per_s + 1) return bucket_cap(policy);
    return MIN(bucket->tokens_millionths + passed_us * policy->per_s, bucket_cap(policy));
}

static void bucket_advance(struct bucket *bucket, const struct bucket_policy *policy,
                           int64_t now_us)
{
    bucket->tokens_millionths = bucket_tokens_at(bucket, policy, now_us);
    bucket->at_us = now_us;
}

void bucket_fill(struct bucket *bucket, const struct bucket_policy *policy, int64_t now_us)
{
    *bucket = (struct bucket){bucket_cap(policy), now_us};
}

bool bucket_take(struct bucket *bucket, const struct bucket_policy *policy, int64_t now_us)
{
    bucket_advance(bucket, policy, now_us);
    if (bucket->tokens_millionths < BUCKET_TOKEN) return false;
    bucket->tokens_millionths -= BUCKET_TOKEN;
    return true;
}

void bucket_return(struct bucket *bucket, const struct bucket_policy *policy, int64_t now_us)
{
    bucket_advance(bucket, policy, now_us);
    bucket->tokens_millionths = MIN(bucket->tokens_millionths + BUCKET_TOKEN, bucket_cap(policy));
}

bool bucket_is_full(const struct bucket *bucket, const struct bucket_policy *policy, int64_t now_us)
{
    return bucket_tokens_at(bucket, policy, now_us) == bucket_cap(policy);
}

int64_t bucket_whole_tokens(const struct bucket *bucket)
{
    return bucket->tokens_millionths / BUCKET_TOKEN;
}

static int64_t bucket_seconds(int64_t missing, const struct bucket_policy *policy)
{
    int64_t a_second = policy->per_s * BUCKET_TOKEN;
    return (MAX(missing, 0) + a_second - 1) / a_second;
}

int64_t bucket_full_in_s(const struct bucket *bucket, const struct bucket_policy *policy)
{
    return bucket_seconds(bucket_cap(policy) - bucket->tokens_millionths, policy);
}

int64_t bucket_token_in_s(const struct bucket *bucket, const struct bucket_policy *policy)
{
    return bucket_seconds(BUCKET_TOKEN - bucket->tokens_millionths, policy);
}
