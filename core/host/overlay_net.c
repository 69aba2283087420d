/*
 * The overlay over links, addresses, routes and neighbours: what follows from each change, by the kernel's
 * rules, and what it would refuse. It must not know how a machine is asked or changed, nor who asks.
 *
 * With the first change the machine's table is copied, and from then on the copy is what is there. Entries of
 * a table never change, so what a step did is taken back by putting the former ones in their places.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "host/overlay_net.h"

#define MTU 1500
#define FORWARD_DELAY 1500 /* hundredths of a second */
#define AGEING_TIME 30000
#define DELAY_MIN 200 /* with spanning tree */
#define DELAY_MAX 3000

/* ---- the table, and taking back --------------------------------------------------------------------------
 */

void neap_overlay_net_forget(struct neap_overlay *overlay)
{
	struct neap_overlay_net *own = overlay->net;

	if (!own)
		return;
	neap_net_done(&own->net);
	neap_map_done(&own->firsts);
	neap_map_done(&own->made);
	neap_map_done(&own->fixed);
	neap_map_done(&own->widened);
	neap_vec_done(&own->log);
	free(own);
	overlay->net = NULL;
}

void neap_overlay_net_begin(struct neap_overlay *overlay)
{
	if (!overlay->net)
		return;
	overlay->net->log.count = 0;
	overlay->net->held_before = overlay->net->held;
}

void neap_overlay_net_set(struct neap_overlay_net *own, struct neap_map *map, struct neap_str key,
			  void *value)
{
	void *before = value ? neap_map_put(map, key, value) : neap_map_remove(map, key);

	neap_vec_push(&own->log, (struct undo){ map, key, before });
}

void neap_overlay_net_undo(struct neap_overlay *overlay)
{
	struct neap_overlay_net *own = overlay->net;

	if (!own)
		return;
	while (own->log.count) {
		const struct undo *undo = &own->log.items[--own->log.count];

		if (undo->before)
			neap_map_put(undo->map, undo->key, undo->before);
		else
			neap_map_remove(undo->map, undo->key);
	}
	own->held = own->held_before;
	if (!own->held) /* what was copied may age */
		neap_overlay_net_forget(overlay);
}

void neap_overlay_net_set_link(struct neap_overlay_net *own, const struct neap_net_link *link)
{
	struct neap_net_link *copy = neap_arena_new_of(own->net.arena, struct neap_net_link);

	*copy = *link;
	neap_overlay_net_set(own, &own->net.links, neap_str(copy->name), copy);
}

void neap_overlay_net_set_route(struct neap_overlay_net *own, const struct neap_net_route *route)
{
	struct neap_net_route *copy = neap_arena_new_of(own->net.arena, struct neap_net_route);

	*copy = *route;
	own->odd = own->odd || neap_overlay_net_is_odd(route);
	neap_overlay_net_set(own, &own->net.routes, neap_overlay_net_route_name(copy), copy);
}

void neap_overlay_net_set_address(struct neap_overlay_net *own, const struct neap_net_address *address)
{
	struct neap_net_address *copy = neap_arena_new_of(own->net.arena, struct neap_net_address);

	*copy = *address;
	neap_overlay_net_set(own, &own->net.addresses, neap_overlay_net_address_name(copy), copy);
}

struct neap_str neap_overlay_net_network_name(struct neap_overlay_net *own,
					      const struct neap_net_address *address)
{
	struct neap_net_prefix prefix = neap_net_address_prefix(address), to = neap_net_network(&prefix);
	struct neap_net_address_key *key = neap_arena_new_of(own->net.arena, struct neap_net_address_key);

	*key = neap_net_address_key(address->key.link, &to);
	return (struct neap_str){ (const char *)key, sizeof(*key) };
}

