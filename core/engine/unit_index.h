/*
 * What lies in NEAP_UNIT_DIRECTORY that may have to do with the enabling of any unit: its links, by where
 * they lead, and directories such as multi-user.target.wants. Made once for as long as nothing changes.
 */
#pragma once

#include "engine/unit_file.h"

struct neap_unit_lead { /* a link leads to a file of this name, if need be by others */
	const char *file, *link;
};
struct neap_unit_entry { /* lies in one of the directories */
	const char *name, *directory;
};
struct neap_unit_index {
	const struct neap_unit_lead *leads; /* by file, then by link */
	size_t lead_count;
	const char *const *directories; /* names, sorted */
	size_t directory_count;
	struct neap_arena *arena;
	/* What lies in them, by name, then by directory: once that pays. */
	const struct neap_unit_entry *entries;
	size_t entry_count;
	bool listed;    /* they are there, and what is not among them is absent */
	unsigned asked; /* looks without them */
};

/* In the memo of the context, where there is one; else in `arena`. 0, negative, NEAP_UNKNOWN. */
int neap_unit_index_read(const struct neap_view *view, const struct neap_context *context,
			 struct neap_arena *arena, struct neap_unit_index **ret, struct neap_error **err);
/* Somebody is about to look for names in all the directories. Those who come first look into each; for more
 * of them, while nothing changes, all are listed once. 0, negative. */
int neap_unit_index_list(const struct neap_view *view, struct neap_unit_index *index,
			 struct neap_error **err);
/* The first entry of this name, as the next one. */
const struct neap_unit_entry *neap_unit_index_entries(const struct neap_unit_index *index, const char *name,
						      size_t *ret_count);
/* The first lead to the file `name`, and how many follow it; NULL: none. */
const struct neap_unit_lead *neap_unit_index_leads(const struct neap_unit_index *index, const char *name,
						   size_t *ret_count);
