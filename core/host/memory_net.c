/*
 * See memory_net.h. The kernel's rules are told here a second time and share no code with the overlay's
 * (overlay_net*.c), though some of it reads alike: that is wanted. Tests hold the one against the other, and
 * a mistake in common would be seen by nobody.
 */
#include "host/memory_net.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MTU 1500
#define FORWARD_DELAY 1500 /* hundredths of a second */
#define AGEING_TIME 30000
#define DELAY_MIN 200 /* with spanning tree */
#define DELAY_MAX 3000
#define SIX_LEAST 1280 /* of an MTU, for IPv6 */

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

/* ---- settings of links ----------------------------------------------------------------------------------
 */

static const char *setting(struct neap_memory_net *memory, const char *link, const char *name)
{
	return neap_arena_printf(memory->arena, NEAP_KERNEL_ROOT "/net/ipv4/conf/%s/%s", link, name);
}

/* Each link has some of its own; `value` NULL: they go with it. */
static void put_settings(struct neap_memory_net *memory, const char *link, const char *value)
{
	static const char *const names[] = { "forwarding", "promote_secondaries" };

	for (size_t i = 0; link[0] && i < sizeof(names) / sizeof(*names); i++) {
		struct neap_str path = neap_str(setting(memory, link, names[i]));

		neap_map_remove(memory->settings, path);
		if (value)
			neap_map_put(memory->settings, path, neap_arena_strdup(memory->arena, value));
	}
}

static bool promotes(struct neap_memory_net *memory, const char *link)
{
	const char *all =
		neap_map_get(memory->settings, neap_str(setting(memory, "all", "promote_secondaries")));
	const char *own =
		neap_map_get(memory->settings, neap_str(setting(memory, link, "promote_secondaries")));

	return (all && strcmp(all, "0") != 0) || (own && strcmp(own, "0") != 0);
}

/* ---- finding ------------------------------------------------------------------------------------------- */

static struct neap_memory_link *find_link(const struct neap_memory_net *memory, const char *name)
{
	for (size_t i = 0; i < memory->links.count; i++)
		if (strcmp(memory->links.items[i].link.name, name) == 0)
			return &memory->links.items[i];
	return NULL;
}

static bool is_up(const struct neap_memory_net *memory, const char *name)
{
	const struct neap_memory_link *found = find_link(memory, name);

	return found && found->link.up;
}

static struct neap_net_route *find_route(const struct neap_memory_net *memory,
					 const struct neap_net_route_key *key)
{
	for (size_t i = 0; i < memory->routes.count; i++)
		if (memcmp(&memory->routes.items[i].key, key, sizeof(*key)) == 0)
			return &memory->routes.items[i];
	return NULL;
}

static struct neap_net_address *find_address(const struct neap_memory_net *memory,
					     const struct neap_net_address_key *key)
{
	for (size_t i = 0; i < memory->addresses.count; i++)
		if (memcmp(&memory->addresses.items[i].key, key, sizeof(*key)) == 0)
			return &memory->addresses.items[i];
	return NULL;
}

static struct neap_net_ip ip_of(const struct neap_net_address *address)
{
	return neap_net_address_prefix(address).ip;
}

/* Whether some link has this address; of IPv6, one that is up, and `link` if it is said. */
static bool is_ours(const struct neap_memory_net *memory, const struct neap_net_ip *ip, const char *link)
{
	for (size_t i = 0; i < memory->addresses.count; i++) {
		const struct neap_net_address *address = &memory->addresses.items[i];
		struct neap_net_ip its = ip_of(address);

		if (neap_net_ip_equal(&its, ip) &&
		    (ip->family == 4 ||
		     (is_up(memory, address->key.link) && (!link || strcmp(link, address->key.link) == 0))))
			return true;
	}
	return false;
}

