/* See unit_file.h. Must not change a machine, nor know a manager. */
#include "engine/unit_file.h"

#include <stdlib.h>

#include "base/path.h"
#include "base/vec.h"

#define LINKS_MAX 8
#define NULL_DEVICE "/dev/null"

/* ---- paths --------------------------------------------------------------------------------------------- */

bool neap_unit_path(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct neap_str above = { path, slash ? (size_t)(slash - path) : 0 };

	for (size_t i = 0; i < NEAP_UNIT_DIRECTORIES; i++)
		if (neap_str_equal(above, neap_str(neap_unit_directories[i])))
			return true;
	return false;
}

/* Components are taken one by one; ".." at the top stays there. */
const char *neap_unit_link_target(const char *path, const char *target, struct neap_arena *arena)
{
	size_t above = target[0] == '/' ? 0 : (size_t)(strrchr(path, '/') - path);
	char *all = neap_arena_printf(arena, "%.*s/%s", (int)above, path, target), *ret = all, *to = all;

	for (const char *at = all; *at;) {
		size_t len;

		at += strspn(at, "/");
		len = strcspn(at, "/");
		if (len == 2 && memcmp(at, "..", 2) == 0) {
			while (to > ret && *--to != '/')
				;
		} else if (len && !(len == 1 && *at == '.')) {
			*to++ = '/';
			memmove(to, at, len);
			to += len;
		}
		at += len;
	}
	*to = '\0';
	return *ret ? ret : NULL;
}

static const char *name_of(const char *path)
{
	return strrchr(path, '/') + 1;
}

/* ---- bytes --------------------------------------------------------------------------------------------- */

/* A file's text, through links; *ret has no data when nothing is there. */
static int read_text(const struct neap_view *view, struct neap_arena *arena, const char *path,
		     struct neap_str *ret, struct neap_error **err)
{
	const char *at = path;

	*ret = (struct neap_str){ 0 };
	for (unsigned links = 0; at && links <= LINKS_MAX; links++) {
		struct neap_content content;
		struct neap_stat stat;
		const char *target;
		int r;

		if (strcmp(at, NULL_DEVICE) == 0) {
			*ret = NEAP_STR("");
			return 0;
		}
		r = neap_view_small_file(view, at, arena, &stat, &content, err);
		if (r != 0)
			return r;
		switch (stat.kind) {
		case NEAP_FILE_ABSENT:
			return 0;
		case NEAP_FILE_DIRECTORY:
		case NEAP_FILE_OTHER:
			return neap_error_set(err, "%s is %s", path, neap_file_kind_name(stat.kind));
		case NEAP_FILE_REGULAR:
			if (!content.data && content.size)
				return neap_error_set(err, "%s is longer than 1 MB", path);
			*ret = (struct neap_str){ content.data ? content.data : "", content.size };
			return 0;
		case NEAP_FILE_LINK:
			break;
		}
		r = neap_view_link(view, at, arena, &stat, &target, err);
		if (r != 0)
			return r;
		at = target ? neap_unit_link_target(at, target, arena) : NULL;
	}
	return neap_error_set(err, "%s: too many links on the way", path);
}

/* ---- finding ------------------------------------------------------------------------------------------- */

/* What the link at `path` makes of the unit `name`. */
static int judge_link(const struct neap_view *view, struct neap_arena *arena, const char *path,
		      const char *name, struct neap_unit_file *ret, struct neap_error **err)
{
	const char *template = neap_unit_template(name, arena);

	for (unsigned links = 0; links < LINKS_MAX; links++) {
		struct neap_stat stat;
		const char *target;
		int r = neap_view_link(view, path, arena, &stat, &target, err);

		if (r != 0)
			return r;
		ret->path = path;
		if (stat.kind == NEAP_FILE_ABSENT) {
			neap_error_set(err, "the file of %s is a link to %s, where nothing is", name, path);
			return neap_error_hint(err, "remove the link");
		}
		if (!target) {
			ret->found = stat.kind == NEAP_FILE_REGULAR && !stat.size ? NEAP_UNIT_FILE_MASKED
										  : NEAP_UNIT_FILE_FOUND;
			return 0;
		}
		ret->target = neap_unit_link_target(path, target, arena);
		if (ret->target && strcmp(ret->target, NULL_DEVICE) == 0) {
			ret->found = NEAP_UNIT_FILE_MASKED;
			return 0;
		}
		if (!ret->target || !neap_unit_path(ret->target)) {
			ret->found = NEAP_UNIT_FILE_FOREIGN;
			return 0;
		}
		if (strcmp(name_of(ret->target), name) != 0 &&
		    (!template || strcmp(name_of(ret->target), template) != 0)) {
			ret->found = NEAP_UNIT_FILE_ALIAS;
			return 0;
		}
		path = ret->target;
	}
	return neap_error_set(err, "the file of %s: too many links on the way", name);
}

