/* One row of an inbox, as it is written, read and shown; the base of every event. */
#pragma once
#include "base/str.h"

enum inbox_kind { /* the column's values: never renumber */
                  INBOX_MESSAGE = 1,
                  INBOX_RECEIPT = 2,
                  INBOX_EXPIRY = 3,
                  INBOX_CHANGE = 4
};

struct inbox_row {
    enum inbox_kind kind;
    uint32_t epoch;        /* of the inbox's owner: with seq it makes the cursor */
    uint64_t seq;          /* 1, 2, 3 ... a user */
    struct str message_id; /* INBOX_CHANGE: empty */
    struct str
        peer_id; /* message: the sender; receipt, expiry: the recipient; change: who did it */
    struct str peer_device; /* message: the sender's device */
    struct str group_id;    /* empty outside groups */
    uint64_t group_seq;     /* message in a group */
    struct str content;     /* message: the text; change: its JSON fields without the braces */
    struct str attachments; /* message: a JSON array, or empty */
    int64_t created_at_ms;  /* message: accepted; receipt: confirmed; change: done */
};
