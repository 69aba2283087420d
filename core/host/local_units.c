/*
 * Units of the real machine: what the service manager says of them. It must not know plans or resources, nor
 * how a bus is spoken (bus.c); what changes them is local_jobs.c.
 *
 * Round trips are what a converged machine costs. All units that are expected are asked for at once, each
 * with a question about its files: one for 200 units. What was answered is believed until something may have
 * changed; then questions begin small again and double, so that neither one change among many units nor a
 * change of each costs much.
 */
#include "host/local.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "base/unit.h"
#include "host/control_group.h"
#include "host/local_units.h"

#define RUNNING "/run/systemd/system" /* is there when systemd runs the machine */
#define OWN_FILES "/etc/systemd/system"
#define SECONDS 25
#define TOGETHER_MAX ((size_t)1000)
#define EVERY_ONE SIZE_MAX

/* ---- the manager --------------------------------------------------------------------------------------- */

/* In a root that is only entered (chroot) the manager is somebody else's, though its directory may be seen.
 */
static bool is_entered(void)
{
	struct stat own, managers;

	return stat("/", &own) == 0 && stat("/proc/1/root", &managers) == 0 &&
	       (own.st_dev != managers.st_dev || own.st_ino != managers.st_ino);
}

static bool find_manager(const struct neap_local *local)
{
	struct stat st;

	return !local->root[0] && lstat(RUNNING, &st) == 0 && S_ISDIR(st.st_mode) && !is_entered();
}

static struct neap_local_units *units_at(struct neap_local *local, const char *address, const char *files,
					 unsigned seconds)
{
	struct neap_local_units *units = neap_alloc(sizeof(*units));

	*units = (struct neap_local_units){
		.there = address || find_manager(local),
		.bus = neap_bus_new(&local->machine.watch, address),
		.seconds = seconds,
		.files = files,
		.names = neap_arena_new(),
		.answers = neap_arena_new(),
		.together = EVERY_ONE,
	};
	return units;
}

struct neap_local_units *neap_local_units(struct neap_local *local)
{
	if (!local->units)
		local->units = units_at(local, NULL, OWN_FILES, SECONDS);
	return local->units;
}

void neap_local_units_at(struct neap_machine *machine, const char *address, const char *files,
			 unsigned seconds)
{
	struct neap_local *local = neap_local_of(&machine->view);

	neap_local_units_free(local);
	local->units = units_at(local, address, files, seconds);
}

void neap_local_units_free(struct neap_local *local)
{
	struct neap_local_units *units = local->units;

	if (!units)
		return;
	neap_bus_free(units->bus);
	neap_vec_done(&units->expected);
	neap_map_done(&units->numbers);
	neap_map_done(&units->known);
	neap_arena_free(units->names);
	neap_arena_free(units->answers);
	free(units);
	local->units = NULL;
}

void neap_local_units_drop(struct neap_local *local)
{
	struct neap_local_units *units = local->units;

	if (!units || !units->known.count)
		return;
	neap_map_clear(&units->known);
	neap_arena_reset(units->answers);
	units->together = 1;
}

void neap_local_units_rest(struct neap_local *local)
{
	if (local->units)
		neap_bus_rest(local->units->bus);
}

bool neap_local_manager(const struct neap_view *view)
{
	return neap_local_units(neap_local_of(view))->there;
}

int neap_local_no_manager(const char *doing, const char *what, struct neap_error **err)
{
	return neap_error_set(err, "%s %s: no service manager runs here", doing, what);
}

void neap_local_units_expected(const struct neap_view *view, const char *const *names, size_t count)
{
	struct neap_local_units *units = neap_local_units(neap_local_of(view));

	for (size_t i = 0; i < count; i++) {
		struct neap_str name = neap_str(neap_arena_strdup(units->names, names[i]));

		if (neap_map_get(&units->numbers, name))
			continue;
		neap_vec_push(&units->expected, name.data);
		neap_map_put(&units->numbers, name, (void *)(uintptr_t)units->expected.count);
	}
}

/* ---- what it answers ----------------------------------------------------------------------------------- */

const char *neap_local_cell(const struct neap_value *row, size_t column)
{
	if (row->kind != NEAP_LIST || column >= row->list.count ||
	    row->list.items[column].kind != NEAP_STRING)
		return "";
	return row->list.items[column].text.data;
}

