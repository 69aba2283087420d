/*
 * The overlay over units. In a plan no job runs: what it leads to is foreseen and kept by the unit's name,
 * and what is held in the directories of unit files says what the manager would make of it. In an apply the
 * machine is asked, and what is held lands before it matters. It must not know how a manager is talked to.
 */
#include "base/path.h"
#include "base/unit.h"
#include "host/overlay_parts.h"
#include "host/units.h"

struct neap_overlay_foreseen {
	enum neap_unit_active active;
};

/* ---- changes of units' files --------------------------------------------------------------------------- */

/*
 * What the file at `path` (canonical) is a part of, by the name that its directory goes by: "a.service" for
 * …/a.service and …/a.service.d/x.conf; "service" for …/service.d/x.conf. Empty: no unit's.
 */
static struct neap_str unit_of(const char *path)
{
	for (size_t i = 0; i < NEAP_UNIT_DIRECTORIES; i++) {
		size_t len = strlen(neap_unit_directories[i]), end;
		const char *name = path + len + 1;

		if (strncmp(path, neap_unit_directories[i], len) != 0 || path[len] != '/')
			continue;
		end = strcspn(name, "/");
		if (!name[end])
			return (struct neap_str){ name, end };
		if (end > 2 && strncmp(name + end - 2, ".d", 2) == 0 && neap_unit_is_drop_in(name + end + 1))
			return (struct neap_str){ name, end - 2 };
	}
	return NEAP_STR("");
}

/* The number of a change that is held, from 1 on, as what a map holds. */
static void *number_of(size_t index)
{
	return (void *)(uintptr_t)(index + 1);
}

/* Mode and owner of a file are nothing to the manager. */
static struct neap_str changed_unit(const struct neap_change *change)
{
	return change->kind == NEAP_CHANGE_ATTRIBUTES ? NEAP_STR("") : unit_of(change->path);
}

/* Steps that are over stay as they are, so their changes are looked at once. */
static void take_in(struct neap_overlay *overlay)
{
	struct neap_overlay_units *units = &overlay->units;

	for (; units->seen < overlay->held_before; units->seen++) {
		struct neap_str name = changed_unit(&overlay->held.items[units->seen]);

		if (name.len)
			neap_map_put(&units->files, name, number_of(units->seen));
	}
}

static size_t latest(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* The number of the last change of what goes by one name; 0: none. */
static size_t changed_as(const struct neap_overlay *overlay, struct neap_str name)
{
	for (size_t i = overlay->held.count; i > overlay->held_before; i--)
		if (neap_str_equal(changed_unit(&overlay->held.items[i - 1]), name))
			return i;
	return (size_t)(uintptr_t)neap_map_get(&overlay->units.files, name);
}

/* … of anything that the unit is made from: its file or its template's, and what is dropped in by its name,
 * by the starts of it that end in a dash, and by its kind. */
static size_t changed(struct neap_overlay *overlay, const char *name)
{
	const char *suffix = strrchr(name, '.');
	char *template = neap_unit_template(name, overlay->scratch);
	size_t found;

	take_in(overlay);
	if (!overlay->units.files.count && overlay->held.count == overlay->held_before)
		return 0;
	found = latest(changed_as(overlay, neap_str(name)), changed_as(overlay, neap_str(suffix + 1)));
	if (template)
		found = latest(found, changed_as(overlay, neap_str(template)));
	for (const char *dash = template ? NULL : strchr(name, '-'); dash && dash < suffix;
	     dash = strchr(dash + 1, '-')) {
		const char *start =
			neap_arena_printf(overlay->scratch, "%.*s%s", (int)(dash + 1 - name), name, suffix);

		found = latest(found, changed_as(overlay, neap_str(start)));
	}
	neap_arena_reset(overlay->scratch);
	return found;
}

/* ---- what the files say -------------------------------------------------------------------------------- */

/* 0: nothing is there, and *ret_removed says whether that is so by what is held; 1: *ret. */
static int load_of(struct neap_overlay *overlay, const char *name, struct neap_arena *arena,
		   enum neap_unit_load *ret, bool *ret_removed, struct neap_error **err)
{
	for (size_t i = 0; i < NEAP_UNIT_DIRECTORIES; i++) {
		const char *path = neap_arena_printf(arena, "%s/%s", neap_unit_directories[i], name), *target;
		const struct neap_overlay_state *state;
		struct neap_stat stat;
		int r = neap_view_link(&overlay->host.view, path, arena, &stat, &target, err);

		if (r != 0)
			return r < 0 ? r : 1 + NEAP_UNKNOWN;
		state = neap_overlay_tree_get(&overlay->tree, neap_str(path));
		if (stat.kind == NEAP_FILE_REGULAR || stat.kind == NEAP_FILE_LINK) {
			bool empty = stat.size == 0 && !(state && state->content.unknown);
			bool masks = target ? strcmp(target, "/dev/null") == 0 : empty;

			*ret = masks ? NEAP_UNIT_MASKED : NEAP_UNIT_LOADED;
			return 1;
		}
		*ret_removed |= state && state->kind == NEAP_FILE_ABSENT;
	}
	return 0;
}

/* How the manager loads the unit once it reads the files. When none is found and none went, its file lies
 * elsewhere (a generator made it), and *load stays. */
static int load_by_files(struct neap_overlay *overlay, const char *name, enum neap_unit_load *load,
			 struct neap_error **err)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	const char *template = neap_unit_template(name, arena);
	bool removed = false;
	int r = load_of(overlay, name, arena, load, &removed, err);

	if (r == 0 && template)
		r = load_of(overlay, template, arena, load, &removed, err);
	if (r == 0 && removed)
		*load = NEAP_UNIT_NOT_FOUND;
	return r < 0 ? r : r > 1 ? NEAP_UNKNOWN : 0;
}

