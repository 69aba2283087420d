/* The functions of host.h for links, addresses and routes: look-ups in the host's table. */
#include "host/host.h"

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

int neap_host_net(struct neap_host *host, const struct neap_net_change *change, struct neap_error **err)
{
	return host->changes->net(host, change, err);
}
