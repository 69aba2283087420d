/*
 * Cycles, said so that a person can cut them: of each knot of nodes that wait for each other the shortest
 * cycle is looked for, within a bound of work, and every edge of it is named with its reason and place.
 * Joins are looked through: their members are what the recipe names.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/graph_private.h"

#define NONE NEAP_GRAPH_NONE
#define KNOTS_SHOWN 10
#define WORK 20000000 /* edges visited in search of a shorter one */

struct search {
	struct neap_graph *graph;
	const bool *left;
	uint32_t *knot; /* by node: number of its strongly connected component, or NONE */
	uint32_t *size; /* by knot: nodes */
	uint32_t knots;
	uint32_t *via;   /* by node: edge it was reached by */
	uint32_t *steps; /* by node: resources from the start */
	uint32_t *stamp; /* by node: search that reached it */
	uint32_t *queue;
	uint32_t run;
	size_t work;
	NEAP_VEC(uint32_t) best; /* edges of the shortest cycle so far, last first */
	uint32_t best_steps;
};

static const struct neap_edge *out_edge(const struct search *search, uint32_t place)
{
	return &search->graph->edges.items[search->graph->out_edges[place]];
}

/* Tarjan's components, with a stack of its own. */
static void find_knots(struct search *search)
{
	const struct neap_graph *graph = search->graph;
	size_t nodes = graph->node_count;
	NEAP_AUTO_FREE uint32_t *index = neap_alloc(nodes * sizeof *index);
	NEAP_AUTO_FREE uint32_t *low = neap_alloc(nodes * sizeof *low);
	NEAP_AUTO_FREE uint32_t *next = neap_alloc(nodes * sizeof *next);
	NEAP_AUTO_FREE uint32_t *path = neap_alloc(nodes * sizeof *path);   /* being visited */
	NEAP_AUTO_FREE uint32_t *stack = neap_alloc(nodes * sizeof *stack); /* seen, without a knot yet */
	uint32_t count = 0, root;
	size_t depth, stacked = 0;

	for (root = 0; root < nodes; root++) {
		index[root] = NONE;
		search->knot[root] = NONE;
	}
	for (root = 0; root < nodes; root++) {
		if (!search->left[root] || index[root] != NONE)
			continue;
		path[0] = root;
		for (depth = 1; depth;) {
			uint32_t node = path[depth - 1], to = NONE;

			if (index[node] == NONE) {
				index[node] = low[node] = count++;
				next[node] = graph->out_first[node];
				stack[stacked++] = node;
			}
			while (next[node] < graph->out_first[node + 1]) {
				to = out_edge(search, next[node])->to;
				if (search->left[to] && index[to] == NONE)
					break;
				if (search->left[to] && search->knot[to] == NONE && index[to] < low[node])
					low[node] = index[to];
				next[node]++;
			}
			if (next[node] < graph->out_first[node + 1]) {
				path[depth++] = to;
				continue;
			}
			if (low[node] == index[node]) {
				uint32_t member;

				search->size[search->knots] = 0;
				do {
					member = stack[--stacked];
					search->knot[member] = search->knots;
					search->size[search->knots]++;
				} while (member != node);
				search->knots++;
			}
			depth--;
			if (depth && low[node] < low[path[depth - 1]])
				low[path[depth - 1]] = low[node];
		}
	}
}

static void keep(struct search *search, uint32_t start, uint32_t closing)
{
	const struct neap_edge *edges = search->graph->edges.items;
	uint32_t edge = closing;

	search->best.count = 0;
	for (;;) {
		neap_vec_push(&search->best, edge);
		if (edges[edge].from == start)
			break;
		edge = search->via[edges[edge].from];
	}
}

/* Whether `to` is new to this search. */
static bool reach(struct search *search, uint32_t to, uint32_t edge, uint32_t steps)
{
	if (search->stamp[to] == search->run)
		return false;
	search->stamp[to] = search->run;
	search->via[to] = edge;
	search->steps[to] = steps;
	return true;
}

