/* The admin listener's pages: for orchestrators, operators and Prometheus. */
#pragma once
#include "api/exchange.h"

void admin_livez_get(struct exchange *ex);
void admin_readyz_get(struct exchange *ex);
void admin_metrics_get(struct exchange *ex);
