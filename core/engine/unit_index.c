/* See unit_index.h. Reads only, and knows no resource type. */
#include "engine/unit_index.h"

#include <stdlib.h>

#include "base/vec.h"

#define LINKS_MAX 8
#define LOOKS 4 /* before listing pays */

struct work {
	const struct neap_view *view;
	struct neap_arena *arena; /* of the index */
	NEAP_VEC(struct neap_unit_lead) leads;
	NEAP_VEC(const char *) directories;
	struct neap_error **err;
};

static const char *absolute(const struct work *work, const char *name)
{
	return neap_arena_printf(work->arena, NEAP_UNIT_DIRECTORY "/%s", name);
}

/* All that the link leads to: where it points, and on as long as that is a link here. */
static int follow(struct work *work, const char *name)
{
	const char *path = absolute(work, name);

	for (unsigned links = 0; path && links < LINKS_MAX; links++) {
		struct neap_stat stat;
		const char *target;
		int r = neap_view_link(work->view, path, work->arena, &stat, &target, work->err);

		if (r != 0 || !target)
			return r;
		path = neap_unit_link_target(path, target, work->arena);
		if (!path)
			return 0;
		neap_vec_push(&work->leads, (struct neap_unit_lead){ strrchr(path, '/') + 1, name });
		if (strncmp(path, NEAP_UNIT_DIRECTORY "/", sizeof NEAP_UNIT_DIRECTORY) != 0)
			return 0;
	}
	return 0;
}

static bool has_suffix(const char *text, const char *suffix)
{
	size_t len = strlen(text), end = strlen(suffix);

	return len > end && strcmp(text + len - end, suffix) == 0;
}

static int take_entry(struct work *work, const struct neap_entry *entry)
{
	enum neap_file_kind kind = entry->kind;
	struct neap_stat stat;

	if (entry->unsure) {
		int r = neap_view_stat(work->view, absolute(work, entry->name), &stat, work->err);

		if (r != 0)
			return r;
		kind = stat.kind;
	}
	if (kind == NEAP_FILE_LINK && neap_unit_name(entry->name) != NEAP_UNIT_NAME_WRONG)
		return follow(work, entry->name);
	if (kind == NEAP_FILE_DIRECTORY &&
	    (has_suffix(entry->name, ".wants") || has_suffix(entry->name, ".requires")))
		neap_vec_push(&work->directories, entry->name);
	return 0;
}

static int by_file(const void *a, const void *b)
{
	const struct neap_unit_lead *one = a, *two = b;
	int order = strcmp(one->file, two->file);

	return order ? order : strcmp(one->link, two->link);
}

static struct neap_unit_index *conclude(struct work *work)
{
	struct neap_unit_index *index = neap_arena_new_of(work->arena, struct neap_unit_index);
	struct neap_unit_lead *leads =
		neap_arena_array_of(work->arena, struct neap_unit_lead, work->leads.count + 1);
	const char **directories =
		neap_arena_array_of(work->arena, const char *, work->directories.count + 1);

	if (work->leads.count) {
		qsort(work->leads.items, work->leads.count, sizeof *leads, by_file);
		memcpy(leads, work->leads.items, work->leads.count * sizeof *leads);
	}
	if (work->directories.count)
		memcpy(directories, work->directories.items, work->directories.count * sizeof *directories);
	*index = (struct neap_unit_index){
		.leads = leads,
		.lead_count = work->leads.count,
		.directories = directories,
		.directory_count = work->directories.count,
		.arena = work->arena,
	};
	return index;
}

static int make(const struct neap_view *view, struct neap_arena *arena, struct neap_unit_index **ret,
		struct neap_error **err)
{
	struct work work = { .view = view, .arena = arena, .err = err };
	struct neap_entry *entries;
	struct neap_stat stat;
	size_t count = 0;
	int r = neap_view_stat(view, NEAP_UNIT_DIRECTORY, &stat, err);

