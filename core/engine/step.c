/*
 * One step: read, diff, apply, for a resource whose turn it is. The same for a plan and an apply; the only
 * question asked here about the mode is when to look again (at once in a plan, after landing in an apply).
 */
#include "engine/diff.h"
#include "engine/run_private.h"

#include <errno.h>
#include <time.h>

#include "host/follow.h"

double neap_step_now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* neap's own: its state directory, what lies in it, and what it stages. */
static bool is_neaps(const struct run *run, const char *path)
{
	const char *state = run->options.state_directory;
	for (const char *at = path; (at = strstr(at, "/.neap-")); at++)
		if (strncmp(at, "/.neap-stage-", 13) == 0 || strncmp(at, "/.neap-tmp-", 11) == 0)
			return true;
	return state && (strcmp(state, path) == 0 || neap_path_below(neap_str(path), neap_str(state)));
}

/* Whether something lies in the directory that somebody may have there. */
static bool holds_anywhere(const struct run *run, const char *directory)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	const struct neap_view *view = &run->overlay->view;
	struct neap_stat stat;
	const char *name, *leads = directory;
	size_t at = 0;
	int r;

	if (!neap_graph_anywhere(run->pub.graph, directory, &at))
		return false;
	/* In what is no directory nothing is, also where what is absent is not known. */
	r = neap_view_stat(view, directory, &stat, NULL);
	if (r == 0 && stat.kind == NEAP_FILE_LINK)
		r = neap_view_follow(view, directory, arena, &leads, &stat, NULL);
	if (r < 0 || (r == 0 && stat.kind != NEAP_FILE_DIRECTORY))
		return false;
	for (at = 0; (name = neap_graph_anywhere(run->pub.graph, directory, &at));) {
		r = neap_view_stat(view, neap_arena_printf(arena, "%s/%s", directory, name), &stat, NULL);
		if (r == NEAP_UNKNOWN || (r == 0 && stat.kind != NEAP_FILE_ABSENT))
			return true;
	}
	return false;
}

/* A purge asks this: the graph's own paths and neap's are nobody else's to remove. */
static bool owned(const void *engine, const char *path)
{
	const struct run *run = engine;
	const char *state = run->options.state_directory;
	if (is_neaps(run, path) || (state && neap_path_below(neap_str(state), neap_str(path))) ||
	    holds_anywhere(run, path))
		return true;
	return neap_aliases_own(run->aliases, path);
}

static bool others(const struct neap_context *ctx, const char *path)
{
	const struct run *run = ctx->engine;
	const char *claimed = neap_aliases_claimed(run->aliases, path);

	return neap_graph_other_owner(run->pub.graph, ctx->self, claimed ? claimed : path) != NULL;
}

static bool accounted(const void *engine, enum neap_account_kind kind, const char *name)
{
	return neap_graph_accounts(((const struct run *)engine)->pub.graph, kind, name);
}

/* ---- outputs of other resources ---------------------------------------------------------------------- */

struct lookup {
	struct run *run;
	uint32_t cause;
};

static int output(void *ctx, uint32_t number, const char *name, struct neap_arena *arena,
		  struct neap_text *ret, struct neap_error **err)
{
	struct lookup *lookup = ctx;
	struct run *run = lookup->run;
	const struct neap_resource *resource = &run->pub.graph->resources.items[number];
	lookup->cause = number;
	if (run->nodes[number].opaque || run->nodes[number].changed == NEAP_MAYBE)
		return NEAP_UNKNOWN;
	struct neap_context context = {
		.scratch = arena, .passing = arena, .engine = run, .owned = owned, .accounted = accounted
	};
	for (unsigned i = 0; i < resource->type->output_count; i++) {
		if (strcmp(resource->type->outputs[i].name, name) != 0)
			continue;
		int r = resource->type->output(&run->overlay->view, &context, resource->want, i, ret, err);
		if (r == NEAP_UNKNOWN)
			lookup->cause = neap_view_cause(&run->overlay->view);
		return r;
	}
	return neap_error_set(err, "%s has no output \"%s\"", resource->address, name);
}

