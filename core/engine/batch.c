/*
 * A step of several resources: those of a type that are cheap together (packages: one transaction) are read
 * by one call and changed by one call. Each has its own result, as if it had been a step of its own.
 *
 * What goes into the one change is settled before it: who turns out not to be touched (a guard, protect) is
 * left out, and the others are looked at again without it, for what they bring may depend on it.
 */
#include "engine/run_private.h"

struct slot {
	struct step step;
	bool in;                    /* still part of the batch: not done with */
	bool unknown;               /* what is there is not known */
	bool clouded;               /* … nor will it be in this plan */
	bool considered;            /* its guards were asked */
	struct neap_error *failure; /* of the last look */
};

struct batch {
	struct run *run;
	const struct neap_resource_type *type;
	struct slot *slots;
	size_t count;
	/* Scratch of a call for several. */
	struct neap_batched *members;
	struct slot **who;
	size_t together;
};

static struct neap_error *copy_of(const struct neap_error *err)
{
	static const struct neap_error unsaid = { .message = (char *)"failed" };

	return neap_error_copy(err ? err : &unsaid);
}

static void leave(struct slot *slot)
{
	slot->in = false;
	neap_error_free(slot->failure);
	slot->failure = NULL;
	neap_step_done(slot->step.run, slot->step.number);
}

static void fail(struct slot *slot, struct neap_error *err)
{
	if (neap_step_is_stopped(slot->step.run, err)) {
		neap_error_free(err);
		slot->step.result->outcome = NEAP_OUTCOME_NOT_DONE;
	} else {
		neap_landing_fail(slot->step.run, slot->step.number, err);
	}
	leave(slot);
}

/* A landing may take away what one of them stands on. */
static void leave_blocked(struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++) {
		struct slot *slot = &batch->slots[i];
		struct neap_result *result = slot->step.result;

		if (!slot->in || slot->step.node->blocked_by == NEAP_NO_STEP)
			continue;
		result->outcome = NEAP_OUTCOME_SKIPPED;
		result->cause = slot->step.node->blocked_by;
		leave(slot);
	}
}

static void begin(struct batch *batch, const uint32_t *numbers)
{
	struct run *run = batch->run;
	const struct neap_run_observer *observer = run->options.observer;

	for (size_t i = 0; i < batch->count; i++) {
		struct slot *slot = &batch->slots[i];
		const struct neap_meta *meta = run->pub.graph->resources.items[numbers[i]].meta;
		struct neap_error *err = NULL;

		*slot = (struct slot){ .in = false };
		if (!neap_run_selected(&run->pub, numbers[i]))
			continue;
		/* What is only said is no part of what is done. */
		if (meta && meta->noop) {
			neap_step(run, numbers[i]);
			continue;
		}
		if (observer && observer->begin)
			observer->begin(observer->ctx, &run->pub, numbers[i]);
		neap_step_begin(&slot->step, run, numbers[i]);
		slot->in = true;
		slot->clouded = run->plan && (slot->step.node->moved != NEAP_NO_STEP ||
					      slot->step.node->pending != NEAP_NO_STEP);
		if (slot->step.node->blocked_by == NEAP_NO_STEP && neap_step_resolve(&slot->step, &err) < 0)
			fail(slot, err);
	}
	leave_blocked(batch);
}

/* ---- looking ------------------------------------------------------------------------------------------- */

static void compare(struct slot *slot)
{
	struct step *step = &slot->step;

	if (!slot->failure)
		step->resource->type->diff(&step->context, step->resource->want, step->have, &step->diff,
					   &slot->failure);
}

static void note_unknown(struct slot *slot)
{
	slot->unknown = true;
	slot->step.diff = (struct neap_diff){ .arena = slot->step.run->arena };
	slot->step.result->cause = neap_view_cause(&slot->step.run->overlay->view);
}

/* Behind something that has not happened nothing can be asked: each has its own cause. */
static void look_alone(struct slot *slot)
{
	struct step *step = &slot->step;

	neap_step_at(step);
	int r = step->resource->type->read(&step->run->overlay->view, &step->context, step->resource->want,
					   step->have, &slot->failure);
	if (r == NEAP_UNKNOWN)
		note_unknown(slot);
	else if (r == 0)
		compare(slot);
}

