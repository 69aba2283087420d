/*
 * neap's own state on the machine; this and state_*.c are what writes it. It must not know what is staged or
 *backed up, nor why.
 *
 *	lock     flock'ed for the length of a run; says pid and time for the message, see record.h. The
 *	         kernel drops it on death, so a stale one cannot be.
 *	stages   paths that may be left behind, each ended by a NUL; durable before the thing is made
 *	backup/  replaced files: <digest of the path>-<name>/<time>-<n>
 *	journal  see state_journal.c
 *	cache/   see state_cache.c
 *	downloads/  see state_downloads.c
 *	last-run.json  see state_record.c
 */
#include "host/state_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/digest.h"
#include "base/str.h"
#include "host/local.h"

#define STAGES_MAX ((size_t)16 << 20)

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* ---- the directory ------------------------------------------------------------------------------------- */

/* "/" when `root` is NULL; without the slashes at its end. */
static struct neap_str root_of(const char *root)
{
	struct neap_str text = neap_str(root ? root : "/");

	while (text.len && text.data[text.len - 1] == '/')
		text.len--;
	return text;
}

static bool lies_below(const char *path, struct neap_str root)
{
	return strncmp(path, root.data, root.len) == 0 && path[root.len] == '/';
}

/* Goes into `name` below `at`, making it when absent if `make`. `strict`: through no link. */
static int step_into(int at, const char *name, bool last, bool strict, bool make)
{
	int flags = O_PATH | O_DIRECTORY | O_CLOEXEC | (strict ? O_NOFOLLOW : 0);
	/* Parents are everybody's for root and in an image, and the user's own in a home. */
	mode_t mode = last || (geteuid() != 0 && !strict) ? 0700 : 0755;
	int fd = openat(at, name, flags);
	mode_t mask;
	bool there;

	if (fd >= 0 || errno != ENOENT || !make)
		return fd;
	/* In one call: killed after it, no run leaves a /var that is closed to all. */
	mask = umask(0);
	there = mkdirat(at, name, mode) == 0 || errno == EEXIST;
	umask(mask);
	return there ? openat(at, name, flags) : -1;
}

/* Below a root that is not "/" no link is followed: those of an image lead out of it. */
int neap_state_directory(const char *directory, const char *root_path, bool make, struct neap_error **err)
{
	struct neap_str root = root_of(root_path);
	bool below = root.len && lies_below(directory, root);
	size_t at = below ? root.len : 0;
	const char *verb = make ? "make" : "open";
	NEAP_AUTO_BUF struct neap_buf start = { 0 };
	int fd, next;

	if (below)
		neap_buf_append(&start, root.data, root.len);
	else
		neap_buf_puts(&start, directory[0] == '/' ? "/" : ".");
	fd = open(start.data, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return neap_error_errno(err, errno, "open %s", start.data);
	while (true) {
		char name[NAME_MAX + 1];
		size_t len;

		at += strspn(directory + at, "/");
		len = strcspn(directory + at, "/");
		if (!len)
			break;
		if (len > NAME_MAX) {
			close(fd);
			return neap_error_errno(err, ENAMETOOLONG, "%s the state directory %s", verb,
						directory);
		}
		memcpy(name, directory + at, len);
		name[len] = '\0';
		at += len;
		next = step_into(fd, name, !directory[at + strspn(directory + at, "/")], below, make);
		if (next < 0) {
			int errnum = errno;
			struct stat st;
			bool is_link = below && fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
				       S_ISLNK(st.st_mode);

			close(fd);
			if (is_link) {
				neap_error_set(err, "%s the state directory %s: %.*s is a link", verb,
					       directory, (int)at, directory);
				return neap_error_hint(err, "give another place with --state-dir");
			}
			return neap_error_errno(err, errnum, "%s the state directory %s: %.*s", verb,
						directory, (int)at, directory);
		}
		close(fd);
		fd = next;
	}
	next = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (next < 0)
		neap_error_errno(err, errno, "open the state directory %s", directory);
	close(fd);
	return next;
}

int neap_state_check_directory(int fd, const char *directory, struct neap_error **err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return neap_error_errno(err, errno, "stat the state directory %s", directory);
	if (st.st_uid != geteuid()) {
		neap_error_set(err, "state directory %s: belongs to user %u", directory, st.st_uid);
		return neap_error_hint(err, "run as that user, or give another place with --state-dir");
	}
	if (st.st_mode & 022) {
		neap_error_set(err, "state directory %s: others may write in it (mode %04o)", directory,
			       st.st_mode & 07777);
		return neap_error_hint(err, "make sure that nothing foreign is in it, then: chmod 0700 %s",
				       directory);
	}
	return 0;
}

char *neap_state_default_directory(const char *root)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	NEAP_AUTO_BUF struct neap_buf path = { 0 };
	char *result;

	if (root) {
		struct neap_str text = root_of(root);

		neap_buf_append(&path, text.data, text.len);
		neap_buf_puts(&path, "/var/lib/neap");
	} else if (geteuid() == 0) {
		neap_buf_puts(&path, "/var/lib/neap");
	} else if (state && state[0] == '/') {
		neap_buf_printf(&path, "%s/neap", state);
	} else {
		if (!home || home[0] != '/') {
			const struct passwd *user = getpwuid(geteuid());

			home = user ? user->pw_dir : "/";
		}
		neap_buf_printf(&path, "%s/.local/state/neap", home);
	}
	result = path.data;
	path = (struct neap_buf){ 0 };
	return result;
}

