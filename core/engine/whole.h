/*
 * Small files that a resource makes up whole, such as /etc/hostname or /etc/modules-load.d/x.conf: read,
 * compared and written. For types whose file is not what they are about; neap.file is for the others.
 */
#pragma once

#include "engine/attributes.h"
#include "engine/resource.h"

struct neap_whole { /* what shall be; no bytes (data NULL): the file shall not be there */
	const char *path;
	struct neap_str text;
	uint32_t mode; /* of a file that is made; one that is there keeps its own */
};

struct neap_whole_state { /* part of a have struct */
	struct neap_stat stat;
	struct neap_content content;
	struct neap_parents parents;
	bool differs;
};

/* A link is replaced, a directory or device at the path is an error. */
int neap_whole_read(const struct neap_view *view, struct neap_arena *arena, const struct neap_whole *whole,
		    struct neap_whole_state *ret, struct neap_error **err);
/* An entry `param` when the file differs, from what stood there to what shall. */
void neap_whole_diff(const struct neap_whole *whole, const struct neap_whole_state *state, const char *param,
		     struct neap_diff *diff);
/* Writes or removes it when it differs; `state` NULL: what is there is not known, and what is to go goes if
 * it is there. */
int neap_whole_apply(struct neap_host *host, const struct neap_whole *whole,
		     const struct neap_whole_state *state, struct neap_error **err);
