/* The handlers: each reads its request, submits one op, and answers in the function beside it.
 * Called once a request, after the guard, on the reactor's thread; docs/ARCHITECTURE.md, "The
 * data's way". */
#pragma once
#include "api/exchange.h"

void send_post(struct exchange *ex);         /* send.c */
void ack_post(struct exchange *ex);          /* ack.c */
void stream_get(struct exchange *ex);        /* stream.c */
void sync_get(struct exchange *ex);          /* sync.c */
void group_create_post(struct exchange *ex); /* group_create.c */
void group_add_post(struct exchange *ex);    /* group_members.c */
void group_remove_post(struct exchange *ex); /* group_members.c */
void group_roles_post(struct exchange *ex);  /* group_members.c */
void groups_get(struct exchange *ex);        /* groups.c */
void group_get_one(struct exchange *ex);     /* groups.c */
void settings_get(struct exchange *ex);      /* settings.c */
void settings_put(struct exchange *ex);      /* settings.c */
void devices_get(struct exchange *ex);       /* devices.c */
void device_delete(struct exchange *ex);     /* devices.c */
void login_post(struct exchange *ex);        /* login.c */