/* ---- what may be left behind --------------------------------------------------------------------------- */

/* The directory above `path`, through no link; *ret_name points into it. Nothing but a plain path as we write
 * them is followed. */
static int open_above(const char *path, const char **ret_name)
{
	int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), next;

	while (fd >= 0) {
		char name[NAME_MAX + 1];
		size_t len;

		path += *path == '/';
		len = strcspn(path, "/");
		if (!path[len]) {
			*ret_name = path;
			return fd;
		}
		if (!len || len > NAME_MAX) {
			close(fd);
			return -1;
		}
		memcpy(name, path, len);
		name[len] = '\0';
		next = strcmp(name, "..") == 0
			       ? -1
			       : openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		close(fd);
		fd = next;
		path += len;
	}
	return -1;
}

/* Removes one leftover. False: it must stay in the record. What is not ours, or is not there, is none. */
static bool remove_stage(const char *path, struct neap_str root)
{
	const char *name = strrchr(path, '/');
	bool gone = true;
	int above, fd;
	struct stat st;

	if (path[0] != '/' || (strncmp(name + 1, NEAP_STAGE_PREFIX, strlen(NEAP_STAGE_PREFIX)) != 0 &&
			       strncmp(name + 1, NEAP_TEMP_PREFIX, strlen(NEAP_TEMP_PREFIX)) != 0))
		return true;
	if (!lies_below(path, root)) /* of a run with another root */
		return false;
	above = open_above(path, &name);
	if (above < 0)
		return true;
	fd = openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid()) {
		/* A run with another state directory may be using it. */
		gone = (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) &&
		       neap_local_empty(fd) == 0 &&
		       (unlinkat(above, name, AT_REMOVEDIR) == 0 || errno == ENOENT);
	}
	close_fd(fd);
	close(above);
	return gone;
}

