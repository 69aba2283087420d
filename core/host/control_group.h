/*
 * The control group that neap is in, whose parts are the units of the service manager that it runs in. Knows
 * no manager.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"

/* "/system.slice/neap.service"; "" where there is none. */
const char *neap_control_group(struct neap_arena *arena);
/* Whether the unit is one of the parts; by its own name, not by another one (Alias=). */
bool neap_control_group_has(const char *group, const char *unit);