static bool same_network(const struct neap_net_address *a, const struct neap_net_address *b)
{
	struct neap_net_prefix of_a = neap_net_address_prefix(a);
	struct neap_net_ip ip = ip_of(b);

	return strcmp(a->key.link, b->key.link) == 0 && a->key.family == b->key.family && a->len == b->len &&
	       neap_net_has(&of_a, &ip);
}

/* The loopback keeps IPv6, whatever its MTU. */
static bool lacks_six(const struct neap_memory_net *memory, const char *name)
{
	const struct neap_memory_link *found = find_link(memory, name);

	return found && found->link.mtu < SIX_LEAST && strcmp(name, "lo") != 0;
}

/* ---- routes -------------------------------------------------------------------------------------------- */

/* The route that comes with an address. */
static bool network_route(const struct neap_net_address *address, struct neap_net_route *ret)
{
	struct neap_net_prefix prefix = neap_net_address_prefix(address), to = neap_net_network(&prefix);
	bool four = to.ip.family == 4;

	if (address->routeless ||
	    (four && (address->secondary || to.len == 32 || strcmp(address->key.link, "lo") == 0)))
		return false;
	if (four &&
	    (!to.ip.bytes[0] || neap_net_multicast(&prefix.ip) || neap_net_limited_broadcast(&prefix.ip)))
		return false;
	*ret = (struct neap_net_route){
		.key = neap_net_route_key(&to, NEAP_NET_TABLE_MAIN, four ? 0 : 256),
		.plain = true,
		.kernels = true,
	};
	if (four)
		ret->source = prefix.ip;
	snprintf(ret->link, sizeof(ret->link), "%s", address->key.link);
	return true;
}

static void connect(struct neap_memory_net *memory, const struct neap_net_address *address)
{
	struct neap_net_route route;

	if (is_up(memory, address->key.link) && network_route(address, &route) &&
	    !find_route(memory, &route.key))
		neap_vec_push(&memory->routes, route);
}

/* Where two links lead to one network, the kernel has two routes to it, and the other one counts now. */
static void remove_route(struct neap_memory_net *memory, size_t i)
{
	struct neap_net_route gone = memory->routes.items[i], other;

	memory->routes.count--;
	memmove(&memory->routes.items[i], &memory->routes.items[i + 1],
		(memory->routes.count - i) * sizeof(*memory->routes.items));
	for (size_t j = 0; gone.kernels && j < memory->addresses.count; j++)
		if (network_route(&memory->addresses.items[j], &other) &&
		    memcmp(&other.key, &gone.key, sizeof(other.key)) == 0 &&
		    strcmp(other.link, gone.link) != 0)
			connect(memory, &memory->addresses.items[j]);
}

/* The last address of a network, which the kernel keeps for all that are in it. */
static bool is_last(const struct neap_net_address *address, const struct neap_net_ip *ip)
{
	struct neap_net_prefix prefix = neap_net_address_prefix(address);
	uint32_t low = prefix.len < 31 ? (uint32_t)(UINT64_C(0xffffffff) >> prefix.len) : 0, mine = 0,
		 its = 0;

	for (size_t i = 0; i < 4; i++) {
		mine = mine << 8 | prefix.ip.bytes[i];
		its = its << 8 | ip->bytes[i];
	}
	return low && address->key.family == 4 && ip->family == 4 && its == (mine | low) &&
	       (mine & ~low) >> 24 && !neap_net_multicast(&prefix.ip) &&
	       !neap_net_limited_broadcast(&prefix.ip);
}

