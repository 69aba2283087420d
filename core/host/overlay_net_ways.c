/*
 * The overlay over addresses and routes: what follows from each change, and what the kernel would refuse. It
 * must not know how a machine is asked or changed, nor who asks.
 */
#include <errno.h>
#include <stdlib.h>

#include "host/overlay_net.h"

const uint32_t neap_overlay_net_usual[NEAP_OVERLAY_NET_USUAL] = { 0, 256, 1024 };

bool neap_overlay_net_is_odd(const struct neap_net_route *route)
{
	for (size_t i = 0; i < NEAP_OVERLAY_NET_USUAL; i++)
		if (route->key.metric == neap_overlay_net_usual[i])
			return false;
	return true;
}

/* A switch of a link, without landing anything for it. */
static bool is_set(struct neap_overlay *overlay, const char *link, const char *setting)
{
	const struct neap_view *below = neap_overlay_below(overlay);
	bool made = neap_map_get(&overlay->net->made, neap_str(link)) != NULL;
	const char *path = neap_arena_printf(overlay->net->net.arena, NEAP_KERNEL_ROOT "/net/ipv4/conf/%s/%s",
					     link, setting);
	const struct neap_overlay_state *state = neap_overlay_tree_get(&overlay->tree, neap_str(path));
	struct neap_error *ignored NEAP_AUTO_ERROR = NULL;
	const char *value = NULL;

	if (state && state->kind == NEAP_FILE_REGULAR)
		value = state->content.data;
	else if (made)
		return is_set(overlay, "default", setting); /* as a new one has it */
	else if (below->reads->kernel(below, path, overlay->net->net.arena, &value, &ignored) < 0)
		return false;
	return value && strcmp(value, "0") != 0;
}

/* ---- routes ----------------------------------------------------------------------------------------------
 */

static bool is_up(const struct neap_overlay_net *own, const char *name)
{
	const struct neap_net_link *link = neap_net_link(&own->net, name);

	return link && link->up;
}

/* Of a network that begins with 0, or by an address that nothing is sent from, the kernel makes no route. */
static bool has_network(const struct neap_net_prefix *prefix, const struct neap_net_prefix *network)
{
	return network->ip.bytes[0] && !neap_net_multicast(&prefix->ip) &&
	       !neap_net_limited_broadcast(&prefix->ip);
}

bool neap_overlay_net_network_route(const struct neap_net_address *address, struct neap_net_route *ret)
{
	struct neap_net_prefix prefix = neap_net_address_prefix(address), to = neap_net_network(&prefix);
	bool four = to.ip.family == 4;

	if (address->routeless ||
	    (four && (address->secondary || to.len == 32 || !has_network(&prefix, &to) ||
		      strcmp(address->key.link, "lo") == 0)))
		return false;
	*ret = (struct neap_net_route){
		.key = neap_net_route_key(&to, NEAP_NET_TABLE_MAIN, four ? 0 : 256),
		.plain = true,
		.kernels = true,
	};
	if (four)
		ret->source = prefix.ip;
	memcpy(ret->link, address->key.link, sizeof(ret->link));
	return true;
}

/* An address on a link that is up: its network is to be reached. */
static void connect(struct neap_overlay_net *own, const struct neap_net_address *address)
{
	struct neap_net_route route;

	if (is_up(own, address->key.link) && neap_overlay_net_network_route(address, &route) &&
	    !neap_net_route(&own->net, &route.key))
		neap_overlay_net_set_route(own, &route);
}

/* Where two links lead to one network, the kernel has two routes to it, and the other one counts now. */
void neap_overlay_net_cut(struct neap_overlay_net *own, const struct neap_net_route *gone)
{
	struct neap_net_route other;

	neap_overlay_net_set(own, &own->net.routes, neap_overlay_net_route_name(gone), NULL);
	for (size_t i = 0; gone->kernels && i < own->net.addresses.count; i++) {
		const struct neap_net_address *address = own->net.addresses.entries[i].value;

		if (address && neap_overlay_net_network_route(address, &other) &&
		    memcmp(&other.key, &gone->key, sizeof(other.key)) == 0 &&
		    strcmp(other.link, gone->link) != 0)
			connect(own, address);
	}
}

/* Whether a link has the address; of IPv6 it must be up, and `link`, if that is said. */
static bool is_ours(const struct neap_overlay_net *own, const struct neap_net_ip *ip, const char *link)
{
	for (size_t i = 0; i < own->net.addresses.count; i++) {
		const struct neap_net_address *address = own->net.addresses.entries[i].value;

		if (address && address->key.family == ip->family &&
		    memcmp(address->key.bytes, ip->bytes, sizeof(ip->bytes)) == 0 &&
		    (ip->family == 4 ||
		     (is_up(own, address->key.link) && (!link || strcmp(link, address->key.link) == 0))))
			return true;
	}
	return false;
}

