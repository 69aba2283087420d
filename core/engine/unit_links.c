/*
 * See unit_links.h. Follows unit_file_enable() and unit_file_disable() of systemd 252: what belongs to a unit
 * is told by a link's name, then by where it leads. Links that lie deeper than TARGET.wants/NAME are nobody's
 * to systemd either, and left.
 */
#include "engine/unit_links.h"

#include <stdlib.h>

#include "base/path.h"
#include "base/vec.h"
#include "engine/unit_index.h"

#define ALSO_MAX 64

struct link {
	const char *path; /* below NEAP_UNIT_DIRECTORY */
	const char *target;
	bool alias;
};

struct work {
	const struct neap_view *view;
	struct neap_arena *arena;
	const struct neap_unit_enabling *enabling;
	struct neap_unit_links_state *state;
	NEAP_VEC(const char *) names; /* of the units that are enabled or not together */
	NEAP_VEC(struct link) wanted;
	NEAP_VEC(const char *) there;
	NEAP_VEC(const char *) shown; /* what is wanted */
	NEAP_VEC(struct neap_unit_link_change) goes, comes;
	NEAP_VEC(const char *) empty;
	struct neap_error **err;
};

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static const char *absolute(const struct work *work, const char *path)
{
	return neap_arena_printf(work->arena, NEAP_UNIT_DIRECTORY "/%s", path);
}

static bool is_ours(const struct work *work, const char *name)
{
	for (size_t i = 0; i < work->names.count; i++)
		if (strcmp(work->names.items[i], name) == 0)
			return true;
	return false;
}

/* Whether a link of this name is ours to take away. Instances go with a template that is disabled, but for
 * those that somebody else sees to. */
static bool goes_by(const struct work *work, const char *name)
{
	const struct neap_unit_enabling *enabling = work->enabling;
	const char *template = neap_unit_template(name, work->arena);

	if (is_ours(work, name))
		return true;
	return !enabling->enabled && template && is_ours(work, template) &&
	       !(enabling->is_others && enabling->is_others(enabling->context, name));
}

/* ---- what is wanted ------------------------------------------------------------------------------------ */

/*
 * The text of links to the file. Units of packages lie in /usr/lib, which for systemd before 255 may be /lib
 * by another name; then it says that one. What systemd calls its own programs tells which it is.
 */
static int name_file(struct work *work, const char *path, const char **ret)
{
	static const char old[] = "/lib/systemd/system/", new[] = "/usr/lib/systemd/system/";
	static const char witness[] = "/usr/lib/systemd/system/systemd-journald.service";
	struct neap_content content;
	struct neap_stat stat;
	const char *merged;
	int r;

	*ret = path;
	if (strncmp(path, old, sizeof old - 1) != 0)
		return 0;
	merged = neap_arena_printf(work->arena, "%s%s", new, name_of(path));
	r = neap_view_stat(work->view, merged, &stat, work->err);
	if (r != 0 || stat.kind == NEAP_FILE_ABSENT)
		return r;
	r = neap_view_small_file(work->view, witness, work->arena, &stat, &content, work->err);
	if (r == 0 && (stat.kind != NEAP_FILE_REGULAR || !content.data ||
		       !memmem(content.data, content.size, "\nExecStart=/lib/", 16)))
		*ret = merged;
	return r;
}

static int want_links(struct work *work, const struct neap_unitfile *says, const char *path)
{
	struct neap_unit_links links;
	const char *target;
	int r;

	if (neap_unitfile_links(says, &links, work->err) < 0)
		return neap_error_prefix(work->err, "enable %s", says->name);
	r = links.count ? name_file(work, path, &target) : 0;
	for (size_t i = 0; r == 0 && i < links.count; i++)
		neap_vec_push(&work->wanted,
			      (struct link){ links.items[i].path, target, links.items[i].alias });
	return r;
}

/* A unit that Also= names. One that is not there, masked or cannot be read as such is left, as systemctl
 * does.
 */
static int want_other(struct work *work, const char *name, struct neap_unit_words *ret_also)
{
	const struct neap_unit_source source = { .name = name };
	struct neap_unit_file file;
	struct neap_error *wrong = NULL;
	int r = neap_unit_file_read(work->view, work->arena, &source, &file, &wrong);

	if (r < 0 && wrong && wrong->errnum) /* of the machine */
		return neap_error_pass(work->err, &wrong);
	neap_error_free(wrong);
	if (r < 0)
		return 0;
	if (r != 0 || file.found != NEAP_UNIT_FILE_FOUND)
		return r;
	*ret_also = file.says.also;
	return work->enabling->enabled ? want_links(work, &file.says, file.path) : 0;
}

