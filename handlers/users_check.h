/* Do all users of a list exist? Asked before a group takes them in: 404 unknown_user names those
 * that do not, by pointers into the list. Users that this reactor knows are not asked for again. */
#pragma once
#include "db/users.h"
#include "handlers/fields.h"

struct users_check { /* in the exchange's arena */
    struct exchange *ex;
    const char *name; /* of the list in the body */
    struct id_list list;
    void (*then)(struct users_check *check); /* all exist */
    struct users_missing op;
    size_t *places; /* where in the list the op's ids stand */
};
void users_check_run(struct users_check *check);
