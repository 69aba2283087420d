/*
 * The scheduler: walks the graph once, in order, on an overlay. A plan throws the overlay away; an apply
 * lands it in groups. One loop for both, so that what a plan says and what an apply does is the same code.
 *
 * Knows no resource type and no machine. What a step does is in step.c, what landing means in landing.c.
 */
#include "engine/run_private.h"

#include <stdlib.h>

/* A group larger than this lands before the next step, so that memory stays bounded. */
#define GROUP_CHANGES 65536
#define GROUP_BYTES ((uint64_t)64 << 20)

const char *neap_outcome_name(enum neap_outcome outcome)
{
	static const char *const names[] = {
		[NEAP_OUTCOME_UNCHANGED] = "unchanged", [NEAP_OUTCOME_CHANGED] = "changed",
		[NEAP_OUTCOME_FAILED] = "failed",       [NEAP_OUTCOME_SKIPPED] = "skipped",
		[NEAP_OUTCOME_NOT_DONE] = "not_done",
	};
	return names[outcome];
}

const char *neap_action_name(enum neap_action action)
{
	static const char *const names[] = {
		[NEAP_ACTION_NONE] = "none",       [NEAP_ACTION_UNKNOWN] = "unknown",
		[NEAP_ACTION_REFRESH] = "refresh", [NEAP_ACTION_RUN] = "run",
		[NEAP_ACTION_UPDATE] = "update",   [NEAP_ACTION_CREATE] = "create",
		[NEAP_ACTION_DELETE] = "delete",
	};
	return names[action];
}

/* Of two that each would do: one that certainly changes makes it certain. */
static enum neap_maybe either(enum neap_maybe a, enum neap_maybe b)
{
	return a == NEAP_YES || b == NEAP_YES ? NEAP_YES : a > b ? a : b;
}

/* What the nodes before it mean for a node: failed, pending, changed. */
static void gather(struct run *run, uint32_t node)
{
	const struct neap_graph *graph = run->pub.graph;
	struct node *self = &run->nodes[node];
	bool join = node >= graph->resources.count;
	for (uint32_t i = graph->in_first[node]; i < graph->in_first[node + 1]; i++) {
		const struct neap_edge *edge = &graph->edges.items[i];
		const struct node *from = &run->nodes[edge->from];
		/* What a join gathers is others': it changes nothing itself. */
		uint32_t moved = from->changed != NEAP_NO && edge->from < graph->resources.count
					 ? edge->from
					 : from->moved;
		if (moved != NEAP_NO_STEP)
			self->moved = moved;
		if (from->blocked_by != NEAP_NO_STEP && self->blocked_by == NEAP_NO_STEP)
			self->blocked_by = from->blocked_by;
		if (from->held > self->held)
			self->held = from->held;
		if (from->behind > self->behind)
			self->behind = from->behind;
		uint32_t pending = from->opaque ? edge->from : from->pending;
		if (pending != NEAP_NO_STEP && (self->pending == NEAP_NO_STEP || from->opaque))
			self->pending = pending;
		if (join)
			self->changed = either(self->changed, from->changed);
		if (edge->refresh)
			self->refresh = either(self->refresh, from->changed);
	}
}

/*
 * One change of several is not only theirs: what it brings along may be what a later one of the type would
 * have brought. So in a plan the later ones stand on it, edge or not.
 */
static void follow(struct run *run, uint32_t number)
{
	struct node *node = &run->nodes[number];

	for (size_t i = 0; i < run->acted.count; i++)
		if (run->acted.items[i].type == run->pub.graph->resources.items[number].type &&
		    node->moved == NEAP_NO_STEP)
			node->moved = run->acted.items[i].step;
}

static void note_acted(struct run *run, uint32_t number)
{
	const struct neap_resource_type *type = run->pub.graph->resources.items[number].type;
	size_t i = 0;

	if (!type->apply_all || !run->nodes[number].opaque)
		return;
	while (i < run->acted.count && run->acted.items[i].type != type)
		i++;
	if (i == run->acted.count)
		neap_vec_push(&run->acted, (struct acted){ .type = type });
	run->acted.items[i].step = number;
}