static int add_names(struct work *work, const struct neap_unit_words *also)
{
	const struct neap_unit_enabling *enabling = work->enabling;

	for (size_t i = 0; i < also->count; i++) {
		const char *name = also->items[i];

		if (is_ours(work, name) ||
		    (enabling->is_others && enabling->is_others(enabling->context, name)))
			continue;
		if (work->names.count > ALSO_MAX)
			return neap_error_set(work->err, "%s: Also= leads to more than %d units",
					      enabling->source->name, ALSO_MAX);
		neap_vec_push(&work->names, name);
	}
	return 0;
}

static int by_path(const void *a, const void *b)
{
	const struct link *one = a, *two = b;

	return strcmp(one->path, two->path);
}

/* By path, each once: the first to ask for it has it. */
static void sort_wanted(struct work *work)
{
	struct link *items = work->wanted.items;
	size_t kept = 0;

	if (!work->wanted.count)
		return;
	qsort(items, work->wanted.count, sizeof *items, by_path);
	for (size_t i = 0; i < work->wanted.count; i++)
		if (!kept || strcmp(items[i].path, items[kept - 1].path) != 0)
			items[kept++] = items[i];
	work->wanted.count = kept;
}

/* A unit would be another name of the one that is enabled with it. */
static int check_names(struct work *work)
{
	for (size_t i = 0; i < work->wanted.count; i++) {
		const struct link *link = &work->wanted.items[i];

		if (!link->alias || !is_ours(work, link->path))
			continue;
		neap_error_set(work->err, "enable %s: by Alias= %s is another name of %s",
			       work->enabling->source->name, link->path, name_of(link->target));
		return neap_error_hint(work->err, "they are enabled together by Also=, and one can be");
	}
	return 0;
}

static int gather_wanted(struct work *work)
{
	const struct neap_unit_enabling *enabling = work->enabling;
	const struct neap_unit_file *file = enabling->file;
	int r = 0;

	neap_vec_push(&work->names, enabling->source->name);
	if (file && file->found == NEAP_UNIT_FILE_FOUND) {
		if (enabling->enabled)
			r = want_links(work, &file->says, file->path);
		if (r == 0)
			r = add_names(work, &file->says.also);
	}
	for (size_t i = 1; r == 0 && i < work->names.count; i++) {
		struct neap_unit_words also = { 0 };

		r = want_other(work, work->names.items[i], &also);
		if (r == 0)
			r = add_names(work, &also);
	}
	sort_wanted(work);
	return r == 0 ? check_names(work) : r;
}

static bool is_wanted(const struct work *work, const char *path)
{
	const struct link key = { .path = path };

	return work->wanted.count &&
	       bsearch(&key, work->wanted.items, work->wanted.count, sizeof *work->wanted.items, by_path);
}

/* ---- what is there ------------------------------------------------------------------------------------- */

/* Two texts that lead to one file of a unit. */
static bool are_one(const char *one, const char *two)
{
	return strcmp(one, two) == 0 ||
	       (strcmp(name_of(one), name_of(two)) == 0 && neap_unit_path(one) && neap_unit_path(two));
}

static int compare(struct work *work, const struct link *wanted)
{
	const char *path = absolute(work, wanted->path), *target, *leads;
	struct neap_stat stat;
	int r = neap_view_link(work->view, path, work->arena, &stat, &target, work->err);

	if (r != 0)
		return r;
	neap_vec_push(&work->shown, wanted->path);
	if (target) {
		work->state->any = true;
		leads = neap_unit_link_target(path, target, work->arena);
		if (leads && are_one(leads, wanted->target)) {
			neap_vec_push(&work->there, wanted->path);
			return 0;
		}
		neap_vec_push(&work->there,
			      neap_arena_printf(work->arena, "%s (to %s)", wanted->path, target));
	}
	if (target && wanted->alias) {
		neap_error_set(work->err, "%s is to be another name of %s and is a link to %s", path,
			       name_of(wanted->target), target);
		return neap_error_hint(work->err, "remove it, or the Alias= in [Install]");
	}
	if (!target && stat.kind != NEAP_FILE_ABSENT)
		return neap_error_set(work->err, "%s is %s, where a link to %s is to be", path,
				      neap_file_kind_name(stat.kind), wanted->target);
	neap_vec_push(&work->comes, (struct neap_unit_link_change){ path, wanted->target });
	return 0;
}