/* ---- reads --------------------------------------------------------------------------------------------- */

bool neap_overlay_manager(const struct neap_view *view)
{
	const struct neap_view *below = neap_overlay_below(neap_overlay_of(view));

	return below->reads->manager(below);
}

void neap_overlay_units_expected(const struct neap_view *view, const char *const *names, size_t count)
{
	const struct neap_view *below = neap_overlay_below(neap_overlay_of(view));

	below->reads->units_expected(below, names, count);
}

/* As the files that are held will have it. */
static int bend_by_files(struct neap_overlay *overlay, const char *name, size_t change,
			 struct neap_unit_state *state, struct neap_error **err)
{
	bool read = change <= overlay->units.reloaded;

	/* The manager finds what is new by itself, and not that something has changed. */
	if (!read && state->load != NEAP_UNIT_NOT_FOUND) {
		state->stale = true;
		return 0;
	}
	return load_by_files(overlay, name, &state->load, err);
}

static int foresee(struct neap_overlay *overlay, const char *name, struct neap_arena *arena,
		   struct neap_unit_state *ret, struct neap_error **err)
{
	const struct neap_view *below = neap_overlay_below(overlay);
	const struct neap_overlay_foreseen *foreseen = neap_map_get(&overlay->units.foreseen, neap_str(name));
	struct neap_unit_state state = { .sub = "" };
	struct neap_error *local = NULL;
	size_t change = changed(overlay, name);
	int r = below->reads->unit(below, name, arena, &state, &local);
	bool absent;

	if (r == 0 && overlay->units.reload)
		state.stale = false;
	absent = r == 0 && !change && state.load == NEAP_UNIT_NOT_FOUND;
	if (r == 0 && change)
		r = bend_by_files(overlay, name, change, &state, &local);
	if (r <= 0)
		r = neap_overlay_settle(overlay, r, absent, &local, err);
	/* What is started is there, whoever brings it. */
	if (foreseen && foreseen->active == NEAP_UNIT_ACTIVE &&
	    (r == NEAP_UNKNOWN || (r == 0 && state.load == NEAP_UNIT_NOT_FOUND))) {
		state = (struct neap_unit_state){ .load = NEAP_UNIT_LOADED };
		r = 0;
	}
	if (r == 0 && foreseen) {
		state.active = foreseen->active;
		state.sub = "";
	}
	if (r == 0 && state.stale && overlay->units.unsettled > change) {
		overlay->cause = overlay->units.unsettled_by;
		return NEAP_UNKNOWN;
	}
	if (r == 0)
		*ret = state;
	return r;
}

int neap_overlay_unit_read(const struct neap_view *view, const char *name, struct neap_arena *arena,
			   struct neap_unit_state *ret, struct neap_error **err)
{
	struct neap_overlay *overlay = neap_overlay_of(view);
	const struct neap_view *below = neap_overlay_below(overlay);

	if (overlay->mode == NEAP_OVERLAY_PLAN)
		return foresee(overlay, name, arena, ret, err);
	if (changed(overlay, name) && neap_overlay_land_first(overlay, "look at", name, err) < 0)
		return -1;
	return below->reads->unit(below, name, arena, ret, err);
}

