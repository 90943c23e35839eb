/* A device that moved on past receipts, expiries and group changes confirms them, with nobody
 * waiting for the outcome: what is lost here is confirmed by its next open. */
#pragma once
#include "handlers/app.h"

void passed_confirm(struct app *app, const struct listener *listener, uint32_t epoch, uint64_t seq);