static int copy_machine(struct neap_overlay *overlay, struct neap_error **err)
{
	const struct neap_view *below = neap_overlay_below(overlay);
	const struct neap_net *net;
	struct neap_overlay_net *own;

	if (overlay->net)
		return 0;
	if (below->reads->net(below, NEAP_NET_ALL, &net, err) < 0)
		return -1;
	overlay->net = own = neap_alloc(sizeof(*own));
	*own = (struct neap_overlay_net){ 0 };
	neap_net_init(&own->net);
	own->net.parts = NEAP_NET_ALL;
	for (size_t i = 0; i < net->links.count; i++)
		if (net->links.entries[i].value)
			neap_net_put_link(&own->net, net->links.entries[i].value);
	for (size_t i = 0; i < net->neighbours.count; i++)
		if (net->neighbours.entries[i].value)
			neap_net_put_neighbour(&own->net, net->neighbours.entries[i].value);
	for (size_t i = 0; i < net->routes.count; i++) {
		const struct neap_net_route *route = net->routes.entries[i].value;

		if (!route)
			continue;
		own->odd = own->odd || neap_overlay_net_is_odd(route);
		neap_net_put_route(&own->net, route);
	}
	for (size_t i = 0; i < net->addresses.count; i++) {
		struct neap_net_address *address = net->addresses.entries[i].value;

		if (!address)
			continue;
		neap_net_put_address(&own->net, address);
		if (address->key.family == 4 && !address->secondary)
			neap_map_put(&own->firsts, neap_overlay_net_network_name(own, address),
				     (void *)(uintptr_t)neap_net_address(&own->net, &address->key));
	}
	return 0;
}

/* ---- reading ---------------------------------------------------------------------------------------------
 */

int neap_overlay_net_read(const struct neap_view *view, unsigned parts, const struct neap_net **ret,
			  struct neap_error **err)
{
	const struct neap_overlay *overlay = neap_overlay_of(view);
	const struct neap_view *below = neap_overlay_below(overlay);

	if (!overlay->net)
		return below->reads->net(below, parts, ret, err);
	*ret = &overlay->net->net;
	return 0;
}

int neap_overlay_net_settle(const struct neap_view *view, int r, bool absent, struct neap_error **local,
			    struct neap_error **err)
{
	return neap_overlay_settle(neap_overlay_of(view), r, r == 0 && absent, local, err);
}

enum neap_overlay_fate neap_overlay_net_fate(const struct neap_overlay *overlay, const char *path,
					     uint32_t *ret_step)
{
	const struct neap_overlay_net *own = overlay->net;
	char name[NEAP_NET_NAME];
	uintptr_t made;

	if (!own || !neap_net_link_of_setting(path + strlen(NEAP_KERNEL_ROOT "/"), name))
		return NEAP_OVERLAY_AS_IT_IS;
	if (!neap_net_link(&own->net, name))
		return neap_overlay_pends(overlay) ? NEAP_OVERLAY_AS_IT_IS : NEAP_OVERLAY_GONE;
	if (strncmp(path, NEAP_KERNEL_ROOT "/net/ipv6/", strlen(NEAP_KERNEL_ROOT "/net/ipv6/")) == 0 &&
	    neap_overlay_net_is_small(own, name))
		return NEAP_OVERLAY_GONE;
	made = (uintptr_t)neap_map_get(&own->made, neap_str(name));
	if (!made && strncmp(path, NEAP_KERNEL_ROOT "/net/ipv6/", strlen(NEAP_KERNEL_ROOT "/net/ipv6/")) == 0)
		made = (uintptr_t)neap_map_get(&own->widened, neap_str(name));
	*ret_step = (uint32_t)(made - 1);
	return made ? NEAP_OVERLAY_MADE : NEAP_OVERLAY_AS_IT_IS;
}

/* ---- links -----------------------------------------------------------------------------------------------
 */

static int set_bridge(struct neap_net_link *link, const struct neap_net_link *wanted, unsigned fields)
{
	bool starts = (fields & NEAP_NET_STP) && wanted->stp && !link->stp;

	if ((fields & NEAP_NET_FORWARD_DELAY) && link->stp &&
	    (wanted->forward_delay < DELAY_MIN || wanted->forward_delay > DELAY_MAX))
		return ERANGE;
	neap_net_merge(link, wanted, fields & (NEAP_NET_STP | NEAP_NET_FORWARD_DELAY | NEAP_NET_AGEING_TIME));
	if (starts && link->forward_delay < DELAY_MIN)
		link->forward_delay = DELAY_MIN;
	if (starts && link->forward_delay > DELAY_MAX)
		link->forward_delay = DELAY_MAX;
	return 0;
}

