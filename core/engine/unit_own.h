/*
 * What a resource says of a unit in NEAP_UNIT_DIRECTORY: its file, what is dropped in to it, or that it is
 * masked. Knows no resource type and no manager.
 */
#pragma once

#include "engine/owned.h"
#include "engine/unit_file.h"
#include "engine/whole.h"

struct neap_unit_own {
	const char *name;
	bool whole; /* its file is said, by `content` */
	struct neap_content content;
	const struct neap_text *text;      /* its bytes with their marks, or NULL */
	const struct neap_texts *drop_ins; /* by name, without ".conf"; without data: shall not be there */
	bool secret;                       /* its file holds one */
	bool mask, unmask;                 /* neither: as it is */
};

enum neap_unit_place { /* what lies at the path of its file */
		       NEAP_UNIT_PLACE_NOTHING,
		       NEAP_UNIT_PLACE_FILE,
		       NEAP_UNIT_PLACE_EMPTY, /* an empty file, which masks it */
		       NEAP_UNIT_PLACE_NULL,  /* a link to /dev/null, which masks it */
		       NEAP_UNIT_PLACE_LINK,  /* another link */
};

struct neap_unit_own_state { /* part of a have struct */
	enum neap_unit_place place;
	const char *target;          /* of a link there */
	struct neap_parents parents; /* of one that will be */
	struct neap_owned *files;    /* its file when it is said, then what is dropped in */
	struct neap_owned_state *states;
	const char **params;
	size_t count;
	struct neap_whole *gone; /* what shall not be dropped in */
	struct neap_whole_state *gone_states;
	const char **gone_params;
	size_t gone_count;
	bool changes; /* what a manager reads */
};

const char *neap_unit_own_path(const char *name, struct neap_arena *arena);
const char *neap_unit_drop_in_path(const char *name, const char *drop_in, struct neap_arena *arena);
/* As the machine will have it. */
struct neap_unit_source neap_unit_own_source(const struct neap_unit_own *own, struct neap_arena *arena);

/* Its paths, and with `enabled` the links that can be known by now. unit_claims.c */
void neap_unit_own_claim(const struct neap_unit_own *own, bool enabled, struct neap_claims *claims);
void neap_unit_own_claim_absent(const char *name, struct neap_claims *claims);

/* 0, negative, NEAP_UNKNOWN. */
int neap_unit_own_read(const struct neap_view *view, struct neap_arena *arena,
		       const struct neap_unit_own *own, struct neap_unit_own_state *ret,
		       struct neap_error **err);
/* Whether the unit is masked here, and will be. */
bool neap_unit_own_masked(const struct neap_unit_own *own, const struct neap_unit_own_state *state);
/* Entries "content", "drop_ins.NAME" and "masked". */
void neap_unit_own_diff(const struct neap_unit_own *own, const struct neap_unit_own_state *state,
			struct neap_diff *diff);
/* `state` NULL: what is there is not known. */
int neap_unit_own_apply(struct neap_host *host, struct neap_arena *arena, const struct neap_unit_own *own,
			const struct neap_unit_own_state *state, struct neap_error **err);
