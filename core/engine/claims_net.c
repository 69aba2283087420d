/*
 * Who makes which link, who needs one, and through what a gateway is reached: the edges between them. Knows
 * names and numbers only; what is there is the machine's to say.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/graph_private.h"

#define NONE NEAP_GRAPH_NONE

struct link {
	uint32_t maker; /* or who removes it */
	bool absent;
};

struct provider { /* of a network; the last to say so first */
	struct provider *next;
	uint32_t resource;
};
struct network {
	struct provider *providers;
	uint32_t join; /* of several, once somebody needs it */
};

static const struct neap_resource *resource_of(const struct neap_claims *claims, uint32_t number)
{
	return &claims->graph->resources.items[number];
}

static void edge(struct neap_claims *claims, uint32_t from, uint32_t to, uint32_t at)
{
	if (from != to)
		neap_graph_edge(claims->graph, from, to, NEAP_WHY_AUTOREQUIRE, false,
				resource_of(claims, at)->at);
}

/* ---- claiming ------------------------------------------------------------------------------------------ */

static void make(struct neap_claims *claims, const char *name, bool absent)
{
	void **slot = neap_map_slot(&claims->links, neap_str(name));
	struct link *link = *slot;

	if (!link) {
		link = *slot = neap_arena_new_of(claims->graph->arena, struct link);
		*link = (struct link){ claims->resource, absent };
	} else if (link->maker != claims->resource) {
		neap_problem_add(claims->graph->problems, resource_of(claims, claims->resource)->at,
				 resource_of(claims, claims->resource)->address,
				 "%s and %s both %s the link %s", neap_claims_named(claims, link->maker),
				 neap_claims_named(claims, claims->resource),
				 absent && link->absent ? "remove" : "make", name);
	}
}

void neap_claim_link(struct neap_claims *claims, const char *name, enum neap_link_claim claim)
{
	if (claims->probe)
		return;
	name = neap_arena_strdup(claims->graph->arena, name); /* the type's may not last */
	if (claim == NEAP_LINK_MAKES || claim == NEAP_LINK_REMOVES)
		make(claims, name, claim == NEAP_LINK_REMOVES);
	else
		neap_vec_push(&claims->link_needs, (struct neap_link_need){ claims->resource, name, claim });
}

void neap_claim_sole(struct neap_claims *claims, const char *what)
{
	void **slot;

	if (claims->probe)
		return;
	slot = neap_map_slot(&claims->sole, neap_str(neap_arena_strdup(claims->graph->arena, what)));
	if (!*slot)
		*slot = (void *)((uintptr_t)claims->resource + 1);
	else if ((uintptr_t)*slot != (uintptr_t)claims->resource + 1)
		neap_problem_add(claims->graph->problems, resource_of(claims, claims->resource)->at,
				 resource_of(claims, claims->resource)->address, "%s and %s both own %s",
				 neap_claims_named(claims, (uint32_t)((uintptr_t)*slot - 1)),
				 neap_claims_named(claims, claims->resource), what);
}

static struct neap_str network_key(struct neap_arena *arena, const struct neap_net_prefix *network)
{
	struct neap_net_prefix *key = neap_arena_new_of(arena, struct neap_net_prefix);

	*key = neap_net_network(network);
	return (struct neap_str){ (const char *)key, sizeof(*key) };
}

void neap_claim_network(struct neap_claims *claims, const struct neap_net_prefix *network)
{
	struct provider *provider;
	struct network *found;
	void **slot;

	if (claims->probe)
		return;
	slot = neap_map_slot(&claims->networks, network_key(claims->graph->arena, network));
	found = *slot;
	if (!found) {
		found = *slot = neap_arena_new_of(claims->graph->arena, struct network);
		found->join = NONE;
	}
	if (found->providers && found->providers->resource == claims->resource)
		return;
	provider = neap_arena_new_of(claims->graph->arena, struct provider);
	*provider = (struct provider){ found->providers, claims->resource };
	found->providers = provider;
	claims->lens[network->ip.family == 6][network->len] = true;
}

void neap_claim_reaches(struct neap_claims *claims, const struct neap_net_ip *ip)
{
	if (!claims->probe)
		neap_vec_push(&claims->reaches, (struct neap_reach){ claims->resource, *ip });
}