/* Fills in what can be known by now. step->unknown: parameters that cannot, as bits. */
int neap_step_resolve(struct step *step, struct neap_error **err)
{
	struct run *run = step->run;
	const struct neap_resource *resource = step->resource;
	for (size_t i = 0; i < resource->deferred_count; i++) {
		const struct neap_deferred *deferred = &resource->deferred[i];
		const struct neap_param *param = &resource->type->params[deferred->param];
		struct lookup lookup = { .run = run, .cause = NEAP_NO_STEP };
		struct neap_text text;
		resource->want->given &= ~((uint64_t)1 << deferred->param);
		resource->want->awaited &= ~((uint64_t)1 << deferred->param);
		int r = neap_expr_eval(deferred->expr, output, &lookup, run->arena, &text, err);
		if (r < 0)
			return r;
		if (r == 0)
			neap_secrets_add(run->pub.graph->secrets, text);
		if (r == NEAP_UNKNOWN) {
			step->unknown |= (uint64_t)1 << deferred->param;
			resource->want->awaited |= (uint64_t)1 << deferred->param;
			step->result->cause = lookup.cause;
			continue;
		}
		struct neap_schema_context schema = run->pub.graph->schema;
		schema.arena = run->arena;
		struct neap_value value = neap_value_text(text);
		if (neap_schema_set(&schema, resource->type, deferred->param, &value, resource->want, err) <
		    0)
			return neap_error_prefix(err, "%s", param->name);
	}
	return 0;
}

/* ---- the step ---------------------------------------------------------------------------------------- */

/* Types ask what else the recipe says of their kind of thing. */
static bool declared(const struct neap_context *ctx, size_t *at, struct neap_declared *ret)
{
	const struct run *run = ctx->engine;
	const struct neap_graph *graph = run->pub.graph;

	for (; *at < graph->node_count; ++*at) {
		uint32_t number = graph->order[*at];
		const struct neap_resource *resource =
			number < graph->resources.count ? &graph->resources.items[number] : NULL;

		if (!resource || resource->type != ctx->type)
			continue;
		*ret = (struct neap_declared){ resource->address, resource->want };
		++*at;
		return true;
	}
	return false;
}

void neap_memo_reset(struct neap_memo *memo)
{
	if (memo->done)
		memo->done(memo->data);
	memo->data = NULL;
	memo->done = NULL;
	memo->generation = 0;
	neap_arena_reset(memo->arena);
}

static struct neap_memo *memo_of(struct run *run, const struct neap_resource_type *type, bool pends)
{
	struct type_memo *memo;

	for (size_t i = 0; i < run->memos.count; i++)
		if (run->memos.items[i]->type == type && run->memos.items[i]->pends == pends)
			return &run->memos.items[i]->memo;
	memo = neap_alloc(sizeof *memo);
	*memo = (struct type_memo){ type, pends, { .arena = neap_arena_new() } };
	neap_vec_push(&run->memos, memo);
	return &memo->memo;
}

void neap_step_at(const struct step *step)
{
	neap_overlay_step(step->run->overlay, step->number, step->node->pending);
	neap_overlay_moved(step->run->overlay, step->node->moved, step->run->moved);
	neap_overlay_behind(step->run->overlay, step->node->behind);
}

void neap_step_begin(struct step *step, struct run *run, uint32_t number)
{
	*step = (struct step){
		.run = run,
		.number = number,
		.resource = &run->pub.graph->resources.items[number],
		.result = &run->pub.results[number],
		.node = &run->nodes[number],
		.context = { .scratch = run->arena,
			     .passing = run->passing,
			     .engine = run,
			     .self = number,
			     .notified = run->nodes[number].refresh == NEAP_YES,
			     .owned = owned,
			     .others = others,
			     .accounted = accounted,
			     .declared = declared },
		.diff = { .arena = run->arena },
		.mark = neap_arena_mark(run->arena),
	};
	step->context.type = step->resource->type;
	if (step->resource->type->keeps)
		step->context.memo = memo_of(run, step->resource->type, step->node->pending != NEAP_NO_STEP);
	step->have = neap_arena_alloc(run->arena, step->resource->type->have_size);
}

/* Only what is there: not what a plan would make. */
static void measure(const struct step *step)
{
	const struct neap_run_observer *observer = step->run->options.observer;
	const struct neap_measure *measure = step->resource->type->measure;
	const char *label = NULL;
	double value = 0;

	if (!observer || !observer->measured || !measure || (step->run->plan && step->context.again))
		return;
	if (!measure->of(step->resource->want, step->have, &label, &value))
		label = NULL;
	observer->measured(observer->ctx, &step->run->pub, step->number, label, value);
}