static void count(struct neap_summary *summary, enum neap_action action)
{
	switch (action) {
	case NEAP_ACTION_NONE:
		summary->unchanged++;
		break;
	case NEAP_ACTION_UNKNOWN:
		summary->unknown++;
		break;
	case NEAP_ACTION_REFRESH:
		summary->refresh++;
		break;
	case NEAP_ACTION_RUN:
		summary->run++;
		break;
	case NEAP_ACTION_UPDATE:
		summary->update++;
		break;
	case NEAP_ACTION_CREATE:
		summary->create++;
		break;
	case NEAP_ACTION_DELETE:
		summary->remove++;
		break;
	}
}

static void summarise(struct neap_run *run)
{
	for (size_t i = 0; i < run->graph->resources.count; i++) {
		const struct neap_result *result = &run->results[i];
		if (!neap_run_selected(run, (uint32_t)i))
			continue;
		switch (result->outcome) {
		case NEAP_OUTCOME_FAILED:
			run->summary.failed++;
			break;
		case NEAP_OUTCOME_SKIPPED:
			run->summary.skipped++;
			break;
		case NEAP_OUTCOME_NOT_DONE:
			run->summary.not_done++;
			break;
		default:
			count(&run->summary, result->action);
		}
	}
}

static void on_bytes(void *ctx, uint64_t done, uint64_t total)
{
	const struct run *run = ctx;
	const struct neap_run_observer *observer = run->options.observer;
	if (observer && observer->bytes)
		observer->bytes(observer->ctx, &run->pub, done, total);
}

static void on_waits(void *ctx, const char *text)
{
	const struct run *run = ctx;
	const struct neap_run_observer *observer = run->options.observer;
	if (observer && observer->waits)
		observer->waits(observer->ctx, &run->pub, text);
}

static struct run *prepare(const struct neap_graph *graph, struct neap_machine *machine,
			   const struct neap_run_options *options)
{
	struct run *run = neap_alloc(sizeof *run);
	*run = (struct run){ .options = *options };
	run->pub.mode = options->mode;
	run->pub.graph = graph;
	run->pub.selected = options->selected;
	run->arena = neap_arena_new();
	run->passing = neap_arena_new();
	run->plan = options->mode == NEAP_RUN_PLAN;
	run->machine = machine;
	machine->watch = (struct neap_machine_watch){
		.stop = options->stop, .progress = on_bytes, .waits = on_waits, .ctx = run
	};
	run->overlay = neap_overlay_new(machine, run->plan ? NEAP_OVERLAY_PLAN : NEAP_OVERLAY_APPLY);
	run->aliases = neap_aliases_new(graph, &run->overlay->view);
	run->moved = NEAP_NO_STEP;
	run->nodes = neap_arena_array_of(run->arena, struct node, graph->node_count + 1);
	for (size_t i = 0; i < graph->node_count; i++)
		run->nodes[i] = (struct node){ .blocked_by = NEAP_NO_STEP,
					       .pending = NEAP_NO_STEP,
					       .moved = NEAP_NO_STEP };
	run->pub.results = neap_arena_array_of(run->arena, struct neap_result, graph->resources.count + 1);
	for (size_t i = 0; i < graph->resources.count; i++) {
		run->pub.results[i].outcome = NEAP_OUTCOME_NOT_DONE;
		run->pub.results[i].cause = NEAP_NO_STEP;
	}
	neap_landing_init(run);
	neap_notices_init(run);
	return run;
}

/* Before the first resource of its type is looked at. */
static void prefetch(struct run *run, uint32_t number)
{
	const struct neap_graph *graph = run->pub.graph;
	const struct neap_resource_type *type = graph->resources.items[number].type;
	NEAP_VEC(const void *) wants = { 0 };

	if (!type->prefetch)
		return;
	for (size_t i = 0; i < run->prefetched.count; i++)
		if (run->prefetched.items[i] == type)
			return;
	neap_vec_push(&run->prefetched, type);
	for (size_t i = 0; i < graph->node_count; i++) {
		uint32_t node = graph->order[i];

		if (node < graph->resources.count && graph->resources.items[node].type == type &&
		    neap_run_selected(&run->pub, node))
			neap_vec_push(&wants, graph->resources.items[node].want);
	}
	if (wants.count)
		type->prefetch(&run->overlay->view, wants.items, wants.count);
	neap_vec_done(&wants);
}

