/* See kept.h. Must not change a machine but through the host, nor know a resource type. */
#include "engine/kept.h"

#include "base/path.h"
#include "engine/unit_file.h"

const char *const neap_persist_net[] = { "false", "unit", "networkd", NULL };
const char *const neap_persist_rules[] = { "false", "unit", NULL };

#define WHOLE (NEAP_ASPECT_EXISTENCE | NEAP_ASPECT_CONTENT | NEAP_ASPECT_ATTRIBUTES)

static struct neap_owned owned_of(const char *path, struct neap_str text)
{
	return (struct neap_owned){ .path = path, .content = { .data = text.data, .size = text.len } };
}

static struct neap_whole gone(const struct neap_kept_file *file)
{
	return (struct neap_whole){ .path = file->path };
}

static struct neap_owned unit_of(const struct neap_kept *kept)
{
	return owned_of(kept->unit->path, neap_str(kept->unit->text));
}

void neap_kept_claim(const struct neap_kept *kept, struct neap_claims *claims)
{
	for (size_t i = 0; i < kept->count; i++)
		if (!kept->files[i].found && !kept->files[i].former)
			neap_claim_path(claims, kept->files[i].path, WHOLE, !kept->files[i].text.data);
	if (!kept->unit)
		return;
	/* Nobody else may say what is in these, and a purge spares them. */
	neap_claim_common(claims, kept->unit->directory);
	neap_claim_common(claims, kept->unit->path);
	neap_claim_common(claims, kept->unit->link);
	neap_claim_boot(claims, kept->unit->name, true);
}

int neap_kept_has(const struct neap_view *view, const struct neap_kept_unit *unit, const char *name,
		  bool *ret, struct neap_error **err)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_stat stat;
	int r = neap_view_stat(view, neap_arena_printf(arena, "%s/%s", unit->directory, name), &stat, err);

	if (r == 0)
		*ret = stat.kind == NEAP_FILE_REGULAR;
	return r;
}

/* ---- what is there ------------------------------------------------------------------------------------- */

static int read_link(const struct neap_view *view, struct neap_arena *arena,
		     const struct neap_kept_unit *unit, struct neap_kept_state *state,
		     struct neap_error **err)
{
	struct neap_stat stat;
	const char *leads;
	int r = neap_view_link(view, unit->link, arena, &stat, &state->target, err);

	if (r != 0)
		return r;
	if (!state->target && stat.kind != NEAP_FILE_ABSENT) {
		neap_error_set(err, "%s is %s", unit->link, neap_file_kind_name(stat.kind));
		return neap_error_hint(err,
				       "a link that enables %s has to be there: remove what is in its place",
				       unit->name);
	}
	leads = state->target ? neap_unit_link_target(unit->link, state->target, arena) : NULL;
	state->enabled = leads && strcmp(leads, unit->path) == 0;
	return state->enabled ? 0 : neap_parents_read(view, arena, unit->link, &state->parents, err);
}

/* Directories that an earlier file of the resource will have made are said with that one. */
static void say_parents_once(struct neap_kept_state *state, size_t number)
{
	const struct neap_kept_file *files = state->kept.files;
	struct neap_str directory = neap_path_parent(neap_str(files[number].path));

	for (size_t i = 0; i < number; i++)
		if (files[i].text.data &&
		    neap_str_equal(neap_path_parent(neap_str(files[i].path)), directory))
			state->present[number].parents.count = 0;
}

/* What is dropped in to somebody's file was found there, and so was the directory for it. */
static int read_empty(const struct neap_view *view, const struct neap_context *ctx,
		      const struct neap_kept_file *file, const char **ret, struct neap_error **err)
{
	struct neap_str above = neap_path_parent(neap_str(file->path));
	const char *directory = neap_arena_copy(ctx->scratch, above.data, above.len);
	struct neap_entry *entries;
	size_t count;
	int r;

	if (!file->found || (ctx->others && ctx->others(ctx, directory)))
		return 0;
	r = neap_view_list(view, directory, ctx->scratch, &entries, &count, err);
	if (r == 0 && count == 1)
		*ret = directory;
	return r;
}

int neap_kept_read(const struct neap_view *view, const struct neap_context *ctx, const struct neap_kept *kept,
		   struct neap_kept_state *ret, struct neap_error **err)
{
	struct neap_arena *arena = ctx->scratch;
	int r = 0;

	ret->kept = *kept;
	ret->running = neap_view_running(view);
	ret->present = neap_arena_array_of(arena, struct neap_owned_state, kept->count + 1);
	ret->gone = neap_arena_array_of(arena, struct neap_whole_state, kept->count + 1);
	ret->empty = neap_arena_array_of(arena, const char *, kept->count + 1);
	for (size_t i = 0; r == 0 && i < kept->count; i++) {
		const struct neap_kept_file *file = &kept->files[i];
		const struct neap_owned owned = owned_of(file->path, file->text);
		const struct neap_whole whole = gone(file);

		r = file->text.data ? neap_owned_read(view, arena, &owned, &ret->present[i], err)
				    : neap_whole_read(view, arena, &whole, &ret->gone[i], err);
		if (r == 0 && !file->text.data && ret->gone[i].differs)
			r = read_empty(view, ctx, file, &ret->empty[i], err);
		if (r == 0)
			say_parents_once(ret, i);
	}
	if (r != 0 || !kept->unit)
		return r;
	const struct neap_owned unit = unit_of(kept);
	r = neap_owned_read(view, arena, &unit, &ret->unit, err);
	return r == 0 ? read_link(view, arena, kept->unit, ret, err) : r;
}

