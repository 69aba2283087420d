/*
 * From a path to the open directory that it means. It must not know what the directory is wanted for.
 *
 * The way is walked component by component and never by the kernel, so that a link is read as text and
 * resolved inside the root: absolute targets start there, ".." stops there, and the magic links of /proc are
 * text like any other. Directories passed are kept open, by the path that was asked and by the one without
 * links, so that 10,000 files of one directory walk once.
 *
 * Ownership. Who owns a link, or a directory, decides where a way through it ends. Links are followed when
 * they belong to root, the caller or the owner of the root directory; others are refused. A directory of
 * another unprivileged user may be entered, but from there on everything must belong to that same user: else
 * that user could lead us, by a link or by moving things about, to where he has no business.
 */
#include "host/local.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "base/path.h"

#define LINKS_MAX 40
#define KEYS_MAX ((size_t)8 << 20) /* bytes of remembered paths */

struct neap_local_dir *neap_local_dir_ref(struct neap_local_dir *dir)
{
	dir->refs++;
	return dir;
}

void neap_local_dir_unref(struct neap_local_dir *dir)
{
	if (!dir || --dir->refs)
		return;
	if (dir != dir->local->top)
		dir->local->open--;
	close(dir->fd);
	free(dir->path);
	free(dir);
}

uint64_t neap_local_dir_mount(struct neap_local_dir *dir)
{
	struct statx sx;

	if (!dir->mount) {
		dir->mount = 1; /* a kernel that does not tell: the device must do */
		if (statx(dir->fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_MNT_ID, &sx) == 0 &&
		    (sx.stx_mask & STATX_MNT_ID))
			dir->mount = sx.stx_mnt_id + 2;
	}
	return dir->mount;
}

void neap_local_forget(struct neap_local *local)
{
	for (size_t i = 0; i < local->dirs.count; i++)
		neap_local_dir_unref(local->dirs.entries[i].value);
	neap_map_clear(&local->dirs);
	neap_map_clear(&local->links);
	neap_arena_reset(local->keys);
	local->last_dir = NULL;
}

void neap_local_moved(struct neap_local *local, const char *path)
{
	struct neap_str text = neap_str(path);

	if (neap_map_get(&local->links, text) || neap_map_get(&local->dirs, text))
		neap_local_forget(local);
}

static struct neap_str remember_key(struct neap_local *local, struct neap_str path)
{
	return (struct neap_str){ neap_arena_copy(local->keys, path.data, path.len), path.len };
}

static void remember(struct neap_local *local, struct neap_str path, struct neap_local_dir *dir)
{
	if (neap_map_get(&local->dirs, path))
		return;
	neap_map_put(&local->dirs, remember_key(local, path), neap_local_dir_ref(dir));
}

static bool trusted(const struct neap_local *local, uint32_t uid)
{
	return uid == 0 || uid == local->uid || uid == local->owner;
}

static struct neap_local_dir *dir_new(struct neap_local *local, int fd, const char *path, dev_t device,
				      uint32_t foreign)
{
	struct neap_local_dir *dir = neap_alloc(sizeof(*dir));
	size_t size = strlen(path) + 1;

	*dir = (struct neap_local_dir){
		.fd = fd, .refs = 1, .foreign = foreign, .device = device, .local = local
	};
	dir->path = memcpy(neap_alloc(size), path, size);
	local->open++;
	return dir;
}

/* The longest known beginning of `path`, with a reference; *ret_len: how much of it that is. */
static struct neap_local_dir *longest_known(struct neap_local *local, struct neap_str path, size_t *ret_len)
{
	while (path.len > 1) {
		struct neap_local_dir *dir = neap_map_get(&local->dirs, path);

		if (dir) {
			*ret_len = path.len;
			return neap_local_dir_ref(dir);
		}
		path = neap_path_parent(path);
	}
	*ret_len = 0;
	return neap_local_dir_ref(local->top);
}

struct walk {
	struct neap_local *local;
	const char *operation, *object; /* for errors */
	struct neap_local_dir *at;      /* with a reference */
	struct neap_buf rest;           /* what is still to walk, from `pos` */
	size_t pos;
	size_t asked; /* how many bytes at the end of `rest` are of the path that was asked */
	unsigned links;
};

static int refuse(const struct walk *walk, const char *path, uint32_t owner, bool is_link,
		  struct neap_error **err)
{
	uint32_t foreign = walk->at->foreign;

