/* Which function answers which route of api/routes.def. */
#include "handlers/admin.h"
#include "handlers/app.h"
#include "handlers/resources.h"

handler_fn *const handlers_table[ROUTE_COUNT] = {
    [ROUTE_GROUP_CREATE] = group_create_post,
    [ROUTE_SEND] = send_post,
    [ROUTE_ADD] = group_add_post,
    [ROUTE_REMOVE] = group_remove_post,
    [ROUTE_SYNC] = sync_get,
    [ROUTE_STREAM] = stream_get,
    [ROUTE_ACK] = ack_post,
    [ROUTE_GROUPS] = groups_get,
    [ROUTE_GROUP] = group_get_one,
    [ROUTE_ROLES] = group_roles_post,
    [ROUTE_SETTINGS_GET] = settings_get,
    [ROUTE_SETTINGS_PUT] = settings_put,
    [ROUTE_DEVICES] = devices_get,
    [ROUTE_DEVICE] = device_delete,
    [ROUTE_LOGIN] = login_post,
    [ROUTE_LIVEZ] = admin_livez_get,
    [ROUTE_READYZ] = admin_readyz_get,
    [ROUTE_METRICS] = admin_metrics_get,
};
