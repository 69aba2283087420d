/*
 * The links by which units are enabled, as systemctl makes and removes them: which there are, which there
 * shall be, and how the one becomes the other. All of them lie below NEAP_UNIT_DIRECTORY. Knows no resource
 * type and no manager.
 */
#pragma once

#include "engine/attributes.h"
#include "engine/unit_file.h"

struct neap_unit_enabling {
	const struct neap_unit_source *source;
	const struct neap_unit_file *file; /* as it was read, when it is to be enabled */
	bool enabled;                      /* as it shall be */
	/* Whether somebody else sees to the unit `name`, that Also= names. */
	bool (*is_others)(const struct neap_context *context, const char *name);
	const struct neap_context *context; /* what is others' is left; NULL: nothing is */
};

struct neap_unit_link_change {
	const char *path;
	const char *target; /* NULL: it goes */
};

struct neap_unit_links_state { /* part of a have struct */
	/* Below NEAP_UNIT_DIRECTORY; one that leads elsewhere than it should with where it leads. */
	const char **there, **wanted;
	size_t there_count, wanted_count;
	struct neap_unit_link_change *changes; /* what goes first */
	size_t change_count;
	const char **empty; /* directories in which nothing will be left */
	size_t empty_count;
	struct neap_parents *parents; /* of each change */
	bool any;                     /* some link is there */
};

/* 0, negative, NEAP_UNKNOWN. */
int neap_unit_links_read(const struct neap_view *view, struct neap_arena *arena,
			 const struct neap_unit_enabling *enabling, struct neap_unit_links_state *ret,
			 struct neap_error **err);
static inline bool neap_unit_links_differ(const struct neap_unit_links_state *state)
{
	return state->change_count > 0;
}
/* An entry `param`: lists of links. */
void neap_unit_links_diff(const struct neap_unit_links_state *state, const char *param,
			  struct neap_diff *diff);
int neap_unit_links_apply(struct neap_host *host, const struct neap_unit_links_state *state,
			  struct neap_error **err);
/* Where nothing is known of what is there: those that shall be are made. */
int neap_unit_links_make(struct neap_host *host, struct neap_arena *arena, const struct neap_unitfile *says,
			 const char *path, struct neap_error **err);