/* Whether everybody in a network of the machine, on `link` if that is said, is meant by it. */
static bool is_broadcast(const struct neap_overlay_net *own, const struct neap_net_ip *ip, const char *link)
{
	for (size_t i = 0; ip->family == 4 && i < own->net.addresses.count; i++) {
		const struct neap_net_address *address = own->net.addresses.entries[i].value;
		struct neap_net_prefix prefix, network;

		if (!address || address->key.family != 4 || address->len > 30 || address->secondary ||
		    !is_up(own, address->key.link) || (link[0] && strcmp(link, address->key.link) != 0))
			continue;
		prefix = neap_net_address_prefix(address);
		network = neap_net_network(&prefix);
		if (!has_network(&prefix, &network))
			continue;
		for (unsigned bit = network.len; bit < 32; bit++)
			network.ip.bytes[bit / 8] |= (uint8_t)(0x80U >> bit % 8);
		if (neap_net_ip_equal(&network.ip, ip))
			return true;
	}
	return false;
}

/* Whether the kernel looks at it for a gateway; IPv6 does so also when it goes through one itself. */
static bool counts(const struct neap_overlay_net *own, const struct neap_net_route *way, const char *link)
{
	return way && way->plain && (!way->via.family || way->key.family == 6) && is_up(own, way->link) &&
	       (!link[0] || strcmp(link, way->link) == 0);
}

/* Where two links lead to one network, the table has one of the two routes: the other one, if its network is
 * smaller than `than` bits say. */
static const char *second_way_to(const struct neap_overlay_net *own, const struct neap_net_ip *ip,
				 const char *link, int than)
{
	for (size_t i = 0; i < own->net.addresses.count; i++) {
		const struct neap_net_address *address = own->net.addresses.entries[i].value;
		struct neap_net_route route;
		struct neap_net_prefix to;

		if (!address || address->len <= than || !neap_overlay_net_network_route(address, &route) ||
		    !counts(own, &route, link))
			continue;
		to = neap_net_route_to(&route);
		if (neap_net_has(&to, ip))
			return address->key.link;
	}
	return NULL;
}

/* The nearest network that `ip` lies in. */
static const struct neap_net_route *nearest(const struct neap_overlay_net *own, const struct neap_net_ip *ip,
					    const char *link)
{
	const struct neap_net_route *best = NULL;

	for (int len = ip->family == 4 ? 32 : 128; len >= 0 && !own->odd; len--) {
		const struct neap_net_prefix host = { *ip, (uint8_t)len }, to = neap_net_network(&host);

		for (size_t i = 0; i < NEAP_OVERLAY_NET_USUAL; i++) {
			struct neap_net_route_key key =
				neap_net_route_key(&to, NEAP_NET_TABLE_MAIN, neap_overlay_net_usual[i]);
			const struct neap_net_route *way = neap_net_route(&own->net, &key);

			if (counts(own, way, link))
				return way;
		}
	}
	for (size_t i = 0; i < own->net.routes.count && own->odd; i++) {
		const struct neap_net_route *way = own->net.routes.entries[i].value;
		struct neap_net_prefix to;

		if (!way || way->key.table != NEAP_NET_TABLE_MAIN || !counts(own, way, link))
			continue;
		to = neap_net_route_to(way);
		if (neap_net_has(&to, ip) &&
		    (!best || to.len > best->key.len ||
		     (to.len == best->key.len && way->key.metric < best->key.metric)))
			best = way;
	}
	return best;
}

/* The link that `ip` is on; NULL: it cannot be reached, or not without another gateway. */
static const char *way_to(const struct neap_overlay_net *own, const struct neap_net_ip *ip, const char *link)
{
	const struct neap_net_route *way = nearest(own, ip, link);

	if (!way || way->via.family)
		return second_way_to(own, ip, link, way ? way->key.len : -1);
	return way->link;
}

