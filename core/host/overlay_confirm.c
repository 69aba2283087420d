/*
 * Changes of the overlay that are taken back unless they are confirmed: they are held until nobody has more
 * of them, and land between a clock that is set and the answer that stops it. It must not know how a change
 * is taken back, nor who confirms.
 */
#include "host/overlay_parts.h"

#include <errno.h>
#include <signal.h>

#include "base/vec.h"

/* ---- holding ------------------------------------------------------------------------------------------- */

static int check_kinds(const struct neap_change *changes, size_t count, struct neap_error **err)
{
	for (size_t i = 0; i < count; i++)
		if (changes[i].kind != NEAP_CHANGE_NET && changes[i].kind != NEAP_CHANGE_FIREWALL)
			return neap_error_set(err, "a change of %s cannot wait for a confirmation",
					      changes[i].path);
	return 0;
}

bool neap_overlay_waits(const struct neap_host *host)
{
	const struct neap_overlay *overlay = neap_overlay_of(&host->view);

	return overlay->confirm.within > 0;
}

bool neap_overlay_waits_by(const struct neap_host *host, const struct neap_confirm *terms)
{
	const struct neap_overlay *overlay = neap_overlay_of(&host->view);
	const char *const *one = overlay->confirm.probe, *const *other = terms->probe;

	if (!neap_overlay_waits(host) || overlay->confirm.within != terms->within || !one != !other)
		return false;
	for (; one && *one && *other && strcmp(*one, *other) == 0; one++, other++)
		;
	return !one || (!*one && !*other);
}

static const char *const *copy_argv(struct neap_arena *arena, const char *const *argv)
{
	size_t count = 0;
	const char **copy;

	while (argv && argv[count])
		count++;
	copy = neap_arena_array_of(arena, const char *, count + 1);
	for (size_t i = 0; i < count; i++)
		copy[i] = neap_arena_strdup(arena, argv[i]);
	return argv ? copy : NULL;
}

int neap_overlay_confirm(struct neap_host *host, const struct neap_confirm *confirm, struct neap_error **err)
{
	struct neap_overlay *overlay = neap_overlay_of(&host->view);
	size_t own = overlay->held_before;

	if (overlay->mode == NEAP_OVERLAY_PLAN || overlay->held.count == own)
		return 0;
	if (!overlay->commit)
		return neap_error_set(err, "confirm: changes are held and nobody lands them");
	if (check_kinds(overlay->held.items + own, overlay->held.count - own, err) < 0)
		return -1;
	if (own && !neap_overlay_waits_by(host, confirm))
		return neap_error_set(err, "confirm: other changes are held: a bug in neap");
	if (!own)
		overlay->confirm =
			(struct neap_confirm){ confirm->within, copy_argv(overlay->arena, confirm->probe) };
	for (size_t i = own; i < overlay->held.count; i++)
		overlay->held.items[i].waits = true;
	return 0;
}

/* ---- landing ------------------------------------------------------------------------------------------- */

typedef NEAP_VEC(struct neap_change) changes_vec;

/* Whose they are: "bridge[br0]", "bridge[br0] and 2 more". */
static const char *name_of(const struct neap_overlay *overlay, const changes_vec *changes,
			   struct neap_arena *arena)
{
	const struct neap_commit *commit = overlay->commit;
	const char *first = commit->name ? commit->name(commit->ctx, changes->items[0].step) : "a change";
	size_t more = 0;

	for (size_t i = 1; i < changes->count; i++)
		more += changes->items[i].step != changes->items[i - 1].step;
	return more ? neap_arena_printf(arena, "%s and %zu more", first, more) : first;
}

/* Not all of it has landed, because of `failure` (taken, may be NULL): what has is taken back. */
static int give_up(struct neap_machine *machine, struct neap_error *failure, struct neap_error **err)
{
	struct neap_error *left = NULL;

	if (machine->ops->revert(machine, &left) < 0) {
		neap_error_free(failure);
		return neap_error_pass(err, &left);
	}
	if (failure)
		return neap_error_pass(err, &failure);
	/* Ended with the run it is not failed, but not done. */
	if (machine->watch.stop && *machine->watch.stop)
		return neap_error_errno(err, EINTR, "change what has to be confirmed");
	return neap_error_set(err, "not done, for it could not all be done");
}

/* Nothing of the kernel's may land beside what waits: nobody would take it back. */
static int check_others(const changes_vec *others, struct neap_error **err)
{
	for (size_t i = 0; i < others->count; i++)
		if (others->items[i].kind == NEAP_CHANGE_NET || others->items[i].kind == NEAP_CHANGE_FIREWALL)
			return neap_error_set(err, "a change would land unconfirmed: a bug in neap");
	return 0;
}

static bool all_stand(const struct neap_commit *commit, const changes_vec *changes)
{
	bool all = true;

	for (size_t i = 0; i < changes->count; i++)
		all &= commit->may(commit->ctx, changes->items[i].step);
	return all;
}

static int land(struct neap_overlay *overlay, const struct neap_commit *commit, const changes_vec *changes,
		struct neap_error **err)
{
	struct neap_machine *machine = overlay->machine;
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_error *failure = NULL;
	int r;

	if (machine->ops->arm(machine, name_of(overlay, changes, arena), &overlay->confirm, changes->items,
			      changes->count, err) < 0)
		return -1;
	r = machine->ops->commit(machine, changes->items, changes->count, commit, &failure);
	if (r == 0 && all_stand(commit, changes))
		return machine->ops->await(machine, &overlay->confirm, err);
	return give_up(machine, failure, err);
}

/* All whose changes waited: each has failed, whoever stands on whom. */
static void fail_all(const struct neap_commit *commit, const changes_vec *changes,
		     const struct neap_error *err)
{
	for (size_t i = 0; i < changes->count; i++)
		if (i == 0 || changes->items[i].step != changes->items[i - 1].step)
			commit->failed(commit->ctx, changes->items[i].step, neap_error_copy(err));
}

int neap_overlay_land_waiting(struct neap_overlay *overlay, const struct neap_commit *commit,
			      struct neap_error **err)
{
	const volatile sig_atomic_t *stop = overlay->machine->watch.stop;
	changes_vec waiting = { 0 }, others = { 0 };
	struct neap_error *failure NEAP_AUTO_ERROR = NULL;
	int r = 0;

	for (size_t i = 0; i < overlay->held.count; i++)
		if (overlay->held.items[i].waits)
			neap_vec_push(&waiting, overlay->held.items[i]);
		else
			neap_vec_push(&others, overlay->held.items[i]);
	if (check_others(&others, err) < 0)
		r = -1;
	else if (land(overlay, commit, &waiting, &failure) < 0 && failure->errnum == EINTR && stop && *stop)
		r = neap_error_pass(err, &failure); /* ended with the run: nothing has failed */
	else if (failure)
		fail_all(commit, &waiting, failure);
	neap_overlay_turn(overlay);
	/* What these have changed beside it, and who had nothing that waits; not who has failed. */
	if (r == 0 && others.count)
		r = overlay->machine->ops->commit(overlay->machine, others.items, others.count, commit, err);
	neap_vec_done(&waiting);
	neap_vec_done(&others);
	return r;
}
