/* The libraries that base/ loads when it needs them, all at once; see loaded.c. */
#pragma once

#include "base/error.h"

/* After it nothing in base/ ends the process for want of a library: before a machine is changed. */
int neap_loaded(struct neap_error **err);