/* ---- order --------------------------------------------------------------------------------------------- */

static void order_need(struct neap_claims *claims, const struct neap_link_need *need)
{
	const struct link *link = neap_map_get(&claims->links, neap_str(need->name));
	uint32_t later;

	if (!link || link->maker == need->resource)
		return;
	if (!link->absent) {
		edge(claims, link->maker, need->resource, need->resource);
	} else if (need->claim == NEAP_LINK_LEAVES) {
		edge(claims, need->resource, link->maker, link->maker);
	} else {
		later = link->maker > need->resource ? link->maker : need->resource;
		neap_problem_add(claims->graph->problems, resource_of(claims, later)->at,
				 resource_of(claims, later)->address,
				 "%s needs the link %s, which %s makes absent",
				 neap_claims_named(claims, need->resource), need->name,
				 neap_claims_named(claims, link->maker));
	}
}

/* Who follows comes after all who take something off the link: one join for each link that both have. */
static void order_leavers(struct neap_claims *claims)
{
	struct neap_map joins = { 0 }; /* name -> join + 1, of links that somebody leaves */

	for (size_t i = 0; i < claims->link_needs.count; i++) {
		const struct neap_link_need *need = &claims->link_needs.items[i];

		if (need->claim == NEAP_LINK_LEAVES)
			neap_map_put(&joins, neap_str(need->name), (void *)(uintptr_t)UINTPTR_MAX);
	}
	for (size_t i = 0; i < claims->link_needs.count; i++) {
		const struct neap_link_need *need = &claims->link_needs.items[i];
		uintptr_t join = (uintptr_t)neap_map_get(&joins, neap_str(need->name));

		if (!join || need->claim != NEAP_LINK_FOLLOWS)
			continue;
		if (join == UINTPTR_MAX) {
			join = (uintptr_t)neap_graph_join(claims->graph) + 1;
			neap_map_put(&joins, neap_str(need->name), (void *)join);
		}
		edge(claims, (uint32_t)(join - 1), need->resource, need->resource);
	}
	for (size_t i = 0; i < claims->link_needs.count; i++) {
		const struct neap_link_need *need = &claims->link_needs.items[i];
		uintptr_t join = (uintptr_t)neap_map_get(&joins, neap_str(need->name));

		if (need->claim == NEAP_LINK_LEAVES && join != UINTPTR_MAX)
			edge(claims, need->resource, (uint32_t)(join - 1), need->resource);
	}
	neap_map_done(&joins);
}

/* Of several who make a network reachable any may be the one: a join stands for them. */
static uint32_t node_of(struct neap_claims *claims, struct network *network)
{
	if (!network->providers->next)
		return network->providers->resource;
	if (network->join != NONE)
		return network->join;
	network->join = neap_graph_join(claims->graph);
	for (const struct provider *at = network->providers; at; at = at->next)
		edge(claims, at->resource, network->join, at->resource);
	return network->join;
}

static void order_reach(struct neap_claims *claims, const struct neap_reach *reach)
{
	struct neap_arena *arena = claims->graph->arena;

	for (int len = reach->ip.family == 6 ? 128 : 32; len >= 0; len--) {
		const struct neap_net_prefix network = { reach->ip, (uint8_t)len };
		struct neap_arena_mark mark = neap_arena_mark(arena);
		struct network *found;

		if (!claims->lens[reach->ip.family == 6][len])
			continue;
		found = neap_map_get(&claims->networks, network_key(arena, &network));
		neap_arena_rewind(arena, mark);
		if (!found)
			continue;
		edge(claims, node_of(claims, found), reach->resource, reach->resource);
		return;
	}
}

void neap_claims_order_net(struct neap_claims *claims)
{
	for (size_t i = 0; i < claims->link_needs.count; i++)
		order_need(claims, &claims->link_needs.items[i]);
	order_leavers(claims);
	for (size_t i = 0; i < claims->reaches.count; i++)
		order_reach(claims, &claims->reaches.items[i]);
	neap_vec_done(&claims->link_needs);
	neap_vec_done(&claims->reaches);
	neap_map_done(&claims->links);
	neap_map_done(&claims->networks);
	neap_map_done(&claims->sole);
}
