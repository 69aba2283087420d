/*
 * Selecting by tags: the resources that have one of them, what those notify, and all that these stand on.
 */
#include <stdlib.h>

#include "base/vec.h"
#include "engine/run.h"

static bool has_tag(const struct neap_resource *resource, const char *tag)
{
	const struct neap_meta *meta = resource->meta;

	for (size_t i = 0; meta && i < meta->tags.count; i++)
		if (strcmp(meta->tags.items[i], tag) == 0)
			return true;
	return false;
}

static void no_such_tag(const struct neap_graph *graph, const char *tag, struct neap_error **err)
{
	NEAP_VEC(const char *) names = { 0 };
	const char *nearest;

	for (size_t i = 0; i < graph->resources.count; i++) {
		const struct neap_meta *meta = graph->resources.items[i].meta;

		for (size_t j = 0; meta && j < meta->tags.count; j++)
			neap_vec_push(&names, meta->tags.items[j]);
	}
	neap_vec_push(&names, NULL);
	nearest = neap_str_nearest(tag, names.items);
	neap_error_set(err, "no resource has the tag \"%s\"", tag);
	if (nearest)
		neap_error_hint(err, "did you mean \"%s\"?", nearest);
	neap_vec_done(&names);
}

bool *neap_run_select(const struct neap_graph *graph, const char *const *tags, size_t count,
		      size_t *ret_selected, size_t *ret_needed, struct neap_error **err)
{
	/* Joins too, for what leads through them. */
	bool *selected = neap_alloc(graph->node_count + 1);
	NEAP_VEC(uint32_t) queue = { 0 };
	size_t needed = 0;

	memset(selected, 0, graph->node_count + 1);
	for (size_t i = 0; i < count; i++) {
		bool found = false;

		for (uint32_t node = 0; node < graph->resources.count; node++) {
			if (!has_tag(&graph->resources.items[node], tags[i]))
				continue;
			found = true;
			if (!selected[node])
				neap_vec_push(&queue, node);
			selected[node] = true;
		}
		if (!found) {
			no_such_tag(graph, tags[i], err);
			neap_vec_done(&queue);
			free(selected);
			return NULL;
		}
	}
	*ret_selected = queue.count;
	for (size_t next = 0; next < queue.count; next++) {
		uint32_t node = queue.items[next];

		for (uint32_t i = graph->in_first[node]; i < graph->in_first[node + 1]; i++) {
			uint32_t from = graph->edges.items[i].from;

			if (selected[from])
				continue;
			selected[from] = true;
			needed += from < graph->resources.count;
			neap_vec_push(&queue, from);
		}
		/* A notification that is not delivered now would be lost. */
		for (uint32_t i = graph->out_first[node]; i < graph->out_first[node + 1]; i++) {
			const struct neap_edge *edge = &graph->edges.items[graph->out_edges[i]];

			if (!edge->refresh || selected[edge->to])
				continue;
			selected[edge->to] = true;
			needed += edge->to < graph->resources.count;
			neap_vec_push(&queue, edge->to);
		}
	}
	*ret_needed = needed;
	neap_vec_done(&queue);
	return selected;
}
