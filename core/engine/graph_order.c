/*
 * From a heap of edges to an order: joins get their numbers, edges are sorted and indexed from both ends,
 * then nodes are taken as they become free, the first declared first, and with one of a type that goes
 * together all others of it that stand on the same. Linear but for that choice.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/graph_private.h"

/* Counting sort, stable: `out` gets the edges by `to` or by `from`. `first` has room for every node and one.
 */
static void sort_edges(const struct neap_edge *edges, size_t count, bool by_to, struct neap_edge *out,
		       uint32_t *first, size_t nodes)
{
	size_t i;

	memset(first, 0, (nodes + 1) * sizeof *first);
	for (i = 0; i < count; i++)
		first[(by_to ? edges[i].to : edges[i].from) + 1]++;
	for (i = 0; i < nodes; i++)
		first[i + 1] += first[i];
	for (i = 0; i < count; i++)
		out[first[by_to ? edges[i].to : edges[i].from]++] = edges[i];
}

/*
 * Of edges between the same two nodes one of each reason stays; an autorequire only when it is alone. They
 * come in the order of being said, so autorequires are last.
 */
static size_t unique_edges(struct neap_edge *edges, size_t count)
{
	size_t i, kept = 0;
	uint32_t seen = 0;

	for (i = 0; i < count; i++) {
		uint32_t bit = 1U << (2 * edges[i].why + edges[i].refresh);

		if (!i || edges[i].from != edges[kept - 1].from || edges[i].to != edges[kept - 1].to)
			seen = 0;
		if ((seen & bit) || (seen && edges[i].why == NEAP_WHY_AUTOREQUIRE))
			continue;
		seen |= bit;
		edges[kept++] = edges[i];
	}
	return kept;
}

static void index_edges(struct neap_graph *graph)
{
	const struct neap_edge *edges = graph->edges.items;
	size_t nodes = graph->node_count, count = graph->edges.count, i;
	uint32_t *in = neap_arena_array_of(graph->arena, uint32_t, nodes + 2);
	uint32_t *out = neap_arena_array_of(graph->arena, uint32_t, nodes + 2);
	uint32_t *out_edges = neap_arena_array_of(graph->arena, uint32_t, count + 1);

	for (i = 0; i < count; i++) {
		in[edges[i].to + 1]++;
		out[edges[i].from + 2]++;
	}
	for (i = 0; i < nodes; i++) {
		in[i + 1] += in[i];
		out[i + 2] += out[i + 1];
	}
	/* `out` is one place ahead, so that filling moves it to where it belongs. */
	for (i = 0; i < count; i++)
		out_edges[out[edges[i].from + 1]++] = (uint32_t)i;
	graph->in_first = in;
	graph->out_first = out;
	graph->out_edges = out_edges;
}

/* ---- choosing ------------------------------------------------------------------------------------------ */

struct heap {
	uint32_t *nodes;
	size_t count;
};

static void heap_push(struct heap *heap, uint32_t node)
{
	size_t at = heap->count++;

	for (; at && heap->nodes[(at - 1) / 2] > node; at = (at - 1) / 2)
		heap->nodes[at] = heap->nodes[(at - 1) / 2];
	heap->nodes[at] = node;
}

static uint32_t heap_pop(struct heap *heap)
{
	uint32_t top = heap->nodes[0], last = heap->nodes[--heap->count];
	size_t at = 0, child;

	while ((child = 2 * at + 1) < heap->count) {
		if (child + 1 < heap->count && heap->nodes[child + 1] < heap->nodes[child])
			child++;
		if (heap->nodes[child] >= last)
			break;
		heap->nodes[at] = heap->nodes[child];
		at = child;
	}
	heap->nodes[at] = last;
	return top;
}

/*
 * Resources of a type that goes together which stand on exactly the same nodes: they are ready at one moment,
 * and what a plan can know of one it can know of all. A ring for each such set; 0: not such a type.
 */
struct rings {
	struct neap_map sets;    /* type and nodes stood on → a member + 1 */
	struct neap_buf key;     /* scratch */
	NEAP_VEC(uint32_t) next; /* by resource: the member declared before it, the first leads to the last */
};