static void take_away(struct work *work, const char *path)
{
	const struct neap_unit_enabling *enabling = work->enabling;
	const char *whole = absolute(work, path);

	if (is_wanted(work, path))
		return;
	for (size_t i = 0; i < work->goes.count; i++)
		if (strcmp(work->goes.items[i].path, whole) == 0)
			return; /* it leads to two of them */
	if (enabling->context && enabling->context->others &&
	    enabling->context->others(enabling->context, whole))
		return;
	work->state->any = true;
	neap_vec_push(&work->there, path);
	neap_vec_push(&work->goes, (struct neap_unit_link_change){ .path = whole });
}

/* Links beside the units' files that lead to this name. */
static void judge_leads(struct work *work, const struct neap_unit_index *index, const char *name)
{
	const struct neap_unit_names *leads = neap_unit_index_leads(index, name);

	for (size_t i = 0; i < leads->count; i++)
		if (!is_ours(work, leads->items[i])) /* the index may go before what was found */
			take_away(work, neap_arena_strdup(work->arena, leads->items[i]));
}

/* Other names of one of the units, also by a name that one is about to get: what leads to that is a name of
 * the unit from then on. */
static void judge_aliases(struct work *work, const struct neap_unit_index *index)
{
	for (size_t i = 0; i < work->names.count; i++)
		judge_leads(work, index, work->names.items[i]);
	for (size_t i = 0; i < work->wanted.count; i++)
		if (work->wanted.items[i].alias)
			judge_leads(work, index, work->wanted.items[i].path);
}

/* Links there go by the name of their unit. */
static int judge_link(struct work *work, const char *directory, const char *name)
{
	const char *below = neap_arena_printf(work->arena, "%s/%s", directory, name);
	struct neap_stat stat;
	int r = neap_view_stat(work->view, absolute(work, below), &stat, work->err);

	if (r == 0 && stat.kind == NEAP_FILE_LINK)
		take_away(work, below);
	return r;
}

/* Which instances there are of a template is seen by a look at all that is there. */
static bool has_instances(const struct work *work)
{
	for (size_t i = 0; i < work->names.count && !work->enabling->enabled; i++)
		if (neap_unit_name(work->names.items[i]) == NEAP_UNIT_NAME_TEMPLATE)
			return true;
	return false;
}

static int judge_links(struct work *work, const char *directory)
{
	struct neap_entry *entries;
	size_t count;
	int r = 0;

	if (!has_instances(work)) {
		for (size_t i = 0; r == 0 && i < work->names.count; i++)
			r = judge_link(work, directory, work->names.items[i]);
		return r;
	}
	r = neap_view_list(work->view, absolute(work, directory), work->arena, &entries, &count, work->err);
	for (size_t i = 0; r == 0 && i < count; i++)
		if (goes_by(work, entries[i].name))
			r = judge_link(work, directory, entries[i].name);
	return r;
}

/* Whether nothing will be left in the directory once `going` links are gone. */
static int will_be_empty(struct work *work, const char *path, size_t going, bool *ret)
{
	const struct neap_context *context = work->enabling->context;
	struct neap_entry *entries;
	size_t count;
	int r = neap_view_list(work->view, path, work->arena, &entries, &count, work->err);

	*ret = r == 0 && count == going;
	for (size_t i = 0; *ret && i < work->wanted.count; i++)
		*ret = !neap_path_below(neap_str(absolute(work, work->wanted.items[i].path)), neap_str(path));
	if (*ret && context && context->owned && context->owned(context->engine, path))
		*ret = false;
	return r;
}