	if (foreign == NEAP_LOCAL_OURS)
		neap_error_set(err,
			       "%s %s: %s is a link that belongs to user %u, who could point it anywhere",
			       walk->operation, walk->object, path, owner);
	else if (is_link)
		neap_error_set(err,
			       "%s %s: %s is a link of user %u in a directory of user %u, who could point it "
			       "anywhere",
			       walk->operation, walk->object, path, owner, foreign);
	else
		neap_error_set(err, "%s %s: %s belongs to user %u, but lies in a directory of user %u",
			       walk->operation, walk->object, path, owner, foreign);
	neap_error_mark(err, EACCES);
	if (is_link && foreign != NEAP_LOCAL_OURS)
		return neap_error_hint(err, "name the path that is meant, without the link");
	return neap_error_hint(err, "name the path that is meant, or give %s to the right owner", path);
}

/* Starts anew at a path without links; what is left to walk stays. */
static void restart(struct walk *walk, struct neap_str path)
{
	NEAP_AUTO_BUF struct neap_buf rest = { 0 };
	size_t left = walk->rest.len - walk->pos, known;

	if (walk->asked > left)
		walk->asked = left;
	neap_local_dir_unref(walk->at);
	walk->at = longest_known(walk->local, path, &known);
	if (path.len > 1)
		neap_buf_append(&rest, path.data + known, path.len - known);
	neap_buf_append(&rest, walk->rest.data + walk->pos, left);
	neap_buf_done(&walk->rest);
	walk->rest = rest;
	walk->pos = 0;
	rest = (struct neap_buf){ 0 };
}