/* ---- what differs -------------------------------------------------------------------------------------- */

static bool differs(const struct neap_owned_state *state)
{
	return state->changes || state->attributes.differ;
}

/* What is kept alone is changed is no news of the resource itself, but where there is nothing else. */
static void say_action(const struct neap_kept_state *state, struct neap_diff *diff)
{
	const struct neap_kept *kept = &state->kept;

	if (!neap_diff_empty(diff))
		return;
	for (size_t i = 0; i < kept->count; i++) {
		if (kept->absent && state->gone[i].differs)
			neap_diff_action(diff, NEAP_ACTION_DELETE);
		if (!kept->absent && !state->running && kept->files[i].text.data &&
		    state->present[i].stat.kind == NEAP_FILE_ABSENT)
			neap_diff_action(diff, NEAP_ACTION_CREATE);
	}
}

void neap_kept_diff(const struct neap_kept_state *state, struct neap_diff *diff)
{
	const struct neap_kept *kept = &state->kept;
	bool former = false;

	say_action(state, diff);
	for (size_t i = 0; i < kept->count; i++) {
		const struct neap_kept_file *file = &kept->files[i];
		const struct neap_owned owned = owned_of(file->path, file->text);
		const struct neap_whole whole = gone(file);

		if (!file->text.data) {
			neap_whole_diff(&whole, &state->gone[i], file->param, diff);
			if (state->empty[i])
				neap_diff_reason(diff, "and %s, which is empty then", state->empty[i]);
			former = former || (file->former && state->gone[i].differs);
		} else if (differs(&state->present[i])) {
			neap_owned_diff(&owned, &state->present[i], file->param, diff);
			neap_diff_reason(diff, "in %s", file->path);
		}
	}
	if (former)
		neap_diff_reason(diff, "what was kept of its name before goes: the boot would make that");
	if (!kept->unit)
		return;
	if (differs(&state->unit)) {
		const struct neap_owned unit = unit_of(kept);

		neap_owned_diff(&unit, &state->unit, "persistent.unit", diff);
		neap_diff_reason(diff, "writes %s", kept->unit->name);
	}
	if (!state->enabled) {
		neap_diff_string(diff, "persistent.enabled", state->target, kept->unit->path);
		neap_diff_reason(diff, "enables %s", kept->unit->name);
		/* Those above the unit's file are said with that. */
		struct neap_parents parents = state->parents;
		size_t said = state->unit.parents.count;

		parents.paths += said;
		parents.count -= said;
		neap_parents_diff(&parents, diff);
	}
}

/* ---- changing ------------------------------------------------------------------------------------------ */

int neap_kept_apply(struct neap_host *host, const struct neap_kept_state *state, struct neap_error **err)
{
	const struct neap_kept *kept = &state->kept;

	for (size_t i = 0; i < kept->count; i++) {
		const struct neap_kept_file *file = &kept->files[i];
		const struct neap_owned owned = owned_of(file->path, file->text);
		const struct neap_whole whole = gone(file);

		if (!file->text.data ? neap_whole_apply(host, &whole, &state->gone[i], err) < 0
				     : differs(&state->present[i]) &&
					       neap_owned_apply(host, &owned, &state->present[i], err) < 0)
			return -1;
		if (state->empty[i] && neap_host_rmdir(host, state->empty[i], err) < 0)
			return -1;
	}
	if (!kept->unit)
		return 0;
	const struct neap_owned unit = unit_of(kept);
	if (differs(&state->unit) && neap_owned_apply(host, &unit, &state->unit, err) < 0)
		return -1;
	if (state->enabled)
		return 0;
	if (state->parents.count > 0 && neap_host_mkdir_parents(host, kept->unit->link, err) < 0)
		return -1;
	return neap_host_symlink(host, kept->unit->link, kept->unit->path, err);
}

int neap_kept_make(struct neap_host *host, const struct neap_kept *kept, struct neap_error **err)
{
	for (size_t i = 0; i < kept->count; i++) {
		const struct neap_kept_file *file = &kept->files[i];
		const struct neap_owned owned = owned_of(file->path, file->text);
		const struct neap_whole whole = gone(file);

		if (file->text.data ? neap_owned_apply(host, &owned, NULL, err) < 0
				    : neap_whole_apply(host, &whole, NULL, err) < 0)
			return -1;
	}
	if (!kept->unit)
		return 0;
	const struct neap_owned unit = unit_of(kept);
	if (neap_owned_apply(host, &unit, NULL, err) < 0 ||
	    neap_host_mkdir_parents(host, kept->unit->link, err) < 0)
		return -1;
	return neap_host_symlink(host, kept->unit->link, kept->unit->path, err);
}