/* As a type's read(), and diff() when that is known. */
static int look(struct step *step, struct neap_error **err)
{
	const struct neap_resource_type *type = step->resource->type;
	int r = type->read(&step->run->overlay->view, &step->context, step->resource->want, step->have, err);
	measure(step);
	if (r == 0)
		r = type->diff(&step->context, step->resource->want, step->have, &step->diff, err);
	return r;
}

const volatile sig_atomic_t *neap_step_unstoppable(struct run *run)
{
	const volatile sig_atomic_t *stop = run->machine->watch.stop;

	run->machine->watch.stop = NULL;
	return stop;
}

void neap_step_resume(struct run *run, const volatile sig_atomic_t *stop)
{
	run->machine->watch.stop = stop;
}

int neap_step_verify(struct run *run, uint32_t number, struct neap_error **err)
{
	struct step step;
	struct neap_arena_mark mark = neap_arena_mark(run->arena), passing = neap_arena_mark(run->passing);
	neap_step_begin(&step, run, number);
	neap_step_at(&step);
	/* A program that looks would see what was there before the change. */
	if (step.node->changed != NEAP_NO)
		neap_overlay_moved(run->overlay, number, number);
	step.context.again = true;
	const volatile sig_atomic_t *stop = neap_step_unstoppable(run);
	int r = look(&step, err);
	neap_step_resume(run, stop);
	if (r == NEAP_UNKNOWN)
		r = 0; /* only a plan can say so, and then nothing is claimed */
	else if (r < 0)
		r = neap_error_prefix(err, "did not converge");
	else if (!neap_diff_empty(&step.diff))
		r = neap_error_set(err, "did not converge: after the change it still differs in %s",
				   neap_diff_names(&step.diff));
	neap_arena_rewind(run->arena, mark);
	neap_arena_rewind(run->passing, passing);
	return r;
}

/*
 * What a step changes must be its own. Two paths can be one object through a link on the way, which the graph
 * cannot see; then the later change would undo the earlier one and the plan would be a lie.
 */
int neap_step_owns(const struct step *step, struct neap_error **err)
{
	struct run *run = step->run;
	size_t count;
	const struct neap_change *changes = neap_overlay_changes(run->overlay, &count);
	for (size_t i = 0; i < count; i++) {
		const struct neap_change *change = &changes[i];
		if (change->kind == NEAP_CHANGE_SYMLINK || change->kind == NEAP_CHANGE_UNLINK)
			neap_aliases_moved(run->aliases);
		if (is_neaps(run, change->path)) {
			neap_error_set(err, "this changes %s, which is neap's own", change->path);
			return neap_error_hint(err, "--state-dir DIR keeps neap's state elsewhere");
		}
		const char *claimed = neap_aliases_claimed(run->aliases, change->path);
		const struct neap_resource *owner = neap_graph_other_owner(run->pub.graph, step->number,
									   claimed ? claimed : change->path);
		const char *asked = neap_map_get(&run->changed, neap_str(change->path));
		const struct neap_error *blind = neap_aliases_blind(run->aliases);
		if (blind && (change->kind == NEAP_CHANGE_UNLINK || change->kind == NEAP_CHANGE_RMDIR) &&
		    !neap_map_get(&run->pub.graph->owned, neap_str(change->asked)))
			return neap_error_set(err, "remove %s: whether a resource owns it cannot be seen: %s",
					      change->path, blind->message);
		if (owner && !claimed && strcmp(change->path, change->asked) == 0) {
			neap_error_set(err, "this changes %s, which %s owns", change->path, owner->address);
			return neap_error_hint(
				err, "one of the two has to leave it to the other (of an archive: exclude)");
		}
		if (owner)
			neap_error_set(err, "this changes %s, which %s owns", change->path, owner->address);
		else if (asked && strcmp(asked, change->asked) != 0)
			neap_error_set(err, "this changes %s, which another resource has changed as %s",
				       change->path, asked);
		else if (asked)
			continue;
		if (owner || asked)
			return neap_error_hint(err, "a directory on the way is a link: name both without it");
		neap_map_put(&run->changed, neap_str(neap_arena_strdup(run->arena, change->path)),
			     neap_arena_strdup(run->arena, change->asked));
	}
	return 0;
}

/* Whether it is to be refreshed when what differs has been changed. */
static enum neap_maybe refresh_due(const struct step *step, bool known)
{
	const struct neap_resource_type *type = step->resource->type;
	enum neap_maybe due = step->node->refresh;

