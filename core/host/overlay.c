/*
 * The overlay's life: steps and taking them back, landing, opaque changes. See overlay.h for its laws. It
 * must not know what is under it beyond machine.h, nor who asks: steps are numbers.
 */
#include "host/overlay.h"

#include <errno.h>
#include <stdlib.h>

#include "base/loaded.h"
#include "base/path.h"
#include "host/overlay_parts.h"

/* ---- steps ------------------------------------------------------------------------------------------- */

void neap_overlay_step(struct neap_host *host, uint32_t step, uint32_t pending)
{
	struct neap_overlay *overlay = neap_overlay_of(&host->view);

	overlay->step = step;
	/* In an apply what was pending has been done. */
	overlay->pending = overlay->mode == NEAP_OVERLAY_PLAN ? pending : NEAP_NO_STEP;
	overlay->moved = overlay->moved_any = NEAP_NO_STEP;
	overlay->opaque = false;
	overlay->held_before = overlay->held.count;
	overlay->bytes_before = overlay->bytes;
	overlay->behind = overlay->landed + overlay->held.count; /* of everything: until it is said */
	neap_overlay_tree_begin(&overlay->tree);
	neap_overlay_firewall_begin(overlay->firewall);
	neap_overlay_net_begin(overlay);
	neap_overlay_units_step(overlay);
	neap_overlay_bytes_step(&overlay->pool);
	neap_accounts_pending(overlay->accounts, neap_overlay_pends(overlay));
}

void neap_overlay_moved(struct neap_host *host, uint32_t moved, uint32_t any)
{
	struct neap_overlay *overlay = neap_overlay_of(&host->view);

	overlay->moved = overlay->mode == NEAP_OVERLAY_PLAN ? moved : NEAP_NO_STEP;
	overlay->moved_any = overlay->mode == NEAP_OVERLAY_PLAN ? any : NEAP_NO_STEP;
}

uint64_t neap_overlay_serial(const struct neap_host *host)
{
	const struct neap_overlay *overlay = neap_overlay_of(&host->view);

	return overlay->landed + overlay->held.count;
}

void neap_overlay_behind(struct neap_host *host, uint64_t serial)
{
	neap_overlay_of(&host->view)->behind = serial;
}

bool neap_overlay_opaque(const struct neap_host *host)
{
	return neap_overlay_of(&host->view)->opaque;
}

const struct neap_change *neap_overlay_changes(const struct neap_host *host, size_t *ret_count)
{
	const struct neap_overlay *overlay = neap_overlay_of(&host->view);

	*ret_count = overlay->held.count - overlay->held_before;
	return overlay->held.items ? overlay->held.items + overlay->held_before : NULL;
}

size_t neap_overlay_held(const struct neap_host *host, uint64_t *ret_bytes)
{
	const struct neap_overlay *overlay = neap_overlay_of(&host->view);

	if (ret_bytes)
		*ret_bytes = overlay->bytes;
	return overlay->held.count;
}

void neap_overlay_undo(struct neap_host *host)
{
	struct neap_overlay *overlay = neap_overlay_of(&host->view);

	neap_overlay_turn(overlay);
	if (overlay->tree.log.count)
		neap_accounts_drop(overlay->accounts);
	neap_overlay_tree_undo(&overlay->tree);
	neap_overlay_firewall_undo(overlay->firewall);
	neap_overlay_bytes_undo(&overlay->pool);
	neap_overlay_units_undo(overlay);
	overlay->held.count = overlay->held_before;
	overlay->bytes = overlay->bytes_before;
	neap_overlay_net_undo(overlay);
	if (overlay->mode == NEAP_OVERLAY_PLAN)
		overlay->opaque = false; /* in an apply it has run, and that cannot be taken back */
}

/* ---- landing ----------------------------------------------------------------------------------------- */

static void forget(struct neap_overlay *overlay)
{
	neap_overlay_turn(overlay);
	neap_overlay_tree_forget(&overlay->tree);
	neap_overlay_firewall_forget(overlay->firewall);
	neap_overlay_net_forget(overlay);
	neap_overlay_units_forget(overlay);
	neap_arena_reset(overlay->arena);
	overlay->landed += overlay->held.count;
	overlay->held.count = overlay->held_before = 0;
	overlay->bytes = overlay->bytes_before = 0;
	neap_accounts_drop(overlay->accounts);
}

/* Nothing may be found missing from now on that would end neap between two changes. */
static int about_to_change(const struct neap_commit *commit, struct neap_error **err)
{
	if (neap_loaded(err) < 0)
		return -1;
	return commit->about ? commit->about(commit->ctx, err) : 0;
}