int neap_overlay_net_put_route(struct neap_overlay_net *own, const struct neap_net_route *wanted)
{
	struct neap_net_route route = *wanted;
	bool four = route.key.family == 4;

	if (route.link[0] && !neap_net_link(&own->net, route.link))
		return ENODEV;
	if (!four && route.link[0] && neap_overlay_net_is_small(own, route.link))
		return ENODEV;
	if (!route.link[0] && !route.via.family)
		return ENODEV;
	if (!route.link[0] && neap_net_link_local(&route.via))
		return EINVAL;
	if (route.link[0] && !is_up(own, route.link))
		return ENETDOWN;
	if (route.via.family && (is_ours(own, &route.via, NULL) || is_broadcast(own, &route.via, route.link)))
		return EINVAL;
	if (route.via.family && !(neap_net_link_local(&route.via) && route.link[0])) {
		const char *way = way_to(own, &route.via, route.link);

		if (!way)
			return four ? ENETUNREACH : EHOSTUNREACH;
		memcpy(route.link, way, sizeof(route.link));
	}
	if (route.source.family && !is_ours(own, &route.source, route.link))
		return EINVAL;
	route.plain = true;
	route.kernels = false;
	neap_overlay_net_set_route(own, &route);
	return 0;
}

/* ---- addresses -------------------------------------------------------------------------------------------
 */

static const struct neap_net_address *first_of(struct neap_overlay_net *own,
					       const struct neap_net_address *address)
{
	struct neap_arena_mark mark = neap_arena_mark(own->net.arena);
	const struct neap_net_address *first =
		neap_map_get(&own->firsts, neap_overlay_net_network_name(own, address));

	neap_arena_rewind(own->net.arena, mark);
	return first;
}

int neap_overlay_net_add_address(struct neap_overlay_net *own, const struct neap_net_address *wanted)
{
	struct neap_net_address address = *wanted;
	const struct neap_net_address *first;

	if (!neap_net_link(&own->net, address.key.link))
		return ENODEV;
	if (neap_net_address(&own->net, &address.key))
		return EEXIST;
	if (address.key.family == 6 && neap_overlay_net_is_small(own, address.key.link))
		return EINVAL;
	first = address.key.family == 4 ? first_of(own, &address) : NULL;
	address.secondary = first;
	address.routeless = false;
	neap_overlay_net_set_address(own, &address);
	if (address.key.family == 4 && !first)
		neap_overlay_net_set(own, &own->firsts, neap_overlay_net_network_name(own, &address),
				     (void *)(uintptr_t)neap_net_address(&own->net, &address.key));
	connect(own, &address);
	return 0;
}

static bool same_network(const struct neap_net_address *a, const struct neap_net_address *b)
{
	struct neap_net_prefix of_a = neap_net_address_prefix(a), of_b = neap_net_address_prefix(b);

	return a->len == b->len && strcmp(a->key.link, b->key.link) == 0 && neap_net_has(&of_a, &of_b.ip);
}

/* The next address of the network that `gone` was in, or NULL. */
static const struct neap_net_address *next_of(const struct neap_overlay_net *own,
					      const struct neap_net_address *gone)
{
	for (size_t i = 0; i < own->net.addresses.count; i++) {
		const struct neap_net_address *address = own->net.addresses.entries[i].value;

		if (address && address->key.family == gone->key.family && same_network(address, gone))
			return address;
	}
	return NULL;
}

/* Routes that something follows for: taken from the table first, which must not be walked while it changes.
 */
struct routes {
	const struct neap_net_route **items;
	size_t count, size;
};

static bool is_over(const struct neap_net_route *route, const void *name)
{
	return strcmp(route->link, name) == 0;
}

static bool is_from(const struct neap_net_route *route, const void *ip)
{
	return neap_net_ip_equal(&route->source, ip);
}

static struct routes select_routes(const struct neap_overlay_net *own,
				   bool (*fits)(const struct neap_net_route *, const void *),
				   const void *what)
{
	struct routes found = { 0 };

	for (size_t i = 0; i < own->net.routes.count; i++) {
		const struct neap_net_route *route = own->net.routes.entries[i].value;

		if (route && fits(route, what))
			neap_vec_push(&found, route);
	}
	return found;
}

/* What had this address for its source. */
static void lose_source(struct neap_overlay_net *own, const struct neap_net_address *gone)
{
	struct neap_net_ip ip = neap_net_address_prefix(gone).ip;
	struct routes routes;

	if (ip.family == 4 && is_ours(own, &ip, NULL))
		return;
	routes = select_routes(own, is_from, &ip);
	for (size_t i = 0; i < routes.count; i++) {
		struct neap_net_route without = *routes.items[i];

		if (ip.family == 4) {
			neap_overlay_net_cut(own, routes.items[i]);
		} else if (strcmp(without.link, gone->key.link) == 0) {
			without.source = (struct neap_net_ip){ 0 };
			neap_overlay_net_set_route(own, &without);
		}
	}
	neap_vec_done(&routes);
}

