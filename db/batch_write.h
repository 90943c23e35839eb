/* Inside db/ only: writes all deliveries of a batch. */
#pragma once
#include "db/batch.h"

MUST_CHECK enum err batch_write(struct batch *batch);