static int put_route(struct neap_memory_net *memory, const struct neap_net_route *wanted)
{
	struct neap_net_route route = *wanted, *old;
	bool four = route.key.family == 4;
	int best = -1;

	if (route.link[0] && !find_link(memory, route.link))
		return ENODEV;
	if (!four && lacks_six(memory, route.link))
		return ENODEV;
	if (!route.link[0] && (!route.via.family || neap_net_link_local(&route.via)))
		return four || !route.via.family ? ENODEV : EINVAL;
	if (route.link[0] && !is_up(memory, route.link))
		return ENETDOWN;
	if (route.via.family && is_ours(memory, &route.via, NULL))
		return EINVAL;
	for (size_t i = 0; i < memory->addresses.count; i++) {
		const struct neap_net_address *address = &memory->addresses.items[i];

		if (is_last(address, &route.via) && !address->secondary && is_up(memory, address->key.link) &&
		    (!route.link[0] || strcmp(route.link, address->key.link) == 0))
			return EINVAL;
	}
	if (route.via.family && !(neap_net_link_local(&route.via) && route.link[0])) {
		char through[NEAP_NET_NAME] = "";
		uint32_t metric = 0;
		bool again = false; /* IPv6: the nearest way there has a gateway itself */

		for (size_t i = 0; i < memory->routes.count; i++) {
			const struct neap_net_route *way = &memory->routes.items[i];
			struct neap_net_prefix to = neap_net_route_to(way);

			if (way->key.table != NEAP_NET_TABLE_MAIN || !way->plain ||
			    (four && way->via.family) || !neap_net_has(&to, &route.via) ||
			    !is_up(memory, way->link) ||
			    (route.link[0] && strcmp(route.link, way->link) != 0))
				continue;
			if (to.len < best || (to.len == best && way->key.metric > metric))
				continue;
			best = to.len;
			metric = way->key.metric;
			again = way->via.family != 0;
			memcpy(through, way->link, sizeof(through));
		}
		/* Of two links in one network only one route is kept here. */
		for (size_t i = 0; (best < 0 || again) && i < memory->addresses.count; i++) {
			struct neap_net_route own;
			struct neap_net_prefix to;

			if (!network_route(&memory->addresses.items[i], &own) || !is_up(memory, own.link) ||
			    (route.link[0] && strcmp(route.link, own.link) != 0))
				continue;
			to = neap_net_route_to(&own);
			if (neap_net_has(&to, &route.via) && to.len > best) {
				best = to.len;
				again = false;
				memcpy(through, own.link, sizeof(through));
			}
		}
		if (best < 0 || again)
			return four ? ENETUNREACH : EHOSTUNREACH;
		memcpy(route.link, through, sizeof(route.link));
	}
	if (route.source.family && !is_ours(memory, &route.source, route.link))
		return EINVAL;
	route.plain = true;
	route.kernels = false;
	old = find_route(memory, &route.key);
	if (old)
		*old = route;
	else
		neap_vec_push(&memory->routes, route);
	return 0;
}

/* ---- neighbours ---------------------------------------------------------------------------------------- */

static bool is_six(const struct neap_net_link *vxlan)
{
	return vxlan->six || vxlan->local.family == 6;
}

static struct neap_net_neighbour *find_neighbour(const struct neap_memory_net *memory,
						 const struct neap_net_neighbour_key *key)
{
	for (size_t i = 0; i < memory->neighbours.count; i++)
		if (memcmp(&memory->neighbours.items[i].key, key, sizeof(*key)) == 0)
			return &memory->neighbours.items[i];
	return NULL;
}

static void take_neighbour(struct neap_memory_net *memory, struct neap_net_neighbour *gone)
{
	memmove(gone, gone + 1,
		(size_t)(memory->neighbours.items + memory->neighbours.count - gone - 1) * sizeof(*gone));
	memory->neighbours.count--;
}

static int put_neighbour(struct neap_memory_net *memory, const struct neap_net_neighbour *wanted)
{
	const struct neap_memory_link *link = find_link(memory, wanted->key.link);
	struct neap_net_neighbour *old = find_neighbour(memory, &wanted->key);

	if (!link)
		return ENODEV;
	if (strcmp(link->link.kind, "vxlan") != 0)
		return EOPNOTSUPP;
	if (wanted->key.kind != NEAP_NET_NEIGHBOUR && (wanted->ip.family == 6) != is_six(&link->link))
		return EAFNOSUPPORT;
	if (wanted->key.kind == NEAP_NET_NEIGHBOUR && wanted->ip.family == 6 &&
	    lacks_six(memory, wanted->key.link))
		return EINVAL;
	if (old)
		*old = *wanted;
	else
		neap_vec_push(&memory->neighbours, *wanted);
	return 0;
}

