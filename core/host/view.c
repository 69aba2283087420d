/*
 * The functions of host.h: most hand over to the host's own, the others are built from those. Knows no
 * particular host.
 */
#include "host/host.h"

#include <errno.h>

#include "base/path.h"
#include "base/vec.h"
#include "host/accounts.h"
#include "host/follow.h"
#include "host/process.h"

#define NEW_DIRECTORY_MODE 0755

const char *neap_file_kind_name(enum neap_file_kind kind)
{
	switch (kind) {
	case NEAP_FILE_ABSENT:
		return "absent";
	case NEAP_FILE_REGULAR:
		return "a regular file";
	case NEAP_FILE_DIRECTORY:
		return "a directory";
	case NEAP_FILE_LINK:
		return "a link";
	case NEAP_FILE_OTHER:
		break;
	}
	return "a device, fifo or socket";
}

static void digest_of(const struct neap_content *content, uint8_t ret[NEAP_DIGEST_SIZE])
{
	if (content->data)
		neap_digest(content->data, content->size, ret);
	else
		memcpy(ret, content->digest, NEAP_DIGEST_SIZE);
}

bool neap_content_equal(const struct neap_content *a, const struct neap_content *b)
{
	uint8_t digest_a[NEAP_DIGEST_SIZE], digest_b[NEAP_DIGEST_SIZE];

	if (a->size != b->size)
		return false;
	if (!a->size)
		return true;
	if (a->data && b->data)
		return a->data == b->data || memcmp(a->data, b->data, a->size) == 0;
	digest_of(a, digest_a);
	digest_of(b, digest_b);
	return memcmp(digest_a, digest_b, NEAP_DIGEST_SIZE) == 0;
}

/* ---- reads ------------------------------------------------------------------------------------------- */

int neap_view_stat(const struct neap_view *view, const char *path, struct neap_stat *ret,
		   struct neap_error **err)
{
	return view->reads->stat(view, path, ret, err);
}

int neap_view_program(const struct neap_view *view, const char *name, bool *ret_found)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	const char *const *place = neap_process_places(name, arena);
	bool unknown = false;

	*ret_found = false;
	for (; *place && !*ret_found; place++) {
		struct neap_error *ignored NEAP_AUTO_ERROR = NULL;
		struct neap_stat stat;
		const char *real;
		int r = neap_view_follow(view, *place, arena, &real, &stat, &ignored);

		unknown = unknown || r == NEAP_UNKNOWN;
		*ret_found = r == 0 && stat.kind == NEAP_FILE_REGULAR && (stat.mode & 0111);
	}
	return !*ret_found && unknown ? NEAP_UNKNOWN : 0;
}

int neap_view_file(const struct neap_view *view, const char *path, struct neap_arena *arena,
		   struct neap_stat *ret, struct neap_content *ret_content, struct neap_error **err)
{
	return view->reads->file(view, path, arena, ret, ret_content, err);
}

int neap_view_small_file(const struct neap_view *view, const char *path, struct neap_arena *arena,
			 struct neap_stat *ret, struct neap_content *ret_content, struct neap_error **err)
{
	return view->reads->small_file(view, path, arena, ret, ret_content, err);
}

int neap_view_link(const struct neap_view *view, const char *path, struct neap_arena *arena,
		   struct neap_stat *ret, const char **ret_target, struct neap_error **err)
{
	return view->reads->link(view, path, arena, ret, ret_target, err);
}

int neap_view_list(const struct neap_view *view, const char *path, struct neap_arena *arena,
		   struct neap_entry **ret, size_t *ret_count, struct neap_error **err)
{
	return view->reads->list(view, path, arena, ret, ret_count, err);
}

int neap_view_checksum(const struct neap_view *view, const char *path, enum neap_checksum_kind kind,
		       struct neap_stat *ret, struct neap_checksum *ret_checksum, struct neap_error **err)
{
	return view->reads->checksum(view, path, kind, ret, ret_checksum, err);
}

uint32_t neap_view_cause(const struct neap_view *view)
{
	return view->reads->cause(view);
}

static bool is_well(const struct neap_process *process, int status)
{
	for (size_t i = 0; i < process->return_count; i++)
		if (process->returns[i] == status)
			return true;
	return !process->returns && status == 0;
}

int neap_view_query(const struct neap_view *view, const struct neap_process *process,
		    struct neap_arena *arena, struct neap_process_result *ret, struct neap_error **err)
{
	int r = view->reads->query(view, process, arena, ret, err);

	if (r == 0)
		ret->ok = is_well(process, ret->status);
	return r;
}

