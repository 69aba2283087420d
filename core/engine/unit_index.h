/*
 * What lies in NEAP_UNIT_DIRECTORY that may have to do with the enabling of any unit: its links, by where
 * they lead, and directories such as multi-user.target.wants. Made once for as long as nothing changes.
 */
#pragma once

#include "engine/unit_file.h"

struct neap_unit_lead { /* a link leads to a file of this name, if need be by others */
	const char *file, *link;
};
struct neap_unit_index {
	const struct neap_unit_lead *leads; /* by file, then by link */
	size_t lead_count;
	const char *const *directories; /* names, sorted */
	size_t directory_count;
};

/* In the memo of the context, where there is one; else in `arena`. 0, negative, NEAP_UNKNOWN. */
int neap_unit_index_read(const struct neap_view *view, const struct neap_context *context,
			 struct neap_arena *arena, const struct neap_unit_index **ret,
			 struct neap_error **err);
/* The first lead to the file `name`, and how many follow it; NULL: none. */
const struct neap_unit_lead *neap_unit_index_leads(const struct neap_unit_index *index, const char *name,
						   size_t *ret_count);
