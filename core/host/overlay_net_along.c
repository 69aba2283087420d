/*
 * What the changes of a step have taken along: what the kernel removes beside what it is asked to remove.
 * Told by what the step has written down to be taken back. It must not know what follows from which change.
 */
#include <stdlib.h>

#include "host/overlay_net.h"

enum rank { LINK, ROUTE, ADDRESS, NEIGHBOUR, SOURCE };

struct gone {
	enum rank rank;
	uint8_t family, len; /* of routes: those to most come first */
	const char *text;
};
struct along {
	const struct neap_overlay_net *own;
	struct neap_arena *arena;
	struct neap_map asked; /* what the step itself was about, by its key; of links the name */
	struct neap_map came;  /* routes that came with addresses that are gone: route and link */
	NEAP_VEC(struct gone) gone;
};

struct came {
	struct neap_net_route_key key;
	char link[NEAP_NET_NAME];
};

static struct neap_str came_name(const struct neap_net_route *route, struct neap_arena *arena)
{
	struct came *came = neap_arena_new_of(arena, struct came);

	came->key = route->key;
	memcpy(came->link, route->link, sizeof(came->link));
	return (struct neap_str){ (const char *)came, sizeof(*came) };
}

static void note_asked(struct along *along, const struct neap_net_change *change)
{
	void *yes = along;

	switch (change->op) {
	case NEAP_NET_LINK_ADD:
	case NEAP_NET_LINK_SET:
	case NEAP_NET_LINK_REMOVE:
		neap_map_put(&along->asked, neap_str(change->link.name), yes);
		return;
	case NEAP_NET_ADDRESS_ADD:
	case NEAP_NET_ADDRESS_REMOVE:
		neap_map_put(&along->asked, neap_overlay_net_address_name(&change->address), yes);
		return;
	case NEAP_NET_ROUTE_PUT:
	case NEAP_NET_ROUTE_REMOVE:
		neap_map_put(&along->asked, neap_overlay_net_route_name(&change->route), yes);
		return;
	case NEAP_NET_NEIGHBOUR_PUT:
	case NEAP_NET_NEIGHBOUR_REMOVE:
		neap_map_put(&along->asked, neap_overlay_net_neighbour_name(&change->neighbour), yes);
		return;
	}
}

/* ---- what is said of each ------------------------------------------------------------------------------ */

static void say(struct along *along, enum rank rank, const struct neap_net_prefix *to, const char *text)
{
	neap_vec_push(&along->gone, (struct gone){ rank, to ? to->ip.family : 0, to ? to->len : 0, text });
}

static void say_link(struct along *along, const struct neap_net_link *link)
{
	say(along, LINK, NULL, neap_arena_printf(along->arena, "%s %s", link->kind, link->name));
}

static void say_address(struct along *along, const struct neap_net_address *address)
{
	struct neap_net_prefix prefix = neap_net_address_prefix(address);
	char text[NEAP_NET_TEXT];

	if (!address->kernels)
		say(along, ADDRESS, &prefix,
		    neap_arena_printf(along->arena, "address %s on %s", neap_net_prefix_print(&prefix, text),
				      address->key.link));
}

static void say_route(struct along *along, const struct neap_net_route *route)
{
	struct neap_net_prefix to = neap_net_route_to(route);

	if (route->kernels &&
	    (neap_net_link_local(&to.ip) || neap_map_get(&along->came, came_name(route, along->arena))))
		return;
	say(along, ROUTE, &to, neap_net_route_print(route, along->arena));
}

/* A vxlan that goes has nobody to know any more. */
static void say_neighbour(struct along *along, const struct neap_net_neighbour *one)
{
	static const char *const words[] = { [NEAP_NET_PEER] = "peer",
					     [NEAP_NET_FORWARD] = "forwarding",
					     [NEAP_NET_NEIGHBOUR] = "neighbour" };

	if (neap_net_link(&along->own->net, one->key.link))
		say(along, NEIGHBOUR, NULL,
		    neap_arena_printf(along->arena, "%s %s on %s", words[one->key.kind],
				      neap_net_neighbour_print(one, along->arena), one->key.link));
}

