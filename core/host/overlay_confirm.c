/*
 * Changes of the overlay that are taken back unless they are confirmed: they land alone, after all before
 * them, between a clock that is set and the answer that stops it. It must not know how a change is taken
 * back, nor who confirms.
 */
#include "host/overlay_parts.h"

#include <errno.h>

/* The changes of the step, beyond the landing of those before them: rules lie in memory of the run. */
static struct neap_change *take_aside(const struct neap_overlay *overlay, struct neap_arena *arena,
				      size_t *ret)
{
	size_t count = overlay->held.count - overlay->held_before;
	struct neap_change *own = neap_arena_array_of(arena, struct neap_change, count);

	for (size_t i = 0; i < count; i++) {
		const struct neap_change *change = &overlay->held.items[overlay->held_before + i];

		own[i] = *change;
		own[i].path = neap_arena_strdup(arena, change->path);
		own[i].asked = own[i].path;
		if (change->kind == NEAP_CHANGE_FIREWALL)
			own[i].table.name = neap_arena_strdup(arena, change->table.name);
		if (change->kind == NEAP_CHANGE_NET) {
			struct neap_net_change *net = neap_arena_new_of(arena, struct neap_net_change);

			*net = *change->net;
			own[i].net = net;
		}
	}
	*ret = count;
	return own;
}

static int check_kinds(const struct neap_change *changes, size_t count, struct neap_error **err)
{
	for (size_t i = 0; i < count; i++)
		if (changes[i].kind != NEAP_CHANGE_NET && changes[i].kind != NEAP_CHANGE_FIREWALL)
			return neap_error_set(err, "a change of %s cannot wait for a confirmation",
					      changes[i].path);
	return 0;
}

/* What is before the step is on the machine, and the step's own is all that is held. */
static int land_others(struct neap_overlay *overlay, const struct neap_change *own, size_t count,
		       struct neap_error **err)
{
	int r;

	if (!overlay->held_before)
		return 0;
	overlay->held.count = overlay->held_before;
	r = neap_overlay_land_first(overlay, "change", own->path, err);
	for (size_t i = 0; r == 0 && i < count; i++)
		neap_vec_push(&overlay->held, own[i]);
	return r;
}

/* `failure` (taken) is what the step has failed with: it is not tried again in this run. */
static int fail(struct neap_overlay *overlay, struct neap_error *failure, struct neap_error **err)
{
	const struct neap_commit *commit = overlay->commit;

	neap_error_set(err, "%s", failure ? failure->message : "not confirmed");
	commit->failed(commit->ctx, overlay->step, failure);
	return -1;
}

/* Not all of it has landed: what has is taken back. */
static int give_up(struct neap_overlay *overlay, struct neap_error *failure, struct neap_error **err)
{
	const struct neap_machine_watch *watch = &overlay->machine->watch;
	struct neap_error *left = NULL;

	if (overlay->machine->ops->revert(overlay->machine, &left) < 0) {
		neap_error_free(failure);
		return fail(overlay, left, err);
	}
	if (failure && err && !*err)
		*err = failure;
	else
		neap_error_free(failure);
	/* Ended with the run it is not failed, but not done. */
	if (watch->stop && *watch->stop)
		return neap_error_errno(err, EINTR, "change what has to be confirmed");
	return neap_error_set(err, "not done, for it could not all be done");
}

int neap_overlay_confirm(struct neap_host *host, const struct neap_confirm *confirm, struct neap_error **err)
{
	struct neap_overlay *overlay = neap_overlay_of(&host->view);
	const struct neap_commit *commit = overlay->commit;
	struct neap_machine *machine = overlay->machine;
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_error *failure = NULL;
	uint32_t step = overlay->step;
	struct neap_change *own;
	size_t count;
	int r;

	if (overlay->mode == NEAP_OVERLAY_PLAN || overlay->held.count == overlay->held_before)
		return 0;
	if (!commit)
		return neap_error_set(err, "confirm: changes are held and nobody lands them");
	own = take_aside(overlay, arena, &count);
	if (check_kinds(own, count, err) < 0 || (commit->midway && commit->midway(commit->ctx, err) < 0) ||
	    land_others(overlay, own, count, err) < 0)
		return -1;
	if (machine->ops->arm(machine, commit->name ? commit->name(commit->ctx, step) : "a change", confirm,
			      overlay->held.items, overlay->held.count, err) < 0)
		return -1;
	r = neap_overlay_land(host, commit, &failure);
	neap_overlay_step(host, step, NEAP_NO_STEP); /* who was told of the landing has looked at others */
	if (r < 0 || !commit->may(commit->ctx, step))
		return give_up(overlay, failure, err);
	r = machine->ops->await(machine, confirm, &failure);
	neap_overlay_turn(overlay);
	if (r < 0)
		return fail(overlay, failure, err);
	overlay->opaque = true; /* it is looked at before anybody builds on it */
	return 0;
}
