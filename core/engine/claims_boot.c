/*
 * Which units bring back at the next boot what resources keep, and who keeps such a unit from being started
 * then: the two are at odds. Knows units by their names only.
 */
#include "engine/graph_private.h"

#define NONE NEAP_GRAPH_NONE

struct boot { /* of one unit: the first of each */
	uint32_t needs, leaves_out;
};

void neap_claim_boot(struct neap_claims *claims, const char *unit, bool needed)
{
	struct neap_graph *graph = claims->graph;
	const struct neap_resource *self;
	struct boot *boot;
	bool told;
	void **slot;

	if (claims->probe)
		return;
	slot = neap_map_slot(&claims->boots, neap_str(neap_arena_strdup(graph->arena, unit)));
	boot = *slot;
	if (!boot) {
		boot = *slot = neap_arena_new_of(graph->arena, struct boot);
		*boot = (struct boot){ NONE, NONE };
	}
	told = boot->needs != NONE && boot->leaves_out != NONE;
	if (needed && boot->needs == NONE)
		boot->needs = claims->resource;
	if (!needed && boot->leaves_out == NONE)
		boot->leaves_out = claims->resource;
	if (told || boot->needs == NONE || boot->leaves_out == NONE)
		return;
	self = &graph->resources.items[claims->resource]; /* the later one */
	neap_problem_add(graph->problems, self->at, self->address,
			 "%s is brought back at boot by %s, which %s keeps from being started",
			 neap_claims_named(claims, boot->needs), unit,
			 neap_claims_named(claims, boot->leaves_out));
}