static void say_source(struct along *along, const struct neap_net_route *before,
		       const struct neap_net_route *after)
{
	char text[NEAP_NET_TEXT];

	if (before->source.family && !after->source.family && strcmp(before->link, after->link) == 0)
		say(along, SOURCE, NULL,
		    neap_arena_printf(along->arena, "source %s of %s",
				      neap_net_ip_print(&before->source, text),
				      neap_net_route_print(after, along->arena)));
}

/* ---- what is gone -------------------------------------------------------------------------------------- */

static void say_one(struct along *along, const struct neap_map *map, const void *before, const void *after)
{
	const struct neap_net *net = &along->own->net;

	if (map == &net->routes && after)
		say_source(along, before, after);
	else if (after)
		return;
	else if (map == &net->links)
		say_link(along, before);
	else if (map == &net->addresses)
		say_address(along, before);
	else if (map == &net->routes)
		say_route(along, before);
	else
		say_neighbour(along, before);
}

/* What was there when the step began: the first that was written down of each. */
static void say_map(struct along *along, const struct neap_map *map)
{
	struct neap_map seen = { 0 };

	for (size_t i = 0; i < along->own->log.count; i++) {
		struct neap_str key = along->own->log.items[i].key;
		const void *before = along->own->log.items[i].before;

		if (along->own->log.items[i].map != map || neap_map_get(&along->asked, key) ||
		    neap_map_put(&seen, key, along))
			continue;
		if (before)
			say_one(along, map, before, neap_map_get(map, key));
	}
	neap_map_done(&seen);
}

static void note_came(struct along *along)
{
	for (size_t i = 0; i < along->own->log.count; i++) {
		const struct neap_map *map = along->own->log.items[i].map;
		const struct neap_net_address *address = along->own->log.items[i].before;
		struct neap_net_route route;

		if (map == &along->own->net.addresses && address &&
		    !neap_map_get(map, along->own->log.items[i].key) &&
		    neap_overlay_net_network_route(address, &route))
			neap_map_put(&along->came, came_name(&route, along->arena), along);
	}
}

static int compare(const void *a, const void *b)
{
	const struct gone *one = a, *other = b;

	if (one->rank != other->rank)
		return one->rank < other->rank ? -1 : 1;
	if (one->rank == ROUTE && one->family != other->family)
		return one->family < other->family ? -1 : 1;
	if (one->rank == ROUTE && one->len != other->len)
		return one->len < other->len ? -1 : 1;
	return strcmp(one->text, other->text);
}

size_t neap_overlay_net_along(const struct neap_host *host, struct neap_arena *arena, const char *const **ret)
{
	const struct neap_overlay *overlay = neap_overlay_of(&host->view);
	struct along along = { .own = overlay->net, .arena = arena };
	const struct neap_change *changes;
	const char **texts;
	size_t count = 0;

	if (!overlay->net || !overlay->net->log.count)
		return 0;
	changes = neap_overlay_changes(host, &count);
	for (size_t i = 0; i < count; i++)
		if (changes[i].kind == NEAP_CHANGE_NET)
			note_asked(&along, changes[i].net);
	note_came(&along);
	say_map(&along, &along.own->net.links);
	say_map(&along, &along.own->net.routes);
	say_map(&along, &along.own->net.addresses);
	say_map(&along, &along.own->net.neighbours);
	count = along.gone.count;
	if (count)
		qsort(along.gone.items, count, sizeof(*along.gone.items), compare);
	texts = neap_arena_array_of(arena, const char *, count + 1);
	for (size_t i = 0; i < count; i++)
		texts[i] = along.gone.items[i].text;
	neap_vec_done(&along.gone);
	neap_map_done(&along.asked);
	neap_map_done(&along.came);
	*ret = texts;
	return count;
}
