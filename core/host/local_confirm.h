/* What local_confirm.c and local_timer.c share: a change of the real machine that waits, and its clock. */
#pragma once

#include "host/confirm.h"
#include "host/local.h"

/* Its clock is set, by another process than this one, or negative. */
int neap_local_timer_start(struct neap_local *local, const struct neap_armed *armed, struct neap_error **err);
/* Of local->armed. Best effort: a clock that runs out later finds nothing to do. */
void neap_local_timer_stop(struct neap_local *local);
/* The state directory as another process finds it. */
const char *neap_local_state_path(const struct neap_local *local);
