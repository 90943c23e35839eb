/* GET devices, DELETE devices/{deviceId}. */
#include "db/devices.h"
#include "api/reply.h"
#include "handlers/app.h"
#include "handlers/resources.h"

struct devices {
    struct exchange *ex;
    struct devices_list list;
};

static void devices_get_read(struct db_op *op)
{
    struct devices *devices = container_of(op, struct devices, list.op);
    struct exchange *ex = devices->ex;
    if (app_op_failed(ex, op)) return;
    struct json_out *out = reply_json_begin(ex);
    json_out_object(out, NULL);
    json_out_array(out, "devices");
    for (size_t i = 0; i < devices->list.device_count_out; i++) {
        const struct device_row *row = &devices->list.devices_out[i];
        json_out_object(out, NULL);
        json_out_str(out, "device_id", row->device_id);
        json_out_int(out, "last_seen", row->last_seen_ms / 1000);
        json_out_bool(out, "current", str_equal(row->device_id, ex->caller.device_id));
        json_out_close_object(out);
    }
    json_out_close_array(out);
    json_out_close_object(out);
    reply_json(ex, 200);
    exchange_release(ex);
}

void devices_get(struct exchange *ex)
{
    struct devices *devices = ARENA_NEW(&ex->arena, struct devices);
    devices->ex = ex;
    app_op_init(ex, &devices->list.op, &DEVICES_LIST, devices_get_read);
    devices->list.user_id = ex->caller.user_id;
    app_submit(ex, ex->caller.user_id, &devices->list.op);
}

struct forget {
    struct exchange *ex;
    struct device_forget device;
};

static void device_delete_stored(struct db_op *op)
{
    struct forget *forget = container_of(op, struct forget, device.op);
    struct exchange *ex = forget->ex;
    if (op->err != OK) {
        reply_error(ex, op->err);
    } else {
        hub_dismiss(ex->api->hub, ex->caller.user_id, forget->device.device_id,
                    DISMISSED_FORGOTTEN);
        reply_empty(ex, 204);
    }
    exchange_release(ex);
}

void device_delete(struct exchange *ex)
{
    if (!user_id_is_valid(ex->params[0])) {
        reply_error(ex, ERR_NOT_FOUND);
        return;
    }
    struct forget *forget = ARENA_NEW(&ex->arena, struct forget);
    forget->ex = ex;
    app_op_init(ex, &forget->device.op, &DEVICE_FORGET, device_delete_stored);
    forget->device.user_id = ex->caller.user_id;
    forget->device.device_id = ex->params[0];
    app_submit(ex, ex->caller.user_id, &forget->device.op);
}
