/* What a type's diff() fills, seen from the engine. */
#pragma once

#include "engine/resource.h"
#include "engine/run.h"

struct neap_diff {
	struct neap_arena *arena;
	enum neap_action action;
	struct neap_change_entry *entries;
	size_t count, size;
	const char *reason, *done; /* the latter: as it reads when it is done; NULL: the same */
	bool refresh;              /* of itself, afterwards */
};

/* Any value: NEAP_NIL was not there, will not be. `hide`: what is there is not to be shown; it is not where
 * `after` has secrets either. */
void neap_diff_value(struct neap_diff *diff, const char *param, const struct neap_value *before,
		     const struct neap_value *after, bool hide);
/* A parameter whose wanted value is not known yet. */
void neap_diff_unknown(struct neap_diff *diff, const char *param);
/* "content, mode": the parameters that differ. In the diff's arena. */
const char *neap_diff_names(const struct neap_diff *diff);
