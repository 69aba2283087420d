/*
 * Who comes after all that is claimed of a directory and below it, or after who makes directories in it: who
 * that is. graph_after.c makes the edges.
 */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "engine/claims_private.h"

void neap_claim_after(struct neap_claims *claims, const char *directory)
{
	if (!claims->probe)
		neap_vec_push(
			&claims->afters,
			(struct neap_after){ claims->resource,
					     neap_str(neap_arena_strdup(claims->graph->arena, directory)) });
}

void neap_claim_anywhere(struct neap_claims *claims, const char *directory, const char *name)
{
	struct neap_graph *graph = claims->graph;
	const char *key;

	if (claims->probe)
		return;
	key = neap_arena_printf(graph->arena, "%s/%s", directory, name);
	neap_map_put(&graph->build->anywhere, neap_str(key), graph);
	neap_vec_push(&claims->anywheres,
		      (struct neap_after){ claims->resource,
					   neap_str(neap_arena_strdup(graph->arena, directory)) });
}

struct after {
	struct neap_graph *graph;
	const struct claim **claims; /* all of them, by path */
	bool *after;                 /* by resource, false between two directories */
	NEAP_VEC(uint32_t) found;
	NEAP_VEC(struct neap_wish) wishes;
	struct neap_arena *arena; /* … and their numbers */
};

static int by_path(const void *a, const void *b)
{
	const struct claim *one = *(const struct claim *const *)a, *two = *(const struct claim *const *)b;

	return strcmp(one->path.data, two->path.data);
}

static int by_directory(const void *a, const void *b)
{
	const struct neap_after *one = a, *two = b;
	int order = strcmp(one->directory.data, two->directory.data);

	return order ? order : one->resource < two->resource ? -1 : one->resource > two->resource;
}

/* Whoever claims something of it, but those who wish to come after it themselves. */
static void find_claimants(struct after *after, const struct claim *claim)
{
	for (unsigned i = 0; i < ASPECTS; i++)
		if (claim->owner[i] != NONE && !after->after[claim->owner[i]])
			neap_vec_push(&after->found, claim->owner[i]);
	for (const struct part *part = claim->parts; part; part = part->next)
		if (!after->after[part->resource])
			neap_vec_push(&after->found, part->resource);
	for (const struct entries *entries = claim->entries; entries; entries = entries->next)
		if (!after->after[entries->resource])
			neap_vec_push(&after->found, entries->resource);
}

/* Claims of the directory and below it lie side by side, but for what has a byte before "/" in its place. */
static void find_below(struct after *after, struct neap_str directory)
{
	const struct claim *itself = neap_map_get(&after->graph->owned, directory);
	size_t low = 0, high = after->graph->owned.count, len = directory.len == 1 ? 0 : directory.len;

	if (itself)
		find_claimants(after, itself);
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const char *path = after->claims[middle]->path.data;
		int order = strncmp(path, directory.data, len);

		if (order < 0 || (order == 0 && (unsigned char)path[len] < '/'))
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < after->graph->owned.count; low++) {
		const struct claim *claim = after->claims[low];

		if (neap_path_below(claim->path, directory))
			find_claimants(after, claim);
		else if (claim != itself)
			break;
	}
}

/* Who makes a directory in it: its existence is claimed, and no bytes. */
static void find_directories(struct after *after, struct neap_str directory)
{
	for (size_t i = 0; i < after->graph->owned.count; i++) {
		const struct claim *claim = after->graph->owned.entries[i].value;
		uint32_t owner = claim->owner[EXISTENCE];

		if (owner != NONE && !claim->absent && claim->owner[CONTENT] == NONE &&
		    !after->after[owner] && neap_str_equal(neap_path_parent(claim->path), directory))
			neap_vec_push(&after->found, owner);
	}
}

static int by_number(const void *a, const void *b)
{
	uint32_t one = *(const uint32_t *)a, two = *(const uint32_t *)b;

	return one < two ? -1 : one > two;
}

/* The numbers in order, each once, for as long as the wishes are. */
static const uint32_t *keep_numbers(struct after *after, uint32_t *numbers, size_t *count)
{
	size_t kept = 0;

	qsort(numbers, *count, sizeof(*numbers), by_number);
	for (size_t i = 0; i < *count; i++)
		if (!kept || numbers[i] != numbers[kept - 1])
			numbers[kept++] = numbers[i];
	*count = kept;
	return memcpy(neap_arena_array_of(after->arena, uint32_t, kept), numbers, kept * sizeof(*numbers));
}

static void order_directory(struct after *after, const struct neap_after *wishes, size_t count,
			    void (*find)(struct after *, struct neap_str))
{
	NEAP_AUTO_FREE uint32_t *who = neap_alloc(count * sizeof(*who));
	struct neap_wish wish;

	after->found.count = 0;
	for (size_t i = 0; i < count; i++) {
		who[i] = wishes[i].resource;
		after->after[who[i]] = true;
	}
	find(after, wishes[0].directory);
	for (size_t i = 0; i < count; i++)
		after->after[wishes[i].resource] = false;
	if (!after->found.count)
		return;
	wish.after_count = count;
	wish.after = keep_numbers(after, who, &wish.after_count);
	wish.first_count = after->found.count;
	wish.first = keep_numbers(after, after->found.items, &wish.first_count);
	neap_vec_push(&after->wishes, wish);
}

/* Each directory that somebody named is looked through once. */
static void order_wishes(struct after *after, struct neap_after *wishes, size_t count,
			 void (*find)(struct after *, struct neap_str))
{
	if (count)
		qsort(wishes, count, sizeof(*wishes), by_directory);
	for (size_t i = 0, j; i < count; i = j) {
		for (j = i + 1; j < count && neap_str_equal(wishes[j].directory, wishes[i].directory); j++)
			;
		order_directory(after, &wishes[i], j - i, find);
	}
}

void neap_claims_order_after(struct neap_claims *claims)
{
	struct neap_graph *graph = claims->graph;
	size_t owned = graph->owned.count;
	struct after after = { .graph = graph };

	if (!claims->afters.count && !claims->anywheres.count)
		return;
	after.arena = neap_arena_new();
	after.after = neap_alloc(graph->resources.count + 1);
	after.claims = neap_alloc((owned + 1) * sizeof(*after.claims));
	memset(after.after, 0, graph->resources.count + 1);
	for (size_t i = 0; i < owned; i++)
		after.claims[i] = graph->owned.entries[i].value;
	qsort(after.claims, owned, sizeof(*after.claims), by_path);
	order_wishes(&after, claims->afters.items, claims->afters.count, find_below);
	order_wishes(&after, claims->anywheres.items, claims->anywheres.count, find_directories);
	neap_graph_order_after(graph, after.wishes.items, after.wishes.count);
	free(after.after);
	free(after.claims);
	neap_vec_done(&after.found);
	neap_vec_done(&after.wishes);
	neap_arena_free(after.arena);
	neap_vec_done(&claims->afters);
	neap_vec_done(&claims->anywheres);
}
