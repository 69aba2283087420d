/*
 * What the types that own a path have in common: the directories missing above it, and owner, group and mode
 * as wanted and as they are. Nothing here changes a machine, and nothing here knows which type asks.
 */
#pragma once

#include "engine/resource.h"

/* As a recipe gives them. */
struct neap_attributes {
	const char *owner, *group; /* NULL: not given */
	uint32_t mode;             /* NEAP_KEEP: not given */
};

/* Part of a have struct. */
struct neap_attributes_state {
	uint32_t uid, gid, mode;   /* wanted; NEAP_KEEP: not given */
	const char *owner, *group; /* names wanted, where they are not what is there; else NULL */
	const char *owner_before,
		*group_before; /* names that are there, where they differ; NULL: nothing there */
	uint32_t mode_before;  /* NEAP_KEEP: nothing there */
	bool differ;           /* from what is there; false when nothing is */
};

/* `stat` NULL: nothing is there, or what is there will be replaced by something new. Asks the view about
 * accounts only when an owner or a group is wanted. 0, negative, NEAP_UNKNOWN. */
int neap_attributes_read(const struct neap_view *view, struct neap_arena *arena,
			 const struct neap_attributes *wanted, const struct neap_stat *stat,
			 struct neap_attributes_state *ret, struct neap_error **err);
/* Entries "owner", "group" and "mode" for those that differ; all that are given when nothing is there. */
void neap_attributes_diff(const struct neap_attributes_state *state, struct neap_diff *diff);
/* The numbers wanted, for an apply that knows nothing of what is there. An account not known yet: NEAP_KEEP.
 */
int neap_attributes_numbers(const struct neap_view *view, const struct neap_attributes *wanted,
			    uint32_t *ret_uid, uint32_t *ret_gid, struct neap_error **err);

struct neap_parents {
	const char *const *paths; /* missing, outermost first */
	size_t count;
};

int neap_parents_read(const struct neap_view *view, struct neap_arena *arena, const char *path,
		      struct neap_parents *ret, struct neap_error **err);
/* Entry "parents" and the reason "makes /a, /a/b"; nothing when none is missing. */
void neap_parents_diff(const struct neap_parents *parents, struct neap_diff *diff);