/* ---- changes ------------------------------------------------------------------------------------------- */

static void keep(struct neap_overlay *overlay, const char *name, enum neap_unit_active active)
{
	struct neap_overlay_units *units = &overlay->units;
	struct neap_overlay_foreseen *foreseen =
		neap_arena_new_of(overlay->arena, struct neap_overlay_foreseen);
	struct neap_str key = neap_str(neap_arena_strdup(overlay->arena, name));

	foreseen->active = active;
	neap_vec_push(&units->log, (struct neap_overlay_unit_undo){ .name = key });
	units->log.items[units->log.count - 1].before = neap_map_put(&units->foreseen, key, foreseen);
}

int neap_overlay_unit(struct neap_host *host, const struct neap_unit_job *job, struct neap_error **err)
{
	struct neap_overlay *overlay = neap_overlay_of(&host->view);
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_unit_state state;
	int r;

	if (neap_overlay_may(overlay, NEAP_RIGHT_UNITS, neap_unit_verb_name(job->verb), job->name, err) < 0)
		return -1;
	if (overlay->mode == NEAP_OVERLAY_APPLY) {
		if (neap_overlay_land_first(overlay, neap_unit_verb_name(job->verb), job->name, err) < 0 ||
		    neap_overlay_about(overlay, err) < 0)
			return -1;
		overlay->opaque = true;
		r = overlay->machine->ops->unit(overlay->machine, job, err);
		neap_overlay_turn(overlay);
		neap_overlay_tree_stale(&overlay->tree);
		neap_accounts_drop(overlay->accounts);
		return r;
	}
	r = foresee(overlay, job->name, arena, &state, err);
	if (r < 0 || (r == 0 && neap_unit_refuse(job, state.load, err) < 0))
		return -1;
	overlay->opaque = true;
	if (job->verb != NEAP_UNIT_RELOAD)
		keep(overlay, job->name, job->verb == NEAP_UNIT_STOP ? NEAP_UNIT_INACTIVE : NEAP_UNIT_ACTIVE);
	return 0;
}

int neap_overlay_units_reload(struct neap_host *host, struct neap_error **err)
{
	struct neap_overlay *overlay = neap_overlay_of(&host->view);

	if (neap_overlay_may(overlay, NEAP_RIGHT_UNITS, "reload", "the service manager", err) < 0)
		return -1;
	if (overlay->mode == NEAP_OVERLAY_APPLY) {
		if (neap_overlay_land_first(overlay, "reload", "the service manager", err) < 0)
			return -1;
		return overlay->machine->ops->units_reload(overlay->machine, err);
	}
	if (!neap_overlay_manager(&host->view))
		return neap_error_set(err, "reload the service manager: none runs here");
	overlay->units.reload = true;
	overlay->units.reloaded = overlay->held.count;
	overlay->units.unsettled = 0;
	return 0;
}

void neap_overlay_units_unsettle(struct neap_host *host)
{
	struct neap_overlay *overlay = neap_overlay_of(&host->view);

	overlay->units.unsettled = overlay->held.count + 1;
	overlay->units.unsettled_by = overlay->step;
}

/* ---- life ---------------------------------------------------------------------------------------------- */

void neap_overlay_units_step(struct neap_overlay *overlay)
{
	struct neap_overlay_units *units = &overlay->units;

	take_in(overlay);
	units->log.count = 0;
	units->reload_before = units->reload;
	units->reloaded_before = units->reloaded;
	units->unsettled_before = units->unsettled;
	units->unsettled_by_before = units->unsettled_by;
}

void neap_overlay_units_undo(struct neap_overlay *overlay)
{
	struct neap_overlay_units *units = &overlay->units;

	while (units->log.count) {
		const struct neap_overlay_unit_undo *undo = &units->log.items[--units->log.count];

		if (undo->before)
			neap_map_put(&units->foreseen, undo->name, undo->before);
		else
			neap_map_remove(&units->foreseen, undo->name);
	}
	units->reload = units->reload_before;
	units->reloaded = units->reloaded_before;
	units->unsettled = units->unsettled_before;
	units->unsettled_by = units->unsettled_by_before;
}

void neap_overlay_units_forget(struct neap_overlay *overlay)
{
	neap_map_clear(&overlay->units.files);
	overlay->units.seen = 0;
}

void neap_overlay_units_done(struct neap_overlay *overlay)
{
	neap_map_done(&overlay->units.files);
	neap_map_done(&overlay->units.foreseen);
	neap_vec_done(&overlay->units.log);
}