int64_t neap_view_clock(const struct neap_view *view)
{
	return view->reads->clock(view);
}

uint64_t neap_view_generation(const struct neap_view *view)
{
	return view->reads->generation ? view->reads->generation(view) : 0;
}

bool neap_view_changed(const struct neap_view *view, uint64_t since, struct neap_arena *arena,
		       const char *const **ret, size_t *ret_count)
{
	return since && view->reads->changed && view->reads->changed(view, since, arena, ret, ret_count);
}

bool neap_view_running(const struct neap_view *view)
{
	return view->reads->running(view);
}

/* The setting's file, in which what does not separate stands as the other character. */
static int kernel_path(const char *name, struct neap_arena *arena, const char **ret, struct neap_error **err)
{
	char separator = name[strcspn(name, "./")];
	char *path = neap_arena_printf(arena, NEAP_KERNEL_ROOT "/%s", name);
	char *at = path + strlen(NEAP_KERNEL_ROOT "/");
	bool wrong = !*at;

	for (; *at && !wrong; at++) {
		if (*at == '.' && separator == '.')
			*at = '/';
		else if (*at == '/' && separator == '.')
			*at = '.';
		/* Each part has a name, which is not "." nor "..". */
		if (*at == '/')
			wrong = at[-1] == '/' || !at[1];
		else if (*at == '.' && at[-1] == '/')
			wrong = at[1] == '/' || !at[1] || (at[1] == '.' && (at[2] == '/' || !at[2]));
	}
	if (wrong)
		return neap_error_set(err, "\"%s\" is no name of a kernel setting", name);
	*ret = path;
	return 0;
}

int neap_view_kernel(const struct neap_view *view, const char *name, struct neap_arena *arena,
		     const char **ret, struct neap_error **err)
{
	const char *path;

	if (kernel_path(name, arena, &path, err) < 0)
		return -1;
	return view->reads->kernel(view, path, arena, ret, err);
}

void neap_view_cached(const struct neap_view *view, const char *kind, const char *key,
		      struct neap_arena *arena, struct neap_content *ret)
{
	*ret = (struct neap_content){ 0 };
	view->reads->cached(view, kind, key, arena, ret);
}

/* 1: `text` is a number; 0: it is not; negative: it is one that cannot be meant. */
static int number_in(const char *text, const char *word, uint32_t *ret, struct neap_error **err)
{
	uint64_t number = 0;

	if (!*text || text[strspn(text, "0123456789")])
		return 0;
	for (const char *p = text; *p; p++) {
		number = number * 10 + (uint64_t)(*p - '0');
		if (number >= NEAP_KEEP)
			return neap_error_set(err, "%s %s: the number is too large", word, text);
	}
	*ret = (uint32_t)number;
	return 1;
}

int neap_view_user(const struct neap_view *view, const char *name, uint32_t *ret_uid, struct neap_error **err)
{
	int r = number_in(name, "user", ret_uid, err);

	if (r != 0)
		return r < 0 ? r : 0;
	return neap_accounts_user(view->reads->accounts(view), view, name, ret_uid, err);
}

int neap_view_group(const struct neap_view *view, const char *name, uint32_t *ret_gid,
		    struct neap_error **err)
{
	int r = number_in(name, "group", ret_gid, err);

	if (r != 0)
		return r < 0 ? r : 0;
	return neap_accounts_group(view->reads->accounts(view), view, name, ret_gid, err);
}

int neap_view_home(const struct neap_view *view, const char *name, struct neap_arena *arena,
		   struct neap_home *ret, struct neap_error **err)
{
	return neap_accounts_home(view->reads->accounts(view), view, name, arena, ret, err);
}

const char *neap_view_user_name(const struct neap_view *view, uint32_t uid, struct neap_arena *arena)
{
	const char *name = neap_accounts_user_name(view->reads->accounts(view), view, uid, arena);

	return name ? name : neap_arena_printf(arena, "%u", uid);
}

const char *neap_view_group_name(const struct neap_view *view, uint32_t gid, struct neap_arena *arena)
{
	const char *name = neap_accounts_group_name(view->reads->accounts(view), view, gid, arena);

	return name ? name : neap_arena_printf(arena, "%u", gid);
}

int neap_view_creator(const struct neap_view *view, const char *path, uint32_t *ret_uid, uint32_t *ret_gid,
		      struct neap_error **err)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_str parent = neap_path_parent(neap_str(path));
	const char *directory = neap_arena_copy(arena, parent.data, parent.len);
	struct neap_stat stat;
	uint32_t uid, gid;
	int r;

	r = view->reads->stat(view, directory, &stat, err);
	if (r == 0 && stat.kind == NEAP_FILE_LINK)
		r = neap_view_follow(view, directory, arena, &directory, &stat, err);
	if (r != 0)
		return r;
	view->reads->caller(view, &uid, &gid);
	*ret_uid = uid;
	*ret_gid = stat.kind == NEAP_FILE_DIRECTORY && (stat.mode & 02000) ? stat.gid : gid;
	return 0;
}

