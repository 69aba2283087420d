/*
 * The service manager of the memory machine: a table of the units that it knows. Files of others become units
 * when they are asked for, as systemd does it. It runs nothing.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/unit.h"
#include "host/memory_parts.h"
#include "host/units.h"

#define OWN_FILES "/etc/systemd/system"
#define PACKAGE_FILES "/usr/lib/systemd/system"

struct unit {
	struct neap_unit_state state;
	const char *name;
	bool gone; /* its file went since the manager read them */
};

static bool masks(const struct thing *file)
{
	if (file->kind == NEAP_FILE_LINK)
		return strcmp(file->data, "/dev/null") == 0;
	return file->kind == NEAP_FILE_REGULAR && !file->size;
}

/* What the files say of a unit: its own, then its template's. */
static enum neap_unit_load load_of(struct memory *memory, const char *name)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	const char *const names[] = { name, neap_unit_template(name, arena) };

	for (size_t i = 0; i < 2 && names[i]; i++) {
		const struct thing *file =
			neap_memory_at(memory, neap_arena_printf(arena, OWN_FILES "/%s", names[i]));

		if (!file)
			file = neap_memory_at(memory,
					      neap_arena_printf(arena, PACKAGE_FILES "/%s", names[i]));
		if (file && file->kind != NEAP_FILE_DIRECTORY)
			return masks(file) ? NEAP_UNIT_MASKED : NEAP_UNIT_LOADED;
	}
	return NEAP_UNIT_NOT_FOUND;
}

static struct unit *put_unit(struct memory *memory, const char *name, const struct neap_unit_state *state)
{
	struct unit *unit = neap_arena_new_of(memory->arena, struct unit);

	unit->name = neap_arena_strdup(memory->arena, name);
	unit->state = *state;
	unit->state.sub = neap_arena_strdup(memory->arena, state->sub ? state->sub : "");
	neap_map_put(&memory->units, neap_str(unit->name), unit);
	return unit;
}

/* NULL: there is none. */
static struct unit *find_unit(struct memory *memory, const char *name)
{
	struct unit *unit = neap_map_get(&memory->units, neap_str(name));
	struct neap_unit_state state = { .sub = "dead" };

	if (unit)
		return unit;
	state.load = load_of(memory, name);
	return state.load == NEAP_UNIT_NOT_FOUND ? NULL : put_unit(memory, name, &state);
}

static int no_manager(const char *operation, const char *name, struct neap_error **err)
{
	return neap_error_set(err, "%s %s: no service manager runs here", operation, name);
}

/* ---- reads --------------------------------------------------------------------------------------------- */

bool neap_memory_manager(const struct neap_view *view)
{
	return neap_memory_of(view)->manager;
}

int neap_memory_unit_read(const struct neap_view *view, const char *name, struct neap_arena *arena,
			  struct neap_unit_state *ret, struct neap_error **err)
{
	struct memory *memory = neap_memory_of(view);
	const struct unit *unit;

	if (neap_memory_has_to_fail(memory))
		return neap_error_errno(err, memory->errnum, "look at %s", name);
	if (!memory->manager)
		return no_manager("look at", name, err);
	unit = find_unit(memory, name);
	*ret = unit ? unit->state : (struct neap_unit_state){ .load = NEAP_UNIT_NOT_FOUND, .sub = "dead" };
	ret->sub = neap_arena_strdup(arena, ret->sub);
	return 0;
}

void neap_memory_units_expected(const struct neap_view *view, const char *const *names, size_t count)
{
	struct memory *memory = neap_memory_of(view);

	for (size_t i = 0; i < count; i++) {
		char *name = neap_arena_strdup(memory->arena, names[i]);

		neap_map_put(&memory->expected, neap_str(name), name);
	}
}

/* ---- changes ------------------------------------------------------------------------------------------- */

static void note_job(struct memory *memory, const struct neap_unit_job *job, const struct unit *unit)
{
	neap_buf_printf(&memory->jobs, "%s %s%s%s\n", neap_unit_verb_name(job->verb), job->name,
			unit && unit->state.stale ? ", stale" : "", job->secret ? ", secret" : "");
}

static void set_active(struct unit *unit, enum neap_unit_active active, const char *sub)
{
	unit->state.active = active;
	unit->state.sub = sub;
}

static int run_job(struct memory *memory, const struct neap_unit_job *job, struct unit *unit,
		   struct neap_error **err)
{
	const char *fault = neap_map_get(&memory->faults, neap_str(job->name));

	if (job->verb == NEAP_UNIT_STOP) {
		set_active(unit, NEAP_UNIT_INACTIVE, "dead");
		if (unit->state.load == NEAP_UNIT_NOT_FOUND)
			neap_map_remove(&memory->units, neap_str(unit->name));
		return 0;
	}
	if (job->verb == NEAP_UNIT_RELOAD && unit->state.active != NEAP_UNIT_ACTIVE)
		return 0;
	if (!fault) {
		set_active(unit, NEAP_UNIT_ACTIVE, "running");
		return 0;
	}
	set_active(unit, NEAP_UNIT_FAILED, "failed");
	neap_error_set(err, "%s %s: %s", neap_unit_verb_name(job->verb), job->name, fault);
	return job->secret ? -1 : neap_error_hint(err, "its journal");
}

