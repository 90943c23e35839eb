/* A user's and a device's id, copied to the end of the struct that outlives the request they came
 * with: `char ids[]` is its last member, ids_len more than its size is what it takes. */
#pragma once
#include "base/str.h"

struct ids {
    struct str user_id, device_id;
};
static inline size_t ids_len(struct ids ids)
{
    return ids.user_id.len + ids.device_id.len;
}
static inline struct ids ids_copy(struct ids ids, char *room)
{
    memcpy(room, ids.user_id.ptr, ids.user_id.len);
    memcpy(room + ids.user_id.len, ids.device_id.ptr, ids.device_id.len);
    return (struct ids){str_of(room, ids.user_id.len),
                        str_of(room + ids.user_id.len, ids.device_id.len)};
}