static void look_together(struct batch *batch)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;

	if (!batch->together)
		return;
	neap_step_at(&batch->who[0]->step);
	int r = batch->type->read_all(&batch->run->overlay->view, &batch->who[0]->step.context,
				      batch->members, batch->together, &err);
	for (size_t i = 0; i < batch->together; i++) {
		struct slot *slot = batch->who[i];

		slot->failure = batch->members[i].err;
		if (r == NEAP_UNKNOWN)
			note_unknown(slot);
		else if (r < 0 && !slot->failure)
			slot->failure = copy_of(err);
		else
			compare(slot);
	}
}

static void add(struct batch *batch, struct slot *slot)
{
	batch->members[batch->together] =
		(struct neap_batched){ .want = slot->step.resource->want,
				       .have = slot->unknown ? NULL : slot->step.have };
	batch->who[batch->together++] = slot;
}

/* Everybody who is still in, from nothing. */
static void look(struct batch *batch)
{
	batch->together = 0;
	for (size_t i = 0; i < batch->count; i++) {
		struct slot *slot = &batch->slots[i];

		if (!slot->in)
			continue;
		neap_error_free(slot->failure);
		slot->failure = NULL;
		slot->step.have = neap_arena_alloc(batch->run->arena, batch->type->have_size);
		slot->step.diff = (struct neap_diff){ .arena = batch->run->arena };
		if (slot->clouded && slot->considered)
			continue;
		slot->unknown = false;
		if (slot->clouded)
			look_alone(slot);
		else
			add(batch, slot);
	}
	look_together(batch);
	leave_blocked(batch);
}

/* ---- settling ------------------------------------------------------------------------------------------ */

static bool has_to_act(const struct slot *slot)
{
	return slot->unknown || !neap_diff_empty(&slot->step.diff);
}

/* Whether a guard or protect keeps it from what it would have been part of. */
static bool is_kept_out(struct slot *slot)
{
	struct step *step = &slot->step;
	struct neap_error *err = NULL;

	if (!slot->considered) {
		slot->considered = true;
		neap_step_at(step);
		int guard = neap_guards(step->run, step->resource, &step->note, &err);

		if (guard < 0) {
			fail(slot, err);
			return true;
		}
		if (guard == 0) {
			step->result->outcome = NEAP_OUTCOME_UNCHANGED;
			step->result->reason = step->note;
			leave(slot);
			return true;
		}
		if (guard == NEAP_GUARD_UNKNOWN) {
			neap_error_free(slot->failure);
			slot->failure = NULL;
			note_unknown(slot);
			slot->clouded = true;
			return true;
		}
	}
	if (slot->failure || slot->unknown)
		return false;
	step->result->action = step->diff.action;
	if (neap_step_protected(step, &err) == 0)
		return false;
	fail(slot, err);
	return true;
}

/* Looks until it is sure who takes part: at most once more than there are guards to ask. */
static void settle(struct batch *batch)
{
	bool again;

	do {
		size_t left = 0;

		again = false;
		look(batch);
		for (size_t i = 0; i < batch->count; i++) {
			struct slot *slot = &batch->slots[i];

			if (!slot->in || (!slot->failure && !has_to_act(slot)))
				continue;
			/* Behind a cloud it was no part of what was looked at. */
			bool part = !slot->clouded;
			again |= is_kept_out(slot) && part;
			left += slot->in && !slot->clouded;
		}
		again &= left > 0;
	} while (again);
}

/* The results of who is not touched; the others are gathered for the change. */
static void conclude(struct batch *batch)
{
	batch->together = 0;
	for (size_t i = 0; i < batch->count; i++) {
		struct slot *slot = &batch->slots[i];

		if (!slot->in)
			continue;
		if (slot->failure) {
			struct neap_error *failure = slot->failure;

			slot->failure = NULL;
			fail(slot, failure);
			continue;
		}
		neap_step_record(&slot->step, !slot->unknown);
		if (has_to_act(slot)) {
			neap_notices_owe(batch->run, slot->step.number, false);
			add(batch, slot);
			continue;
		}
		slot->step.result->outcome = NEAP_OUTCOME_UNCHANGED;
		slot->step.result->reason = NULL; /* its memory may go */
		leave(slot);
	}
}

