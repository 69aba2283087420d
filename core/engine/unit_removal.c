/* See unit_removal.h. Must not change a machine but through the host, nor know a resource type. */
#include "engine/unit_removal.h"

static void add(struct neap_unit_removal *removal, const char *path)
{
	removal->files[removal->count++] = path;
}

/* Files and links that the manager would read; whatever else is there was not for the manager, and stays. */
static int read_drop_ins(const struct neap_view *view, struct neap_arena *arena, const char *directory,
			 struct neap_unit_removal *ret, struct neap_error **err)
{
	struct neap_entry *entries;
	struct neap_stat stat;
	const char *own = ret->count ? ret->files[0] : NULL;
	size_t count;
	int r = neap_view_stat(view, directory, &stat, err);

	if (r != 0 || stat.kind != NEAP_FILE_DIRECTORY)
		return r;
	r = neap_view_list(view, directory, arena, &entries, &count, err);
	if (r != 0)
		return r;
	ret->files = neap_arena_array_of(arena, const char *, count + 1);
	ret->count = 0;
	if (own)
		add(ret, own);
	for (size_t i = 0; r == 0 && i < count; i++) {
		const char *path = neap_arena_printf(arena, "%s/%s", directory, entries[i].name);

		if (!neap_unit_is_drop_in(entries[i].name))
			continue;
		r = neap_view_stat(view, path, &stat, err); /* whether it is there may not be known */
		if (r == 0 && (stat.kind == NEAP_FILE_REGULAR || stat.kind == NEAP_FILE_LINK))
			add(ret, path);
	}
	if (r == 0 && ret->count - (own != NULL) == count)
		ret->directory = directory;
	return r;
}

int neap_unit_removal_read(const struct neap_view *view, struct neap_arena *arena, const char *name,
			   struct neap_unit_removal *ret, struct neap_error **err)
{
	const char *path = neap_arena_printf(arena, NEAP_UNIT_DIRECTORY "/%s", name);
	struct neap_unit_file behind;
	struct neap_stat stat;
	int r = neap_unit_file_behind(view, arena, name, &behind, err);

	if (r == 0 && behind.found != NEAP_UNIT_FILE_NONE) {
		neap_error_set(err, "%s cannot be absent: its file is %s, which is not neap's to remove",
			       name, behind.path);
		return neap_error_hint(err, "masked = true keeps it from being started by anybody");
	}
	if (r == 0)
		r = neap_view_stat(view, path, &stat, err);
	if (r != 0)
		return r;
	ret->files = neap_arena_array_of(arena, const char *, 1);
	if (stat.kind == NEAP_FILE_DIRECTORY || stat.kind == NEAP_FILE_OTHER)
		return neap_error_set(err, "%s is %s", path, neap_file_kind_name(stat.kind));
	if (stat.kind != NEAP_FILE_ABSENT)
		add(ret, path);
	return read_drop_ins(view, arena, neap_arena_printf(arena, "%s.d", path), ret, err);
}

int neap_unit_removal_apply(struct neap_host *host, const struct neap_unit_removal *removal,
			    struct neap_error **err)
{
	for (size_t i = 0; i < removal->count; i++)
		if (neap_host_unlink(host, removal->files[i], err) < 0)
			return -1;
	return removal->directory ? neap_host_rmdir(host, removal->directory, err) : 0;
}

int neap_unit_removal_blindly(struct neap_host *host, struct neap_arena *arena, const char *name,
			      struct neap_error **err)
{
	const char *path = neap_arena_printf(arena, NEAP_UNIT_DIRECTORY "/%s", name);
	struct neap_stat stat;
	int r = neap_view_stat(&host->view, path, &stat, err);

	if (r == 0 && (stat.kind == NEAP_FILE_ABSENT || stat.kind == NEAP_FILE_DIRECTORY))
		return 0;
	return r < 0 ? r : neap_host_unlink(host, path, err);
}
