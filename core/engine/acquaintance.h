/*
 * Whom a link knows because somebody said so, of one kind: whom it has to know, beside whom it knows. Whoever
 * it does not have to know goes. Knows no resource type.
 */
#pragma once

#include "engine/resource.h"

struct neap_acquaintance_want {       /* part of a want struct: by kind; empty where not given */
	struct neap_strings peers;    /* IP addresses */
	struct neap_texts fdb;        /* of hardware addresses the IP addresses */
	struct neap_texts neighbours; /* of IP addresses the hardware addresses */
};

struct neap_acquaintance { /* part of a have struct */
	struct neap_net_neighbour *wanted;
	bool *is_there; /* as wanted */
	size_t wanted_count;
	const struct neap_net_neighbour *const *there;
	bool *stays;
	size_t there_count;
	bool differs;
};

/* Of `vxlan` local and mac are looked at, which may be none. */
int neap_acquaintance_check(const struct neap_acquaintance_want *want, const struct neap_net_link *vxlan,
			    struct neap_error **err);
/* What is checked from here on. */
size_t neap_acquaintance_count(const struct neap_acquaintance_want *want, enum neap_net_neighbour_kind kind);
/* The changes that tell `link` of all: room is in `ret` for as many. How many. */
size_t neap_acquaintance_put_all(const struct neap_acquaintance_want *want, const char *link,
				 struct neap_net_change *ret);
/* Nobody is there. */
void neap_acquaintance_init(struct neap_acquaintance *ret, const struct neap_acquaintance_want *want,
			    const char *link, enum neap_net_neighbour_kind kind, struct neap_arena *arena);
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
