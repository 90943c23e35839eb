/* A bounded set of user ids that are known to exist (65,536, oldest forgotten): who is in it needs
 * no USER_ENSURE. Forgetting costs an idempotent op, nothing else. One reactor's. */
#pragma once
#include "base/str.h"

struct users_known;
struct users_known *users_known_new(void);
void users_known_free(struct users_known *known);
bool users_known_has(const struct users_known *known, struct str user_id);
void users_known_add(struct users_known *known, struct str user_id);
void users_known_remove(struct users_known *known, struct str user_id); /* erased */
