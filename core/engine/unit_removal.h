/*
 * What people have made of a unit goes: its file and what is dropped in to it, in NEAP_UNIT_DIRECTORY and
 * nowhere else.
 */
#pragma once

#include "engine/unit_file.h"

struct neap_unit_removal { /* part of a have struct */
	const char **files;
	size_t count;
	const char *directory; /* of what is dropped in, when nothing is left there; or NULL */
};

/* A unit that a package has brought is an error. 0, negative, NEAP_UNKNOWN. */
int neap_unit_removal_read(const struct neap_view *view, struct neap_arena *arena, const char *name,
			   struct neap_unit_removal *ret, struct neap_error **err);
int neap_unit_removal_apply(struct neap_host *host, const struct neap_unit_removal *removal,
			    struct neap_error **err);
/* Where nothing is known of what is there. */
int neap_unit_removal_blindly(struct neap_host *host, struct neap_arena *arena, const char *name,
			      struct neap_error **err);
