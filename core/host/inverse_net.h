/*
 * What the files that write down how changes of the network are taken back have in common (inverse_net.c,
 * inverse_neighbours.c): messages of the kernel, and of all links whom they know.
 */
#pragma once

#include "base/map.h"
#include "base/vec.h"
#include "host/inverse.h"
#include "host/netlink.h"

void neap_inverse_put_hex(struct neap_buf *lines, const void *data, size_t len);
/* The message that puts it back, as the kernel would have it from others. */
int neap_inverse_put_message(struct neap_buf *lines, const struct nlmsghdr *message, unsigned flags,
			     struct neap_error **err);

/* ---- inverse_neighbours.c -------------------------------------------------------------------------------
 */

struct neap_raw_neighbour;
struct neap_known {
	struct neap_arena *arena;
	NEAP_VEC(struct neap_raw_neighbour *) all;
	size_t neighbours; /* the first so many; the others are of forwarding databases */
	struct neap_map by_key;
};

/* `forwards`: of vxlans, too, which is long where bridges are. */
int neap_known_look(struct neap_netlink *netlink, bool forwards, struct neap_known *known,
		    struct neap_error **err);
void neap_known_done(struct neap_known *known);
/* Whom the link of this number knows because somebody has said so; with `forwards` whom it sends to. */
int neap_known_put_along(const struct neap_known *known, uint32_t link, bool forwards, struct neap_buf *lines,
			 struct neap_error **err);
/* A vxlan that was made with a default to send to, and has it no more, is made again with it. */
void neap_known_put_default(const struct neap_known *known, uint32_t link, const struct rtattr *settings,
			    struct neap_buf *lines);
/* `link` and `through` (0: none) are the numbers of the links that the change names. */
int neap_known_put_change(const struct neap_known *known, uint32_t link, uint32_t through,
			  const struct neap_net_change *change, struct neap_buf *lines,
			  struct neap_error **err);