/* In the directories from `first` on, by one name: the unit's or its template's. */
static int find_as(const struct neap_view *view, struct neap_arena *arena, size_t first, const char *file,
		   const char *name, struct neap_unit_file *ret, struct neap_error **err)
{
	for (size_t i = first; i < NEAP_UNIT_DIRECTORIES && ret->found == NEAP_UNIT_FILE_NONE; i++) {
		const char *path = neap_arena_printf(arena, "%s/%s", neap_unit_directories[i], file);
		struct neap_stat stat;
		int r = neap_view_stat(view, path, &stat, err);

		if (r != 0)
			return r;
		if (stat.kind == NEAP_FILE_ABSENT)
			continue;
		if (stat.kind == NEAP_FILE_DIRECTORY || stat.kind == NEAP_FILE_OTHER)
			return neap_error_set(err, "%s is %s", path, neap_file_kind_name(stat.kind));
		r = judge_link(view, arena, path, name, ret, err);
		if (r != 0)
			return r;
	}
	return 0;
}

int neap_unit_file_find(const struct neap_view *view, struct neap_arena *arena,
			const struct neap_unit_source *source, struct neap_unit_file *ret,
			struct neap_error **err)
{
	const char *name = source->name, *template = neap_unit_template(name, arena);
	int r;

	*ret = (struct neap_unit_file){ .says = { .name = name, .arena = arena } };
	if (source->content.data) {
		ret->found = NEAP_UNIT_FILE_FOUND;
		ret->path = neap_arena_printf(arena, NEAP_UNIT_DIRECTORY "/%s", name);
		return 0;
	}
	r = find_as(view, arena, source->unmasked, name, name, ret, err);
	if (r == 0 && ret->found == NEAP_UNIT_FILE_NONE && template)
		r = find_as(view, arena, 0, template, name, ret, err);
	return r;
}

int neap_unit_file_behind(const struct neap_view *view, struct neap_arena *arena, const char *name,
			  struct neap_unit_file *ret, struct neap_error **err)
{
	*ret = (struct neap_unit_file){ .says = { .name = name, .arena = arena } };
	return find_as(view, arena, 1, name, name, ret, err);
}

/* ---- what is dropped in -------------------------------------------------------------------------------- */

struct drop_in {
	const char *path;
	size_t number; /* of one name the first counts */
};

struct drop_ins {
	const struct neap_view *view;
	struct neap_arena *arena;
	const struct neap_unit_source *source;
	NEAP_VEC(struct drop_in) found;
};

static void add_path(struct drop_ins *drop_ins, const char *path)
{
	neap_vec_push(&drop_ins->found, (struct drop_in){ path, drop_ins->found.count });
}

/* Whether it lies there and will not. */
static bool goes(const struct neap_unit_source *source, const char *path)
{
	for (size_t i = 0; i < source->drop_in_count; i++)
		if (!source->drop_ins[i].text.data && strcmp(source->drop_ins[i].path, path) == 0)
			return true;
	return false;
}

/* What is in one directory. */
static int list_directory(struct drop_ins *drop_ins, const char *path, struct neap_error **err)
{
	struct neap_entry *entries;
	struct neap_stat stat;
	size_t count;
	int r = neap_view_stat(drop_ins->view, path, &stat, err);

	if (r != 0 || stat.kind != NEAP_FILE_DIRECTORY)
		return r;
	r = neap_view_list(drop_ins->view, path, drop_ins->arena, &entries, &count, err);
	for (size_t i = 0; r == 0 && i < count; i++) {
		const char *whole = neap_arena_printf(drop_ins->arena, "%s/%s", path, entries[i].name);

		if (neap_unit_is_drop_in(entries[i].name) && !goes(drop_ins->source, whole))
			add_path(drop_ins, whole);
	}
	return r;
}

