/* Inside db/ only: one row of the outbox, as a change or a send writes it. */
#pragma once
#include "db/batch.h"
#include "db/groups.h"

struct fanout_job {
    struct str group_id;
    uint64_t job; /* 1, 2, 3 ... a group, from chat_groups.next_job */
    /* What every recipient gets; kind, group_id and all that does not depend on the recipient. */
    struct inbox_row row;
    const uint8_t *fingerprint; /* INBOX_MESSAGE */
    struct str groupname;       /* INBOX_CHANGE: for the members' own lists */
    uint64_t version;
    struct str recipients; /* see members.h; a message's sender is passed over */
    const struct group_outbox *outbox;
};

MUST_CHECK enum err fanout_jobs_add(struct batch *batch, const struct fanout_job *jobs,
                                    size_t job_count);

/* The identities of a group's creation and of what was sent to it: rows of `messages` under the
 * group's id. They make a retry a replay. */
struct group_identity {
    struct str group_id, message_id, sender_id;
    uint64_t group_seq;
    const uint8_t *fingerprint;
    int64_t created_at_ms;
    bool is_found; /* group_identities_find: sets this, and the fields below */
    uint64_t group_seq_found;
    int64_t created_at_ms_found;
    uint8_t fingerprint_found[FINGERPRINT_LEN];
};
MUST_CHECK enum err group_identities_find(struct batch *batch, struct group_identity **wanted,
                                          size_t wanted_count);
MUST_CHECK enum err group_identities_add(struct batch *batch, struct group_identity *const *added,
                                         size_t added_count); /* ERR_DUPLICATE */
