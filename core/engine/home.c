/*
 * See home.h. What was begun is known by its owner and mode, which nobody gives to a home on purpose: a
 * directory 1700 of who runs neap (of the user already, if only the last step is missing), for another user,
 * that holds nothing but what /etc/skel has.
 */
#include "engine/home.h"

#include "base/map.h"
#include "base/path.h"
#include "base/vec.h"
#include "engine/account.h"

#define SKEL "/etc/skel"
#define ITEMS_MAX 1000
#define CLOSED 01700
#define HOME_FIELD 5 /* of passwd */

struct items {
	struct neap_home_item *items;
	size_t count, size;
};

static const char *below(struct neap_arena *arena, const char *directory, const char *name)
{
	return neap_arena_printf(arena, "%s/%s", directory, name);
}

/* Everything below `root`, a directory; each directory before what is in it. */
static int walk(const struct neap_view *view, struct neap_arena *arena, const char *root, struct items *ret,
		struct neap_error **err)
{
	for (size_t next = 0; next <= ret->count; next++) {
		const struct neap_home_item *in = next ? &ret->items[next - 1] : NULL;
		const char *name = in ? in->name : NULL;
		struct neap_entry *entries;
		size_t count;
		int r;

		if (in && in->kind != NEAP_FILE_DIRECTORY)
			continue;
		r = neap_view_list(view, in ? below(arena, root, name) : root, arena, &entries, &count, err);
		if (r != 0)
			return r;
		for (size_t i = 0; i < count; i++) {
			if (ret->count == ITEMS_MAX)
				return neap_error_set(err, "%s holds more than %d entries", root, ITEMS_MAX);
			neap_vec_push(ret, (struct neap_home_item){ name ? below(arena, name, entries[i].name)
									 : entries[i].name,
								    entries[i].kind });
		}
	}
	return 0;
}

static int read_skel(const struct neap_view *view, struct neap_arena *arena, struct items *ret,
		     struct neap_error **err)
{
	struct neap_stat stat;
	int r = neap_view_stat(view, SKEL, &stat, err);

	if (r != 0 || stat.kind != NEAP_FILE_DIRECTORY)
		return r;
	r = walk(view, arena, SKEL, ret, err);
	for (size_t i = 0; r == 0 && i < ret->count; i++)
		if (ret->items[i].kind == NEAP_FILE_OTHER) {
			neap_error_set(err, SKEL "/%s is a device, fifo or socket", ret->items[i].name);
			r = neap_error_hint(err, "a home is made of files, links and directories: remove it");
		}
	return r;
}

/* Takes from `skel` what `there` has already. False: it has something else, so nobody was interrupted here.
 */
static bool subtract(struct items *skel, const struct items *there)
{
	struct neap_map kinds = { 0 };
	size_t kept = 0;
	bool all = true;

	for (size_t i = 0; i < skel->count; i++)
		neap_map_put(&kinds, neap_str(skel->items[i].name), &skel->items[i]);
	for (size_t i = 0; i < there->count; i++) {
		const struct neap_home_item *same = neap_map_get(&kinds, neap_str(there->items[i].name));

		all = all && same && same->kind == there->items[i].kind;
		if (same)
			neap_map_remove(&kinds, neap_str(there->items[i].name));
	}
	for (size_t i = 0; all && i < skel->count; i++)
		if (neap_map_get(&kinds, neap_str(skel->items[i].name)))
			skel->items[kept++] = skel->items[i];
	skel->count = kept;
	neap_map_done(&kinds);
	return all;
}

static int read_mode(const struct neap_view *view, uint32_t *ret, struct neap_error **err)
{
	uint64_t mode, umask;
	int r = neap_account_setting_number(view, "UMASK", 022, &umask, err);

	if (r == 0)
		r = neap_account_setting_number(view, "HOME_MODE", 0777 & ~umask, &mode, err);
	if (r == 0)
		*ret = (uint32_t)mode & 07777;
	return r;
}

/* Keeps what was found: the list goes. */
static void keep(struct neap_arena *arena, const struct items *items, struct neap_home_plan *ret)
{
	struct neap_home_item *copy = neap_arena_array_of(arena, struct neap_home_item, items->count + 1);

	if (items->count)
		memcpy(copy, items->items, items->count * sizeof(*copy));
	ret->items = copy;
	ret->count = items->count;
}

