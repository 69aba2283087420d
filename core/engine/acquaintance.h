/*
 * Whom a link knows because somebody said so, of one kind: whom it has to know, beside whom it knows. Whoever
 * it does not have to know goes. Knows no resource type.
 */
#pragma once

#include "engine/resource.h"

struct neap_acquaintance { /* part of a have struct */
	struct neap_net_neighbour *wanted;
	bool *is_there; /* as wanted */
	size_t wanted_count;
	const struct neap_net_neighbour *const *there;
	bool *stays;
	size_t there_count;
	bool differs;
};

/* Room for `count` whom it has to know, in `wanted`, for the caller to fill; nobody is there. */
void neap_acquaintance_init(struct neap_acquaintance *ret, size_t count, struct neap_arena *arena);
/* Whom the link knows. 0, negative, NEAP_UNKNOWN. */
int neap_acquaintance_read(const struct neap_view *view, struct neap_arena *arena, const char *link,
			   enum neap_net_neighbour_kind kind, struct neap_acquaintance *ret,
			   struct neap_error **err);
/* Where it differs: the entry `param`. */
void neap_acquaintance_diff(const struct neap_acquaintance *knows, const char *param, struct neap_diff *diff);
/* `all`: nobody who was there is any more, as of a link that is new, or nobody who does not stay. */
int neap_acquaintance_apply(struct neap_host *host, const struct neap_acquaintance *knows, bool all,
			    struct neap_error **err);
/* Who does not stay goes: before a change with which the kernel forgets them all, so that it is not said to
 * have taken them along. */
int neap_acquaintance_leave(struct neap_host *host, const struct neap_acquaintance *knows,
			    struct neap_error **err);