static size_t go_together(struct run *run, const uint32_t *numbers, size_t count)
{
	for (size_t i = 1; i < count; i++)
		gather(run, numbers[i]);
	for (size_t i = 0; i < count; i++)
		follow(run, numbers[i]);
	prefetch(run, numbers[0]);
	neap_batch(run, numbers, count);
	for (size_t i = 0; i < count; i++)
		note_acted(run, numbers[i]);
	return count;
}

struct neap_run *neap_run(const struct neap_graph *graph, struct neap_machine *machine,
			  const struct neap_run_options *options)
{
	struct run *run = prepare(graph, machine, options);
	/* An apply finds neap's state made when its first step begins, so a plan does too. */
	if (run->plan && options->state_directory) {
		neap_overlay_step(run->overlay, NEAP_NO_STEP, NEAP_NO_STEP);
		if (neap_host_mkdir_parents(run->overlay, options->state_directory, NULL) == 0)
			neap_host_mkdir(run->overlay, options->state_directory, 0700, NEAP_KEEP, NEAP_KEEP,
					NULL);
	}
	for (size_t i = 0; i < graph->node_count; i++) {
		uint32_t node = graph->order[i];
		if (options->stop && *options->stop)
			break;
		gather(run, node);
		if (graph->together[i] > 1) {
			i += go_together(run, &graph->order[i], graph->together[i]) - 1;
			continue;
		}
		if (node >= graph->resources.count || !neap_run_selected(&run->pub, node))
			continue;
		follow(run, node);
		prefetch(run, node);
		neap_step(run, node);
		if (run->nodes[node].changed != NEAP_NO) {
			run->moved = node;
			run->nodes[node].behind = neap_overlay_serial(run->overlay);
		}
		note_acted(run, node);
		uint64_t bytes;
		if (!run->plan &&
		    (neap_overlay_held(run->overlay, &bytes) >= GROUP_CHANGES || bytes >= GROUP_BYTES))
			neap_landing_land(run);
	}
	if (run->plan)
		neap_landing_verify_plan(run);
	else {
		neap_landing_land(run);
		neap_landing_verify_apply(run);
	}
	machine->watch = (struct neap_machine_watch){ 0 };
	summarise(&run->pub);
	neap_notices_end(run);
	if (run->pub.summary.not_done && options->stop)
		run->pub.signal = *options->stop;
	return &run->pub;
}

void neap_run_free(struct neap_run *pub)
{
	if (!pub)
		return;
	struct run *run = (struct run *)pub;
	for (size_t i = 0; i < pub->graph->resources.count; i++)
		neap_error_free(pub->results[i].error);
	neap_aliases_free(run->aliases);
	neap_overlay_free(run->overlay);
	neap_map_done(&run->changed);
	neap_vec_done(&run->group);
	neap_vec_done(&run->queue);
	neap_vec_done(&run->acted);
	neap_vec_done(&run->owed);
	neap_vec_done(&run->makers);
	neap_buf_done(&run->made.names);
	for (size_t i = 0; i < run->memos.count; i++) {
		neap_memo_reset(&run->memos.items[i]->memo);
		neap_arena_free(run->memos.items[i]->memo.arena);
		free(run->memos.items[i]);
	}
	neap_vec_done(&run->memos);
	neap_vec_done(&run->prefetched);
	neap_arena_free(run->arena);
	neap_arena_free(run->passing);
	free(run);
}

int neap_run_exit_code(const struct neap_run *run, bool detailed)
{
	const struct neap_summary *s = &run->summary;
	unsigned acted = s->create + s->update + s->remove + s->run + s->refresh + s->unknown;
	if (run->signal)
		return 128 + run->signal;
	if (s->failed || s->skipped || s->not_done)
		return run->mode == NEAP_RUN_APPLY && detailed && acted ? 6 : 4;
	if (run->mode == NEAP_RUN_PLAN)
		return acted ? 2 : 0;
	return detailed && acted ? 2 : 0;
}
