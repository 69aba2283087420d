/*
 * Who is owed a refresh, beyond the run: before a change is made that others are to be refreshed for, that is
 * written down; when they have been it is taken off. See host/notices.h for where. It must not know what a
 * refresh is.
 *
 * A change that then fails leaves it written when something of it may have come about. Else it is taken off
 * again, unless somebody else is its cause too.
 */
#include "engine/run_private.h"

#include <stdlib.h>

static bool are_kept(const struct run *run)
{
	return run->options.notices && run->options.notices->owe;
}

static bool is_noop(const struct run *run, uint32_t number)
{
	const struct neap_meta *meta = run->pub.graph->resources.items[number].meta;

	return meta && meta->noop;
}

static const char *address_of(const struct run *run, uint32_t number)
{
	return run->pub.graph->resources.items[number].address;
}

/* NEAP_NO_STEP: the recipe has no such resource. */
static uint32_t number_of(const struct run *run, const char *address)
{
	uintptr_t found = (uintptr_t)neap_map_get(&run->pub.graph->by_address, neap_str(address));

	return found ? (uint32_t)(found - 1) : NEAP_NO_STEP;
}

void neap_notices_init(struct run *run)
{
	const struct neap_notices *notices = run->options.notices;

	for (size_t i = 0; notices && i < notices->count; i++) {
		uint32_t number = number_of(run, notices->items[i].address);
		struct node *node;

		if (number == NEAP_NO_STEP)
			continue;
		node = &run->nodes[number];
		node->refresh = NEAP_YES;
		node->left = &notices->items[i];
		node->itself = strcmp(node->left->cause, node->left->address) == 0;
		node->owed = NEAP_OWED_WRITTEN;
	}
}

static void owe(struct run *run, uint32_t from, uint32_t to)
{
	if (run->nodes[to].owed || !run->pub.graph->resources.items[to].type->refresh)
		return;
	run->nodes[to].owed = NEAP_OWED_QUEUED;
	run->nodes[to].owed_for = from;
	neap_vec_push(&run->owed, (struct owed){ .to = to, .from = from });
}

/* Everybody to whom edges from `node` lead: `from` itself, or a list given at once that it is in. */
static void owe_direct(struct run *run, uint32_t from, uint32_t node)
{
	const struct neap_graph *graph = run->pub.graph;

	for (uint32_t i = graph->out_first[node]; i < graph->out_first[node + 1]; i++) {
		const struct neap_edge *edge = &graph->edges.items[graph->out_edges[i]];

		if (edge->refresh && edge->to < graph->resources.count)
			owe(run, from, edge->to);
	}
}

static void owe_by_lists(struct run *run, uint32_t from)
{
	const struct neap_graph *graph = run->pub.graph;

	for (uint32_t i = graph->out_first[from]; i < graph->out_first[from + 1]; i++) {
		uint32_t to = graph->edges.items[graph->out_edges[i]].to;

		if (to < graph->resources.count || run->nodes[to].owed)
			continue;
		run->nodes[to].owed = NEAP_OWED_QUEUED; /* its next member need not go there again */
		owe_direct(run, from, to);
	}
}

/* It may be written already that it is owed to a change of another's: that it is its own has to be written
 * too. */
static void owe_itself(struct run *run, uint32_t number)
{
	struct node *node = &run->nodes[number];
	bool said = node->itself;

	node->itself = true;
	if (!said && node->owed == NEAP_OWED_WRITTEN)
		node->owed = NEAP_NOT_OWED;
	if (are_kept(run))
		owe(run, number, number);
}

void neap_notices_owe(struct run *run, uint32_t number, bool itself)
{
	if (are_kept(run)) {
		owe_direct(run, number, number);
		owe_by_lists(run, number);
	}
	if (itself)
		owe_itself(run, number);
}

int neap_notices_write(void *ctx, struct neap_error **err)
{
	struct run *run = ctx;
	size_t count = 0;

	if (!run->owed.count)
		return 0;
	NEAP_AUTO_FREE struct neap_notice *notices = neap_alloc(run->owed.count * sizeof *notices);
	for (size_t i = 0; i < run->owed.count; i++) {
		const struct owed *owed = &run->owed.items[i];

		/* Somebody whose turn has come meanwhile had nothing to refresh; or it is for another now. */
		if (run->nodes[owed->to].owed != NEAP_OWED_QUEUED ||
		    run->nodes[owed->to].owed_for != owed->from)
			continue;
		notices[count++] = (struct neap_notice){
			.address = address_of(run, owed->to),
			.cause = address_of(run, run->nodes[owed->to].itself ? owed->to : owed->from),
			.recipe = run->options.recipe,
			.since = neap_view_clock(&run->overlay->view),
			.noop = is_noop(run, owed->to),
		};
		run->nodes[owed->to].owed = NEAP_OWED_WRITTEN;
	}
	if (!count || run->options.notices->owe(run->options.notices->ctx, notices, count, err) == 0) {
		run->owed.count = 0;
		return 0;
	}
	for (size_t i = 0; i < count; i++)
		run->nodes[number_of(run, notices[i].address)].owed = NEAP_OWED_QUEUED;
	return -1;
}