static int read_directory(const struct neap_view *view, struct neap_arena *arena,
			  const struct neap_stat *stat, uint32_t uid, struct neap_home_plan *ret,
			  struct neap_error **err)
{
	struct items skel = { 0 }, there = { 0 };
	uint32_t creator, gid;
	int r = neap_view_creator(view, ret->path, &creator, &gid, err);

	if (r != 0 || (stat->uid != creator && stat->uid != uid) || uid == creator || stat->mode != CLOSED)
		return r;
	r = walk(view, arena, ret->path, &there, NULL);
	if (r < 0) /* too much for an interrupted one */
		r = 0;
	else if (r == 0)
		r = read_skel(view, arena, &skel, err);
	if (r == 0 && there.count <= skel.count && subtract(&skel, &there)) {
		ret->complete = true;
		keep(arena, &skel, ret);
		r = read_mode(view, &ret->mode, err);
	}
	neap_vec_done(&there);
	neap_vec_done(&skel);
	return r;
}

int neap_home_read(const struct neap_view *view, struct neap_arena *arena, const char *path, uint32_t uid,
		   struct neap_home_plan *ret, struct neap_error **err)
{
	struct items skel = { 0 };
	struct neap_stat stat;
	int r = neap_view_stat(view, path, &stat, err);

	*ret = (struct neap_home_plan){ .path = path };
	if (r != 0)
		return r;
	if (stat.kind == NEAP_FILE_DIRECTORY)
		return read_directory(view, arena, &stat, uid, ret, err);
	if (stat.kind == NEAP_FILE_LINK) /* to where it is: somebody's own arrangement */
		return 0;
	if (stat.kind != NEAP_FILE_ABSENT) {
		neap_error_set(err, "%s is %s", path, neap_file_kind_name(stat.kind));
		return neap_error_hint(err, "a home is a directory: remove it, or give another home");
	}
	ret->make = true;
	r = neap_parents_read(view, arena, path, &ret->parents, err);
	if (r == 0)
		r = read_mode(view, &ret->mode, err);
	if (r == 0)
		r = read_skel(view, arena, &skel, err);
	if (r == 0)
		keep(arena, &skel, ret);
	neap_vec_done(&skel);
	return r;
}

void neap_home_diff(const struct neap_home_plan *home, struct neap_diff *diff)
{
	neap_parents_diff(&home->parents, diff);
	if (home->complete)
		neap_diff_reason(diff, "completes %s, of which a part is there", home->path);
	else if (home->make && home->count)
		neap_diff_reason(diff, "makes %s, %04o, from " SKEL, home->path, home->mode);
	else if (home->make)
		neap_diff_reason(diff, "makes %s, %04o, empty", home->path, home->mode);
}

/* ---- leaving ------------------------------------------------------------------------------------------- */

/* That nobody else lives there. */
static int check_lodgers(const struct neap_view *view, const char *name, const char *home,
			 struct neap_error **err)
{
	struct neap_account_entry entry;
	size_t at = 0, len = strlen(home);
	int r;

	while ((r = neap_account_next(view, NEAP_ETC_PASSWD, &at, &entry, err)) == 0 && entry.count) {
		struct neap_str other = entry.count > HOME_FIELD ? entry.fields[HOME_FIELD] : NEAP_STR("");

		if (other.len < len || memcmp(other.data, home, len) != 0 ||
		    (other.len > len && other.data[len] != '/') ||
		    neap_str_equal(entry.fields[0], neap_str(name)))
			continue;
		return neap_error_set(err, "remove %s: it holds the home of %.*s too", home,
				      (int)entry.fields[0].len, entry.fields[0].data);
	}
	return r;
}

int neap_home_read_leaving(const struct neap_view *view, const struct neap_context *ctx, const char *name,
			   const char *home, uint32_t uid, struct neap_home_plan *ret,
			   struct neap_error **err)
{
	struct neap_stat stat;
	struct neap_str path;
	int r;