static int remove_neighbour(struct neap_memory_net *memory, const struct neap_net_neighbour *gone)
{
	struct neap_net_neighbour *found = find_neighbour(memory, &gone->key);

	if (!find_link(memory, gone->key.link))
		return ENODEV;
	if (!found)
		return ENOENT;
	take_neighbour(memory, found);
	return 0;
}

/* The link is down, or has another hardware address: of this family (0: both) nobody is known. */
static void cut_neighbours(struct neap_memory_net *memory, const char *link, uint8_t family)
{
	for (size_t i = memory->neighbours.count; i-- > 0;) {
		struct neap_net_neighbour *one = &memory->neighbours.items[i];

		if (strcmp(one->key.link, link) == 0 && one->key.kind == NEAP_NET_NEIGHBOUR &&
		    (!family || family == one->ip.family))
			take_neighbour(memory, one);
	}
}

/* ---- addresses ----------------------------------------------------------------------------------------- */

static int add_address(struct neap_memory_net *memory, const struct neap_net_address *wanted)
{
	struct neap_net_address address = *wanted;

	if (!find_link(memory, address.key.link))
		return ENODEV;
	if (find_address(memory, &address.key))
		return EEXIST;
	if (address.key.family == 6 && lacks_six(memory, address.key.link))
		return EINVAL;
	address.secondary = false;
	address.routeless = false;
	for (size_t i = 0; i < memory->addresses.count; i++)
		if (address.key.family == 4 && same_network(&memory->addresses.items[i], &address))
			address.secondary = true;
	neap_vec_push(&memory->addresses, address);
	connect(memory, &address);
	return 0;
}

/* An address is gone: so is the route to its network, and what has it for its source. */
static void disconnect(struct neap_memory_net *memory, const struct neap_net_address *gone, bool link_goes)
{
	struct neap_net_ip ip = ip_of(gone);
	struct neap_net_route route, *found;

	if (network_route(gone, &route)) {
		bool shared = false;

		for (size_t i = 0; gone->key.family == 6 && i < memory->addresses.count; i++)
			shared = shared || same_network(&memory->addresses.items[i], gone);
		found = shared ? NULL : find_route(memory, &route.key);
		/* Of IPv6 the kernel takes the one with the lowest metric, whoever made it. */
		for (size_t i = 0; gone->key.family == 6 && !shared && i < memory->routes.count; i++) {
			struct neap_net_route *at = &memory->routes.items[i];

			if (!at->via.family && strcmp(at->link, gone->key.link) == 0 && at->key.family == 6 &&
			    at->key.table == route.key.table && at->key.len == route.key.len &&
			    memcmp(at->key.bytes, route.key.bytes, sizeof(at->key.bytes)) == 0 &&
			    (!found || at->key.metric < found->key.metric))
				found = at;
		}
		if (found && (found->kernels || gone->key.family == 6) &&
		    strcmp(found->link, gone->key.link) == 0)
			remove_route(memory, (size_t)(found - memory->routes.items));
	}
	if (link_goes && gone->secondary)
		return; /* the kernel forgets to */
	for (size_t i = memory->routes.count; i-- > 0;) {
		struct neap_net_route *at = &memory->routes.items[i];

		if (!neap_net_ip_equal(&at->source, &ip))
			continue;
		if (ip.family == 6 && strcmp(at->link, gone->key.link) == 0)
			at->source = (struct neap_net_ip){ 0 };
		else if (ip.family == 4 && !is_ours(memory, &ip, NULL))
			remove_route(memory, i);
	}
}

static struct neap_net_address take_address(struct neap_memory_net *memory, size_t i)
{
	struct neap_net_address taken = memory->addresses.items[i];

