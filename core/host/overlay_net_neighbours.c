/*
 * The overlay over vxlans and whom they know: what follows from each change, and what the kernel would
 * refuse. It must not know how a machine is asked or changed, nor who asks.
 */
#include <errno.h>
#include <stdlib.h>

#include "host/overlay_net.h"

#define MTU 1500

/* ---- vxlans ------------------------------------------------------------------------------------------- */

int neap_overlay_net_vxlan(const struct neap_overlay_net *own, const struct neap_net_link *wanted,
			   unsigned fields, struct neap_net_link *ret)
{
	const struct neap_net_link *under = NULL;

	if (wanted->under[0]) {
		under = neap_net_link(&own->net, wanted->under);
		if (!under)
			return ENODEV;
	}
	if (neap_net_rival(&own->net, wanted))
		return EEXIST;
	if (ret->up && neap_net_port_holder(&own->net, wanted))
		return EADDRINUSE;
	ret->id = wanted->id;
	ret->port = wanted->port;
	ret->local = wanted->local;
	memcpy(ret->under, wanted->under, sizeof(ret->under));
	ret->learning = true;
	ret->mtu = MTU;
	if (under) /* where that one's is not known, neither is this */
		ret->mtu = under->mtu ? under->mtu - neap_net_overhead(wanted) : 0;
	if ((fields & NEAP_NET_MTU) && (!under || (under->mtu && wanted->mtu < ret->mtu)))
		ret->mtu = wanted->mtu; /* what does not fit the kernel cuts, without a word */
	neap_net_merge(ret, wanted, fields & (NEAP_NET_LEARNING | NEAP_NET_TTL | NEAP_NET_ADDRESS));
	return 0;
}

bool neap_overlay_net_fits(const struct neap_overlay_net *own, const struct neap_net_link *link, uint32_t mtu)
{
	const struct neap_net_link *under = link->under[0] ? neap_net_link(&own->net, link->under) : NULL;

	return !under || !under->mtu || mtu + neap_net_overhead(link) <= under->mtu;
}

bool neap_overlay_net_stands_on(const struct neap_overlay_net *own, const char *link, const char *other)
{
	const struct neap_net_link *found = neap_net_link(&own->net, link);

	if (!found)
		return false;
	if (strcmp(link, other) == 0 ||
	    (found->under[0] && neap_overlay_net_stands_on(own, found->under, other)))
		return true;
	for (size_t i = 0; strcmp(found->kind, "bridge") == 0 && i < own->net.links.count; i++) {
		const struct neap_net_link *member = own->net.links.entries[i].value;

		if (member && strcmp(member->master, link) == 0 &&
		    neap_overlay_net_stands_on(own, member->name, other))
			return true;
	}
	return false;
}

/* ---- whom they know ----------------------------------------------------------------------------------- */

void neap_overlay_net_forget_neighbours(struct neap_overlay_net *own, const char *link, uint8_t family)
{
	for (size_t i = 0; i < own->net.neighbours.count; i++) {
		const struct neap_net_neighbour *one = own->net.neighbours.entries[i].value;

		if (one && strcmp(one->key.link, link) == 0 &&
		    (family == NEAP_OVERLAY_NET_ALL ||
		     (one->key.kind == NEAP_NET_NEIGHBOUR && (!family || family == one->key.family))))
			neap_overlay_net_set(own, &own->net.neighbours, neap_overlay_net_neighbour_name(one),
					     NULL);
	}
}

void neap_overlay_net_set_neighbour(struct neap_overlay_net *own, const struct neap_net_neighbour *neighbour)
{
	struct neap_net_neighbour *copy = neap_arena_new_of(own->net.arena, struct neap_net_neighbour);

	*copy = *neighbour;
	neap_overlay_net_set(own, &own->net.neighbours, neap_overlay_net_neighbour_name(copy), copy);
}

int neap_overlay_net_put_neighbour(struct neap_overlay_net *own, const struct neap_net_neighbour *wanted)
{
	const struct neap_net_link *link = neap_net_link(&own->net, wanted->key.link);

	if (!link)
		return ENODEV;
	if (strcmp(link->kind, "vxlan") != 0)
		return EOPNOTSUPP;
	if (wanted->key.kind != NEAP_NET_NEIGHBOUR && wanted->ip.family != neap_net_family(link))
		return EAFNOSUPPORT;
	if (wanted->key.kind == NEAP_NET_NEIGHBOUR && wanted->key.family == 6 &&
	    neap_overlay_net_is_small(own, wanted->key.link))
		return EINVAL;
	neap_overlay_net_set_neighbour(own, wanted);
	return 0;
}

int neap_overlay_net_remove_neighbour(struct neap_overlay_net *own, const struct neap_net_neighbour *gone)
{
	const struct neap_net_neighbour *found = neap_net_neighbour(&own->net, &gone->key);

	if (!neap_net_link(&own->net, gone->key.link))
		return ENODEV;
	if (!found)
		return ENOENT;
	neap_overlay_net_set(own, &own->net.neighbours, neap_overlay_net_neighbour_name(found), NULL);
	return 0;
}
