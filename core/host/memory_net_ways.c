/*
 * See memory_net_ways.h. The kernel's rules are told here a second time, as in memory_net.c, which says why.
 */
#include "host/memory_net_ways.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- finding ------------------------------------------------------------------------------------------- */

const char *neap_memory_net_setting(struct neap_memory_net *memory, const char *link, const char *name)
{
	return neap_arena_printf(memory->arena, NEAP_KERNEL_ROOT "/net/ipv4/conf/%s/%s", link, name);
}

static bool promotes(struct neap_memory_net *memory, const char *link)
{
	const char *all = neap_map_get(
		memory->settings, neap_str(neap_memory_net_setting(memory, "all", "promote_secondaries")));
	const char *own = neap_map_get(
		memory->settings, neap_str(neap_memory_net_setting(memory, link, "promote_secondaries")));

	return (all && strcmp(all, "0") != 0) || (own && strcmp(own, "0") != 0);
}

struct neap_memory_link *neap_memory_net_link(const struct neap_memory_net *memory, const char *name)
{
	for (size_t i = 0; i < memory->links.count; i++)
		if (strcmp(memory->links.items[i].link.name, name) == 0)
			return &memory->links.items[i];
	return NULL;
}

static bool is_up(const struct neap_memory_net *memory, const char *name)
{
	const struct neap_memory_link *found = neap_memory_net_link(memory, name);

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
	const struct neap_memory_link *found = neap_memory_net_link(memory, name);

	return found && found->link.mtu < NEAP_MEMORY_NET_SIX && strcmp(name, "lo") != 0;
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

int neap_memory_net_put_route(struct neap_memory_net *memory, const struct neap_net_route *wanted)
{
	struct neap_net_route route = *wanted, *old;
	bool four = route.key.family == 4;
	int best = -1;

	if (route.link[0] && !neap_memory_net_link(memory, route.link))
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

int neap_memory_net_remove_route(struct neap_memory_net *memory, const struct neap_net_route_key *key)
{
	struct neap_net_route *route = find_route(memory, key);

	if (!route)
		return ESRCH;
	remove_route(memory, (size_t)(route - memory->routes.items));
	return 0;
}

/* ---- neighbours ---------------------------------------------------------------------------------------- */

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

int neap_memory_net_put_neighbour(struct neap_memory_net *memory, const struct neap_net_neighbour *wanted)
{
	const struct neap_memory_link *link = neap_memory_net_link(memory, wanted->key.link);
	struct neap_net_neighbour *old = find_neighbour(memory, &wanted->key);

	if (!link)
		return ENODEV;
	if (strcmp(link->link.kind, "vxlan") != 0)
		return EOPNOTSUPP;
	if (wanted->key.kind != NEAP_NET_NEIGHBOUR &&
	    (wanted->ip.family == 6) != neap_memory_net_is_six(&link->link))
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

int neap_memory_net_remove_neighbour(struct neap_memory_net *memory, const struct neap_net_neighbour *gone)
{
	struct neap_net_neighbour *found = find_neighbour(memory, &gone->key);

	if (!neap_memory_net_link(memory, gone->key.link))
		return ENODEV;
	if (!found)
		return ENOENT;
	take_neighbour(memory, found);
	return 0;
}

void neap_memory_net_cut_neighbours(struct neap_memory_net *memory, const char *link, uint8_t family)
{
	for (size_t i = memory->neighbours.count; i-- > 0;) {
		struct neap_net_neighbour *one = &memory->neighbours.items[i];

		if (strcmp(one->key.link, link) == 0 && one->key.kind == NEAP_NET_NEIGHBOUR &&
		    (!family || family == one->ip.family))
			take_neighbour(memory, one);
	}
}

/* ---- addresses ----------------------------------------------------------------------------------------- */

int neap_memory_net_add_address(struct neap_memory_net *memory, const struct neap_net_address *wanted)
{
	struct neap_net_address address = *wanted;

	if (!neap_memory_net_link(memory, address.key.link))
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

int neap_memory_net_remove_address(struct neap_memory_net *memory, const struct neap_net_address *wanted)
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
		neap_memory_net_cut_neighbours(memory, gone.key.link, 4);
	}
	return 0;
}

/* ---- what links take along ------------------------------------------------------------------------------
 */

void neap_memory_net_cut_six(struct neap_memory_net *memory, const char *name)
{
	cut_family(memory, name, 6);
	neap_memory_net_cut_neighbours(memory, name, 6);
	for (size_t i = memory->addresses.count; i-- > 0;) {
		struct neap_net_address *address = &memory->addresses.items[i];

		if (address->key.family == 6 && strcmp(address->key.link, name) == 0) {
			struct neap_net_address gone = take_address(memory, i);

			disconnect(memory, &gone, false);
		}
	}
}

void neap_memory_net_go_down(struct neap_memory_net *memory, const char *name)
{
	cut_family(memory, name, 4);
	neap_memory_net_cut_neighbours(memory, name, 0);
	neap_memory_net_cut_six(memory, name);
}

void neap_memory_net_cut_link(struct neap_memory_net *memory, const char *name)
{
	neap_memory_net_go_down(memory, name);
	for (size_t i = memory->addresses.count; i-- > 0;)
		if (strcmp(memory->addresses.items[i].key.link, name) == 0) {
			struct neap_net_address gone = take_address(memory, i);

			disconnect(memory, &gone, true);
		}
	for (size_t i = memory->neighbours.count; i-- > 0;)
		if (strcmp(memory->neighbours.items[i].key.link, name) == 0)
			take_neighbour(memory, &memory->neighbours.items[i]);
}

void neap_memory_net_reconnect(struct neap_memory_net *memory, const char *name)
{
	for (size_t i = 0; i < memory->addresses.count; i++)
		if (strcmp(memory->addresses.items[i].key.link, name) == 0)
			connect(memory, &memory->addresses.items[i]);
}
