/*
 * "After everything that lies there": edges for who depends on a whole directory. They are made last and
 * never make a cycle: who is needed for what lies there comes before it, as the recipe says.
 */
#include <string.h>

#include "engine/graph_private.h"

/* The nodes that `first` stand on, themselves included, are marked: breadth first against the edges. */
static void mark_before(const struct neap_graph *graph, const bool *first, bool *mark, size_t nodes)
{
	size_t resources = graph->resources.count, count = graph->edges.count, queued = 0;
	NEAP_AUTO_FREE uint32_t *start = neap_alloc((nodes + 2) * sizeof *start);
	NEAP_AUTO_FREE uint32_t *from = neap_alloc((count + 1) * sizeof *from);
	NEAP_AUTO_FREE uint32_t *queue = neap_alloc((nodes + 1) * sizeof *queue);

	memset(start, 0, (nodes + 2) * sizeof *start);
	for (size_t i = 0; i < count; i++)
		start[neap_graph_numbered(graph, graph->edges.items[i].to) + 2]++;
	for (size_t i = 0; i < nodes; i++)
		start[i + 2] += start[i + 1];
	for (size_t i = 0; i < count; i++)
		from[start[neap_graph_numbered(graph, graph->edges.items[i].to) + 1]++] =
			neap_graph_numbered(graph, graph->edges.items[i].from);
	for (size_t i = 0; i < resources; i++) {
		mark[i] = first[i];
		if (mark[i])
			queue[queued++] = (uint32_t)i;
	}
	for (size_t next = 0; next < queued; next++) {
		for (uint32_t i = start[queue[next]]; i < start[queue[next] + 1]; i++) {
			if (!mark[from[i]])
				queue[queued++] = from[i];
			mark[from[i]] = true;
		}
	}
}

void neap_graph_order_after(struct neap_graph *graph, const bool *first, const bool *after)
{
	size_t resources = graph->resources.count, nodes = resources + graph->joins.count, count = 0, i;
	NEAP_AUTO_FREE bool *before = neap_alloc(nodes + 1);
	uint32_t join, last = 0;

	memset(before, 0, nodes + 1);
	mark_before(graph, first, before, nodes);
	for (i = 0; i < resources; i++) {
		if (after[i] && !before[i])
			count++, last = (uint32_t)i;
	}
	if (!count)
		return;
	join = count == 1 ? last : neap_graph_join(graph);
	for (i = 0; i < resources; i++) {
		struct neap_position at = graph->resources.items[i].at;

		if (first[i])
			neap_graph_edge(graph, (uint32_t)i, join, NEAP_WHY_AUTOREQUIRE, false, at);
		else if (after[i] && !before[i] && i != join)
			neap_graph_edge(graph, join, (uint32_t)i, NEAP_WHY_AUTOREQUIRE, false, at);
	}
}