/* ---- changing ------------------------------------------------------------------------------------------ */

static int change(struct batch *batch, struct neap_error **err)
{
	struct run *run = batch->run;
	size_t changes;

	neap_step_at(&batch->who[0]->step);
	int r = batch->type->apply_all(run->overlay, &batch->who[0]->step.context, batch->members,
				       batch->together, err);
	neap_overlay_changes(run->overlay, &changes);
	if (r == 0 && changes)
		r = neap_error_set(err, "several %s resources change files by one call: an error of the type",
				   batch->type->name);
	return r;
}

static void end_plan(struct batch *batch, int r, const struct neap_error *err)
{
	bool opaque = neap_overlay_opaque(batch->run->overlay);

	if (r < 0)
		neap_overlay_undo(batch->run->overlay);
	for (size_t i = 0; i < batch->together; i++) {
		struct slot *slot = batch->who[i];

		if (r < 0) {
			fail(slot, copy_of(err));
			continue;
		}
		slot->step.node->opaque = opaque;
		slot->step.result->outcome = NEAP_OUTCOME_UNCHANGED;
		leave(slot);
	}
}

/* It is not as wanted: the transaction's error, or that it did not do what it should have. Tries again alone.
 */
static void recover(struct slot *slot, const struct neap_error *err)
{
	struct step *step = &slot->step;
	struct neap_error *failure = NULL, *found = NULL;

	if (err)
		failure = copy_of(err);
	else if (slot->failure)
		neap_error_set(&failure, "did not converge: %s", slot->failure->message);
	else
		neap_error_set(&failure, "did not converge: after the change it still differs in %s",
			       neap_diff_names(&step->diff));
	step->context.again = false;
	neap_step_at(step);
	int r = neap_step_retry(step, -1, failure, &found);
	if (r == 0)
		r = neap_step_verify(step->run, step->number, &found);
	if (r < 0) {
		fail(slot, found);
		return;
	}
	step->result->outcome = NEAP_OUTCOME_CHANGED;
	leave(slot);
}

/* Which of them are as wanted now is looked at, whatever the change said. */
static void end_apply(struct batch *batch, int r, const struct neap_error *err, double seconds)
{
	seconds /= (double)batch->together;
	for (size_t i = 0; i < batch->count; i++)
		batch->slots[i].step.context.again = true;
	const volatile sig_atomic_t *stop = neap_step_unstoppable(batch->run);
	look(batch);
	neap_step_resume(batch->run, stop);
	for (size_t i = 0; i < batch->count; i++) {
		struct slot *slot = &batch->slots[i];

		if (!slot->in)
			continue;
		slot->step.result->seconds = (float)seconds;
		if (slot->failure || has_to_act(slot)) {
			recover(slot, r < 0 ? err : NULL);
			continue;
		}
		slot->step.result->outcome = NEAP_OUTCOME_CHANGED;
		leave(slot);
	}
}

void neap_batch(struct run *run, const uint32_t *numbers, size_t count)
{
	NEAP_AUTO_FREE struct slot *slots = neap_alloc(count * sizeof *slots);
	NEAP_AUTO_FREE struct neap_batched *members = neap_alloc(count * sizeof *members);
	NEAP_AUTO_FREE struct slot **who = neap_alloc(count * sizeof *who);
	struct batch batch = {
		.run = run,
		.type = run->pub.graph->resources.items[numbers[0]].type,
		.slots = slots,
		.count = count,
		.members = members,
		.who = who,
	};
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	double started = run->plan ? 0 : neap_step_now();
	struct neap_arena_mark mark;

	begin(&batch, numbers);
	mark = neap_arena_mark(run->arena);
	settle(&batch);
	conclude(&batch);
	if (!batch.together) {
		neap_arena_rewind(run->arena, mark);
		return;
	}
	int r = change(&batch, &err);
	for (size_t i = 0; i < batch.together; i++)
		who[i]->step.node->touched = true;
	if (run->plan)
		end_plan(&batch, r, err);
	else
		end_apply(&batch, r, err, neap_step_now() - started);
}