	if (known && (step->diff.refresh || step->node->itself)) /* it may have failed in an earlier try */
		due = NEAP_YES;
	else if (!known && type->refreshes_itself && due == NEAP_NO)
		due = NEAP_MAYBE;
	if (due == NEAP_NO || !type->refresh)
		return NEAP_NO;
	if (type->needs_refresh && !type->needs_refresh(step->resource->want, known ? step->have : NULL))
		return NEAP_NO;
	return due;
}

/* A refresh failed: what caused it has landed, but that it is owed is kept. */
static int failed_refresh(struct neap_error **err)
{
	neap_error_prefix(err, "refresh");
	if (err && *err && !(*err)->hint)
		neap_error_hint(err, "the next run tries it again");
	return -1;
}

void neap_step_along(struct step *step, bool known)
{
	const char *const *gone;
	size_t count = known ? neap_overlay_net_along(step->run->overlay, step->run->arena, &gone) : 0;

	if (!count)
		return;
	neap_diff_list(&step->diff, "along", gone, count, NULL, 0);
	step->result->changes = step->diff.entries;
	step->result->change_count = step->diff.count;
}

/* Brings it about: apply when something differs or may differ, refresh when it was notified. */
static int act(struct step *step, bool known, struct neap_error **err)
{
	const struct neap_resource_type *type = step->resource->type;
	struct run *run = step->run;
	if (!known || !neap_diff_empty(&step->diff)) {
		run->acting = step;
		int r = type->apply(run->overlay, &step->context, step->resource->want,
				    known ? step->have : NULL, err);
		run->acting = NULL;
		if (r == 0)
			r = neap_step_owns(step, err);
		if (r < 0)
			return r;
	}
	neap_step_along(step, known);
	if (refresh_due(step, known) != NEAP_NO) {
		step->context.itself = step->node->itself;
		int r = type->refresh(run->overlay, &step->context, step->resource->want, err);
		if (r < 0)
			return failed_refresh(err);
	}
	return 0;
}

void neap_step_record(struct step *step, bool known)
{
	for (unsigned i = 0; step->unknown >> i; i++)
		if ((step->unknown >> i) & 1)
			neap_diff_unknown(&step->diff, step->resource->type->params[i].name);
	struct neap_result *result = step->result;
	enum neap_maybe refresh = refresh_due(step, known);
	result->action = known ? step->diff.action : NEAP_ACTION_UNKNOWN;
	result->refresh = refresh;
	if (result->action == NEAP_ACTION_NONE && refresh != NEAP_NO)
		result->action = refresh == NEAP_YES ? NEAP_ACTION_REFRESH : NEAP_ACTION_UNKNOWN;
	result->changes = step->diff.entries;
	result->change_count = step->diff.count;
	result->reason = step->diff.reason;
	if (refresh != NEAP_NO) {
		const char *left = neap_notices_reason(step->run, step->number);

		if (left)
			result->reason = result->reason ? neap_arena_printf(step->run->arena, "%s; %s", left,
									    result->reason)
							: left;
	}
	step->node->changed = result->action == NEAP_ACTION_NONE      ? NEAP_NO
			      : result->action == NEAP_ACTION_UNKNOWN ? NEAP_MAYBE
								      : NEAP_YES;
}

/* A pause between two tries that a signal ends. */
static void pause_for(const struct run *run, int64_t seconds)
{
	const volatile sig_atomic_t *stop = run->options.stop;
	struct timespec moment = { .tv_nsec = 100000000 };

	for (int64_t i = 0; i < 10 * seconds && !(stop && *stop); i++)
		nanosleep(&moment, NULL);
}

/* As act(); in an apply as often as `retries` says, each time from a new look. */
static int act_or_retry(struct step *step, bool known, struct neap_error **err)
{
	struct neap_error *failure = NULL;
	int r = act(step, known, &failure);

	return neap_step_retry(step, r, failure, err);
}

int neap_step_retry(struct step *step, int r, struct neap_error *failure, struct neap_error **err)
{
	struct run *run = step->run;
	const struct neap_meta *meta = step->resource->meta;
	int64_t tries = run->plan || !meta ? 0 : meta->retries;
	const volatile sig_atomic_t *stop = run->options.stop;

	while (r < 0 && tries-- > 0 && step->node->blocked_by == NEAP_NO_STEP && !(stop && *stop)) {
		neap_error_free(failure);
		failure = NULL;
		neap_overlay_undo(run->overlay);
		pause_for(run, meta->delay);
		step->have = neap_arena_alloc(run->arena, step->resource->type->have_size);
		step->diff = (struct neap_diff){ .arena = run->arena };
		r = look(step, &failure);
		if (r == 0)
			r = act(step, true, &failure);
	}
	neap_error_pass(err, &failure);
	return r;
}