int neap_overlay_land(struct neap_host *host, const struct neap_commit *commit, struct neap_error **err)
{
	struct neap_overlay *overlay = neap_overlay_of(&host->view);
	struct neap_error *local NEAP_AUTO_ERROR = NULL;
	int r;

	if (overlay->mode != NEAP_OVERLAY_APPLY)
		return neap_error_set(err, "land changes: this is a plan");
	if (!overlay->held.count)
		return 0;
	r = about_to_change(commit, &local);
	if (r == 0)
		r = overlay->machine->ops->commit(overlay->machine, overlay->held.items, overlay->held.count,
						  commit, &local);
	forget(overlay);
	if (commit->landed)
		commit->landed(commit->ctx, local);
	if (r < 0)
		neap_error_pass(err, &local);
	return r;
}

void neap_overlay_commit(struct neap_host *host, const struct neap_commit *commit)
{
	neap_overlay_of(&host->view)->commit = commit;
}

/* ---- opaque changes ---------------------------------------------------------------------------------- */

static struct neap_str keep(struct neap_overlay *overlay, struct neap_str text)
{
	return (struct neap_str){ neap_arena_copy(overlay->scratch, text.data, text.len), text.len };
}

/*
 * What the process may do at `path` is not known: the path itself, what it leads to when it is a link, and
 * the nearest missing directory above, which would have to be made first.
 */
static void mark_effect(struct neap_overlay *overlay, const char *path)
{
	struct neap_str marks[3], asked = neap_str(path);
	const struct neap_overlay_way *way;
	struct neap_overlay_place place;
	size_t count = 0;

	if (neap_overlay_locate(overlay, path, &place, NULL) == 0) {
		if (place.way &&
		    (place.way->end == NEAP_OVERLAY_ABSENT || place.way->end == NEAP_OVERLAY_REMOVED))
			marks[count++] = keep(overlay, place.way->stop);
		marks[count++] = keep(overlay, neap_str(place.path));
	} else {
		marks[count++] = asked;
	}
	if (neap_overlay_tree_follow(&overlay->tree, asked, &way, NULL) == 0)
		marks[count++] = keep(overlay, way->path);
	for (size_t i = 0; i < count; i++)
		neap_overlay_tree_mark(&overlay->tree, marks[i], overlay->step);
	neap_arena_reset(overlay->scratch);
}

int neap_overlay_land_first(struct neap_overlay *overlay, const char *doing, const char *what,
			    struct neap_error **err)
{
	uint32_t step = overlay->step;
	bool opaque = overlay->opaque;
	int r;

	if (!overlay->held.count)
		return 0;
	if (!overlay->commit)
		return neap_error_set(err, "%s %s: changes are held and nobody lands them", doing, what);
	if (overlay->held.count > overlay->held_before && overlay->commit->midway &&
	    overlay->commit->midway(overlay->commit->ctx, err) < 0)
		return -1;
	r = neap_overlay_land(&overlay->host, overlay->commit, err);
	/* Who is told of the landing looks at other steps. */
	neap_overlay_step(&overlay->host, step, NEAP_NO_STEP);
	overlay->opaque = opaque;
	if (r < 0)
		return r;
	bool goes_on = overlay->commit->may(overlay->commit->ctx, step);
	const struct neap_machine_watch *watch = &overlay->machine->watch;
	/* Ended with the run it is not failed, but not done. */
	if (!goes_on && watch->stop && *watch->stop)
		return neap_error_errno(err, EINTR, "%s %s", doing, what);
	if (!goes_on)
		return neap_error_set(err, "%s %s: not done, for a change before it failed", doing, what);
	return 0;
}

int neap_overlay_about(struct neap_overlay *overlay, struct neap_error **err)
{
	const struct neap_commit *commit = overlay->commit;

	return commit ? about_to_change(commit, err) : 0;
}

bool neap_overlay_allows(const struct neap_overlay *overlay, enum neap_right right, const char *what)
{
	const struct neap_view *below = neap_overlay_below(overlay);

	return !below->reads->may || below->reads->may(below, right, what);
}

int neap_overlay_may(struct neap_overlay *overlay, enum neap_right right, const char *doing, const char *what,
		     struct neap_error **err)
{
	if (neap_overlay_allows(overlay, right, what))
		return 0;
	neap_error_errno(err, EPERM, "%s%s%s", doing, what ? " " : "", what ? what : "");
	return neap_error_hint(err, "only root may: run neap as root");
}

