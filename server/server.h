/* The whole server: the parts that all reactors share, the reactors, and the way they start and
 * stop. Owned by the main thread. */
#pragma once
#include "base/buf.h"
#include "base/config.h"

struct server;
/* Opens everything and starts the threads. What is wrong is logged. */
MUST_CHECK enum err server_open(const struct config *config, struct server **server_out);
bool server_is_ready(const struct server *server);   /* the store answers, no drain has begun */
const char *server_url(const struct server *server); /* http://HOST:PORT of the first listener */
/* Begins to stop: readyz fails, no more connections, paced byes. Then ask server_is_idle. */
void server_drain(struct server *server);
bool server_is_idle(const struct server *server); /* every client has gone */
void server_close(struct server *server);         /* cuts what is left; NULL is fine */