/* What an earlier run has left is owed still: by now the recipe may say otherwise whether it is noop. */
static void say_again(const struct run *run, uint32_t number)
{
	const struct node *node = &run->nodes[number];
	struct neap_notice notice;

	if (!node->left || node->owed != NEAP_OWED_WRITTEN || node->left->noop == is_noop(run, number))
		return;
	notice = *node->left;
	notice.noop = !notice.noop;
	/* It is owed already: that this cannot be written loses nothing. */
	run->options.notices->owe(run->options.notices->ctx, &notice, 1, NULL);
}

void neap_notices_done(struct run *run, uint32_t number)
{
	struct node *node = &run->nodes[number];
	enum neap_outcome outcome = run->pub.results[number].outcome;

	if (!are_kept(run) || !node->owed)
		return;
	/* Of noop it was only said, so it is still owed. */
	if (is_noop(run, number) || (outcome != NEAP_OUTCOME_CHANGED && outcome != NEAP_OUTCOME_UNCHANGED)) {
		say_again(run, number);
		return;
	}
	if (node->owed == NEAP_OWED_WRITTEN)
		run->options.notices->settle(run->options.notices->ctx, address_of(run, number));
	node->owed = NEAP_NOT_OWED;
}

static bool is_cause(const struct run *run, uint32_t from)
{
	enum neap_outcome outcome = run->pub.results[from].outcome;

	return run->nodes[from].touched ||
	       (run->nodes[from].changed != NEAP_NO && outcome != NEAP_OUTCOME_FAILED &&
		outcome != NEAP_OUTCOME_SKIPPED);
}

/* Whether something that `node` is to be refreshed for, itself or by a list, has changed or is about to. */
static bool has_cause(const struct run *run, uint32_t node)
{
	const struct neap_graph *graph = run->pub.graph;

	for (uint32_t i = graph->in_first[node]; i < graph->in_first[node + 1]; i++) {
		uint32_t from = graph->edges.items[i].from;

		if (from < graph->resources.count &&
				    (graph->edges.items[i].refresh || node >= graph->resources.count)
			    ? is_cause(run, from)
			    : graph->edges.items[i].refresh && has_cause(run, from))
			return true;
	}
	return false;
}

static void withdraw(struct run *run, uint32_t to)
{
	const struct neap_graph *graph = run->pub.graph;
	struct node *node = &run->nodes[to];

	if (!node->owed || node->left || (node->itself && is_cause(run, to)) || has_cause(run, to))
		return;
	if (node->owed == NEAP_OWED_WRITTEN)
		run->options.notices->settle(run->options.notices->ctx, address_of(run, to));
	node->owed = NEAP_NOT_OWED;
	node->itself = false;
	/* The next member of a list has to go there again. */
	for (uint32_t i = graph->in_first[to]; i < graph->in_first[to + 1]; i++)
		if (graph->edges.items[i].from >= graph->resources.count)
			run->nodes[graph->edges.items[i].from].owed = NEAP_NOT_OWED;
}

void neap_notices_withdraw(struct run *run, uint32_t number)
{
	const struct neap_graph *graph = run->pub.graph;
	enum neap_outcome outcome = run->pub.results[number].outcome;

	if (!are_kept(run) || run->nodes[number].touched ||
	    (outcome != NEAP_OUTCOME_FAILED && outcome != NEAP_OUTCOME_SKIPPED))
		return;
	withdraw(run, number);
	for (uint32_t i = graph->out_first[number]; i < graph->out_first[number + 1]; i++) {
		uint32_t to = graph->edges.items[graph->out_edges[i]].to;

		if (to < graph->resources.count) {
			withdraw(run, to);
			continue;
		}
		for (uint32_t j = graph->out_first[to]; j < graph->out_first[to + 1]; j++)
			if (graph->edges.items[graph->out_edges[j]].to < graph->resources.count)
				withdraw(run, graph->edges.items[graph->out_edges[j]].to);
	}
}

/* What the recipe does not have any more, nobody will refresh: known for sure after a whole run of it. */
void neap_notices_end(struct run *run)
{
	const struct neap_notices *notices = run->options.notices;
	const struct neap_summary *summary = &run->pub.summary;

	if (!are_kept(run) || run->pub.selected || summary->failed || summary->skipped || summary->not_done)
		return;
	for (size_t i = 0; i < notices->count; i++)
		if (strcmp(notices->items[i].recipe, run->options.recipe) == 0 &&
		    number_of(run, notices->items[i].address) == NEAP_NO_STEP)
			notices->settle(notices->ctx, notices->items[i].address);
}

const char *neap_notices_reason(const struct run *run, uint32_t number)
{
	const struct neap_notice *left = run->nodes[number].left;

	if (!left)
		return NULL;
	if (strcmp(left->cause, left->address) == 0)
		return "left undone by an earlier run that changed it";
	return neap_arena_printf(run->arena, "left undone by an earlier run, because of %s", left->cause);
}
