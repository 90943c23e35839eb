/* A glance at a head before libmicrohttpd gets its connection. It refuses a malformed
 * Content-Length by itself, before any callback of ours, and sends the head of that answer twice,
 * which looks as if a second request had been answered. So what is seen in time is refused here,
 * once. Later requests of a connection that it keeps go by: their answers are as clumsy, and close
 * as surely. */
#pragma once
#include "base/str.h"

/* The bytes from the start of a request on, as many as are there. STR_NONE: nothing to refuse; else
 * the whole answer, after which the connection is closed. */
struct str h1_glance(struct str bytes);