/* What is no directory: a link is put in front of the rest; all else is an error. `path` is its own. */
static int follow(struct walk *walk, const char *name, const char *path, struct neap_error **err)
{
	struct neap_local *local = walk->local;
	NEAP_AUTO_BUF struct neap_buf rest = { 0 };
	size_t left = walk->rest.len - walk->pos;
	struct neap_str key = neap_str(path);
	char target[PATH_MAX + 1];
	struct stat st;
	ssize_t len;

	if (fstatat(walk->at->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return neap_error_errno(err, errno, "%s %s: look at %s", walk->operation, walk->object, path);
	if (!S_ISLNK(st.st_mode)) {
		neap_error_set(err, "%s %s: %s is not a directory", walk->operation, walk->object, path);
		return neap_error_mark(err, ENOTDIR);
	}
	if (walk->at->foreign != NEAP_LOCAL_OURS || !trusted(local, st.st_uid))
		return refuse(walk, path, st.st_uid, true, err);
	if (++walk->links > LINKS_MAX) {
		neap_error_set(err, "%s %s: too many links", walk->operation, walk->object);
		return neap_error_mark(err, ELOOP);
	}
	len = readlinkat(walk->at->fd, name, target, sizeof(target));
	if (len <= 0 || len == (ssize_t)sizeof(target))
		return neap_error_errno(err, len < 0 ? errno : ENAMETOOLONG, "%s %s: read the link %s",
					walk->operation, walk->object, path);
	if (walk->asked > left)
		walk->asked = left;
	neap_buf_append(&rest, target, (size_t)len);
	neap_buf_append(&rest, walk->rest.data + walk->pos, left);
	if (rest.len > (size_t)4 * PATH_MAX)
		return neap_error_errno(err, ENAMETOOLONG, "%s %s: follow %s", walk->operation, walk->object,
					path);
	neap_buf_done(&walk->rest);
	walk->rest = rest;
	walk->pos = 0;
	rest = (struct neap_buf){ 0 };
	if (target[0] == '/') {
		neap_local_dir_unref(walk->at);
		walk->at = neap_local_dir_ref(local->top);
	}
	if (!neap_map_get(&local->links, key))
		neap_map_put(&local->links, remember_key(local, key), local);
	return 0;
}

/* Enters the directory `name`. 0, negative, or 1: there is nothing of that name. */
static int enter(struct walk *walk, const char *name, struct neap_error **err)
{
	static const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC; /* triggers automounts */
	struct neap_local *local = walk->local;
	NEAP_AUTO_BUF struct neap_buf path = { 0 };
	struct neap_local_dir *dir;
	uint32_t foreign = walk->at->foreign;
	struct stat st;
	int fd;

	neap_buf_printf(&path, "%s/%s", walk->at->path[1] ? walk->at->path : "", name);
	dir = neap_map_get(&local->dirs, (struct neap_str){ path.data, path.len });
	if (dir) {
		neap_local_dir_ref(dir);
		neap_local_dir_unref(walk->at);
		walk->at = dir;
		return 0;
	}
	/* Before opening: what is forgotten here is closed, but for the few that someone holds. */
	if (local->open >= local->limit || neap_arena_used(local->keys) > KEYS_MAX)
		neap_local_forget(local);
	fd = openat(walk->at->fd, name, flags);
	if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
		neap_local_forget(local);
		fd = openat(walk->at->fd, name, flags);
	}
	if (fd < 0) {
		if (errno == ENOENT)
			return 1;
		if (errno == ENOTDIR || errno == ELOOP)
			return follow(walk, name, path.data, err);
		return neap_error_errno(err, errno, "%s %s: enter %s", walk->operation, walk->object,
					path.data);
	}
	if (fstat(fd, &st) < 0) {
		neap_error_errno(err, errno, "%s %s: look at %s", walk->operation, walk->object, path.data);
		close(fd);
		return -1;
	}
	/* Our own directory on a user's ground is fine: no link leads here, and it stays that user's ground.
	 */
	if (foreign != NEAP_LOCAL_OURS && st.st_uid != foreign && !trusted(local, st.st_uid)) {
		close(fd);
		return refuse(walk, path.data, st.st_uid, false, err);
	}
	if (!trusted(local, st.st_uid))
		foreign = st.st_uid;
	dir = dir_new(local, fd, path.data, st.st_dev, foreign);
	remember(local, (struct neap_str){ path.data, path.len }, dir);
	neap_local_dir_unref(walk->at);
	walk->at = dir;
	return 0;
}

/* 0 with walk->at the end of the way, negative, or 1: something on the way is absent. */
static int walk_all(struct walk *walk, struct neap_str asked, struct neap_error **err)
{
	while (true) {
		char name[NAME_MAX + 1];
		size_t len, left;
		int rc = 0;

		while (walk->pos < walk->rest.len && walk->rest.data[walk->pos] == '/')
			walk->pos++;
		if (walk->pos >= walk->rest.len)
			return 0;
		len = strcspn(walk->rest.data + walk->pos, "/");
		if (len > NAME_MAX)
			return neap_error_errno(err, ENAMETOOLONG, "%s %s", walk->operation, walk->object);
		memcpy(name, walk->rest.data + walk->pos, len);
		name[len] = '\0';
		walk->pos += len;
		if (strcmp(name, "..") == 0) {
			/* Not by the kernel's "..": it leads out of the root when a directory is moved. */
			NEAP_AUTO_BUF struct neap_buf path = { 0 };

			neap_buf_puts(&path, walk->at->path);
			restart(walk, neap_path_parent((struct neap_str){ path.data, path.len }));
		} else if (strcmp(name, ".") != 0) {
			rc = enter(walk, name, err);
		}
		if (rc)
			return rc;
		/* Where a link that was asked for has been walked to its end, the asked path leads here too.
		 */
		left = walk->rest.len - walk->pos;
		if (left <= walk->asked && left < asked.len)
			remember(walk->local, (struct neap_str){ asked.data, asked.len - left }, walk->at);
	}
}

int neap_local_dir(struct neap_local *local, const char *operation, const char *object, struct neap_str path,
		   struct neap_local_dir **ret, struct neap_error **err)
{
	struct neap_local_dir *dir;
	struct walk walk;
	size_t known;
	int rc;

	if (path.len <= 1) {
		*ret = local->top;
		return 0;
	}
	if (local->last_dir && local->last_len == path.len && memcmp(local->last, path.data, path.len) == 0) {
		*ret = local->last_dir;
		return 0;
	}
	dir = neap_map_get(&local->dirs, path);
	if (!dir) {
		walk = (struct walk){ .local = local, .operation = operation, .object = object };
		walk.at = longest_known(local, path, &known);
		neap_buf_append(&walk.rest, path.data + known, path.len - known);
		walk.asked = walk.rest.len;
		rc = walk_all(&walk, path, err);
		neap_buf_done(&walk.rest);
		if (rc) {
			neap_local_dir_unref(walk.at);
			if (rc < 0)
				return -1;
			*ret = NULL;
			return 0;
		}
		/* Remembered, so the map keeps it for us. */
		dir = walk.at;
		remember(local, path, dir);
		neap_local_dir_unref(dir);
	}
	if (path.len < sizeof(local->last)) {
		memcpy(local->last, path.data, path.len);
		local->last_len = path.len;
		local->last_dir = dir;
	}
	*ret = dir;
	return 0;
}

int neap_local_parent(struct neap_local *local, const char *operation, const char *path,
		      struct neap_local_dir **ret, const char **ret_name, struct neap_error **err)
{
	struct neap_str text = neap_str(path);

	*ret_name = text.len <= 1 ? "." : strrchr(path, '/') + 1;
	return neap_local_dir(local, operation, path, neap_path_parent(text), ret, err);
}