static void make_link(struct neap_overlay *overlay, const struct neap_net_link *link)
{
	neap_overlay_net_set_link(overlay->net, link);
	neap_overlay_net_set(overlay->net, &overlay->net->made,
			     neap_str(neap_net_link(&overlay->net->net, link->name)->name),
			     (void *)((uintptr_t)overlay->step + 1));
}

static int add_link(struct neap_overlay *overlay, const struct neap_net_change *change)
{
	const struct neap_net_link *wanted = &change->link;
	bool veth = strcmp(wanted->kind, "veth") == 0, vxlan = strcmp(wanted->kind, "vxlan") == 0;
	struct neap_net_link link = { .mtu = MTU };
	int errnum = 0;

	if (neap_net_link(&overlay->net->net, wanted->name))
		return EEXIST;
	if (veth &&
	    (strcmp(wanted->name, wanted->peer) == 0 || neap_net_link(&overlay->net->net, wanted->peer)))
		return EEXIST;
	memcpy(link.name, wanted->name, sizeof(link.name));
	memcpy(link.kind, wanted->kind, sizeof(link.kind));
	neap_net_merge(&link, wanted, change->fields & (NEAP_NET_UP | NEAP_NET_MTU));
	if (vxlan) {
		errnum = neap_overlay_net_vxlan(overlay->net, wanted, change->fields, &link);
		if (errnum == 0)
			make_link(overlay, &link);
		return errnum;
	}
	if (!veth) {
		link.forward_delay = FORWARD_DELAY;
		link.ageing_time = AGEING_TIME;
		(void)set_bridge(&link, wanted, change->fields);
		make_link(overlay, &link);
		return 0;
	}
	memcpy(link.peer, wanted->peer, sizeof(link.peer));
	make_link(overlay, &link);
	memcpy(link.name, wanted->peer, sizeof(link.name));
	memcpy(link.peer, wanted->name, sizeof(link.peer));
	make_link(overlay, &link);
	return 0;
}

static int check_master(const struct neap_overlay_net *own, const struct neap_net_link *link,
			const char *name)
{
	const struct neap_net_link *master = neap_net_link(&own->net, name);

	if (!master)
		return ENODEV;
	if (strcmp(master->kind, "bridge") != 0)
		return EOPNOTSUPP;
	if (strcmp(link->kind, "bridge") == 0)
		return ELOOP;
	if (link->no_frames || strcmp(link->name, "lo") == 0)
		return EINVAL;
	return neap_overlay_net_stands_on(own, link->name, name) ? EBUSY : 0;
}