static enum neap_unit_load load_of(const char *text)
{
	if (strcmp(text, "not-found") == 0)
		return NEAP_UNIT_NOT_FOUND;
	if (strcmp(text, "masked") == 0)
		return NEAP_UNIT_MASKED;
	if (strcmp(text, "bad-setting") == 0 || strcmp(text, "error") == 0)
		return NEAP_UNIT_BROKEN;
	return NEAP_UNIT_LOADED; /* also what is merged into another */
}

enum neap_unit_active neap_local_active(const char *text)
{
	static const struct {
		const char *text;
		enum neap_unit_active active;
	} states[] = {
		{ "active", NEAP_UNIT_ACTIVE },     { "reloading", NEAP_UNIT_ACTIVE },
		{ "refreshing", NEAP_UNIT_ACTIVE }, { "activating", NEAP_UNIT_ACTIVATING },
		{ "failed", NEAP_UNIT_FAILED },     { "deactivating", NEAP_UNIT_DEACTIVATING },
	};

	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
		if (strcmp(text, states[i].text) == 0)
			return states[i].active;
	return NEAP_UNIT_INACTIVE; /* also while it is maintained */
}

/* ---- the administrator's files ------------------------------------------------------------------------- */

/*
 * The manager says when a file that it has read is another now (NeedDaemonReload). It does not say that a
 * file has come that goes before the one it has read, and finds drop-ins only in directories that it has
 * seen. Both are looked for here, where administrators and neap put files: these go before a package's, but
 * not before what was made at run time.
 */
struct own {
	const char *directory;
	struct neap_arena *arena;
	struct neap_map names; /* what is there, each its own value */
};

static void list_own(struct own *own)
{
	DIR *dir = opendir(own->directory);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.') {
			char *name = neap_arena_strdup(own->arena, entry->d_name);

			neap_map_put(&own->names, neap_str(name), name);
		}
	if (dir)
		closedir(dir);
}

static bool has(const struct own *own, const char *name)
{
	return neap_map_get(&own->names, neap_str(name)) != NULL;
}

static bool is_above(const char *path)
{
	static const char *const directories[] = { OWN_FILES ".control/", "/run/systemd/system.control/",
						   "/run/systemd/transient/",
						   "/run/systemd/generator.early/" };

	for (size_t i = 0; i < sizeof(directories) / sizeof(*directories); i++)
		if (strncmp(path, directories[i], strlen(directories[i])) == 0)
			return true;
	return false;
}

/* The file of a unit, its own or its template's; NULL: none is there. */
static const char *file_of(const struct own *own, const char *name)
{
	const char *const names[] = { name, neap_unit_template(name, own->arena) };

	for (size_t i = 0; i < 2 && names[i]; i++)
		if (has(own, names[i]))
			return neap_arena_printf(own->arena, "%s/%s", own->directory, names[i]);
	return NULL;
}

/* Whether the manager would read `file` where it has read `fragment`: one that leads nowhere it passes over.
 */
static bool is_hidden(const char *fragment, const char *file)
{
	NEAP_AUTO_FREE char *real_fragment = realpath(fragment, NULL);
	NEAP_AUTO_FREE char *real_file = realpath(file, NULL);
	struct stat st;

	return real_file && stat(real_file, &st) == 0 && !S_ISDIR(st.st_mode) && !is_above(fragment) &&
	       !(real_fragment && strcmp(real_fragment, real_file) == 0);
}

/* The directories of what is dropped in for a unit that are there: by its name, its template's, the starts of
 * it that end in a dash, its kind. NULL-terminated. */
static const char *const *drop_ins_of(const struct own *own, const char *name)
{
	const char *suffix = strrchr(name, '.'), *template = neap_unit_template(name, own->arena);
	NEAP_VEC(const char *) found = { 0 };
	const char **kept;

#define TRY(...)                                                                                             \
	do {                                                                                                 \
		const char *entry = neap_arena_printf(own->arena, __VA_ARGS__);                              \
		if (has(own, entry))                                                                         \
			neap_vec_push(&found,                                                                \
				      neap_arena_printf(own->arena, "%s/%s", own->directory, entry));        \
	} while (0)
	TRY("%s.d", name);
	if (template)
		TRY("%s.d", template);
	for (const char *dash = template ? NULL : strchr(name, '-'); dash && dash < suffix;
	     dash = strchr(dash + 1, '-'))
		TRY("%.*s%s.d", (int)(dash + 1 - name), name, suffix);
	TRY("%s.d", suffix + 1);
#undef TRY
	kept = neap_arena_array_of(own->arena, const char *, found.count + 1);
	for (size_t i = 0; i < found.count; i++)
		kept[i] = found.items[i];
	neap_vec_done(&found);
	return kept;
}

