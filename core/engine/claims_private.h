/* What claims.c and claims_after.c share: what is claimed of one path. */
#pragma once

#include "engine/graph_private.h"

#define NONE NEAP_GRAPH_NONE
enum { EXISTENCE, CONTENT, ATTRIBUTES, ASPECTS };

struct part {
	struct part *next;
	uint32_t resource;
	struct neap_str text;             /* lines; empty for a part of another kind */
	const struct neap_regex *pattern; /* or NULL */
};

struct entries { /* somebody who changes entries of a file */
	struct entries *next;
	uint32_t resource;
};

struct claim { /* all that is claimed of one path */
	struct neap_str path;
	struct part *parts;
	struct entries *entries; /* the last to say so first */
	uint32_t first_place, last_place;
	bool patterns;           /* some part has one */
	uint32_t owner[ASPECTS]; /* resources, or NONE */
	uint32_t first_part, last_part;
	bool absent; /* as the owner of its existence wants it */
	bool tree;   /* somebody owns what lies below */
	bool common; /* who changes entries of it wants the same as all others who do */
};
