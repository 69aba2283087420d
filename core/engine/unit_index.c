/* See unit_index.h. Reads only, and knows no resource type. */
#include "engine/unit_index.h"

#include "host/follow.h"

#define LINKS_MAX 8
#define LOOKS 4 /* before listing pays */
#define TOP NEAP_UNIT_DIRECTORY

struct work {
	const struct neap_view *view;
	struct neap_unit_index *index;
	struct neap_error **err;
};

static const char *absolute(const struct work *work, const char *name)
{
	return neap_arena_printf(work->index->arena, TOP "/%s", name);
}

/* ---- names --------------------------------------------------------------------------------------------- */

/* Where the name is, or would be. */
static size_t place_of(const struct neap_unit_names *names, const char *name, bool *ret_found)
{
	size_t low = 0, high = names->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(names->items[middle], name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*ret_found = low < names->count && strcmp(names->items[low], name) == 0;
	return low;
}

static bool has(const struct neap_unit_names *names, const char *name)
{
	bool found;

	(void)place_of(names, name, &found);
	return found;
}

static void insert(struct neap_arena *arena, struct neap_unit_names *names, size_t at, const char *name)
{
	if (names->count == names->size) {
		const char **items = neap_arena_array_of(arena, const char *, 2 * names->size + 2);

		if (names->count)
			memcpy(items, names->items, names->count * sizeof *items);
		names->items = items;
		names->size = 2 * names->size + 2;
	}
	memmove(names->items + at + 1, names->items + at, (names->count++ - at) * sizeof *names->items);
	names->items[at] = name;
}

/* Whether it was not among them. */
static bool put(struct neap_arena *arena, struct neap_unit_names *names, const char *name)
{
	bool found;
	size_t at = place_of(names, name, &found);

	if (!found)
		insert(arena, names, at, name);
	return !found;
}

static void take(struct neap_unit_names *names, const char *name)
{
	bool found;
	size_t at = place_of(names, name, &found);

	if (found)
		memmove(names->items + at, names->items + at + 1,
			(--names->count - at) * sizeof *names->items);
}

/* ---- tables -------------------------------------------------------------------------------------------- */

static struct neap_unit_names *find(const struct neap_map *table, const char *name)
{
	return neap_map_get(table, neap_str(name));
}

static struct neap_unit_names *find_or_make(struct neap_arena *arena, struct neap_map *table,
					    const char *name)
{
	void **slot = neap_map_slot(table, neap_str(name));

	if (!*slot)
		*slot = neap_arena_new_of(arena, struct neap_unit_names);
	return *slot;
}

static void take_from(const struct neap_map *table, const char *key, const char *name)
{
	struct neap_unit_names *names = find(table, key);

	if (names)
		take(names, name);
}

/* A fact that two tables hold, each its way round: the second only so that all of `back` can be forgotten, in
 * any order. Both names outlive the index. */
static void note(struct neap_arena *arena, struct neap_map *table, const char *key, struct neap_map *backward,
		 const char *back)
{
	struct neap_unit_names *names;

	if (!put(arena, find_or_make(arena, table, key), back))
		return;
	names = find_or_make(arena, backward, back);
	insert(arena, names, names->count, key);
}

static void forget(struct neap_map *table, struct neap_map *backward, const char *back)
{
	struct neap_unit_names *names = find(backward, back);

	for (size_t i = 0; names && i < names->count; i++)
		take_from(table, names->items[i], back);
	if (names)
		names->count = 0;
}

/* ---- what lies there ----------------------------------------------------------------------------------- */

/* All that the link leads to: where it points, and on as long as that is a link here. */
static int follow(struct work *work, const char *name)
{
	struct neap_unit_index *index = work->index;
	const char *path = absolute(work, name);

	for (unsigned links = 0; path && links < LINKS_MAX; links++) {
		struct neap_stat stat;
		const char *target, *file;
		int r = neap_view_link(work->view, path, index->arena, &stat, &target, work->err);

		if (r != 0 || !target)
			return r;
		path = neap_unit_link_target(path, target, index->arena);
		if (!path)
			return 0;
		file = strrchr(path, '/') + 1;
		note(index->arena, &index->leads, file, &index->ways, name);
		if (strncmp(path, TOP "/", sizeof TOP) != 0)
			return 0;
		index->plain &= !strchr(path + sizeof TOP, '/');
	}
	return 0;
}

static bool has_suffix(const char *text, const char *suffix)
{
	size_t len = strlen(text), end = strlen(suffix);

	return len > end && strcmp(text + len - end, suffix) == 0;
}

static bool is_directory(const char *name, enum neap_file_kind kind)
{
	return kind == NEAP_FILE_DIRECTORY && (has_suffix(name, ".wants") || has_suffix(name, ".requires"));
}

static int take_entry(struct work *work, const char *name, enum neap_file_kind kind)
{
	if (kind == NEAP_FILE_LINK && neap_unit_name(name) != NEAP_UNIT_NAME_WRONG)
		return follow(work, name);
	if (is_directory(name, kind))
		put(work->index->arena, &work->index->directories, name);
	return 0;
}

/* ---- making -------------------------------------------------------------------------------------------- */

/* Changes are told by paths without links. */
static bool is_plain(const struct neap_view *view, struct neap_arena *arena)
{
	struct neap_stat stat;
	const char *leads;

	return neap_view_follow(view, TOP, arena, &leads, &stat, NULL) == 0 &&
	       stat.kind == NEAP_FILE_DIRECTORY && strcmp(leads, TOP) == 0;
}

static void done(void *data)
{
	struct neap_unit_index *index = data;

	neap_map_done(&index->leads);
	neap_map_done(&index->ways);
	neap_map_done(&index->entries);
	neap_map_done(&index->contents);
}

static int make(const struct neap_view *view, struct neap_arena *arena, struct neap_unit_index **ret,
		struct neap_error **err)
{
	struct work work = { view, neap_arena_new_of(arena, struct neap_unit_index), err };
	struct neap_entry *entries;
	struct neap_stat stat;
	size_t count = 0;
	int r = neap_view_stat(view, TOP, &stat, err);

	work.index->arena = arena;
	work.index->plain = r == 0 && is_plain(view, arena);
	if (r == 0 && stat.kind == NEAP_FILE_DIRECTORY)
		r = neap_view_list(view, TOP, arena, &entries, &count, err);
	for (size_t i = 0; r == 0 && i < count; i++) {
		stat.kind = entries[i].kind;
		if (entries[i].unsure)
			r = neap_view_stat(view, absolute(&work, entries[i].name), &stat, err);
		if (r == 0)
			r = take_entry(&work, entries[i].name, stat.kind);
	}
	if (r == 0)
		*ret = work.index;
	else
		done(work.index);
	return r;
}

/* ---- what lies in the directories ---------------------------------------------------------------------- */

/* Whether what a list of the directory does not have is sure to be absent: behind something that has not
 * happened nothing is. No unit has such a name. */
static bool is_sure(const struct neap_view *view, const char *directory, struct neap_arena *arena)
{
	struct neap_stat stat;

	return neap_view_stat(view, neap_arena_printf(arena, "%s/ ", directory), &stat, NULL) == 0 &&
	       stat.kind == NEAP_FILE_ABSENT;
}

static int list_directory(struct work *work, const char *name)
{
	struct neap_unit_index *index = work->index;
	const char *path = absolute(work, name);
	struct neap_entry *entries;
	size_t count = 0;
	int r = is_sure(work->view, path, index->arena)
			? neap_view_list(work->view, path, index->arena, &entries, &count, work->err)
			: NEAP_UNKNOWN;

	for (size_t i = 0; r == 0 && i < count; i++)
		note(index->arena, &index->entries, entries[i].name, &index->contents, name);
	return r;
}

int neap_unit_index_list(const struct neap_view *view, struct neap_unit_index *index, struct neap_error **err)
{
	struct work work = { view, index, err };
	int r = 0;

	if (index->listed || index->asked++ != LOOKS)
		return 0;
	for (size_t i = 0; r == 0 && i < index->directories.count; i++)
		r = list_directory(&work, index->directories.items[i]);
	index->listed = r == 0;
	return r < 0 ? r : 0;
}

/* ---- following ----------------------------------------------------------------------------------------- */

/* An entry of the directory itself. What goes on by it from elsewhere leads elsewhere now. */
static int renew(struct work *work, const char *name)
{
	struct neap_unit_index *index = work->index;
	const struct neap_unit_names *through = find(&index->leads, name);
	size_t count = through ? through->count : 0;
	const char **others = neap_arena_array_of(index->arena, const char *, count + 1);
	struct neap_stat stat;
	int r = neap_view_stat(work->view, absolute(work, name), &stat, work->err);

	if (r != 0)
		return r;
	if (count)
		memcpy(others, through->items, count * sizeof *others);
	forget(&index->leads, &index->ways, name);
	if (!is_directory(name, stat.kind))
		take(&index->directories, name);
	forget(&index->entries, &index->contents, name);
	r = take_entry(work, name, stat.kind);
	if (r == 0 && index->listed && is_directory(name, stat.kind)) {
		r = list_directory(work, name);
		index->listed = r == 0;
		r = r < 0 ? r : 0;
	}
	for (size_t i = 0; r == 0 && i < count; i++) {
		if (strcmp(others[i], name) == 0)
			continue;
		forget(&index->leads, &index->ways, others[i]);
		r = follow(work, others[i]);
	}
	return r;
}

/* An entry of a directory there. */
static int renew_entry(struct work *work, const char *directory, const char *name)
{
	struct neap_unit_index *index = work->index;
	struct neap_stat stat;
	int r;

	if (!index->listed || !has(&index->directories, directory))
		return 0;
	r = neap_view_stat(work->view, neap_arena_printf(index->arena, TOP "/%s/%s", directory, name), &stat,
			   work->err);
	if (r != 0)
		return r;
	if (stat.kind == NEAP_FILE_ABSENT)
		take_from(&index->entries, name, directory);
	else
		note(index->arena, &index->entries, name, &index->contents, directory);
	return 0;
}

/* 0: it is as if it were made now. Else it has to be. */
static int follow_change(struct work *work, const char *path)
{
	struct neap_arena *arena = work->index->arena;
	const char *name = path + sizeof TOP, *slash, *directory;

	if (strncmp(path, TOP "/", sizeof TOP) != 0) /* else of what is above, or elsewhere */
		return strncmp(path, TOP, strlen(path)) == 0;
	slash = strchr(name, '/');
	if (!slash)
		return renew(work, neap_arena_strdup(arena, name));
	if (strchr(slash + 1, '/')) /* links there are nobody's */
		return 0;
	directory = neap_arena_copy(arena, name, (size_t)(slash - name));
	return renew_entry(work, directory, neap_arena_strdup(arena, slash + 1));
}

static bool follow_changes(const struct neap_view *view, const struct neap_memo *memo)
{
	struct neap_arena *scratch NEAP_AUTO_ARENA = neap_arena_new();
	struct work work = { view, memo->data, NULL };
	const char *const *paths;
	size_t count, i = 0;

	if (!work.index->plain || !neap_view_changed(view, memo->generation, scratch, &paths, &count))
		return false;
	while (i < count && follow_change(&work, paths[i]) == 0)
		i++;
	return i == count;
}

int neap_unit_index_read(const struct neap_view *view, const struct neap_context *context,
			 struct neap_arena *arena, struct neap_unit_index **ret, struct neap_error **err)
{
	struct neap_memo *memo = context ? context->memo : NULL;
	uint64_t generation = neap_view_generation(view);
	int r;

	if (!memo || !generation)
		return make(view, arena, ret, err);
	if (memo->generation == generation || (memo->generation && follow_changes(view, memo))) {
		memo->generation = generation;
		*ret = memo->data;
		return 0;
	}
	neap_memo_reset(memo);
	r = make(view, memo->arena, ret, err);
	if (r == 0) {
		memo->data = *ret;
		memo->done = done;
		memo->generation = generation;
		(*ret)->kept = true;
	}
	return r;
}

void neap_unit_index_release(struct neap_unit_index *index)
{
	if (!index->kept)
		done(index);
}

/* ---- asking -------------------------------------------------------------------------------------------- */

static const struct neap_unit_names *look_up(const struct neap_map *table, const char *name)
{
	static const struct neap_unit_names none;
	const struct neap_unit_names *names = find(table, name);

	return names ? names : &none;
}

const struct neap_unit_names *neap_unit_index_leads(const struct neap_unit_index *index, const char *name)
{
	return look_up(&index->leads, name);
}

const struct neap_unit_names *neap_unit_index_entries(const struct neap_unit_index *index, const char *name)
{
	return look_up(&index->entries, name);
}
