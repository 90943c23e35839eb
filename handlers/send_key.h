/* The identity of a send (or of a createGroup): derived from what the client numbered, so that a
 * retry of any kind, on any server, after any crash, meets the same primary key; else drawn. */
#pragma once
#include "api/exchange.h"
#include "api/json_in.h"
#include "base/uuid.h"
#include "db/messages.h"

struct send_key {
    enum { SEND_KEY_NONE, SEND_KEY_INTEGER, SEND_KEY_STRING } kind;
    int64_t integer;
    struct str string;
};

/* The Idempotency-Key field (a quoted structured-field string, or bare): 1..255 visible bytes. A
 * fault is noted if it is wrong. */
void send_key_from_header(struct exchange *ex, struct send_key *key);
/* message_id_by_client: an integer 0..2^53-1, or a string of 1..64 bytes. */
void send_key_from_body(struct exchange *ex, const struct json *root, struct send_key *key);

/* purpose and conversation keep apart what may use equal keys; scope: (caller, its device). */
struct uuid send_key_id(const struct exchange *ex, const struct send_key *key, struct str purpose,
                        struct str conversation);

void send_key_fingerprint(const struct str *parts, size_t part_count,
                          uint8_t fingerprint_out[FINGERPRINT_LEN]);