/* From the nearest directory up, for mostly that one is there. */
/* No directory is at `directory`, which leads to `end`; whether that stays so may not be known. */
static int no_way(const struct neap_view *view, const char *path, const char *directory, const char *end,
		  enum neap_file_kind kind, struct neap_error **err)
{
	struct neap_stat stat;

	if (view->reads->stat(view, path, &stat, NULL) == NEAP_UNKNOWN)
		return NEAP_UNKNOWN;
	if (kind == NEAP_FILE_ABSENT)
		return neap_error_errno(err, ENOENT, "open %s: it is a link to %s", directory, end);
	return neap_error_errno(err, ENOTDIR, "open %s", directory);
}

int neap_view_missing_parents(const struct neap_view *view, const char *path, struct neap_arena *arena,
			      const char *const **ret, size_t *ret_count, struct neap_error **err)
{
	struct neap_str parent = neap_path_parent(neap_str(path));
	NEAP_VEC(const char *) missing = { 0 };
	const char **items = NULL;
	int r = 0;

	for (; parent.len > 1; parent = neap_path_parent(parent)) {
		const char *directory = neap_arena_copy(arena, parent.data, parent.len), *end = directory;
		struct neap_stat stat;

		r = view->reads->stat(view, directory, &stat, err);
		if (r == 0 && stat.kind == NEAP_FILE_LINK) {
			r = neap_view_follow(view, directory, arena, &end, &stat, err);
		} else if (r == 0 && stat.kind == NEAP_FILE_ABSENT) {
			neap_vec_push(&missing, directory);
			continue;
		}
		if (r == 0 && stat.kind != NEAP_FILE_DIRECTORY)
			r = no_way(view, path, directory, end, stat.kind, err);
		break;
	}
	if (r == 0) {
		items = neap_arena_array_of(arena, const char *, missing.count);
		for (size_t i = 0; i < missing.count; i++)
			items[i] = missing.items[missing.count - 1 - i];
		*ret = items;
		*ret_count = missing.count;
	}
	neap_vec_done(&missing);
	return r;
}

/* ---- changes ----------------------------------------------------------------------------------------- */

int neap_host_write(struct neap_host *host, const char *path, const struct neap_file_write *file,
		    struct neap_error **err)
{
	return host->changes->write(host, path, file, err);
}

int neap_host_attributes(struct neap_host *host, const char *path, uint32_t mode, uint32_t uid, uint32_t gid,
			 struct neap_error **err)
{
	return host->changes->attributes(host, path, mode, uid, gid, err);
}

int neap_host_mkdir(struct neap_host *host, const char *path, uint32_t mode, uint32_t uid, uint32_t gid,
		    struct neap_error **err)
{
	return host->changes->mkdir(host, path, mode, uid, gid, err);
}

int neap_host_symlink(struct neap_host *host, const char *path, const char *target, struct neap_error **err)
{
	return host->changes->symlink(host, path, target, err);
}

int neap_host_unlink(struct neap_host *host, const char *path, struct neap_error **err)
{
	return host->changes->unlink(host, path, err);
}

int neap_host_rmdir(struct neap_host *host, const char *path, struct neap_error **err)
{
	return host->changes->rmdir(host, path, err);
}

int neap_host_run(struct neap_host *host, const struct neap_process *process, struct neap_arena *arena,
		  struct neap_process_result *ret, struct neap_error **err)
{
	int r;

	*ret = (struct neap_process_result){ 0 };
	r = host->changes->run(host, process, arena, ret, err);
	if (r == 0 && !ret->ok)
		ret->ok = is_well(process, ret->status);
	return r;
}

int neap_host_kernel(struct neap_host *host, const char *name, const char *value, struct neap_error **err)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	const char *path;

	if (kernel_path(name, arena, &path, err) < 0)
		return -1;
	return host->changes->kernel(host, path, value, err);
}

int neap_host_make(struct neap_host *host, neap_make_fn *make, void *ctx, struct neap_arena *arena,
		   struct neap_content *ret, struct neap_error **err)
{
	return host->changes->make(host, make, ctx, arena, ret, err);
}

void neap_host_cache(struct neap_host *host, const char *kind, const char *key, const void *data, size_t len)
{
	host->changes->cache(host, kind, key, data, len);
}

