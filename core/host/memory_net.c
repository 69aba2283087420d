/*
 * See memory_net.h. The kernel's rules are told here a second time and share no code with the overlay's
 * (overlay_net*.c), though some of it reads alike: that is wanted. Tests hold the one against the other, and
 * a mistake in common would be seen only where they may also ask a kernel.
 */
#include "host/memory_net.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "host/memory_net_ways.h"

#define MTU 1500
#define FORWARD_DELAY 1500 /* hundredths of a second */
#define AGEING_TIME 30000
#define DELAY_MIN 200 /* with spanning tree */
#define DELAY_MAX 3000

void neap_memory_net_done(struct neap_memory_net *memory)
{
	neap_vec_done(&memory->links);
	neap_vec_done(&memory->addresses);
	neap_vec_done(&memory->routes);
	neap_vec_done(&memory->neighbours);
	if (memory->net.parts)
		neap_net_done(&memory->net);
}

const struct neap_net *neap_memory_net_read(struct neap_memory_net *memory)
{
	if (memory->net.parts)
		return &memory->net;
	neap_net_init(&memory->net);
	memory->net.parts = NEAP_NET_ALL;
	for (size_t i = 0; i < memory->links.count; i++)
		neap_net_put_link(&memory->net, &memory->links.items[i].link);
	for (size_t i = 0; i < memory->addresses.count; i++)
		neap_net_put_address(&memory->net, &memory->addresses.items[i]);
	for (size_t i = 0; i < memory->routes.count; i++)
		neap_net_put_route(&memory->net, &memory->routes.items[i]);
	for (size_t i = 0; i < memory->neighbours.count; i++)
		neap_net_put_neighbour(&memory->net, &memory->neighbours.items[i]);
	return &memory->net;
}

/* ---- links --------------------------------------------------------------------------------------------- */

/* Each link has some of its own; `value` NULL: they go with it. */
static void put_settings(struct neap_memory_net *memory, const char *link, const char *value)
{
	static const char *const names[] = { "forwarding", "promote_secondaries" };

	for (size_t i = 0; link[0] && i < sizeof(names) / sizeof(*names); i++) {
		struct neap_str path = neap_str(neap_memory_net_setting(memory, link, names[i]));

		neap_map_remove(memory->settings, path);
		if (value)
			neap_map_put(memory->settings, path, neap_arena_strdup(memory->arena, value));
	}
}

static void follow_members(struct neap_memory_net *memory, const char *bridge)
{
	struct neap_memory_link *found = neap_memory_net_link(memory, bridge);
	uint32_t mtu = 0;

	if (!found || found->mtu_fixed)
		return;
	for (size_t i = 0; i < memory->links.count; i++) {
		const struct neap_net_link *link = &memory->links.items[i].link;

		if (strcmp(link->master, bridge) == 0 && (!mtu || link->mtu < mtu))
			mtu = link->mtu;
	}
	found->link.mtu = mtu ? mtu : MTU;
	if (found->link.mtu < NEAP_MEMORY_NET_SIX)
		neap_memory_net_cut_six(memory, bridge);
}

static void set_up(struct neap_memory_net *memory, struct neap_net_link *link, bool up)
{
	bool was = link->up;

	link->up = up;
	if (was && !up)
		neap_memory_net_go_down(memory, link->name);
	if (up && !was)
		neap_memory_net_reconnect(memory, link->name);
}

static int set_bridge(struct neap_net_link *link, const struct neap_net_change *change)
{
	const struct neap_net_link *wanted = &change->link;

	if ((change->fields & NEAP_NET_FORWARD_DELAY) && link->stp &&
	    (wanted->forward_delay < DELAY_MIN || wanted->forward_delay > DELAY_MAX))
		return ERANGE;
	if (change->fields & NEAP_NET_FORWARD_DELAY)
		link->forward_delay = wanted->forward_delay;
	if (change->fields & NEAP_NET_AGEING_TIME)
		link->ageing_time = wanted->ageing_time;
	if (change->fields & NEAP_NET_STP) {
		if (wanted->stp && !link->stp && link->forward_delay < DELAY_MIN)
			link->forward_delay = DELAY_MIN;
		if (wanted->stp && !link->stp && link->forward_delay > DELAY_MAX)
			link->forward_delay = DELAY_MAX;
		link->stp = wanted->stp;
	}
	return 0;
}

/* Bridges and vxlans stand on links, and none on itself. */
static bool lies_below(const struct neap_memory_net *memory, const char *lower, const char *upper)
{
	for (size_t i = 0; i < memory->links.count; i++) {
		const struct neap_net_link *link = &memory->links.items[i].link;

		if (strcmp(link->name, lower) != 0)
			continue;
		if ((link->master[0] &&
		     (strcmp(link->master, upper) == 0 || lies_below(memory, link->master, upper))))
			return true;
	}
	for (size_t i = 0; i < memory->links.count; i++) {
		const struct neap_net_link *over = &memory->links.items[i].link;

		if (strcmp(over->under, lower) == 0 &&
		    (strcmp(over->name, upper) == 0 || lies_below(memory, over->name, upper)))
			return true;
	}
	return false;
}