/* Breadth first from `start` back to it; a join takes no step. */
static void shortest_from(struct search *search, uint32_t start)
{
	const struct neap_graph *graph = search->graph;
	size_t resources = graph->resources.count, done = 0, queued = 0;

	search->run++;
	search->steps[start] = 0;
	search->queue[queued++] = start;
	while (done < queued) {
		uint32_t node = search->queue[done++], at, inner;
		uint32_t steps = search->steps[node] + 1;

		if (steps >= search->best_steps)
			return;
		for (at = graph->out_first[node]; at < graph->out_first[node + 1]; at++) {
			uint32_t to = out_edge(search, at)->to;

			search->work++;
			if (search->knot[to] != search->knot[start])
				continue;
			if (to == start) {
				search->best_steps = steps;
				keep(search, start, graph->out_edges[at]);
				return;
			}
			if (!reach(search, to, graph->out_edges[at], steps))
				continue;
			if (to < resources) {
				search->queue[queued++] = to;
				continue;
			}
			/* What follows a join is a resource, as near as the join. */
			for (inner = graph->out_first[to]; inner < graph->out_first[to + 1]; inner++) {
				uint32_t member = out_edge(search, inner)->to;

				search->work++;
				if (search->knot[member] != search->knot[start])
					continue;
				if (member == start) {
					search->best_steps = steps;
					keep(search, start, graph->out_edges[inner]);
					return;
				}
				if (reach(search, member, graph->out_edges[inner], steps))
					search->queue[queued++] = member;
			}
		}
	}
}

/* The edge that says why, of one or two (through a join): the one that the resource with the list has. */
static const struct neap_edge *reason(const struct neap_edge *first, const struct neap_edge *second)
{
	if (!second || first->why == NEAP_WHY_BEFORE || first->why == NEAP_WHY_NOTIFY)
		return first;
	return second;
}

static void report(struct search *search)
{
	struct neap_graph *graph = search->graph;
	const struct neap_edge *edges = graph->edges.items;
	size_t resources = graph->resources.count, count = search->best.count, start = count, i;
	NEAP_AUTO_BUF struct neap_buf text = { 0 };
	struct neap_position at = { 0 };

	/* `best` runs backwards; begin with the edge that leaves the first declared. */
	for (i = 0; i < count; i++)
		if (edges[search->best.items[i]].from < resources &&
		    (start == count ||
		     edges[search->best.items[i]].from < edges[search->best.items[start]].from))
			start = i;
	if (search->best_steps > 1)
		neap_buf_printf(&text, "cycle of %u resources:", search->best_steps);
	for (i = 0; i < count;) {
		const struct neap_edge *first = &edges[search->best.items[(start + count - i) % count]],
				       *second = NULL;
		const struct neap_edge *why;

		if (first->to >= resources)
			second = &edges[search->best.items[(start + 2 * count - i - 1) % count]];
		why = reason(first, second);
		if (!i)
			at = why->at;
		i += second ? 2 : 1;
		if (search->best_steps == 1) {
			neap_problem_add(graph->problems, at, graph->resources.items[first->from].address,
					 "it names itself in %s", neap_why_name(why->why));
			return;
		}
		neap_buf_printf(&text, "\n  %s must come before %s: %s at %s:%d",
				graph->resources.items[first->from].address,
				graph->resources.items[(second ? second : first)->to].address,
				neap_why_name(why->why), why->at.file ? why->at.file : "?", why->at.line);
	}
	neap_problem_add(graph->problems, at, NULL, "%s", text.data);
}

void neap_graph_report_cycles(struct neap_graph *graph, const bool *left)
{
	size_t nodes = graph->node_count, resources = graph->resources.count;
	struct search search = { .graph = graph, .left = left };
	NEAP_AUTO_FREE uint32_t *room = neap_alloc(6 * nodes * sizeof *room);
	NEAP_AUTO_FREE bool *told = NULL;
	uint32_t first, node, shown = 0, more = 0;

	memset(room, 0, 6 * nodes * sizeof *room);
	search.knot = room;
	search.size = room + nodes;
	search.via = room + 2 * nodes;
	search.steps = room + 3 * nodes;
	search.stamp = room + 4 * nodes;
	search.queue = room + 5 * nodes;
	find_knots(&search);
	told = neap_alloc(nodes * sizeof *told);
	memset(told, 0, nodes * sizeof *told);
	for (first = 0; first < resources; first++) {
		uint32_t knot = search.knot[first];

		if (knot == NONE || search.size[knot] < 2 || told[knot])
			continue;
		told[knot] = true;
		if (shown == KNOTS_SHOWN) {
			more++;
			continue;
		}
		shown++;
		search.best_steps = NONE;
		for (node = first; node < resources && search.best_steps > 1; node++) {
			if (search.knot[node] == knot)
				shortest_from(&search, node);
			if (search.work > WORK)
				break;
		}
		report(&search);
	}
	if (more)
		neap_problem_hint(graph->problems, "%u more cycle%s not shown", more,
				  more == 1 ? " is" : "s are");
	neap_vec_done(&search.best);
}
