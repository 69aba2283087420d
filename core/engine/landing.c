/*
 * Landing a group: the engine's side of a commit. A change that fails fails its resource and holds back what
 * stands on it, nothing else; what landed is read back from the machine and compared again.
 */
#include "engine/run_private.h"

#include <stdlib.h>

#define MADE_NAMED 5 /* paths in an error */

/* Everything reachable from `number` is skipped. Each node is blocked once, so all calls together are O(E).
 */
static void block(struct run *run, uint32_t number)
{
	const struct neap_graph *graph = run->pub.graph;
	run->nodes[number].blocked_by = number;
	run->queue.count = 0;
	neap_vec_push(&run->queue, number);
	for (size_t next = 0; next < run->queue.count; next++) {
		uint32_t from = run->queue.items[next];
		for (uint32_t i = graph->out_first[from]; i < graph->out_first[from + 1]; i++) {
			uint32_t to = graph->edges.items[graph->out_edges[i]].to;
			if (run->nodes[to].blocked_by != NEAP_NO_STEP)
				continue;
			run->nodes[to].blocked_by = number;
			neap_vec_push(&run->queue, to);
			if (to >= graph->resources.count)
				continue;
			struct neap_result *result = &run->pub.results[to];
			if (result->outcome == NEAP_OUTCOME_CHANGED && run->verifying)
				continue; /* it has landed: what was done is said */
			result->outcome = NEAP_OUTCOME_SKIPPED;
			result->cause = number;
		}
	}
}

void neap_landing_fail(struct run *run, uint32_t number, struct neap_error *err)
{
	struct neap_result *result = &run->pub.results[number];
	if (result->error) {
		neap_error_free(err);
		return;
	}
	result->outcome = NEAP_OUTCOME_FAILED;
	neap_masking_mask(run, err);
	result->error = err;
	run->nodes[number].changed = NEAP_NO;
	if (!run->over) /* else all have had their turn: what became of them is so */
		block(run, number);
}

/* A signal ends a landing between two steps: what has begun is brought to its end, the rest is not done. */
static bool may(void *ctx, uint32_t step)
{
	struct run *run = ctx;
	const volatile sig_atomic_t *stop = run->options.stop;
	if (run->nodes[step].blocked_by != NEAP_NO_STEP)
		return false;
	if (stop && *stop && step != run->landing) {
		if (run->pub.results[step].outcome == NEAP_OUTCOME_CHANGED)
			run->pub.results[step].outcome = NEAP_OUTCOME_NOT_DONE;
		return false;
	}
	run->landing = step;
	return true;
}

/* What has changed of the last step of which something has, for its error. */
static void made(void *ctx, const struct neap_change *change)
{
	struct run *run = ctx;
	struct neap_buf *names = &run->made.names;

	run->nodes[change->step].touched = true;
	if (run->made.step != change->step || !run->made.count) {
		names->len = 0;
		run->made.step = change->step;
		run->made.count = 0;
	}
	if (change->kind == NEAP_CHANGE_NET || change->kind == NEAP_CHANGE_FIREWALL || !change->path)
		return;
	if (run->made.count++ < MADE_NAMED)
		neap_buf_printf(names, "%s%s", names->len ? ", " : "", change->path);
}

void neap_landing_tell_made(const struct run *run, uint32_t step, struct neap_error *err)
{
	const char *more = run->made.count > MADE_NAMED ? " …" : "";
	struct neap_error *both = NULL;

	if (!err || run->made.step != step || !run->made.count)
		return;
	neap_error_set(&both, "%s; changed before that: %s%s", err->message, run->made.names.data, more);
	free(err->message);
	err->message = both->message;
	both->message = NULL;
	neap_error_free(both);
}

static void failed(void *ctx, uint32_t step, struct neap_error *err)
{
	neap_landing_tell_made(ctx, step, err);
	neap_landing_fail(ctx, step, err);
}

