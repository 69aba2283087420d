/* Following links by the reads of a view alone, for what is asked of the thing a link leads to. */
#pragma once

#include "host/host.h"

/*
 * Where `path` leads when its last component is followed too: a path that goes through no link, in `arena`,
 * and what is there (never a link). NEAP_UNKNOWN as any read.
 */
int neap_view_follow(const struct neap_view *view, const char *path, struct neap_arena *arena,
		     const char **ret, struct neap_stat *ret_stat, struct neap_error **err);