static void join_ring(struct rings *rings, struct neap_graph *graph, uint32_t node)
{
	const struct neap_resource_type *type = graph->resources.items[node].type;
	uint32_t last = NEAP_GRAPH_NONE, newest;

	neap_vec_push(&rings->next, node);
	if (!type->apply_all)
		return;
	rings->key.len = 0;
	neap_buf_append(&rings->key, &type, sizeof type);
	for (uint32_t i = graph->in_first[node]; i < graph->in_first[node + 1]; i++) {
		uint32_t from = graph->edges.items[i].from;

		if (from != last)
			neap_buf_append(&rings->key, &from, sizeof from);
		last = from;
	}
	struct neap_str key = { rings->key.data, rings->key.len };
	newest = (uint32_t)(uintptr_t)neap_map_get(&rings->sets, key);
	if (newest) {
		/* Behind the newest, so that it leads to the oldest. */
		rings->next.items[node] = rings->next.items[newest - 1];
		rings->next.items[newest - 1] = node;
	}
	key.data = neap_arena_copy(graph->arena, key.data, key.len);
	neap_map_put(&rings->sets, key, (void *)((uintptr_t)node + 1));
}

/* Takes the node, which is the first of its ring that is met and thus the first declared, and the ring. */
static size_t take(struct neap_graph *graph, const struct rings *rings, bool *taken, uint32_t node,
		   size_t freed)
{
	size_t first = freed;
	uint32_t at = node;

	do {
		taken[at] = true;
		graph->order[freed++] = at;
		at = rings->next.items[at];
	} while (at != node);
	graph->together[first] = (uint32_t)(freed - first);
	return freed;
}

/* Fills order and together; *waits stay above 0 for what cannot be ordered. Returns how many can. */
static size_t choose(struct neap_graph *graph, uint32_t *waits)
{
	size_t nodes = graph->node_count, resources = graph->resources.count, done = 0, i;
	NEAP_AUTO_FREE uint32_t *room = neap_alloc((nodes + 1) * sizeof *room);
	NEAP_AUTO_FREE bool *taken = neap_alloc(nodes + 1);
	struct heap heap = { .nodes = room };
	struct rings rings = { 0 };
	size_t freed = 0; /* order[0 … freed) is chosen, of which [0 … done) has freed its followers */

	memset(taken, 0, nodes + 1);
	for (i = 0; i < nodes; i++) {
		graph->together[i] = 1;
		waits[i] = graph->in_first[i + 1] - graph->in_first[i];
		if (i < resources)
			join_ring(&rings, graph, (uint32_t)i);
		if (!waits[i] && i < resources)
			heap_push(&heap, (uint32_t)i);
		else if (!waits[i]) /* a join whose targets were all wrong */
			graph->order[freed++] = (uint32_t)i;
	}
	while (done < freed || heap.count) {
		uint32_t edge;

		if (done == freed) {
			uint32_t node = heap_pop(&heap);

			if (!taken[node])
				freed = take(graph, &rings, taken, node, freed);
			continue;
		}
		for (edge = graph->out_first[graph->order[done]];
		     edge < graph->out_first[graph->order[done] + 1]; edge++) {
			uint32_t to = graph->edges.items[graph->out_edges[edge]].to;

			if (--waits[to])
				continue;
			/* A join costs no place in the order: it follows at once. */
			if (to < resources)
				heap_push(&heap, to);
			else
				graph->order[freed++] = to;
		}
		done++;
	}
	neap_map_done(&rings.sets);
	neap_buf_done(&rings.key);
	neap_vec_done(&rings.next);
	return done;
}

static void order_nodes(struct neap_graph *graph)
{
	size_t nodes = graph->node_count, i;
	NEAP_AUTO_FREE uint32_t *waits = neap_alloc((nodes + 1) * sizeof *waits);

	graph->order = neap_arena_array_of(graph->arena, uint32_t, nodes + 1);
	graph->together = neap_arena_array_of(graph->arena, uint32_t, nodes + 1);
	if (choose(graph, waits) < nodes) {
		NEAP_AUTO_FREE bool *left = neap_alloc(nodes * sizeof *left);

		for (i = 0; i < nodes; i++)
			left[i] = waits[i] > 0;
		graph->order = NULL;
		neap_graph_report_cycles(graph, left);
	}
}

void neap_graph_sort(struct neap_graph *graph)
{
	size_t nodes = graph->resources.count + graph->joins.count, count = graph->edges.count, i;
	NEAP_AUTO_FREE struct neap_edge *spare = neap_alloc((count + 1) * sizeof *spare);
	NEAP_AUTO_FREE uint32_t *first = neap_alloc((nodes + 2) * sizeof *first);

	graph->node_count = nodes;
	for (i = 0; i < count; i++) {
		struct neap_edge *edge = &graph->edges.items[i];

		edge->from = neap_graph_numbered(graph, edge->from);
		edge->to = neap_graph_numbered(graph, edge->to);
	}
	sort_edges(graph->edges.items, count, false, spare, first, nodes);
	sort_edges(spare, count, true, graph->edges.items, first, nodes);
	graph->edges.count = unique_edges(graph->edges.items, count);
	index_edges(graph);
	order_nodes(graph);
}