	if (neap_path_normalise(ctx->scratch, neap_str(home), &path, err) < 0)
		return neap_error_prefix(err, "the home of %s", name);
	ret->path = path.data;
	r = neap_view_stat(view, path.data, &stat, err);
	if (r != 0 || stat.kind == NEAP_FILE_ABSENT)
		return r;
	if (neap_path_parent(path).len == 1 || stat.kind != NEAP_FILE_DIRECTORY || stat.uid != uid) {
		neap_error_set(err, "remove the home of %s: %s is %s", name, path.data,
			       neap_path_parent(path).len == 1    ? "at the top of the file system"
			       : stat.kind != NEAP_FILE_DIRECTORY ? neap_file_kind_name(stat.kind)
								  : "not the user's own");
		return neap_error_hint(
			err, "leave out remove_home, and remove it by neap.directory if it should go");
	}
	if (ctx->owned(ctx->engine, path.data)) {
		neap_error_set(err, "remove %s: other resources own it or something in it", path.data);
		return neap_error_hint(err, "make these absent too, or leave out remove_home");
	}
	ret->remove = true;
	return check_lodgers(view, name, path.data, err);
}

/* ---- making ------------------------------------------------------------------------------------------ */

static int copy_file(struct neap_host *host, const char *from, const char *to, uint32_t uid, uint32_t gid,
		     struct neap_error **err)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	struct neap_file_write write = { .mode = 0600, .uid = uid, .gid = gid };
	struct neap_stat stat;
	int r = neap_view_small_file(&host->view, from, arena, &stat, &write.content, err);

	if (r < 0)
		return r;
	if (r == NEAP_UNKNOWN) {
		write.content = (struct neap_content){ .unknown = true };
	} else if (stat.kind != NEAP_FILE_REGULAR) {
		return neap_error_set(err, "copy %s: it has changed while neap was at work", from);
	} else {
		write.mode = stat.mode;
		if (write.content.size && !write.content.data) {
			neap_error_set(err, "copy %s: larger than 1 MB", from);
			return neap_error_hint(err, "what every new home gets must be small");
		}
	}
	return neap_host_write(host, to, &write, err);
}

static int copy_directory(struct neap_host *host, const char *from, const char *to, uint32_t uid,
			  uint32_t gid, struct neap_error **err)
{
	struct neap_stat stat;
	int r = neap_view_stat(&host->view, from, &stat, err);

	if (r < 0)
		return r;
	return neap_host_mkdir(host, to, r == 0 ? stat.mode : 0700, uid, gid, err);
}

static int copy_link(struct neap_host *host, const char *from, const char *to, struct neap_error **err)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	const char *target = NULL;
	struct neap_stat stat;
	int r = neap_view_link(&host->view, from, arena, &stat, &target, err);

	if (r < 0 || r == NEAP_UNKNOWN || !target)
		return r < 0 ? r : 0;
	return neap_host_symlink(host, to, target, err);
}

int neap_home_make(struct neap_host *host, const struct neap_home_plan *home, uint32_t uid, uint32_t gid,
		   struct neap_error **err)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	int r = 0;

	if (home->make)
		r = neap_host_mkdir_parents(host, home->path, err);
	if (r == 0 && home->make)
		r = neap_host_mkdir(host, home->path, CLOSED, NEAP_KEEP, NEAP_KEEP, err);
	for (size_t i = 0; r == 0 && i < home->count; i++) {
		const char *from = below(arena, SKEL, home->items[i].name);
		const char *to = below(arena, home->path, home->items[i].name);

		switch (home->items[i].kind) {
		case NEAP_FILE_REGULAR:
			r = copy_file(host, from, to, uid, gid, err);
			break;
		case NEAP_FILE_DIRECTORY:
			r = copy_directory(host, from, to, uid, gid, err);
			break;
		case NEAP_FILE_LINK:
			r = copy_link(host, from, to, err);
			break;
		case NEAP_FILE_ABSENT:
		case NEAP_FILE_OTHER:
			break;
		}
	}
	if (r == 0 && (home->make || home->complete))
		r = neap_host_attributes(host, home->path, home->mode, uid, gid, err);
	return r;
}
