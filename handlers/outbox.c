#include "handlers/outbox.h"

void outbox_init(struct exchange *ex, struct group_outbox *outbox)
{
    outbox->lease_owner = app_of(ex)->lease_owner;
    outbox->lease_ms = ex->api->config->fanout_lease_ms;
    outbox->is_job_out = false;
}

void outbox_kick(struct exchange *ex, const struct group_outbox *outbox, struct str group_id)
{
    struct app *app = app_of(ex);
    if (outbox->is_job_out) app->group_changed(app, group_id);
}
