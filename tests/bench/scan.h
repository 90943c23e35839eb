/* Reads fields out of JSON that the server wrote, without a tree: one walk over the members of an
 * object, what is not asked for is skipped. Not a validator. The load tool has its own so that no
 * fault of the server's own JSON code can hide in both. */
#pragma once
#include "base/str.h"

struct scan {
    struct str name;
    struct str value; /* a string without its quotes, escapes untouched; else the raw text */
};

/* Fills the values of all names that the object has; the others become STR_NONE.
 * False: not an object, or cut off. */
bool scan_object(struct str json, struct scan *wanted, size_t wanted_count);

/* Takes the next item of an array: `*rest` starts as the raw text of the array, "[...]". False at
 * its end. */
bool scan_item(struct str *rest, struct str *item_out);
