/* The functions of host.h for links, addresses, routes and neighbours: look-ups in the host's table. */
#include "host/host.h"

#include <stdlib.h>
#include <string.h>

static int settle(const struct neap_view *view, int r, bool found, struct neap_error **local,
		  struct neap_error **err)
{
	if (view->reads->net_settle)
		return view->reads->net_settle(view, r, !found, local, err);
	neap_error_pass(err, local);
	return r;
}

int neap_view_net_link(const struct neap_view *view, const char *name, struct neap_net_link *ret,
		       bool *ret_found, struct neap_error **err)
{
	const struct neap_net_link *link = NULL;
	struct neap_error *local = NULL;
	const struct neap_net *net;
	int r = view->reads->net(view, NEAP_NET_LINKS, &net, &local);

	if (r == 0)
		link = neap_net_link(net, name);
	r = settle(view, r, link, &local, err);
	if (r == 0)
		*ret_found = link;
	if (r == 0 && link)
		*ret = *link;
	return r;
}

int neap_view_net_address(const struct neap_view *view, const struct neap_net_address_key *key,
			  struct neap_net_address *ret, bool *ret_found, struct neap_error **err)
{
	const struct neap_net_address *address = NULL;
	struct neap_error *local = NULL;
	const struct neap_net *net;
	int r = view->reads->net(view, NEAP_NET_LINKS | NEAP_NET_ADDRESSES, &net, &local);

	if (r == 0)
		address = neap_net_address(net, key);
	r = settle(view, r, address, &local, err);
	if (r == 0)
		*ret_found = address;
	if (r == 0 && address)
		*ret = *address;
	return r;
}

int neap_view_net_has_ip(const struct neap_view *view, const struct neap_net_ip *ip, bool *ret,
			 struct neap_error **err)
{
	struct neap_error *local = NULL;
	const struct neap_net *net;
	bool found = false;
	int r = view->reads->net(view, NEAP_NET_LINKS | NEAP_NET_ADDRESSES, &net, &local);

	for (size_t i = 0; r == 0 && !found && i < net->addresses.count; i++) {
		const struct neap_net_address *address = net->addresses.entries[i].value;

		found = address && address->key.family == ip->family &&
			memcmp(address->key.bytes, ip->bytes, sizeof(ip->bytes)) == 0;
	}
	r = settle(view, r, found, &local, err);
	if (r == 0)
		*ret = found;
	return r;
}

int neap_view_net_route(const struct neap_view *view, const struct neap_net_route_key *key,
			struct neap_net_route *ret, bool *ret_found, struct neap_error **err)
{
	const struct neap_net_route *route = NULL;
	struct neap_error *local = NULL;
	const struct neap_net *net;
	int r = view->reads->net(view, NEAP_NET_LINKS | NEAP_NET_ROUTES, &net, &local);

	if (r == 0)
		route = neap_net_route(net, key);
	r = settle(view, r, route, &local, err);
	if (r == 0)
		*ret_found = route;
	if (r == 0 && route)
		*ret = *route;
	return r;
}

static unsigned part_of(enum neap_net_neighbour_kind kind)
{
	return NEAP_NET_LINKS | (kind == NEAP_NET_NEIGHBOUR ? NEAP_NET_NEIGHBOURS : NEAP_NET_FORWARDS);
}

int neap_view_net_neighbour(const struct neap_view *view, const struct neap_net_neighbour_key *key,
			    struct neap_net_neighbour *ret, bool *ret_found, struct neap_error **err)
{
	const struct neap_net_neighbour *neighbour = NULL;
	struct neap_error *local = NULL;
	const struct neap_net *net;
	int r = view->reads->net(view, part_of(key->kind), &net, &local);

	if (r == 0)
		neighbour = neap_net_neighbour(net, key);
	r = settle(view, r, neighbour, &local, err);
	if (r == 0)
		*ret_found = neighbour;
	if (r == 0 && neighbour)
		*ret = *neighbour;
	return r;
}

static int compare_neighbours(const void *a, const void *b)
{
	const struct neap_net_neighbour *one = *(const struct neap_net_neighbour *const *)a,
					*other = *(const struct neap_net_neighbour *const *)b;

	return memcmp(&one->key, &other->key, sizeof(one->key));
}

int neap_view_net_neighbours(const struct neap_view *view, const char *link,
			     enum neap_net_neighbour_kind kind, struct neap_arena *arena,
			     const struct neap_net_neighbour *const **ret, size_t *ret_count,
			     struct neap_error **err)
{
	const struct neap_net_neighbour **found;
	struct neap_error *local = NULL;
	const struct neap_net *net;
	size_t count = 0;
	int r = view->reads->net(view, part_of(kind), &net, &local);

	r = settle(view, r, true, &local, err);
	if (r != 0)
		return r;
	found = neap_arena_array_of(arena, const struct neap_net_neighbour *, net->neighbours.live + 1);
	for (size_t i = 0; i < net->neighbours.count; i++) {
		const struct neap_net_neighbour *one = net->neighbours.entries[i].value;
		struct neap_net_neighbour *copy;

		if (!one || one->key.kind != kind || strcmp(one->key.link, link) != 0)
			continue;
		copy = neap_arena_new_of(arena, struct neap_net_neighbour);
		*copy = *one;
		found[count++] = copy;
	}
	if (count)
		qsort((void *)found, count, sizeof(*found), compare_neighbours);
	*ret = found;
	*ret_count = count;
	return 0;
}

int neap_host_net(struct neap_host *host, const struct neap_net_change *change, struct neap_error **err)
{
	return host->changes->net(host, change, err);
}