/* Likewise of a type's wait(), where one try takes as long as it says. */
static int wait_or_retry(struct step *step, struct neap_error **err)
{
	struct run *run = step->run;
	const struct neap_resource_type *type = step->resource->type;
	const struct neap_meta *meta = step->resource->meta;
	int64_t tries = run->plan || !meta ? 0 : meta->retries;
	const volatile sig_atomic_t *stop = run->options.stop;

	while (true) {
		struct neap_error *failure = NULL;

		if (!type->wait ||
		    type->wait(run->overlay, &step->context, step->resource->want, &failure) == 0)
			return 0;
		if (tries-- == 0 || step->node->blocked_by != NEAP_NO_STEP || (stop && *stop)) {
			return neap_error_pass(err, &failure);
		}
		neap_error_free(failure);
		pause_for(run, meta->delay);
	}
}

/* noop: what would be done is said, and not done. */
static void spare(struct step *step)
{
	struct neap_result *result = step->result;
	const char *names = result->action == NEAP_ACTION_UPDATE ? neap_diff_names(&step->diff) : "";

	result->reason = neap_arena_printf(step->run->arena, "noop: would %s it%s%s",
					   neap_action_name(result->action), *names ? ": " : "", names);
	result->action = NEAP_ACTION_NONE;
	result->refresh = NEAP_NO;
	result->changes = NULL;
	result->change_count = 0;
	result->cause = NEAP_NO_STEP;
	step->node->changed = NEAP_NO;
}

int neap_step_protected(const struct step *step, struct neap_error **err)
{
	const struct neap_meta *meta = step->resource->meta;

	if (!meta || !meta->protect || step->result->action != NEAP_ACTION_DELETE)
		return 0;
	neap_error_set(err, "it is protected, and would be removed");
	return neap_error_hint(err, "take away protect = true when it may go");
}

/*
 * Reads and compares, and asks the guards when something is to be done. 0: known; NEAP_UNKNOWN; negative; 1 +
 * NEAP_UNKNOWN: a guard says that it is not to be touched.
 */
#define NOT_TOUCHED (1 + NEAP_UNKNOWN)
static int consider(struct step *step, struct neap_error **err)
{
	struct run *run = step->run;
	const struct neap_resource_type *type = step->resource->type;
	struct neap_error *failure = NULL;
	int r = look(step, &failure);
	bool refreshed = step->node->refresh != NEAP_NO && type->refresh;

	if (r == NEAP_UNKNOWN && !step->unknown) /* else it may be for what it waits for, which is known */
		step->result->cause = neap_view_cause(&run->overlay->view);
	if (r != 0 || !neap_diff_empty(&step->diff) || refreshed || type->wait) {
		int guard = neap_guards(run, step->resource, &step->note, err);

		if (guard == NEAP_GUARD_UNKNOWN)
			step->result->cause = neap_view_cause(&run->overlay->view);
		if (guard != 1) {
			neap_error_free(failure);
			return guard < 0 ? guard : guard == 0 ? NOT_TOUCHED : NEAP_UNKNOWN;
		}
	}
	neap_error_pass(err, &failure);
	return r;
}

/* Negative with *err; 0: the result stands (and its memory stays); 1: nothing was to be done, memory may go;
 * 2: nothing was done, and memory stays. */
static int walk(struct step *step, struct neap_error **err)
{
	struct run *run = step->run;
	const struct neap_resource_type *type = step->resource->type;
	if (neap_step_resolve(step, err) < 0)
		return -1;
	if (step->resource->deferred_count > 0)
		step->mark = neap_arena_mark(run->arena); /* its outputs may be asked for later */
	int r = consider(step, err);
	if (r < 0)
		return r;
	if (r == NOT_TOUCHED) {
		step->result->reason = step->note;
		return 1;
	}
	bool known = r == 0;
	if (!known)
		step->diff = (struct neap_diff){ .arena = run->arena };
	bool differs = !known || !neap_diff_empty(&step->diff);
	neap_step_record(step, known);
	if (step->result->action == NEAP_ACTION_NONE) {
		bool noop = step->resource->meta && step->resource->meta->noop;
		step->result->reason = !type->wait ? NULL /* its memory goes */
				       : noop      ? "noop: would wait"
				       : run->plan ? "will wait"
						   : NULL;
		return !noop && wait_or_retry(step, err) < 0 ? -1 : 1;
	}
	if (neap_step_protected(step, err) < 0)
		return -1;
	if (step->resource->meta && step->resource->meta->noop) {
		spare(step);
		return 2;
	}
	neap_notices_owe(run, step->number, step->diff.refresh);
	r = act_or_retry(step, known, err);
	if (r < 0)
		return r;
	if (!run->plan && step->diff.done)
		step->result->reason = step->diff.done;
	step->node->opaque = run->plan && neap_overlay_opaque(run->overlay);
	/* In an apply this comes after landing; an opaque change has not happened in a plan. */
	if (run->plan && known && differs && !step->unknown && !step->node->opaque &&
	    neap_step_verify(run, step->number, err) < 0)
		return -1;
	return 0;
}