/* Whether the manager has read a file of this name, or one that hides it. */
static bool is_read(const struct neap_value *paths, const char *files, const char *name)
{
	for (size_t i = 0; paths->kind == NEAP_LIST && i < paths->list.count; i++) {
		const char *path = neap_local_cell(paths, i), *slash = strrchr(path, '/');

		if (slash && strcmp(slash + 1, name) == 0 &&
		    (neap_path_below(neap_str(path), neap_str(files)) || is_above(path)))
			return true;
	}
	return false;
}

/* Whether a file dropped in there is not among those that the manager has read. */
static bool is_news(const char *directory, const char *files, const struct neap_value *paths)
{
	const struct dirent *entry;
	struct stat st;
	bool news = false;
	DIR *dir = opendir(directory);

	while (dir && !news && (entry = readdir(dir))) {
		if (!neap_unit_is_drop_in(entry->d_name) || fstatat(dirfd(dir), entry->d_name, &st, 0) < 0 ||
		    S_ISDIR(st.st_mode))
			continue;
		news = !is_read(paths, files, entry->d_name);
	}
	if (dir)
		closedir(dir);
	return news;
}

/* ---- asking -------------------------------------------------------------------------------------------- */

struct question {
	const char *name, *file;
	const char *const *drop_ins;
	struct neap_bus_call *stale, *fragment, *paths; /* the last two NULL: do not matter */
	struct neap_bus_call *kill, *main;              /* of one that neap runs in, else NULL */
};

static bool is_stale(const struct question *question, const char *files, enum neap_unit_load load)
{
	const struct neap_value *fragment = question->fragment ? &question->fragment->value : NULL;

	if (question->stale->value.kind == NEAP_BOOLEAN && question->stale->value.boolean)
		return true;
	if (fragment && fragment->kind == NEAP_STRING && strcmp(fragment->text.data, question->file) != 0 &&
	    is_hidden(fragment->text.data, question->file))
		return true;
	for (const char *const *directory = question->drop_ins;
	     load == NEAP_UNIT_LOADED && question->paths && !question->paths->error && *directory;
	     directory++)
		if (is_news(*directory, files, &question->paths->value))
			return true;
	return false;
}

/* Whether neap ends when the unit is stopped. One whose other processes go on (cron) may be restarted. */
static bool is_ours(const struct question *question)
{
	const struct neap_value *kill, *main;

	if (!question->kill)
		return false;
	kill = &question->kill->value;
	main = &question->main->value;
	if (question->kill->error || kill->kind != NEAP_STRING)
		return true; /* a slice: all that is in it */
	if (strcmp(kill->text.data, "process") != 0 && strcmp(kill->text.data, "none") != 0)
		return true;
	return !question->main->error && main->kind == NEAP_INTEGER && main->integer == getpid();
}

static void keep_answer(struct neap_local_units *units, const struct question *question,
			const struct neap_value *row)
{
	struct neap_unit_state *state = neap_arena_new_of(units->answers, struct neap_unit_state);

	*state = (struct neap_unit_state){
		.load = load_of(neap_local_cell(row, 2)),
		.active = neap_local_active(neap_local_cell(row, 3)),
		.sub = neap_local_cell(row, 4),
	};
	state->ours = is_ours(question);
	state->stale = state->load != NEAP_UNIT_NOT_FOUND && is_stale(question, units->files, state->load);
	neap_map_put(&units->known, neap_str(question->name), state);
}

static int explain(const struct neap_bus_call *call, const char *name, struct neap_error **err)
{
	if (neap_local_denied(call))
		return neap_error_errno(err, EACCES, "look at %s", name);
	return neap_error_set(err, "look at %s: the service manager says: %.300s", name, call->text);
}