static const char *name(void *ctx, uint32_t step)
{
	return ((const struct run *)ctx)->pub.graph->resources.items[step].address;
}

static int midway(void *ctx, struct neap_error **err)
{
	const struct run *run = ctx;

	if (!run->acting)
		return 0;
	neap_step_along(run->acting, true);
	return neap_step_owns(run->acting, err);
}

/* The overlay has landed: every step of the group is now on the machine, or failed, or held back. The step
 * under way (it runs a process) is not in the group yet. */
static void landed(void *ctx, const struct neap_error *err)
{
	struct run *run = ctx;
	run->verifying = err == NULL;
	neap_aliases_renew(run->aliases);
	for (size_t i = 0; i < run->group.count; i++) {
		uint32_t number = run->group.items[i];
		struct neap_result *result = &run->pub.results[number];
		struct neap_error *found = NULL;
		if (result->outcome == NEAP_OUTCOME_CHANGED) {
			if (err)
				found = neap_error_copy(err);
			else
				neap_step_verify(run, number, &found);
			if (found)
				neap_landing_fail(run, number, found);
		}
		neap_step_done(run, number);
	}
	run->group.count = 0;
	run->landings++;
	run->landing = NEAP_NO_STEP;
	run->verifying = false;
}

void neap_landing_init(struct run *run)
{
	run->landings = 1;
	run->landing = NEAP_NO_STEP;
	run->commit = (struct neap_commit){ .ctx = run,
					    .about = neap_notices_write,
					    .midway = midway,
					    .may = may,
					    .made = made,
					    .failed = failed,
					    .name = name,
					    .landed = landed };
	if (!run->plan)
		neap_overlay_commit(run->overlay, &run->commit);
}

void neap_landing_land(struct run *run)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	uint64_t bytes;
	if (neap_overlay_held(run->overlay, &bytes) > 0)
		neap_overlay_land(run->overlay, &run->commit, &err); /* an error comes by landed() */
	else
		landed(run, NULL);
}

/* It was as wanted, and what another resource changed may have taken it along. */
static bool can_be_undone(const struct run *run, uint32_t number)
{
	const struct neap_result *result = &run->pub.results[number];

	/* A reason: it was spared, or not looked at. */
	return run->pub.graph->resources.items[number].type->undone_by_others &&
	       result->action == NEAP_ACTION_NONE && !result->reason;
}

void neap_landing_verify_apply(struct run *run)
{
	bool changed = false;

	for (uint32_t i = 0; i < run->pub.graph->resources.count && !changed; i++)
		changed = run->pub.results[i].outcome == NEAP_OUTCOME_CHANGED;
	run->over = true;
	for (uint32_t i = 0; i < run->pub.graph->resources.count && changed; i++) {
		enum neap_outcome outcome = run->pub.results[i].outcome;
		struct neap_error *err = NULL;
		bool later = outcome == NEAP_OUTCOME_CHANGED &&
			     run->pub.graph->resources.items[i].type->undone_by_others;

		if ((later || (outcome == NEAP_OUTCOME_UNCHANGED && can_be_undone(run, i))) &&
		    neap_step_verify(run, i, &err) < 0)
			neap_landing_fail(run, i, err);
	}
}

/* What one group shows after landing, a plan finds at its end: that a later step undoes what an earlier did.
 */
void neap_landing_verify_plan(struct run *run)
{
	run->over = true;
	neap_aliases_renew(run->aliases);
	for (uint32_t i = 0; i < run->pub.graph->resources.count; i++) {
		const struct neap_result *result = &run->pub.results[i];
		struct neap_error *err = NULL;
		bool sure = result->outcome == NEAP_OUTCOME_UNCHANGED && result->cause == NEAP_NO_STEP &&
			    !run->nodes[i].opaque &&
			    (result->action > NEAP_ACTION_REFRESH || can_be_undone(run, i));
		if (sure && neap_step_verify(run, i, &err) < 0)
			neap_landing_fail(run, i, err);
	}
}