/* Whether the machine would run it for who calls. */
static int may_run(struct neap_overlay *overlay, const struct neap_process *process, struct neap_error **err)
{
	const struct neap_view *below = neap_overlay_below(overlay);
	const char *name = process->argv[0];
	uint32_t uid, gid, user;

	if (process->privileged && neap_overlay_may(overlay, NEAP_RIGHT_ROOT, "run", name, err) < 0)
		return -1;
	if (!neap_overlay_allows(overlay, NEAP_RIGHT_ENTER, name)) {
		neap_error_errno(err, EPERM, "run %s below --root", name);
		return neap_error_hint(err, "only root may: run neap as root");
	}
	below->reads->caller(below, &uid, &gid);
	if (!process->user || uid == 0 ||
	    (neap_view_user(&overlay->host.view, process->user, &user, NULL) == 0 && user == uid))
		return 0;
	if (neap_overlay_allows(overlay, NEAP_RIGHT_BECOME, NULL))
		return 0;
	neap_error_errno(err, EPERM, "run %s as %s", name, process->user);
	return neap_error_hint(err, "only root may: run neap as root");
}

static int overlay_run(struct neap_host *host, const struct neap_process *process, struct neap_arena *arena,
		       struct neap_process_result *ret, struct neap_error **err)
{
	struct neap_overlay *overlay = neap_overlay_of(&host->view);
	int r = may_run(overlay, process, err);

	if (r < 0)
		return r;
	if (overlay->mode == NEAP_OVERLAY_PLAN) {
		overlay->opaque = true;
		neap_overlay_turn(overlay);
		for (const char *const *path = process->effects; path && *path; path++)
			mark_effect(overlay, *path);
		neap_accounts_drop(overlay->accounts);
		*ret = (struct neap_process_result){ .out = "", .errors = "", .ok = true };
		return 0;
	}
	r = neap_overlay_land_first(overlay, "run", process->argv[0], err);
	if (r == 0)
		r = neap_overlay_about(overlay, err);
	if (r < 0)
		return r;
	overlay->opaque = true;
	r = overlay->machine->ops->run(overlay->machine, process, arena, ret, err);
	neap_overlay_turn(overlay);
	neap_overlay_tree_stale(&overlay->tree);
	neap_accounts_drop(overlay->accounts);
	return r;
}

/* ---- life -------------------------------------------------------------------------------------------- */

static const struct neap_changes overlay_changes = {
	.write = neap_overlay_write,
	.attributes = neap_overlay_attributes,
	.mkdir = neap_overlay_mkdir,
	.symlink = neap_overlay_symlink,
	.unlink = neap_overlay_unlink,
	.rmdir = neap_overlay_rmdir,
	.unsettle = neap_overlay_unsettle,
	.run = overlay_run,
	.kernel = neap_overlay_kernel,
	.net = neap_overlay_net,
	.firewall = neap_overlay_firewall,
	.make = neap_overlay_make,
	.cache = neap_overlay_cache,
	.fetch = neap_overlay_fetch,
	.wait = neap_overlay_wait,
	.confirm = neap_overlay_confirm,
	.unit = neap_overlay_unit,
	.units_reload = neap_overlay_units_reload,
	.units_unsettle = neap_overlay_units_unsettle,
};

struct neap_host *neap_overlay_new(struct neap_machine *machine, enum neap_overlay_mode mode)
{
	struct neap_overlay *overlay = neap_alloc(sizeof(*overlay));

	*overlay = (struct neap_overlay){
		.host = { .view.reads = &neap_overlay_reads, .changes = &overlay_changes },
		.machine = machine,
		.mode = mode,
		.step = NEAP_NO_STEP,
		.pending = NEAP_NO_STEP,
		.moved = NEAP_NO_STEP,
		.moved_any = NEAP_NO_STEP,
		.cause = NEAP_NO_STEP,
		.arena = neap_arena_new(),
		.scratch = neap_arena_new(),
		.accounts = neap_accounts_new(),
		.firewall = neap_overlay_firewall_new(),
	};
	neap_arena_wipe(overlay->arena); /* contents may be secret */
	neap_overlay_tree_init(&overlay->tree, &machine->view, overlay->arena);
	return &overlay->host;
}

void neap_overlay_free(struct neap_host *host)
{
	struct neap_overlay *overlay;

	if (!host)
		return;
	overlay = neap_overlay_of(&host->view);
	neap_overlay_tree_done(&overlay->tree);
	neap_overlay_net_forget(overlay);
	neap_overlay_bytes_done(&overlay->pool);
	neap_overlay_units_done(overlay);
	neap_accounts_free(overlay->accounts);
	neap_overlay_firewall_free(overlay->firewall);
	neap_vec_done(&overlay->held);
	neap_buf_done(&overlay->path);
	neap_map_done(&overlay->cached);
	neap_arena_free(overlay->scratch);
	neap_arena_free(overlay->arena);
	free(overlay);
}
