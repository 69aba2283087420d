/*
 * What lies in NEAP_UNIT_DIRECTORY that may have to do with the enabling of any unit: its links, by where
 * they lead, and directories such as multi-user.target.wants. Made once; it follows what changes there.
 */
#pragma once

#include "base/map.h"
#include "engine/unit_file.h"

struct neap_unit_names { /* sorted, each once */
	const char **items;
	size_t count, size;
};
struct neap_unit_index {
	struct neap_arena *arena; /* of all but the tables, names by a name */
	bool plain; /* it is a directory, and no link to it or deeper in it is on the way: then it can be
		       followed */
	struct neap_map leads; /* file → links that lead to it, if need be by others */
	struct neap_map ways;  /* link → files */
	struct neap_unit_names directories;
	/* What lies in them, once that pays. */
	struct neap_map entries;  /* name → directories */
	struct neap_map contents; /* directory → names, perhaps some that were there */
	bool listed;              /* they are there, and what is not among them is absent */
	unsigned asked;           /* looks without them */
	bool kept;                /* in a memo */
};

/* In the memo of the context, where there is one; else in `arena`, until it is released. 0, negative,
 * NEAP_UNKNOWN. */
int neap_unit_index_read(const struct neap_view *view, const struct neap_context *context,
			 struct neap_arena *arena, struct neap_unit_index **ret, struct neap_error **err);
/* After the last look at it, kept in a memo or not. */
void neap_unit_index_release(struct neap_unit_index *index);
/* Somebody is about to look for names in all the directories. Those who come first look into each; for more
 * of them all are listed once. 0, negative. */
int neap_unit_index_list(const struct neap_view *view, struct neap_unit_index *index,
			 struct neap_error **err);
/* The directories that have an entry of this name, once they are listed; and the links that lead to the file
 * of this name. Good until the index is read again. */
const struct neap_unit_names *neap_unit_index_entries(const struct neap_unit_index *index, const char *name);
const struct neap_unit_names *neap_unit_index_leads(const struct neap_unit_index *index, const char *name);