static int change_link(struct neap_overlay *overlay, const struct neap_net_change *change)
{
	struct neap_overlay_net *own = overlay->net;
	const struct neap_net_link *was = neap_net_link(&own->net, change->link.name);
	const struct neap_net_link *wanted = &change->link;
	unsigned fields = change->fields;
	struct neap_net_link link;
	bool follows[2], small[3];
	int errnum;

	if (!was)
		return ENODEV;
	link = *was;
	small[0] = neap_overlay_net_is_small(own, was->name);
	follows[0] = neap_overlay_net_follows(own, was->master);
	small[1] = neap_overlay_net_is_small(own, was->master);
	follows[1] = neap_overlay_net_follows(own, wanted->master);
	small[2] = neap_overlay_net_is_small(own, wanted->master);
	if (fields & (NEAP_NET_STP | NEAP_NET_FORWARD_DELAY | NEAP_NET_AGEING_TIME)) {
		if (strcmp(link.kind, "bridge") != 0)
			return EOPNOTSUPP;
		errnum = set_bridge(&link, wanted, fields);
		if (errnum)
			return errnum;
	}
	if ((fields & (NEAP_NET_LEARNING | NEAP_NET_TTL)) && strcmp(link.kind, "vxlan") != 0)
		return EOPNOTSUPP;
	if ((fields & NEAP_NET_MTU) && !neap_overlay_net_fits(own, &link, wanted->mtu))
		return EINVAL;
	errnum = (fields & NEAP_NET_MASTER) && wanted->master[0] ? check_master(own, &link, wanted->master)
								 : 0;
	if (!errnum && (fields & NEAP_NET_UP) && wanted->up && !link.up && strcmp(link.kind, "vxlan") == 0 &&
	    neap_net_port_holder(&own->net, &link))
		errnum = EADDRINUSE;
	if (errnum)
		return errnum;
	neap_net_merge(&link, wanted,
		       fields & (NEAP_NET_MTU | NEAP_NET_MASTER | NEAP_NET_UP | NEAP_NET_LEARNING |
				 NEAP_NET_TTL | NEAP_NET_ADDRESS));
	neap_overlay_net_set_link(own, &link);
	if (was->mtu && was->mtu != link.mtu && strcmp(link.kind, "bridge") == 0)
		neap_overlay_net_fix(own, link.name);
	if (follows[0] && (strcmp(was->master, link.master) != 0 || was->mtu != link.mtu))
		neap_overlay_net_follow(own, was->master);
	if (follows[1] && strcmp(was->master, link.master) != 0)
		neap_overlay_net_follow(own, link.master);
	if (was->mtu != link.mtu)
		neap_overlay_net_resized(overlay, link.name, small[0]);
	neap_overlay_net_resized(overlay, was->master, small[1]);
	neap_overlay_net_resized(overlay, link.master, small[strcmp(was->master, link.master) ? 2 : 1]);
	if ((was->up && !link.up) || (fields & NEAP_NET_ADDRESS)) /* even to the same one */
		neap_overlay_net_forget_neighbours(own, link.name, 0);
	if (was->up && !link.up)
		neap_overlay_net_cut_link(own, link.name, NEAP_OVERLAY_NET_CUT_DOWN);
	if (!was->up && link.up)
		neap_overlay_net_reconnect(own, link.name);
	return 0;
}

static void drop_link(struct neap_overlay *overlay, const struct neap_net_link *link)
{
	struct neap_overlay_net *own = overlay->net;
	bool follows = neap_overlay_net_follows(own, link->master);
	bool small = neap_overlay_net_is_small(own, link->master);

	neap_overlay_net_set(own, &own->net.links, neap_str(link->name), NULL);
	if (neap_map_get(&own->made, neap_str(link->name)))
		neap_overlay_net_set(own, &own->made, neap_str(link->name), NULL);
	if (neap_map_get(&own->fixed, neap_str(link->name)))
		neap_overlay_net_set(own, &own->fixed, neap_str(link->name), NULL);
	if (neap_map_get(&own->widened, neap_str(link->name)))
		neap_overlay_net_set(own, &own->widened, neap_str(link->name), NULL);
	if (follows)
		neap_overlay_net_follow(own, link->master);
	neap_overlay_net_resized(overlay, link->master, small);
	neap_overlay_net_cut_link(own, link->name, NEAP_OVERLAY_NET_CUT_ALL);
	neap_overlay_net_forget_neighbours(own, link->name, NEAP_OVERLAY_NET_ALL);
	for (size_t i = 0; i < own->net.links.count; i++) {
		const struct neap_net_link *over = own->net.links.entries[i].value;

		if (over && strcmp(over->under, link->name) == 0)
			drop_link(overlay, over); /* at most as deep as they lie */
	}
	for (size_t i = 0; strcmp(link->kind, "bridge") == 0 && i < own->net.links.count; i++) {
		const struct neap_net_link *member = own->net.links.entries[i].value;
		struct neap_net_link released;

		if (!member || strcmp(member->master, link->name) != 0)
			continue;
		released = *member;
		memset(released.master, 0, sizeof(released.master));
		neap_overlay_net_set_link(own, &released);
	}
}

static int remove_link(struct neap_overlay *overlay, const char *name)
{
	struct neap_overlay_net *own = overlay->net;
	const struct neap_net_link *link = neap_net_link(&own->net, name), *peer;

	if (!link)
		return ENODEV;
	if (!link->kind[0])
		return EOPNOTSUPP;
	peer = link->peer[0] ? neap_net_link(&own->net, link->peer) : NULL;
	drop_link(overlay, link);
	if (peer)
		drop_link(overlay, peer);
	return 0;
}

/* ---- changes ---------------------------------------------------------------------------------------------
 */

