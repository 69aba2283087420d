/*
 * A home directory: made where there is none, with what /etc/skel holds. It belongs to who makes it until all
 * is in it, and to its user from then on; so one whose making was interrupted can be told, and is completed.
 */
#pragma once

#include "engine/attributes.h"

struct neap_home_item {
	const char *name; /* below the directory */
	enum neap_file_kind kind;
};

struct neap_home_plan {
	const char *path;
	bool make, complete; /* there is none; there is a part of one */
	bool remove;         /* all of it goes */
	uint32_t mode;
	struct neap_parents parents;
	const struct neap_home_item *items; /* what is missing, each directory before what is in it */
	size_t count;
};

/* What there is at `path` for the user with this number. 0, negative, NEAP_UNKNOWN. */
int neap_home_read(const struct neap_view *view, struct neap_arena *arena, const char *path, uint32_t uid,
		   struct neap_home_plan *ret, struct neap_error **err);
/* Whether `home` (as passwd says it) of a user can go with it: an own directory, nobody else's home, not at
 * the top. Who makes it absent removes the tree. */
int neap_home_read_leaving(const struct neap_view *view, const struct neap_context *ctx, const char *name,
			   const char *home, uint32_t uid, struct neap_home_plan *ret,
			   struct neap_error **err);
/* Reasons and parents, where something is to be done. */
void neap_home_diff(const struct neap_home_plan *home, struct neap_diff *diff);
int neap_home_make(struct neap_host *host, const struct neap_home_plan *home, uint32_t uid, uint32_t gid,
		   struct neap_error **err);
