/* Inside db/ only: what a lane remembers of the messages it stored last, so that a storm of retries
 * is answered without the database. A ring with a hash over it; the oldest is forgotten. One
 * lane's. */
#pragma once
#include "base/str.h"
#include "db/messages.h"

enum { RECENT_MAX = 65536 };

struct recent;
struct recent_message {
    char message_id[UUID_LEN];
    uint8_t fingerprint[FINGERPRINT_LEN];
    int64_t created_at_ms;
    uint64_t seq;
    uint32_t epoch;
};
struct recent *recent_new(void);
void recent_free(struct recent *recent);
/* Only ids that are derived: a drawn one never comes again. Once an id; a second time is ignored.
 */
void recent_add(struct recent *recent, const struct recent_message *message);
const struct recent_message *recent_find(const struct recent *recent, struct str message_id);