static size_t add_calls(struct neap_local_units *units, const struct own *own, const char *name,
			struct question *question, struct neap_bus_call *calls)
{
	const char *path = neap_bus_unit_path(own->arena, name);
	size_t count = 0;

	*question = (struct question){ .name = neap_arena_strdup(own->arena, name),
				       .file = file_of(own, name),
				       .drop_ins = drop_ins_of(own, name),
				       .stale = calls };
	calls[count++] = neap_bus_property(own->arena, path, "Unit", "NeedDaemonReload");
	if (question->file) {
		question->fragment = &calls[count];
		calls[count++] = neap_bus_property(own->arena, path, "Unit", "FragmentPath");
	}
	if (*question->drop_ins) {
		question->paths = &calls[count];
		calls[count++] = neap_bus_property(own->arena, path, "Unit", "DropInPaths");
	}
	if (!units->group)
		units->group = neap_control_group(units->names);
	if (neap_control_group_has(units->group, name)) { /* neap runs in it */
		question->kill = &calls[count];
		calls[count++] = neap_bus_property(own->arena, path, "Service", "KillMode");
		question->main = &calls[count];
		calls[count++] = neap_bus_property(own->arena, path, "Service", "MainPID");
	}
	return count;
}

/* One round trip. 1: not each of several has an answer. */
static int ask(struct neap_local_units *units, const char *const *names, size_t count,
	       struct neap_error **err)
{
	NEAP_AUTO_FREE struct neap_bus_call *calls = neap_alloc((1 + 5 * count) * sizeof(*calls));
	NEAP_AUTO_FREE struct question *questions = neap_alloc((count + 1) * sizeof(*questions));
	struct own own = { .directory = units->files, .arena = units->answers };
	struct neap_bus_call *list = &calls[0];
	size_t called = 1;

	*list = (struct neap_bus_call){ .method = "ListUnitsByNames", .list = names, .list_count = count };
	list_own(&own);
	for (size_t i = 0; i < count; i++)
		called += add_calls(units, &own, names[i], &questions[i], &calls[called]);
	neap_map_done(&own.names);
	if (neap_bus_ask(units->bus, calls, called, units->seconds, units->answers, err) < 0)
		return neap_error_prefix(err, "look at %s", names[0]);
	if (count > 1 && (list->error || list->value.kind != NEAP_LIST || list->value.list.count != count))
		return 1;
	if (list->error)
		return explain(list, names[0], err);
	if (list->value.kind != NEAP_LIST || list->value.list.count != count)
		return neap_error_set(err, "look at %s: the service manager takes that for no name",
				      names[0]);
	for (size_t i = 0; i < count; i++)
		keep_answer(units, &questions[i], &list->value.list.items[i]);
	return 0;
}

/* What is asked for together with `name`: those expected that come after it. */
static size_t gather(struct neap_local_units *units, const char *name, const char **names)
{
	size_t number = (size_t)(uintptr_t)neap_map_get(&units->numbers, neap_str(name)), count = 0;
	size_t most = units->together < TOGETHER_MAX ? units->together : TOGETHER_MAX;

	names[count++] = name;
	if (!number)
		return count;
	for (; number < units->expected.count && count < most; number++)
		if (!neap_map_get(&units->known, neap_str(units->expected.items[number])))
			names[count++] = units->expected.items[number];
	if (units->together < TOGETHER_MAX)
		units->together *= 2;
	return count;
}

int neap_local_unit_read(const struct neap_view *view, const char *name, struct neap_arena *arena,
			 struct neap_unit_state *ret, struct neap_error **err)
{
	struct neap_local_units *units = neap_local_units(neap_local_of(view));
	const struct neap_unit_state *known = neap_map_get(&units->known, neap_str(name));
	NEAP_AUTO_FREE const char **names = NULL;
	int r;

	if (!units->there)
		return neap_local_no_manager("look at", name, err);
	if (!known) {
		names = neap_alloc(TOGETHER_MAX * sizeof(*names));
		r = ask(units, names, gather(units, name, names), err);
		if (r > 0) /* one of the others spoils it for all */
			r = ask(units, &name, 1, err);
		if (r < 0)
			return r;
		known = neap_map_get(&units->known, neap_str(name));
	}
	*ret = *known;
	ret->sub = neap_arena_strdup(arena, known->sub);
	return 0;
}