static int clean_stages(struct neap_state *state, struct neap_str root, struct neap_error **err)
{
	NEAP_AUTO_BUF struct neap_buf record = { 0 };
	size_t at = 0, whole = 0;
	bool all = true;
	ssize_t got;

	state->stages =
		openat(state->fd, "stages", O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (state->stages < 0)
		return neap_error_errno(err, errno, "open %s/stages", state->directory);
	do {
		got = pread(state->stages, neap_buf_reserve(&record, 65536), 65536, (off_t)record.len);
		if (got > 0)
			record.len += (size_t)got;
	} while ((got > 0 && record.len < STAGES_MAX) || (got < 0 && errno == EINTR));
	if (got < 0)
		return neap_error_errno(err, errno, "read %s/stages", state->directory);
	/* A last one without its NUL was never finished, and so what it names never made. */
	while (at < record.len) {
		const char *path = record.data + at;
		size_t len = strnlen(path, record.len - at);

		if (at + len == record.len)
			break;
		at += len + 1;
		whole = at;
		if (len && len < PATH_MAX && !remove_stage(path, root))
			all = false;
	}
	state->kept = all ? 0 : (off_t)whole;
	state->end = (off_t)record.len;
	return neap_state_forget_stages(state, err);
}

int neap_state_forget_stages(struct neap_state *state, struct neap_error **err)
{
	if (state->end == state->kept)
		return 0;
	if (ftruncate(state->stages, state->kept) < 0)
		return neap_error_errno(err, errno, "truncate %s/stages", state->directory);
	state->end = state->kept;
	return 0;
}

int neap_state_note_stage(struct neap_state *state, const char *path, struct neap_error **err)
{
	size_t size = strlen(path) + 1;
	bool first = state->end == 0;

	errno = 0;
	if (write(state->stages, path, size) != (ssize_t)size || fdatasync(state->stages) < 0 ||
	    (first && fsync(state->fd) < 0)) {
		neap_error_errno(err, errno ? errno : ENOSPC, "write %s/stages", state->directory);
		/* No half record may stand before the next one. */
		if (ftruncate(state->stages, state->end) < 0)
			state->end += (off_t)size;
		return -1;
	}
	state->end += (off_t)size;
	return 0;
}

/* ---- opening ------------------------------------------------------------------------------------------- */

int neap_state_open(const char *directory, const char *root, unsigned wait, struct neap_state **ret,
		    struct neap_error **err)
{
	struct neap_state *state = neap_alloc(sizeof(*state));
	/* Links in the root's own path are those of its caller; noted paths are real. */
	char *real = realpath(root ? root : "/", NULL);
	size_t size = strlen(directory) + 1;
	int rc = -1;

	*state = (struct neap_state){ .fd = -1, .lock = -1, .stages = -1, .journal = -1 };
	state->directory = memcpy(neap_alloc(size), directory, size);
	if (!real) {
		neap_error_errno(err, errno, "open the root %s", root);
	} else {
		state->fd = neap_state_directory(directory, root, true, err);
		if (state->fd >= 0 && neap_state_check_directory(state->fd, directory, err) == 0)
			rc = neap_state_lock(state, wait, err);
		if (rc == 0)
			rc = clean_stages(state, root_of(real), err);
		if (rc == 0)
			neap_state_sweep_downloads(state);
	}
	free(real);
	if (rc < 0)
		neap_state_close(state);
	else
		*ret = state;
	return rc;
}

void neap_state_close(struct neap_state *state)
{
	if (!state)
		return;
	close_fd(state->journal);
	close_fd(state->stages);
	close_fd(state->lock);
	close_fd(state->fd);
	neap_map_done(&state->owed);
	neap_arena_free(state->words);
	free(state->directory);
	free(state->real);
	free(state);
}

const char *neap_state_path(struct neap_state *state)
{
	if (!state->real)
		state->real = realpath(state->directory, NULL);
	return state->real ? state->real : state->directory;
}

/* ---- backups ------------------------------------------------------------------------------------------- */

int neap_state_sub_directory(int at, const char *name)
{
	if (mkdirat(at, name, 0700) == 0) {
		if (fsync(at) < 0)
			return -1;
	} else if (errno != EEXIST) {
		return -1;
	}
	return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int copy(int from, int to)
{
	NEAP_AUTO_FREE char *bytes = neap_alloc(65536);
	off_t at = 0;

	while (true) {
		ssize_t got = pread(from, bytes, 65536, at), done = 0;

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return (int)got;
		at += got;
		while (done < got) {
			ssize_t wrote = write(to, bytes + done, (size_t)(got - done));

			if (wrote < 0 && errno == EINTR)
				continue;
			if (wrote < 0)
				return -1;
			done += wrote;
		}
	}
}

/* A new file named by the time; its name in `name`. */
static int new_backup(int at, char name[48])
{
	time_t now = time(NULL);
	struct tm utc;
	char stamp[24];

	gmtime_r(&now, &utc);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &utc);
	for (unsigned n = 1;; n++) {
		int fd;

		snprintf(name, 48, "%s-%u", stamp, n);
		fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd >= 0 || errno != EEXIST)
			return fd;
	}
}

int neap_state_backup(struct neap_state *state, const char *path, int fd, struct neap_error **err)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	char folder[256], name[48], hex[NEAP_DIGEST_HEX_SIZE];
	uint8_t digest[NEAP_DIGEST_SIZE];
	int all, one = -1, to = -1, rc = -1;

	neap_digest(path, strlen(path), digest);
	neap_digest_hex(digest, hex);
	snprintf(folder, sizeof(folder), "%.16s-%.200s", hex, base);
	all = neap_state_sub_directory(state->fd, "backup");
	if (all >= 0)
		one = neap_state_sub_directory(all, folder);
	if (one >= 0)
		to = new_backup(one, name);
	if (to >= 0) {
		rc = copy(fd, to);
		if (rc == 0)
			rc = fsync(to);
		if (rc == 0)
			rc = fsync(one);
	}
	if (rc < 0) {
		neap_error_errno(err, errno, "back up %s below %s/backup", path, state->directory);
		if (to >= 0)
			unlinkat(one, name, 0);
	}
	close_fd(to);
	close_fd(one);
	close_fd(all);
	return rc;
}
