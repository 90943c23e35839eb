/* What every op on a group shares: the lease its fan-out job is left under, and the kick
 * afterwards. */
#pragma once
#include "db/groups.h"
#include "handlers/app.h"

void outbox_init(struct exchange *ex, struct group_outbox *outbox);
void outbox_kick(struct exchange *ex, const struct group_outbox *outbox, struct str group_id);