int neap_memory_unit(struct neap_machine *machine, const struct neap_unit_job *job, struct neap_error **err)
{
	struct memory *memory = neap_memory_of(&machine->view);
	const char *verb = neap_unit_verb_name(job->verb);
	struct unit *unit;

	if (neap_memory_has_to_fail(memory))
		return neap_error_errno(err, memory->errnum, "%s %s", verb, job->name);
	if (!memory->manager)
		return no_manager(verb, job->name, err);
	unit = find_unit(memory, job->name);
	note_job(memory, job, unit);
	if (neap_unit_refuse(job, unit ? unit->state.load : NEAP_UNIT_NOT_FOUND, err) < 0)
		return -1;
	return unit ? run_job(memory, job, unit, err) : 0;
}

int neap_memory_units_reload(struct neap_machine *machine, struct neap_error **err)
{
	struct memory *memory = neap_memory_of(&machine->view);

	if (neap_memory_has_to_fail(memory))
		return neap_error_errno(err, memory->errnum, "reload the service manager");
	if (!memory->manager)
		return no_manager("reload", "the service manager", err);
	neap_buf_puts(&memory->jobs, "reload the manager\n");
	for (size_t i = 0; i < memory->units.count; i++) {
		struct unit *unit = memory->units.entries[i].value;
		struct neap_str name = memory->units.entries[i].key;
		enum neap_unit_load load;

		if (!unit || !unit->state.stale)
			continue;
		unit->state.stale = false;
		load = load_of(memory, unit->name);
		if (load != NEAP_UNIT_NOT_FOUND || unit->gone) /* else its file was never here */
			unit->state.load = load;
		unit->gone = false;
		if (unit->state.load == NEAP_UNIT_NOT_FOUND && unit->state.active == NEAP_UNIT_INACTIVE)
			neap_map_remove(&memory->units, name);
	}
	return 0;
}

/* Whether `path` is the file of `name`, or is dropped in. */
static bool is_part(const char *path, const char *directory, const char *name)
{
	size_t above = strlen(directory), len = name ? strlen(name) : 0;

	if (!name || strncmp(path, directory, above) != 0 || path[above] != '/' ||
	    strncmp(path + above + 1, name, len) != 0)
		return false;
	path += above + 1 + len;
	return !*path || strncmp(path, ".d/", 3) == 0;
}

static void mark(struct memory *memory, struct unit *unit, const char *path)
{
	unit->state.stale = true;
	unit->gone = !strstr(path, ".d/") && !neap_memory_at(memory, path);
}

void neap_memory_units_changed(struct memory *memory, const char *path)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();

	if (strncmp(path, OWN_FILES "/", sizeof(OWN_FILES)) != 0 &&
	    strncmp(path, PACKAGE_FILES "/", sizeof(PACKAGE_FILES)) != 0)
		return;
	for (size_t i = 0; i < memory->units.count; i++) {
		struct unit *unit = memory->units.entries[i].value;
		const char *template = unit ? neap_unit_template(unit->name, arena) : NULL;

		if (unit &&
		    (is_part(path, OWN_FILES, unit->name) || is_part(path, PACKAGE_FILES, unit->name) ||
		     is_part(path, OWN_FILES, template) || is_part(path, PACKAGE_FILES, template)))
			mark(memory, unit, path);
	}
}

/* ---- for tests ----------------------------------------------------------------------------------------- */

void neap_host_memory_manager(struct neap_machine *machine, bool there)
{
	neap_memory_of(&machine->view)->manager = there;
}

void neap_host_memory_unit(struct neap_machine *machine, const char *name,
			   const struct neap_unit_state *state)
{
	struct memory *memory = neap_memory_of(&machine->view);

	neap_map_remove(&memory->units, neap_str(name));
	if (state)
		put_unit(memory, name, state);
}

void neap_host_memory_unit_fails(struct neap_machine *machine, const char *name, const char *result)
{
	struct memory *memory = neap_memory_of(&machine->view);

	neap_map_remove(&memory->faults, neap_str(name));
	if (result)
		neap_map_put(&memory->faults, neap_str(neap_arena_strdup(memory->arena, name)),
			     neap_arena_strdup(memory->arena, result));
}

const char *neap_host_memory_jobs(struct neap_machine *machine)
{
	struct memory *memory = neap_memory_of(&machine->view);
	const char *jobs =
		neap_arena_copy(memory->arena, memory->jobs.len ? memory->jobs.data : "", memory->jobs.len);

	memory->jobs.len = 0;
	return jobs;
}

bool neap_host_memory_expects(const struct neap_machine *machine, const char *name)
{
	return neap_map_get(&neap_memory_of(&machine->view)->expected, neap_str(name)) != NULL;
}

void neap_memory_units_done(struct memory *memory)
{
	neap_map_done(&memory->units);
	neap_map_done(&memory->faults);
	neap_map_done(&memory->expected);
	neap_buf_done(&memory->jobs);
}