/*
 * The bytes that others write into a shared file later hold this change too: when it may not go on, theirs
 * must not bring it along. So what can stop it has to be known before they read. Whether it is to land at
 * once.
 */
static bool is_to_land(const struct step *step)
{
	struct run *run = step->run;
	bool shared = false, judged = false, alone = false, first = false;
	size_t count;
	const struct neap_change *changes = neap_overlay_changes(run->overlay, &count);

	for (size_t i = 0; i < count; i++) {
		bool common = changes[i].kind == NEAP_CHANGE_WRITE &&
			      neap_graph_is_shared(run->pub.graph, changes[i].asked);

		/* Others will find it there: it has to stand by then, whatever becomes of this step. */
		first = first || neap_graph_is_common(run->pub.graph, changes[i].asked);

		shared = shared || common;
		judged = judged || (common && changes[i].validate);
		alone = alone || !common || changes[i].validate;
	}
	bool lands = shared && (judged || step->node->held == run->landings);
	if (alone) /* it can fail where others do not */
		step->node->held = run->landings;
	/* What a process did stands already: look at it before anybody builds on it. */
	return lands || first || neap_overlay_opaque(run->overlay);
}

void neap_step_done(struct run *run, uint32_t number)
{
	const struct neap_run_observer *observer = run->options.observer;
	neap_notices_done(run, number);
	neap_notices_withdraw(run, number);
	if (observer && observer->done)
		observer->done(observer->ctx, &run->pub, number);
}

bool neap_step_is_stopped(const struct run *run, const struct neap_error *err)
{
	const volatile sig_atomic_t *stop = run->options.stop;
	return stop && *stop && err && err->errnum == EINTR;
}

void neap_step(struct run *run, uint32_t number)
{
	const struct neap_run_observer *observer = run->options.observer;
	struct step step;
	struct neap_error *err = NULL;

	if (observer && observer->begin)
		observer->begin(observer->ctx, &run->pub, number);
	neap_step_begin(&step, run, number);
	if (step.node->blocked_by != NEAP_NO_STEP) {
		step.result->outcome = NEAP_OUTCOME_SKIPPED;
		step.result->cause = step.node->blocked_by;
		neap_step_done(run, number);
		return;
	}
	double started = run->plan ? 0 : neap_step_now();
	neap_step_at(&step);
	int r = walk(&step, &err);
	neap_arena_reset(run->passing);
	step.node->touched |= neap_overlay_opaque(run->overlay);
	if (!run->plan)
		step.result->seconds = (float)(neap_step_now() - started);

	if (step.node->blocked_by != NEAP_NO_STEP) { /* a landing under way took away what it stands on */
		neap_error_free(err);
		neap_overlay_undo(run->overlay);
	} else if (r < 0 && neap_step_is_stopped(run, err)) {
		neap_error_free(err);
		neap_overlay_undo(run->overlay);
		step.result->outcome = NEAP_OUTCOME_NOT_DONE;
	} else if (r < 0) {
		neap_overlay_undo(run->overlay);
		neap_landing_tell_made(run, number, err);
		neap_landing_fail(run, number, err);
	} else if (r > 0) {
		step.result->outcome = NEAP_OUTCOME_UNCHANGED;
		if (r == 1)
			neap_arena_rewind(run->arena, step.mark);
	} else {
		step.result->outcome = run->plan ? NEAP_OUTCOME_UNCHANGED : NEAP_OUTCOME_CHANGED;
		if (!run->plan) {
			neap_vec_push(&run->group, number);
			if (is_to_land(&step))
				neap_landing_land(run);
			return; /* done when it has landed */
		}
	}
	neap_step_done(run, number);
}