/* 0 or the errno that the kernel would give. */
static int model(struct neap_overlay *overlay, const struct neap_net_change *change)
{
	struct neap_overlay_net *own = overlay->net;
	const struct neap_net_route *route;

	switch (change->op) {
	case NEAP_NET_LINK_ADD:
		return add_link(overlay, change);
	case NEAP_NET_LINK_SET:
		return change_link(overlay, change);
	case NEAP_NET_LINK_REMOVE:
		return remove_link(overlay, change->link.name);
	case NEAP_NET_ADDRESS_ADD:
		return neap_overlay_net_add_address(own, &change->address);
	case NEAP_NET_ADDRESS_REMOVE:
		return neap_overlay_net_remove_address(overlay, &change->address);
	case NEAP_NET_ROUTE_PUT:
		return neap_overlay_net_put_route(own, &change->route);
	case NEAP_NET_NEIGHBOUR_PUT:
		return neap_overlay_net_put_neighbour(own, &change->neighbour);
	case NEAP_NET_NEIGHBOUR_REMOVE:
		return neap_overlay_net_remove_neighbour(own, &change->neighbour);
	case NEAP_NET_ROUTE_REMOVE:
		break;
	}
	route = neap_net_route(&own->net, &change->route.key);
	if (!route)
		return ESRCH;
	neap_overlay_net_cut(own, route);
	return 0;
}

/* What something pending may bring about is taken to be there, as it was wanted. */
static void assume(struct neap_overlay *overlay, const struct neap_net_change *change)
{
	struct neap_overlay_net *own = overlay->net;
	const struct neap_net_link *found;
	struct neap_net_link link;

	switch (change->op) {
	case NEAP_NET_LINK_ADD:
		found = neap_net_link(&own->net, change->link.name);
		link = found ? *found : change->link;
		neap_net_merge(&link, &change->link, change->fields);
		make_link(overlay, &link);
		return;
	case NEAP_NET_ADDRESS_ADD:
		neap_overlay_net_set_address(own, &change->address);
		return;
	case NEAP_NET_ROUTE_PUT:
		neap_overlay_net_set_route(own, &change->route);
		return;
	case NEAP_NET_NEIGHBOUR_PUT:
		neap_overlay_net_set_neighbour(own, &change->neighbour);
		return;
	case NEAP_NET_LINK_SET: /* whoever makes it is not known */
	case NEAP_NET_LINK_REMOVE:
	case NEAP_NET_ADDRESS_REMOVE:
	case NEAP_NET_ROUTE_REMOVE:
	case NEAP_NET_NEIGHBOUR_REMOVE:
		return; /* not there, or gone by then */
	}
}

/* Whether what is pending can take the reason away: what is missing may come, what is there stays. */
static bool may_come(int errnum)
{
	return errnum != ELOOP && errnum != EOPNOTSUPP && errnum != ERANGE && errnum != EAFNOSUPPORT;
}

int neap_overlay_net(struct neap_host *host, const struct neap_net_change *change, struct neap_error **err)
{
	struct neap_overlay *overlay = neap_overlay_of(&host->view);
	struct neap_error *local NEAP_AUTO_ERROR = NULL;
	bool pends = neap_overlay_pends(overlay);
	int errnum;

	if (!neap_overlay_allows(overlay, NEAP_RIGHT_NETWORK, NULL)) {
		neap_overlay_may(overlay, NEAP_RIGHT_NETWORK, neap_net_describe(change, overlay->scratch),
				 NULL, err);
		neap_arena_reset(overlay->scratch);
		return -1;
	}
	if (copy_machine(overlay, &local) < 0) {
		if (pends)
			return 0; /* what follows is read behind the same thing */
		return neap_error_pass(err, &local);
	}
	errnum = model(overlay, change);
	if (errnum && !(pends && may_come(errnum))) {
		if (neap_overlay_net_refuse_small(overlay->net, change, errnum, err))
			return -1;
		neap_error_errno(err, errnum, "%s", neap_net_describe(change, overlay->net->net.arena));
		return neap_net_refused(change, errnum, &overlay->net->net, err);
	}
	if (errnum)
		assume(overlay, change);
	overlay->net->held++;
	neap_overlay_hold_net(overlay, change);
	return 0;
}