	if (r == 0 && stat.kind == NEAP_FILE_DIRECTORY)
		r = neap_view_list(view, NEAP_UNIT_DIRECTORY, arena, &entries, &count, err);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = take_entry(&work, &entries[i]);
	if (r == 0)
		*ret = conclude(&work);
	neap_vec_done(&work.leads);
	neap_vec_done(&work.directories);
	return r;
}

int neap_unit_index_read(const struct neap_view *view, const struct neap_context *context,
			 struct neap_arena *arena, struct neap_unit_index **ret, struct neap_error **err)
{
	struct neap_memo *memo = context ? context->memo : NULL;
	uint64_t generation = neap_view_generation(view);
	int r;

	if (!memo || !generation)
		return make(view, arena, ret, err);
	if (memo->generation == generation) {
		*ret = memo->data;
		return 0;
	}
	neap_arena_reset(memo->arena);
	memo->generation = 0;
	r = make(view, memo->arena, ret, err);
	if (r == 0) {
		memo->data = *ret;
		memo->generation = generation;
	}
	return r;
}

const struct neap_unit_lead *neap_unit_index_leads(const struct neap_unit_index *index, const char *name,
						   size_t *ret_count)
{
	size_t low = 0, high = index->lead_count, end;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(index->leads[middle].file, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low; end < index->lead_count && strcmp(index->leads[end].file, name) == 0; end++)
		;
	*ret_count = end - low;
	return end > low ? &index->leads[low] : NULL;
}

/* ---- what lies in the directories ---------------------------------------------------------------------- */

static int by_entry(const void *a, const void *b)
{
	const struct neap_unit_entry *one = a, *two = b;
	int order = strcmp(one->name, two->name);

	return order ? order : strcmp(one->directory, two->directory);
}

/* Whether what a list of the directory does not have is sure to be absent: behind something that has not
 * happened nothing is. No unit has such a name. */
static bool is_sure(const struct neap_view *view, const char *directory, struct neap_arena *arena)
{
	struct neap_stat stat;

	return neap_view_stat(view, neap_arena_printf(arena, "%s/ ", directory), &stat, NULL) == 0 &&
	       stat.kind == NEAP_FILE_ABSENT;
}

int neap_unit_index_list(const struct neap_view *view, struct neap_unit_index *index, struct neap_error **err)
{
	NEAP_VEC(struct neap_unit_entry) all = { 0 };
	struct neap_unit_entry *kept;
	int r = 0;

	if (index->listed || index->asked++ != LOOKS)
		return 0;
	for (size_t i = 0; r == 0 && i < index->directory_count; i++) {
		const char *name = index->directories[i];
		const char *path = neap_arena_printf(index->arena, NEAP_UNIT_DIRECTORY "/%s", name);
		struct neap_entry *entries;
		size_t count = 0;

		r = is_sure(view, path, index->arena)
			    ? neap_view_list(view, path, index->arena, &entries, &count, err)
			    : NEAP_UNKNOWN;
		for (size_t k = 0; r == 0 && k < count; k++)
			neap_vec_push(&all, (struct neap_unit_entry){ entries[k].name, name });
	}
	if (r == 0) {
		kept = neap_arena_array_of(index->arena, struct neap_unit_entry, all.count + 1);
		if (all.count) {
			memcpy(kept, all.items, all.count * sizeof *kept);
			qsort(kept, all.count, sizeof *kept, by_entry);
		}
		index->entries = kept;
		index->entry_count = all.count;
		index->listed = true;
	}
	neap_vec_done(&all);
	return r < 0 ? r : 0;
}

const struct neap_unit_entry *neap_unit_index_entries(const struct neap_unit_index *index, const char *name,
						      size_t *ret_count)
{
	size_t low = 0, high = index->entry_count, end;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(index->entries[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low; end < index->entry_count && strcmp(index->entries[end].name, name) == 0; end++)
		;
	*ret_count = end - low;
	return &index->entries[low];
}