	memory->addresses.count--;
	memmove(&memory->addresses.items[i], &memory->addresses.items[i + 1],
		(memory->addresses.count - i) * sizeof(*memory->addresses.items));
	return taken;
}

static bool has_four(const struct neap_memory_net *memory, const char *link)
{
	for (size_t i = 0; i < memory->addresses.count; i++)
		if (memory->addresses.items[i].key.family == 4 &&
		    strcmp(memory->addresses.items[i].key.link, link) == 0)
			return true;
	return false;
}

static void cut_family(struct neap_memory_net *memory, const char *link, uint8_t family)
{
	for (size_t i = memory->routes.count; i-- > 0;)
		if (strcmp(memory->routes.items[i].link, link) == 0 &&
		    memory->routes.items[i].key.family == family)
			remove_route(memory, i);
}

static int remove_address(struct neap_memory_net *memory, const struct neap_net_address *wanted)
{
	struct neap_net_address *found = find_address(memory, &wanted->key), gone;

	if (!found || found->len != wanted->len)
		return EADDRNOTAVAIL;
	gone = take_address(memory, (size_t)(found - memory->addresses.items));
	for (size_t i = 0; gone.key.family == 4 && !gone.secondary && !promotes(memory, gone.key.link) &&
			   i < memory->addresses.count;) {
		if (same_network(&memory->addresses.items[i], &gone)) {
			struct neap_net_address with = take_address(memory, i);

			disconnect(memory, &with, false);
		} else {
			i++;
		}
	}
	disconnect(memory, &gone, false);
	for (size_t i = 0; gone.key.family == 4 && !gone.secondary && i < memory->addresses.count; i++) {
		struct neap_net_address *next = &memory->addresses.items[i];

		if (!same_network(next, &gone))
			continue;
		next->secondary = false;
		connect(memory, next);
		break;
	}
	if (gone.key.family == 4 && !has_four(memory, gone.key.link)) {
		cut_family(memory, gone.key.link, 4); /* it has no IPv4 any more */
		cut_neighbours(memory, gone.key.link, 4);
	}
	return 0;
}

/* ---- links --------------------------------------------------------------------------------------------- */

static void cut_six(struct neap_memory_net *memory, const char *name)
{
	cut_family(memory, name, 6);
	cut_neighbours(memory, name, 6);
	for (size_t i = memory->addresses.count; i-- > 0;) {
		struct neap_net_address *address = &memory->addresses.items[i];

		if (address->key.family == 6 && strcmp(address->key.link, name) == 0) {
			struct neap_net_address gone = take_address(memory, i);

			disconnect(memory, &gone, false);
		}
	}
}

static void follow_members(struct neap_memory_net *memory, const char *bridge)
{
	struct neap_memory_link *found = find_link(memory, bridge);
	uint32_t mtu = 0;

	if (!found || found->mtu_fixed)
		return;
	for (size_t i = 0; i < memory->links.count; i++) {
		const struct neap_net_link *link = &memory->links.items[i].link;

		if (strcmp(link->master, bridge) == 0 && (!mtu || link->mtu < mtu))
			mtu = link->mtu;
	}
	found->link.mtu = mtu ? mtu : MTU;
	if (found->link.mtu < SIX_LEAST)
		cut_six(memory, bridge);
}

static void go_down(struct neap_memory_net *memory, const char *name)
{
	cut_family(memory, name, 4);
	cut_neighbours(memory, name, 0);
	cut_six(memory, name);
}

