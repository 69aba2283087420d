/*
 * Files of which a resource says the whole, and which nobody but root has a say in: those of a unit, of a job
 * of cron. They are root's (in a tree that is somebody else's: his), 0644, or 0600 when they hold a
 * secret. A link in the place of one is an error: it may be another name for something.
 */
#pragma once

#include "engine/attributes.h"
#include "engine/resource.h"

struct neap_owned {
	const char *path;
	struct neap_content content;
	const struct neap_text *text; /* its bytes with their marks, or NULL */
	bool secret;
	bool over_link; /* a link is replaced, of which the caller knows what it is */
};

struct neap_owned_state { /* part of a have struct */
	struct neap_stat stat;
	struct neap_content content;
	struct neap_attributes_state attributes;
	struct neap_parents parents;
	bool changes; /* its bytes do */
};

int neap_owned_read(const struct neap_view *view, struct neap_arena *arena, const struct neap_owned *owned,
		    struct neap_owned_state *ret, struct neap_error **err);
/* Entries `param` (what it holds), and owner, group and mode behind a dot; for `param` "content" by these
 * names alone. */
void neap_owned_diff(const struct neap_owned *owned, const struct neap_owned_state *state, const char *param,
		     struct neap_diff *diff);
/* `state` NULL: what is there is not known. */
int neap_owned_apply(struct neap_host *host, const struct neap_owned *owned,
		     const struct neap_owned_state *state, struct neap_error **err);
