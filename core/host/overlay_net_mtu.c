/*
 * The overlay over what hangs on a link's MTU: bridges that follow their members, and IPv6, which is not on a
 * link of less than 1280 bytes. It must not know how a machine is asked or changed, nor who asks.
 */
#include <errno.h>

#include "host/overlay_net.h"

#define MTU 1500

/* ---- bridges --------------------------------------------------------------------------------------------
 */

static const struct neap_net_link *smallest_member(const struct neap_overlay_net *own, const char *bridge)
{
	const struct neap_net_link *smallest = NULL;
	uint32_t least = UINT32_MAX;

	for (size_t i = 0; i < own->net.links.count; i++) {
		const struct neap_net_link *link = own->net.links.entries[i].value;
		uint32_t mtu = link && strcmp(link->master, bridge) == 0 ? neap_overlay_net_mtu(own, link)
									 : UINT32_MAX;

		if (mtu < least) {
			smallest = link;
			least = mtu;
		}
	}
	return smallest;
}

uint32_t neap_overlay_net_mtu(const struct neap_overlay_net *own, const struct neap_net_link *link)
{
	const struct neap_net_link *other = NULL;

	if (link->mtu)
		return link->mtu;
	if (link->under[0]) {
		other = neap_net_link(&own->net, link->under);
		return other ? neap_overlay_net_mtu(own, other) - neap_net_overhead(link) : MTU;
	}
	if (strcmp(link->kind, "bridge") != 0)
		return MTU;
	other = smallest_member(own, link->name); /* no bridge, nor over itself: it ends */
	return other ? neap_overlay_net_mtu(own, other) : MTU;
}

bool neap_overlay_net_follows(const struct neap_overlay_net *own, const char *bridge)
{
	const struct neap_net_link *link = bridge[0] ? neap_net_link(&own->net, bridge) : NULL, *smallest;

	if (!link || neap_map_get(&own->fixed, neap_str(link->name)))
		return false;
	if (!link->mtu)
		return true;
	smallest = smallest_member(own, bridge);
	return link->mtu == (smallest ? neap_overlay_net_mtu(own, smallest) : MTU);
}

void neap_overlay_net_follow(struct neap_overlay_net *own, const char *bridge)
{
	const struct neap_net_link *found = neap_net_link(&own->net, bridge);
	struct neap_net_link link;

	if (!found || !found->mtu)
		return;
	link = *found;
	link.mtu = 0;
	neap_overlay_net_set_link(own, &link);
}

void neap_overlay_net_fix(struct neap_overlay_net *own, const char *bridge)
{
	const struct neap_net_link *link = neap_net_link(&own->net, bridge);

	neap_overlay_net_set(own, &own->fixed, neap_str(link->name), own);
}

/* ---- IPv6 -----------------------------------------------------------------------------------------------
 */

bool neap_overlay_net_is_small(const struct neap_overlay_net *own, const char *name)
{
	const struct neap_net_link *link = neap_net_link(&own->net, name);

	/* Of the loopback it takes the addresses, but never IPv6 itself. */
	return link && strcmp(name, "lo") != 0 && neap_overlay_net_mtu(own, link) < NEAP_NET_SIX_MTU;
}

void neap_overlay_net_resized(struct neap_overlay *overlay, const char *name, bool was_small)
{
	struct neap_overlay_net *own = overlay->net;
	const struct neap_net_link *link = name[0] ? neap_net_link(&own->net, name) : NULL;
	bool is_small;

	if (!link)
		return;
	is_small = neap_overlay_net_is_small(own, name);
	if (is_small || (strcmp(name, "lo") == 0 && link->mtu < NEAP_NET_SIX_MTU)) {
		neap_overlay_net_cut_link(own, name, NEAP_OVERLAY_NET_CUT_SIX);
		neap_overlay_net_forget_neighbours(own, name, 6);
	} else if (was_small) {
		neap_overlay_net_set(own, &own->widened, neap_str(link->name),
				     (void *)((uintptr_t)overlay->step + 1));
	}
}

/* The link of a change that needs IPv6 on it. */
static const char *needs_six(const struct neap_net_change *change)
{
	switch (change->op) {
	case NEAP_NET_ADDRESS_ADD:
		return change->address.key.family == 6 ? change->address.key.link : "";
	case NEAP_NET_ROUTE_PUT:
		return change->route.key.family == 6 ? change->route.link : "";
	case NEAP_NET_NEIGHBOUR_PUT:
		return change->neighbour.key.kind == NEAP_NET_NEIGHBOUR && change->neighbour.key.family == 6
			       ? change->neighbour.key.link
			       : "";
	case NEAP_NET_LINK_ADD:
	case NEAP_NET_LINK_SET:
	case NEAP_NET_LINK_REMOVE:
	case NEAP_NET_ADDRESS_REMOVE:
	case NEAP_NET_ROUTE_REMOVE:
	case NEAP_NET_NEIGHBOUR_REMOVE:
		break;
	}
	return "";
}

bool neap_overlay_net_refuse_small(const struct neap_overlay_net *own, const struct neap_net_change *change,
				   int errnum, struct neap_error **err)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	const struct neap_net_link *link = neap_net_link(&own->net, needs_six(change)), *member;

	if (!link || !neap_overlay_net_is_small(own, link->name))
		return false;
	neap_error_set(err, "%s: %s has no IPv6, as its MTU is %u", neap_net_describe(change, arena),
		       link->name, neap_overlay_net_mtu(own, link));
	neap_error_mark(err, errnum);
	member = neap_overlay_net_follows(own, link->name) ? smallest_member(own, link->name) : NULL;
	if (member)
		neap_error_hint(err,
				"IPv6 needs %d: set mtu of the bridge, or that of %s, its smallest member",
				NEAP_NET_SIX_MTU, member->name);
	else if (strcmp(link->kind, "vxlan") == 0 && link->under[0])
		neap_error_hint(err, "IPv6 needs %d, and a vxlan %u bytes more of %s, which it goes over",
				NEAP_NET_SIX_MTU, neap_net_overhead(link), link->under);
	else
		neap_error_hint(err,
				"IPv6 needs %d: set it before, by mtu of what makes the link or "
				"ip link set %s mtu %d",
				NEAP_NET_SIX_MTU, link->name, NEAP_NET_SIX_MTU);
	return true;
}