static void set_up(struct neap_memory_net *memory, struct neap_net_link *link, bool up)
{
	bool was = link->up;

	link->up = up;
	if (was && !up)
		go_down(memory, link->name);
	for (size_t i = 0; up && !was && i < memory->addresses.count; i++)
		if (strcmp(memory->addresses.items[i].key.link, link->name) == 0)
			connect(memory, &memory->addresses.items[i]);
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
	struct neap_memory_link *found = find_link(memory, master);
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
		bool one_family = other->both || vxlan->both || is_six(other) == is_six(vxlan);
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
	const struct neap_memory_link *under = find_link(memory, change->link.under);
	struct neap_memory_link one = { .link = change->link };

	if (change->link.under[0] && !under)
		return ENODEV;
	for (size_t i = 0; i < memory->links.count; i++) {
		const struct neap_net_link *other = &memory->links.items[i].link;

		if (strcmp(other->kind, "vxlan") == 0 && other->id == change->link.id &&
		    other->port == change->link.port && is_six(other) == is_six(&change->link) &&
		    other->special == change->link.special)
			return EEXIST;
	}
	if ((change->fields & NEAP_NET_UP) && change->link.up && !has_port(memory, &change->link))
		return EADDRINUSE;
	one.link.up = (change->fields & NEAP_NET_UP) && change->link.up;
	one.link.master[0] = '\0';
	one.link.mtu = under ? under->link.mtu - (is_six(&change->link) ? 70 : 50) : MTU;
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

	if (find_link(memory, change->link.name))
		return EEXIST;
	if (veth && (!change->link.peer[0] || find_link(memory, change->link.peer) ||
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
	struct neap_memory_link *found = find_link(memory, change->link.name);
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
	    change->link.mtu >
		    find_link(memory, found->link.under)->link.mtu - (is_six(&found->link) ? 70 : 50))
		errnum = EINVAL;
	if (!errnum && (change->fields & NEAP_NET_ADDRESS)) {
		memcpy(found->link.mac, change->link.mac, sizeof(found->link.mac));
		cut_neighbours(memory, found->link.name, 0);
	}
	if (!errnum && (change->fields & NEAP_NET_MTU) && found->link.mtu != change->link.mtu) {
		found->link.mtu = change->link.mtu;
		found->mtu_fixed = true;
		if (found->link.mtu < SIX_LEAST)
			cut_six(memory, found->link.name);
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
	struct neap_memory_link *found = find_link(memory, name);
	char master[NEAP_NET_NAME];

	if (!found)
		return;
	memcpy(master, found->link.master, sizeof(master));
	found->link.up = false;
	go_down(memory, name);
	for (size_t i = memory->addresses.count; i-- > 0;)
		if (strcmp(memory->addresses.items[i].key.link, name) == 0) {
			struct neap_net_address gone = take_address(memory, i);

			disconnect(memory, &gone, true);
		}
	for (size_t i = 0; i < memory->links.count; i++)
		if (strcmp(memory->links.items[i].link.master, name) == 0)
			memory->links.items[i].link.master[0] = '\0';
	memory->links.count--;
	memmove(found, found + 1,
		(size_t)(memory->links.items + memory->links.count - found) * sizeof(*found));
	follow_members(memory, master);
	put_settings(memory, name, NULL);
	for (size_t i = memory->neighbours.count; i-- > 0;)
		if (strcmp(memory->neighbours.items[i].key.link, name) == 0)
			take_neighbour(memory, &memory->neighbours.items[i]);
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
	const struct neap_memory_link *found = find_link(memory, name);
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
	struct neap_net_route *route;

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
		return add_address(memory, &change->address);
	case NEAP_NET_ADDRESS_REMOVE:
		return remove_address(memory, &change->address);
	case NEAP_NET_ROUTE_PUT:
		return put_route(memory, &change->route);
	case NEAP_NET_NEIGHBOUR_PUT:
		return put_neighbour(memory, &change->neighbour);
	case NEAP_NET_NEIGHBOUR_REMOVE:
		return remove_neighbour(memory, &change->neighbour);
	case NEAP_NET_ROUTE_REMOVE:
		break;
	}
	route = find_route(memory, &change->route.key);
	if (!route)
		return ESRCH;
	remove_route(memory, (size_t)(route - memory->routes.items));
	return 0;
}