static int set_master(struct neap_memory_net *memory, struct neap_net_link *link, const char *master)
{
	struct neap_memory_link *found = neap_memory_net_link(memory, master);
	char before[NEAP_NET_NAME];

	if (master[0] && !found)
		return ENODEV;
	if (master[0] && strcmp(found->link.kind, "bridge") != 0)
		return EOPNOTSUPP;
	if (master[0] && strcmp(link->kind, "bridge") == 0)
		return ELOOP;
	if (master[0] && (strcmp(link->name, "lo") == 0 || link->no_frames))
		return EINVAL;
	if (master[0] && lies_below(memory, master, link->name))
		return EBUSY;
	memcpy(before, link->master, sizeof(before));
	snprintf(link->master, sizeof(link->master), "%s", master);
	follow_members(memory, before);
	follow_members(memory, master);
	return 0;
}

/* Vxlans that are up have one socket for each port and family, which those of one sort share. */
static bool has_port(const struct neap_memory_net *memory, const struct neap_net_link *vxlan)
{
	for (size_t i = 0; i < memory->links.count; i++) {
		const struct neap_net_link *other = &memory->links.items[i].link;
		bool one_family = other->both || vxlan->both ||
				  neap_memory_net_is_six(other) == neap_memory_net_is_six(vxlan);
		bool one_sort = other->special == vxlan->special &&
				neap_net_link_local(&other->local) == neap_net_link_local(&vxlan->local);

		if (other->up && strcmp(other->kind, "vxlan") == 0 && other->port == vxlan->port &&
		    strcmp(other->name, vxlan->name) != 0 && one_family && !one_sort)
			return false;
	}
	return true;
}

static int add_vxlan(struct neap_memory_net *memory, const struct neap_net_change *change)
{
	const struct neap_memory_link *under = neap_memory_net_link(memory, change->link.under);
	struct neap_memory_link one = { .link = change->link };

	if (change->link.under[0] && !under)
		return ENODEV;
	for (size_t i = 0; i < memory->links.count; i++) {
		const struct neap_net_link *other = &memory->links.items[i].link;

		if (strcmp(other->kind, "vxlan") == 0 && other->id == change->link.id &&
		    other->port == change->link.port &&
		    neap_memory_net_is_six(other) == neap_memory_net_is_six(&change->link) &&
		    other->special == change->link.special)
			return EEXIST;
	}
	if ((change->fields & NEAP_NET_UP) && change->link.up && !has_port(memory, &change->link))
		return EADDRINUSE;
	one.link.up = (change->fields & NEAP_NET_UP) && change->link.up;
	one.link.master[0] = '\0';
	one.link.mtu = under ? under->link.mtu - (neap_memory_net_is_six(&change->link) ? 70 : 50) : MTU;
	if ((change->fields & NEAP_NET_MTU) && (!under || change->link.mtu < one.link.mtu))
		one.link.mtu = change->link.mtu;
	one.link.stp = false;
	one.link.forward_delay = one.link.ageing_time = 0;
	if (!(change->fields & NEAP_NET_LEARNING))
		one.link.learning = true;
	if (!(change->fields & NEAP_NET_TTL))
		one.link.ttl = 0;
	if (!(change->fields & NEAP_NET_ADDRESS))
		memset(one.link.mac, 0, sizeof(one.link.mac));
	neap_vec_push(&memory->links, one);
	put_settings(memory, one.link.name, "0");
	return 0;
}

static int add_link(struct neap_memory_net *memory, const struct neap_net_change *change)
{
	struct neap_memory_link one = { .link = change->link };
	bool veth = strcmp(change->link.kind, "veth") == 0, bridge = strcmp(change->link.kind, "bridge") == 0;

	if (neap_memory_net_link(memory, change->link.name))
		return EEXIST;
	if (veth && (!change->link.peer[0] || neap_memory_net_link(memory, change->link.peer) ||
		     strcmp(change->link.peer, change->link.name) == 0))
		return EEXIST;
	if (strcmp(change->link.kind, "vxlan") == 0)
		return add_vxlan(memory, change);
	if (!veth && !bridge && change->link.kind[0])
		return EOPNOTSUPP;
	one.link.master[0] = '\0';
	one.link.up = (change->fields & NEAP_NET_UP) && change->link.up;
	one.link.mtu = change->fields & NEAP_NET_MTU ? change->link.mtu : MTU;
	one.link.stp = false;
	one.link.forward_delay = bridge ? FORWARD_DELAY : 0;
	one.link.ageing_time = bridge ? AGEING_TIME : 0;
	if (bridge)
		(void)set_bridge(&one.link, change);
	neap_vec_push(&memory->links, one);
	put_settings(memory, one.link.name, "0");
	if (veth) {
		memcpy(one.link.name, change->link.peer, sizeof(one.link.name));
		memcpy(one.link.peer, change->link.name, sizeof(one.link.peer));
		neap_vec_push(&memory->links, one);
		put_settings(memory, one.link.name, "0");
	}
	return 0;
}

