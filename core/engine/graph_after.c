/*
 * "After everything that lies there": edges for who depends on a whole directory. They are made last and
 * never make a cycle: who is needed for what lies there comes before it, as the recipe says.
 *
 * Whether somebody is needed is a question about the whole graph, and too dear to be asked for each
 * directory. So it is asked once for all of them: with every edge that is wished for in it, what is on no
 * cycle harms nobody. Only of the rest, mostly nothing, each one is looked at by itself.
 */
#include <string.h>

#include "engine/graph_private.h"

struct arc {
	uint32_t from, to;
};

struct arcs {
	struct arc *items;
	size_t count;
};

static void add_arc(struct arcs *arcs, uint32_t from, uint32_t to)
{
	arcs->items[arcs->count++] = (struct arc){ from, to };
}

/* ---- tangles ------------------------------------------------------------------------------------------- */

/* Of the nodes that are `left` those go that no arc of others comes to, and so on; `back`: that none leaves.
 */
static void peel(const struct arcs *arcs, size_t nodes, bool back, bool *left)
{
	NEAP_AUTO_FREE uint32_t *start = neap_alloc((nodes + 2) * sizeof *start);
	NEAP_AUTO_FREE uint32_t *to = neap_alloc((arcs->count + 1) * sizeof *to);
	NEAP_AUTO_FREE uint32_t *waits = neap_alloc((nodes + 1) * sizeof *waits);
	NEAP_AUTO_FREE uint32_t *queue = neap_alloc((nodes + 1) * sizeof *queue);
	size_t queued = 0;

	memset(start, 0, (nodes + 2) * sizeof *start);
	memset(waits, 0, (nodes + 1) * sizeof *waits);
	for (size_t i = 0; i < arcs->count; i++)
		start[(back ? arcs->items[i].to : arcs->items[i].from) + 2]++;
	for (size_t i = 0; i < nodes; i++)
		start[i + 2] += start[i + 1];
	/* `start` is one place ahead, so that filling moves it to where it belongs. */
	for (size_t i = 0; i < arcs->count; i++) {
		struct arc arc = arcs->items[i];

		if (back)
			arc = (struct arc){ arc.to, arc.from };
		to[start[arc.from + 1]++] = arc.to;
		waits[arc.to] += left[arc.from];
	}
	for (size_t i = 0; i < nodes; i++)
		if (left[i] && !waits[i])
			queue[queued++] = (uint32_t)i;
	for (size_t next = 0; next < queued; next++) {
		uint32_t node = queue[next];

		left[node] = false;
		for (uint32_t i = start[node]; i < start[node + 1]; i++)
			if (--waits[to[i]] == 0 && left[to[i]])
				queue[queued++] = to[i];
	}
}

/* Which wishes are on a cycle, or between two, if all were granted. */
static void find_tangled(const struct neap_graph *graph, const struct neap_wish *wishes, size_t count,
			 bool *ret)
{
	size_t own = graph->resources.count + graph->joins.count, nodes = own + count;
	NEAP_AUTO_FREE bool *left = neap_alloc(nodes + 1);
	NEAP_AUTO_FREE struct arc *room = NULL;
	struct arcs arcs = { 0 };
	size_t most = graph->edges.count;

	for (size_t i = 0; i < count; i++)
		most += wishes[i].first_count + wishes[i].after_count;
	room = neap_alloc((most + 1) * sizeof *room);
	arcs.items = room;
	for (size_t i = 0; i < graph->edges.count; i++)
		add_arc(&arcs, neap_graph_numbered(graph, graph->edges.items[i].from),
			neap_graph_numbered(graph, graph->edges.items[i].to));
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < wishes[i].first_count; k++)
			add_arc(&arcs, wishes[i].first[k], (uint32_t)(own + i));
		for (size_t k = 0; k < wishes[i].after_count; k++)
			add_arc(&arcs, (uint32_t)(own + i), wishes[i].after[k]);
	}
	memset(left, true, nodes);
	peel(&arcs, nodes, false, left);
	peel(&arcs, nodes, true, left);
	memcpy(ret, left + own, count);
}

/* ---- edges --------------------------------------------------------------------------------------------- */

/* The nodes that `wish->first` stand on, themselves included, are marked: breadth first against the edges. */
static void mark_before(const struct neap_graph *graph, const struct neap_wish *wish, bool *mark)
{
	size_t nodes = graph->resources.count + graph->joins.count, count = graph->edges.count, queued = 0;
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
	for (size_t i = 0; i < wish->first_count; i++) {
		mark[wish->first[i]] = true;
		queue[queued++] = wish->first[i];
	}
	for (size_t next = 0; next < queued; next++) {
		for (uint32_t i = start[queue[next]]; i < start[queue[next] + 1]; i++) {
			if (!mark[from[i]])
				queue[queued++] = from[i];
			mark[from[i]] = true;
		}
	}
}

/* Without those of `wish->after` that are marked; NULL: nobody is. */
static void grant(struct neap_graph *graph, const struct neap_wish *wish, const bool *before)
{
	uint32_t join, last = 0;
	size_t count = 0;

	for (size_t i = 0; i < wish->after_count; i++)
		if (!before || !before[wish->after[i]])
			count++, last = wish->after[i];
	if (!count)
		return;
	join = count == 1 ? last : neap_graph_join(graph);
	for (size_t i = 0; i < wish->first_count; i++)
		neap_graph_edge(graph, wish->first[i], join, NEAP_WHY_AUTOREQUIRE, false,
				graph->resources.items[wish->first[i]].at);
	for (size_t i = 0; count > 1 && i < wish->after_count; i++)
		if (!before || !before[wish->after[i]])
			neap_graph_edge(graph, join, wish->after[i], NEAP_WHY_AUTOREQUIRE, false,
					graph->resources.items[wish->after[i]].at);
}

void neap_graph_order_after(struct neap_graph *graph, const struct neap_wish *wishes, size_t count)
{
	NEAP_AUTO_FREE bool *tangled = NULL;

	if (!count)
		return;
	tangled = neap_alloc(count);
	find_tangled(graph, wishes, count, tangled);
	for (size_t i = 0; i < count; i++) {
		if (!tangled[i]) {
			grant(graph, &wishes[i], NULL);
			continue;
		}
		size_t nodes = graph->resources.count + graph->joins.count;
		NEAP_AUTO_FREE bool *before = neap_alloc(nodes + 1);

		memset(before, 0, nodes + 1);
		mark_before(graph, &wishes[i], before);
		grant(graph, &wishes[i], before);
	}
}