/* Of IPv6 the kernel takes whichever route to the network on that link has the lowest metric. */
static const struct neap_net_route *first_route(const struct neap_overlay_net *own,
						const struct neap_net_route *like)
{
	const struct neap_net_route *first = neap_net_route(&own->net, &like->key);

	for (size_t i = 0; i < own->net.routes.count && own->odd; i++) {
		const struct neap_net_route *route = own->net.routes.entries[i].value;
		struct neap_net_route_key key;

		if (!route || route->via.family || strcmp(route->link, like->link) != 0)
			continue;
		key = route->key;
		key.metric = like->key.metric;
		if (memcmp(&key, &like->key, sizeof(key)) == 0 &&
		    (!first || route->key.metric < first->key.metric))
			first = route;
	}
	return first;
}

/* Takes the address itself away, and its route when no other address of its network has use for it. Of a
 * secondary one whose link goes, the kernel leaves what has it for its source. */
static void drop_address(struct neap_overlay_net *own, const struct neap_net_address *gone, bool loses)
{
	struct neap_net_route route;
	const struct neap_net_route *found;

	neap_overlay_net_set(own, &own->net.addresses, neap_overlay_net_address_name(gone), NULL);
	if (neap_overlay_net_network_route(gone, &route) && !(gone->key.family == 6 && next_of(own, gone))) {
		found = gone->key.family == 4 ? neap_net_route(&own->net, &route.key)
					      : first_route(own, &route);
		if (found && (found->kernels || gone->key.family == 6) &&
		    strcmp(found->link, gone->key.link) == 0)
			neap_overlay_net_cut(own, found);
	}
	if (gone->key.family == 4 && !gone->secondary)
		neap_overlay_net_set(own, &own->firsts, neap_overlay_net_network_name(own, gone), NULL);
	if (loses)
		lose_source(own, gone);
}

/* A link without an IPv4 address has no IPv4 route either, though it can be given one. */
static void cut_if_last(struct neap_overlay_net *own, const struct neap_net_address *gone)
{
	struct routes routes;

	for (size_t i = 0; i < own->net.addresses.count; i++) {
		const struct neap_net_address *address = own->net.addresses.entries[i].value;

		if (address && address->key.family == 4 && strcmp(address->key.link, gone->key.link) == 0)
			return;
	}
	neap_overlay_net_forget_neighbours(own, gone->key.link, 4);
	routes = select_routes(own, is_over, gone->key.link);
	for (size_t i = 0; i < routes.count; i++)
		if (routes.items[i]->key.family == 4)
			neap_overlay_net_cut(own, routes.items[i]);
	neap_vec_done(&routes);
}

int neap_overlay_net_remove_address(struct neap_overlay *overlay, const struct neap_net_address *wanted)
{
	struct neap_overlay_net *own = overlay->net;
	const struct neap_net_address *gone = neap_net_address(&own->net, &wanted->key), *next;
	struct neap_net_address first;
	bool promotes;

	if (!gone || gone->len != wanted->len)
		return EADDRNOTAVAIL;
	drop_address(own, gone, true);
	if (gone->key.family == 6 || gone->secondary)
		return 0; /* beside a secondary one there is another */
	promotes = is_set(overlay, "all", "promote_secondaries") ||
		   is_set(overlay, gone->key.link, "promote_secondaries");
	while ((next = next_of(own, gone)) && !promotes)
		drop_address(own, next, true);
	if (!next) {
		cut_if_last(own, gone);
		return 0;
	}
	first = *next;
	first.secondary = false;
	neap_overlay_net_set_address(own, &first);
	neap_overlay_net_set(own, &own->firsts, neap_overlay_net_network_name(own, &first),
			     (void *)(uintptr_t)neap_net_address(&own->net, &first.key));
	connect(own, &first);
	return 0;
}

void neap_overlay_net_cut_link(struct neap_overlay_net *own, const char *name, enum neap_overlay_net_cut cut)
{
	struct routes routes = select_routes(own, is_over, name);

	for (size_t i = 0; i < routes.count; i++)
		if (cut != NEAP_OVERLAY_NET_CUT_SIX || routes.items[i]->key.family == 6)
			neap_overlay_net_cut(own, routes.items[i]);
	neap_vec_done(&routes);
	for (size_t i = 0; i < own->net.addresses.count; i++) {
		const struct neap_net_address *address = own->net.addresses.entries[i].value;

		if (address && strcmp(address->key.link, name) == 0 &&
		    (cut == NEAP_OVERLAY_NET_CUT_ALL || address->key.family == 6))
			drop_address(own, address, !address->secondary);
	}
}

void neap_overlay_net_reconnect(struct neap_overlay_net *own, const char *name)
{
	size_t count = own->net.addresses.count;

	for (size_t i = 0; i < count; i++) {
		const struct neap_net_address *address = own->net.addresses.entries[i].value;

		if (address && strcmp(address->key.link, name) == 0)
			connect(own, address);
	}
}