int neap_host_fetch(struct neap_host *host, const struct neap_fetch *fetch, struct neap_arena *arena,
		    struct neap_content *ret, struct neap_error **err)
{
	return host->changes->fetch(host, fetch, arena, ret, err);
}

int neap_host_wait(struct neap_host *host, const struct neap_probe *probe, struct neap_error **err)
{
	return host->changes->wait(host, probe, err);
}

int neap_host_confirm(struct neap_host *host, const struct neap_confirm *confirm, struct neap_error **err)
{
	return host->changes->confirm(host, confirm, err);
}

int neap_host_mkdir_parents(struct neap_host *host, const char *path, struct neap_error **err)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	const char *const *missing;
	size_t count;
	int r;

	r = neap_view_missing_parents(&host->view, path, arena, &missing, &count, err);
	if (r != 0)
		return r < 0 ? r : 0; /* not known: what has to come first will have made them */
	for (size_t i = 0; i < count; i++) {
		r = host->changes->mkdir(host, missing[i], NEW_DIRECTORY_MODE, NEAP_KEEP, NEAP_KEEP, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A directory that is being emptied. */
struct level {
	struct neap_arena *arena;
	const char *path;
	struct neap_entry *entries;
	size_t count, next;
};
struct levels {
	struct level *items;
	size_t count, size;
};

/* Begins to empty `path`. One whose entries are not known (a plan) goes as a whole. */
static int enter(struct neap_host *host, const char *path, struct levels *levels, struct neap_error **err)
{
	struct level level = { .arena = neap_arena_new() };
	struct neap_stat stat;
	int r;

	r = host->view.reads->stat(&host->view, path, &stat, err);
	if (r == 0 && stat.mount)
		r = neap_error_errno(err, EBUSY, "remove %s: something is mounted there", path);
	if (r == 0) {
		level.path = neap_arena_strdup(level.arena, path);
		r = host->view.reads->list(&host->view, path, level.arena, &level.entries, &level.count, err);
	}
	if (r == 0)
		neap_vec_push(levels, level);
	else
		neap_arena_free(level.arena);
	return r > 0 ? host->changes->rmdir(host, path, err) : r;
}

/* One step: an entry of the innermost level, or that level itself when it is empty. */
static int empty_further(struct neap_host *host, struct levels *levels, struct neap_error **err)
{
	struct level *level = &levels->items[levels->count - 1];
	struct neap_arena_mark mark = neap_arena_mark(level->arena);
	const struct neap_entry *entry;
	const char *path;
	int r;

	if (level->next == level->count) {
		r = host->changes->rmdir(host, level->path, err);
		neap_arena_free(level->arena);
		levels->count--;
		return r;
	}
	entry = &level->entries[level->next++];
	path = neap_arena_printf(level->arena, "%s/%s", level->path[1] ? level->path : "", entry->name);
	if (entry->kind == NEAP_FILE_DIRECTORY)
		return enter(host, path, levels, err);
	r = host->changes->unlink(host, path, err);
	neap_arena_rewind(level->arena, mark);
	return r;
}

/* `path` through no link: one on the way may be in the very tree that goes. */
static int without_links(const struct neap_view *view, const char *path, struct neap_arena *arena,
			 const char **ret, struct neap_error **err)
{
	struct neap_str whole = neap_str(path), parent = neap_path_parent(whole);
	const char *directory;
	struct neap_stat stat;
	bool unknown;
	int r;

	r = view->reads->stat(view, path, &stat, err); /* says whether the way may be gone at all */
	if (r < 0)
		return r;
	unknown = r == NEAP_UNKNOWN;
	*ret = path;
	r = neap_view_follow(view, neap_arena_copy(arena, parent.data, parent.len), arena, &directory, &stat,
			     unknown ? NULL : err);
	if (r == 0 && whole.len > 1)
		*ret = neap_arena_printf(arena, "%s/%s", directory[1] ? directory : "",
					 neap_path_name(whole).data);
	return r < 0 && !unknown ? r : 0;
}

int neap_host_unsettle(struct neap_host *host, const char *path, struct neap_error **err)
{
	return host->changes->unsettle(host, path, err);
}

int neap_host_remove_tree(struct neap_host *host, const char *path, struct neap_error **err)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct levels levels = { 0 };
	int r = without_links(&host->view, path, arena, &path, err);

	if (r == 0)
		r = enter(host, path, &levels, err);
	while (r == 0 && levels.count)
		r = empty_further(host, &levels, err);
	while (levels.count)
		neap_arena_free(levels.items[--levels.count].arena);
	neap_vec_done(&levels);
	return r;
}