static int set_link(struct neap_memory_net *memory, const struct neap_net_change *change)
{
	struct neap_memory_link *found = neap_memory_net_link(memory, change->link.name);
	int errnum = 0;

	if (!found)
		return ENODEV;
	if (change->fields & (NEAP_NET_STP | NEAP_NET_FORWARD_DELAY | NEAP_NET_AGEING_TIME)) {
		if (strcmp(found->link.kind, "bridge") != 0)
			return EOPNOTSUPP;
		errnum = set_bridge(&found->link, change);
	}
	if (change->fields & (NEAP_NET_LEARNING | NEAP_NET_TTL)) {
		if (strcmp(found->link.kind, "vxlan") != 0)
			return EOPNOTSUPP;
		if (change->fields & NEAP_NET_LEARNING)
			found->link.learning = change->link.learning;
		if (change->fields & NEAP_NET_TTL)
			found->link.ttl = change->link.ttl;
	}
	if (!errnum && (change->fields & NEAP_NET_MTU) && found->link.under[0] &&
	    change->link.mtu > neap_memory_net_link(memory, found->link.under)->link.mtu -
				       (neap_memory_net_is_six(&found->link) ? 70 : 50))
		errnum = EINVAL;
	if (!errnum && (change->fields & NEAP_NET_ADDRESS)) {
		memcpy(found->link.mac, change->link.mac, sizeof(found->link.mac));
		neap_memory_net_cut_neighbours(memory, found->link.name, 0);
	}
	if (!errnum && (change->fields & NEAP_NET_MTU) && found->link.mtu != change->link.mtu) {
		found->link.mtu = change->link.mtu;
		found->mtu_fixed = true;
		if (found->link.mtu < NEAP_MEMORY_NET_SIX)
			neap_memory_net_cut_six(memory, found->link.name);
		follow_members(memory, found->link.master);
	}
	if (!errnum && (change->fields & NEAP_NET_MASTER))
		errnum = set_master(memory, &found->link, change->link.master);
	if (!errnum && (change->fields & NEAP_NET_UP) && change->link.up &&
	    strcmp(found->link.kind, "vxlan") == 0 && !has_port(memory, &found->link))
		errnum = EADDRINUSE;
	if (!errnum && (change->fields & NEAP_NET_UP))
		set_up(memory, &found->link, change->link.up);
	return errnum;
}

static void drop_link(struct neap_memory_net *memory, const char *name)
{
	struct neap_memory_link *found = neap_memory_net_link(memory, name);
	char master[NEAP_NET_NAME];

	if (!found)
		return;
	memcpy(master, found->link.master, sizeof(master));
	found->link.up = false;
	neap_memory_net_cut_link(memory, name);
	for (size_t i = 0; i < memory->links.count; i++)
		if (strcmp(memory->links.items[i].link.master, name) == 0)
			memory->links.items[i].link.master[0] = '\0';
	memory->links.count--;
	memmove(found, found + 1,
		(size_t)(memory->links.items + memory->links.count - found) * sizeof(*found));
	follow_members(memory, master);
	put_settings(memory, name, NULL);
	for (size_t i = 0; i < memory->links.count;) {
		const struct neap_net_link *over = &memory->links.items[i].link;
		char vxlan[NEAP_NET_NAME];

		memcpy(vxlan, over->name, sizeof(vxlan));
		if (strcmp(over->under, name) != 0) {
			i++;
			continue;
		}
		drop_link(memory, vxlan);
		i = 0; /* others have gone along */
	}
}

static int remove_link(struct neap_memory_net *memory, const char *name)
{
	const struct neap_memory_link *found = neap_memory_net_link(memory, name);
	char peer[NEAP_NET_NAME];

	if (!found)
		return ENODEV;
	if (!found->link.kind[0])
		return EOPNOTSUPP;
	memcpy(peer, found->link.peer, sizeof(peer));
	drop_link(memory, name);
	if (peer[0])
		drop_link(memory, peer);
	return 0;
}

int neap_memory_net_land(struct neap_memory_net *memory, const struct neap_net_change *change)
{
	if (memory->net.parts)
		neap_net_done(&memory->net);
	switch (change->op) {
	case NEAP_NET_LINK_ADD:
		return add_link(memory, change);
	case NEAP_NET_LINK_SET:
		return set_link(memory, change);
	case NEAP_NET_LINK_REMOVE:
		return remove_link(memory, change->link.name);
	case NEAP_NET_ADDRESS_ADD:
		return neap_memory_net_add_address(memory, &change->address);
	case NEAP_NET_ADDRESS_REMOVE:
		return neap_memory_net_remove_address(memory, &change->address);
	case NEAP_NET_ROUTE_PUT:
		return neap_memory_net_put_route(memory, &change->route);
	case NEAP_NET_NEIGHBOUR_PUT:
		return neap_memory_net_put_neighbour(memory, &change->neighbour);
	case NEAP_NET_NEIGHBOUR_REMOVE:
		return neap_memory_net_remove_neighbour(memory, &change->neighbour);
	case NEAP_NET_ROUTE_REMOVE:
		break;
	}
	return neap_memory_net_remove_route(memory, &change->route.key);
}
