/* What the hub remembers of a user's devices: each a piece of its own, so that a pointer given out
 * stays good while others come; the least recently used one goes when there are too many. */
#include "base/memory.h"
#include "live/hub_user.h"
#include <stdlib.h>

struct hub_user_device {
    struct hub_device device;
    struct hub_user_device *next;
    char device_id[];
};

/* Where the pointer to it stands; where the list ends if there is none. */
static struct hub_user_device **hub_user_device_at(struct hub_user *user, struct str device_id)
{
    struct hub_user_device **at = &user->devices;
    while (*at && !str_equal((*at)->device.device_id, device_id))
        at = &(*at)->next;
    return at;
}

static struct hub_user_device *hub_user_device_new(struct str device_id)
{
    struct hub_user_device *own = memory_alloc(sizeof(*own) + device_id.len);
    if (device_id.len > 0) memcpy(own->device_id, device_id.ptr, device_id.len);
    own->device.device_id = str_of(own->device_id, device_id.len);
    return own;
}

static void hub_user_bound_devices(struct hub_user *user)
{
    struct hub_user_device **at = &user->devices;
    for (size_t count = 0; *at && count < HUB_DEVICES_MAX; count++)
        at = &(*at)->next;
    free(*at); /* at most one too many */
    *at = NULL;
}

struct hub_device *hub_user_device(struct hub_user *user, struct str device_id)
{
    struct hub_user_device **at = hub_user_device_at(user, device_id), *own = *at;
    if (own)
        *at = own->next;
    else
        own = hub_user_device_new(device_id);
    own->next = user->devices;
    user->devices = own;
    hub_user_bound_devices(user);
    /* Deleting a device is told through the channel: without one nobody would tell us. */
    if (!hub_user_is_subscribed(user)) own->device.is_open = false;
    return &own->device;
}

void hub_user_forget_device(struct hub_user *user, struct str device_id)
{
    struct hub_user_device **at =
        str_is_empty(device_id) ? &user->devices : hub_user_device_at(user, device_id);
    while (*at) {
        struct hub_user_device *gone = *at;
        *at = gone->next;
        free(gone);
        if (!str_is_empty(device_id)) return;
    }
}

void hub_user_close_devices(struct hub_user *user)
{
    for (struct hub_user_device *own = user->devices; own; own = own->next)
        own->device.is_open = false;
}