/* A directory such as multi-user.target.wants. */
static int judge_directory(struct work *work, const char *directory)
{
	size_t before = work->goes.count;
	bool empty = false;
	int r = judge_links(work, directory);

	if (r == 0 && work->goes.count > before)
		r = will_be_empty(work, absolute(work, directory), work->goes.count - before, &empty);
	if (empty)
		neap_vec_push(&work->empty, absolute(work, directory));
	return r;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Only directories that have something by one of the names. */
static int judge_listed(struct work *work, const struct neap_unit_index *index)
{
	NEAP_VEC(const char *) found = { 0 };
	int r = 0;

	for (size_t i = 0; i < work->names.count; i++) {
		const struct neap_unit_names *in = neap_unit_index_entries(index, work->names.items[i]);

		for (size_t k = 0; k < in->count; k++)
			neap_vec_push(&found, in->items[k]);
	}
	if (found.count)
		qsort(found.items, found.count, sizeof *found.items, by_text);
	for (size_t i = 0; r == 0 && i < found.count; i++)
		if (!i || strcmp(found.items[i], found.items[i - 1]) != 0)
			r = judge_directory(work, found.items[i]);
	neap_vec_done(&found);
	return r;
}

static int look_through(struct work *work, struct neap_unit_index *index)
{
	int r = 0;

	judge_aliases(work, index);
	if (!has_instances(work) && neap_unit_index_list(work->view, index, work->err) < 0)
		return -1;
	if (index->listed && !has_instances(work))
		return judge_listed(work, index);
	for (size_t i = 0; r == 0 && i < index->directories.count; i++)
		r = judge_directory(work, index->directories.items[i]);
	return r;
}

static int scan(struct work *work)
{
	struct neap_unit_index *index;
	int r = neap_unit_index_read(work->view, work->enabling->context, work->arena, &index, work->err);

	if (r != 0)
		return r;
	r = look_through(work, index);
	neap_unit_index_release(index);
	return r;
}

/* ---- all of it ----------------------------------------------------------------------------------------- */

static const char **kept(struct neap_arena *arena, const char *const *items, size_t count)
{
	const char **copy = neap_arena_array_of(arena, const char *, count + 1);

	if (count)
		memcpy(copy, items, count * sizeof *copy);
	return copy;
}

static int conclude(struct work *work)
{
	struct neap_unit_links_state *state = work->state;
	size_t count = work->goes.count + work->comes.count;
	int r = 0;

	state->there = kept(work->arena, work->there.items, work->there.count);
	state->there_count = work->there.count;
	state->wanted = kept(work->arena, work->shown.items, work->shown.count);
	state->wanted_count = work->shown.count;
	state->empty = kept(work->arena, work->empty.items, work->empty.count);
	state->empty_count = work->empty.count;
	qsort(state->there, state->there_count, sizeof *state->there, by_text);
	state->changes = neap_arena_array_of(work->arena, struct neap_unit_link_change, count + 1);
	state->parents = neap_arena_array_of(work->arena, struct neap_parents, count + 1);
	for (size_t i = 0; i < work->goes.count; i++)
		state->changes[state->change_count++] = work->goes.items[i];
	for (size_t i = 0; r == 0 && i < work->comes.count; i++) {
		r = neap_parents_read(work->view, work->arena, work->comes.items[i].path,
				      &state->parents[state->change_count], work->err);
		state->changes[state->change_count++] = work->comes.items[i];
	}
	return r;
}

int neap_unit_links_read(const struct neap_view *view, struct neap_arena *arena,
			 const struct neap_unit_enabling *enabling, struct neap_unit_links_state *ret,
			 struct neap_error **err)
{
	struct work work = { .view = view, .arena = arena, .enabling = enabling, .state = ret, .err = err };
	int r = gather_wanted(&work);

	for (size_t i = 0; r == 0 && i < work.wanted.count; i++)
		r = compare(&work, &work.wanted.items[i]);
	if (r == 0)
		r = scan(&work);
	if (r == 0)
		r = conclude(&work);
	neap_vec_done(&work.names);
	neap_vec_done(&work.wanted);
	neap_vec_done(&work.there);
	neap_vec_done(&work.shown);
	neap_vec_done(&work.goes);
	neap_vec_done(&work.comes);
	neap_vec_done(&work.empty);
	return r;
}

void neap_unit_links_diff(const struct neap_unit_links_state *state, const char *param,
			  struct neap_diff *diff)
{
	if (!neap_unit_links_differ(state))
		return;
	neap_diff_list(diff, param, (const char *const *)state->there, state->there_count,
		       (const char *const *)state->wanted, state->wanted_count);
	for (size_t i = 0; i < state->change_count; i++)
		neap_parents_diff(&state->parents[i], diff);
}

static int make(struct neap_host *host, const char *path, const char *target, bool parents,
		struct neap_error **err)
{
	if (parents && neap_host_mkdir_parents(host, path, err) < 0)
		return -1;
	return neap_host_symlink(host, path, target, err);
}

int neap_unit_links_apply(struct neap_host *host, const struct neap_unit_links_state *state,
			  struct neap_error **err)
{
	for (size_t i = 0; i < state->change_count; i++) {
		const struct neap_unit_link_change *change = &state->changes[i];
		int r = change->target
				? make(host, change->path, change->target, state->parents[i].count > 0, err)
				: neap_host_unlink(host, change->path, err);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < state->empty_count; i++)
		if (neap_host_rmdir(host, state->empty[i], err) < 0)
			return -1;
	return 0;
}

int neap_unit_links_make(struct neap_host *host, struct neap_arena *arena, const struct neap_unitfile *says,
			 const char *path, struct neap_error **err)
{
	struct neap_unit_links links;

	if (neap_unitfile_links(says, &links, err) < 0)
		return -1;
	for (size_t i = 0; i < links.count; i++)
		if (make(host, neap_arena_printf(arena, NEAP_UNIT_DIRECTORY "/%s", links.items[i].path), path,
			 true, err) < 0)
			return -1;
	return 0;
}