static int by_name(const void *a, const void *b)
{
	const struct drop_in *one = a, *two = b;
	int order = strcmp(name_of(one->path), name_of(two->path));

	return order ? order : one->number < two->number ? -1 : 1;
}

/* In the order in which they are read, each name once. */
static void sort(struct drop_ins *drop_ins)
{
	struct drop_in *items = drop_ins->found.items;
	size_t kept = 0;

	if (!drop_ins->found.count)
		return;
	qsort(items, drop_ins->found.count, sizeof *items, by_name);
	for (size_t i = 0; i < drop_ins->found.count; i++)
		if (!kept || strcmp(name_of(items[i].path), name_of(items[kept - 1].path)) != 0)
			items[kept++] = items[i];
	drop_ins->found.count = kept;
}

static int list(struct drop_ins *drop_ins, struct neap_error **err)
{
	const struct neap_unit_source *source = drop_ins->source;
	const char *const names[] = { source->name, neap_unit_template(source->name, drop_ins->arena) };
	int r = 0;

	for (size_t i = 0; i < source->drop_in_count; i++)
		if (source->drop_ins[i].text.data)
			add_path(drop_ins, source->drop_ins[i].path);
	for (size_t i = 0; i < 2 && names[i]; i++)
		for (size_t k = 0; r == 0 && k < NEAP_UNIT_DIRECTORIES; k++)
			r = list_directory(drop_ins,
					   neap_arena_printf(drop_ins->arena, "%s/%s.d",
							     neap_unit_directories[k], names[i]),
					   err);
	sort(drop_ins);
	return r;
}

static int read_drop_in(struct drop_ins *drop_ins, const char *path, struct neap_str *ret,
			struct neap_error **err)
{
	const struct neap_unit_source *source = drop_ins->source;
	int r;

	for (size_t i = 0; i < source->drop_in_count; i++) {
		if (strcmp(source->drop_ins[i].path, path) != 0)
			continue;
		*ret = source->drop_ins[i].text;
		return 0;
	}
	r = read_text(drop_ins->view, drop_ins->arena, path, ret, err);
	if (r == 0 && !ret->data)
		return neap_error_set(err, "%s is a link that leads nowhere", path);
	return r;
}

static int read_drop_ins(struct drop_ins *drop_ins, struct neap_unitfile *says, struct neap_error **err)
{
	int r = list(drop_ins, err);

	for (size_t i = 0; r == 0 && i < drop_ins->found.count; i++) {
		const char *path = drop_ins->found.items[i].path;
		struct neap_str text;

		r = read_drop_in(drop_ins, path, &text, err);
		if (r == 0)
			r = neap_unitfile_read(says, text, path, err);
	}
	neap_vec_done(&drop_ins->found);
	return r;
}

int neap_unit_file_passes(const struct neap_view *view, struct neap_arena *arena,
			  const struct neap_unit_source *source, bool *ret)
{
	const char *suffix = strrchr(source->name, '.');
	struct neap_unit_file file = { .found = NEAP_UNIT_FILE_NONE };
	int r;

	*ret = false;
	if (!suffix || strcmp(suffix, ".service") != 0)
		return 0;
	r = neap_unit_file_read(view, arena, source, &file, NULL);
	*ret = r == 0 && file.found == NEAP_UNIT_FILE_FOUND && neap_unitfile_passes(&file.says);
	return r == NEAP_UNKNOWN ? r : 0;
}

int neap_unit_file_read(const struct neap_view *view, struct neap_arena *arena,
			const struct neap_unit_source *source, struct neap_unit_file *ret,
			struct neap_error **err)
{
	struct drop_ins drop_ins = { .view = view, .arena = arena, .source = source };
	struct neap_str text = source->content;
	int r = neap_unit_file_find(view, arena, source, ret, err);

	if (r != 0 || ret->found != NEAP_UNIT_FILE_FOUND)
		return r;
	if (!text.data)
		r = read_text(view, arena, ret->path, &text, err);
	if (r == 0)
		r = neap_unitfile_read(&ret->says, text, ret->path, err);
	return r == 0 ? read_drop_ins(&drop_ins, &ret->says, err) : r;
}
