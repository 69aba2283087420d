/*
 * One change taking its place, and what must be synced afterwards. It must not know about groups, nor decide
 * whether a change may go on.
 */
#include "host/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/path.h"

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

const char *neap_local_operation(const struct neap_change *change)
{
	static const char *const names[] = {
		[NEAP_CHANGE_WRITE] = "write",   [NEAP_CHANGE_ATTRIBUTES] = "set owner and mode of",
		[NEAP_CHANGE_MKDIR] = "mkdir",   [NEAP_CHANGE_SYMLINK] = "link",
		[NEAP_CHANGE_UNLINK] = "remove", [NEAP_CHANGE_RMDIR] = "rmdir",
		[NEAP_CHANGE_KERNEL] = "set",    [NEAP_CHANGE_FIREWALL] = "change",
		[NEAP_CHANGE_NET] = "change",
	};

	return names[change->kind];
}

/* ---- making it durable --------------------------------------------------------------------------------- */

static void add(struct neap_local_dirty *dirty, dev_t device, int fd)
{
	if (dirty->count == NEAP_LOCAL_SYNC_MAX && !dirty->systems) {
		size_t kept = 0;

		/* One of each file system is enough from now on. */
		dirty->systems = true;
		for (size_t i = 0; i < dirty->count; i++) {
			bool known = false;

			for (size_t j = 0; j < kept; j++)
				known = known || dirty->items[j].device == dirty->items[i].device;
			if (known)
				close(dirty->items[i].fd);
			else
				dirty->items[kept++] = dirty->items[i];
		}
		dirty->count = kept;
	}
	if (dirty->systems)
		for (size_t i = 0; i < dirty->count; i++)
			if (dirty->items[i].device == device) {
				close(fd);
				return;
			}
	if (dirty->count == NEAP_LOCAL_SYNC_MAX) {
		dirty->everything = true;
		close(fd);
		return;
	}
	dirty->items[dirty->count].device = device;
	dirty->items[dirty->count++].fd = fd;
}

static bool system_known(const struct neap_local_dirty *dirty, dev_t device)
{
	for (size_t i = 0; dirty->systems && i < dirty->count; i++)
		if (dirty->items[i].device == device)
			return true;
	return false;
}

void neap_local_touch(struct neap_local_dirty *dirty, struct neap_local_dir *dir)
{
	int fd;

	if (dir->touched == dir->local->commits || system_known(dirty, dir->device))
		return;
	dir->touched = dir->local->commits;
	fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) /* a directory that may be written but not read */
		dirty->everything = true;
	else
		add(dirty, dir->device, fd);
}

int neap_local_sync(struct neap_local_dirty *dirty, struct neap_error **err)
{
	int rc = 0;

	for (size_t i = 0; i < dirty->count; i++) {
		int fd = dirty->items[i].fd;

		/* A directory of a file system that cannot sync one (EINVAL) keeps it by other means. */
		if (rc == 0 && (dirty->systems ? syncfs(fd) : fsync(fd)) < 0 && errno != EINVAL)
			rc = neap_error_errno(err, errno, "sync the changed directories");
		close(fd);
	}
	if (dirty->everything)
		sync();
	*dirty = (struct neap_local_dirty){ 0 };
	return rc;
}

/* ---- names --------------------------------------------------------------------------------------------- */

static int land_error(const struct neap_change *change, int errnum, struct neap_error **err)
{
	const char *operation = neap_local_operation(change), *path = change->path;

	switch (errnum) {
	case EISDIR:
		return neap_error_set(err, "%s %s: is a directory", operation, path);
	case EBUSY:
		neap_error_errno(err, errnum, "%s %s", operation, path);
		return neap_error_hint(
			err, "something is mounted there (in a container: /etc/hosts, /etc/resolv.conf); "
			     "unmount it, or change its source");
	case EXDEV:
		neap_error_errno(err, errnum, "%s %s", operation, path);
		return neap_error_hint(err,
				       "the file system keeps %s apart from the directory above it, as quota "
				       "projects do",
				       path);
	default:
		return neap_error_errno(err, errnum, "%s %s", operation, path);
	}
}

static int parent_of(struct neap_local *local, const struct neap_change *change, struct neap_local_dir **ret,
		     const char **ret_name, struct neap_error **err)
{
	const char *operation = neap_local_operation(change);

	if (neap_local_parent(local, operation, change->path, ret, ret_name, err) < 0)
		return -1;
	if (!*ret)
		return neap_error_set(err, "%s %s: the directory above it does not exist", operation,
				      change->path);
	return 0;
}

/* Some file systems cannot rename without replacing: there it is looked first. */
static int rename_new(int from, const char *temp, int to, const char *name)
{
	struct stat st;

	if (renameat2(from, temp, to, name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (fstatat(to, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	return renameat(from, temp, to, name);
}

/* A directory changes its parent, and for that its owner must be allowed to write in it (root always is). */
static int rename_dir(int from, const char *temp, int to, const char *name, uint32_t mode)
{
	if (rename_new(from, temp, to, name) == 0)
		return 0;
	if (errno != EACCES || (mode & 0200) || fchmodat(from, temp, 0700, 0) < 0 ||
	    rename_new(from, temp, to, name) < 0)
		return -1;
	return fchmodat(to, name, mode & 07777, 0);
}

/* Somebody else works on the same thing. What he wrote is not thrown away. */
static int meanwhile(const struct neap_change *change, const char *what, struct neap_error **err)
{
	neap_error_set(err, "%s %s: it %s while neap was at work, and is left as it is",
		       neap_local_operation(change), change->path, what);
	return neap_error_hint(err, "run neap again: it starts from what is there now");
}

int neap_local_check_stamp(struct neap_local *local, const struct neap_change *change, uint64_t stamp,
			   struct neap_error **err)
{
	struct neap_local_dir *dir;
	const char *name;
	struct stat st;

	if (!stamp)
		return 0;
	if (parent_of(local, change, &dir, &name, err) < 0)
		return -1;
	if (fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? meanwhile(change, "has gone", err) : land_error(change, errno, err);
	return neap_local_stamp(&st) == stamp ? 0 : meanwhile(change, "has changed", err);
}

int neap_local_land_temp(struct neap_local *local, struct neap_local_dirty *dirty,
			 const struct neap_change *change, struct neap_local_temp *temp, bool absent,
			 struct neap_error **err)
{
	char staged[NEAP_LOCAL_TEMP_NAME];
	struct neap_local_dir *dir;
	const char *name;
	int rc;

	if (parent_of(local, change, &dir, &name, err) < 0)
		return -1;
	neap_local_temp_name(temp, change->path, staged);
	if (change->kind == NEAP_CHANGE_MKDIR)
		rc = rename_dir(temp->stage->fd, staged, dir->fd, name, change->mode);
	else if (!absent || (rc = renameat2(temp->stage->fd, staged, dir->fd, name, RENAME_NOREPLACE),
			     rc < 0 && (errno == EINVAL || errno == ENOSYS)))
		rc = renameat(temp->stage->fd, staged, dir->fd, name);
	if (rc < 0 && absent && errno == EEXIST)
		return meanwhile(change, "has appeared", err);
	if (rc < 0)
		return land_error(change, errno, err);
	if (temp->fd >= 0)
		close(temp->fd);
	*temp = (struct neap_local_temp){ .fd = -1 };
	neap_local_touch(dirty, dir);
	neap_local_moved(local, change->path);
	return 0;
}

int neap_local_land_removal(struct neap_local *local, struct neap_local_dirty *dirty,
			    const struct neap_change *change, struct neap_error **err)
{
	struct neap_local_dir *dir;
	const char *name;

	if (neap_local_parent(local, neap_local_operation(change), change->path, &dir, &name, err) < 0)
		return -1;
	/* Somebody was faster: it is gone, as was wanted. */
	if (!dir)
		return 0;
	if (unlinkat(dir->fd, name, change->kind == NEAP_CHANGE_RMDIR ? AT_REMOVEDIR : 0) < 0 &&
	    errno != ENOENT)
		return land_error(change, errno, err);
	neap_local_touch(dirty, dir);
	neap_local_moved(local, change->path);
	return 0;
}

/* ---- attributes ---------------------------------------------------------------------------------------- */

int neap_local_chmod(int fd, uint32_t mode)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (chmod(path, mode) == 0)
		return 0;
	if (errno != ENOENT && errno != ENOTDIR)
		return -1;
	/* No /proc here. */
	return (int)syscall(SYS_fchmodat2, fd, "", mode, AT_EMPTY_PATH);
}

/*
 * Never wider than both the old and the new mode allow: before the owner changes, what only one of them
 * grants is taken away; what is new is granted last. The sticky bit only forbids, so it stays to the end. A
 * change of owner drops set-user-ID and set-group-ID, so the mode comes last also when it is to stay. What
 * fails is taken back.
 */
static int set_attributes(const struct neap_change *change, int fd, const struct stat *st,
			  struct neap_error **err)
{
	uint32_t old = st->st_mode & 07777, mode = change->mode == NEAP_KEEP ? old : change->mode & 07777;
	uint32_t uid = change->uid == st->st_uid ? NEAP_KEEP : change->uid;
	uint32_t gid = change->gid == st->st_gid ? NEAP_KEEP : change->gid;
	bool owners = uid != NEAP_KEEP || gid != NEAP_KEEP;
	uint32_t between = (old & mode & 0777) | ((old | mode) & S_ISVTX);

	if (!owners && mode == old)
		return 0;
	if (owners && between != old && neap_local_chmod(fd, between) < 0)
		return neap_error_errno(err, errno, "chmod %s to %04o", change->path, between);
	if (owners && fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0) {
		neap_error_errno(err, errno, "chown %s to %u:%u", change->path,
				 uid == NEAP_KEEP ? st->st_uid : uid, gid == NEAP_KEEP ? st->st_gid : gid);
		if (between != old)
			neap_local_chmod(fd, old);
		return -1;
	}
	if ((!owners || between != mode) && neap_local_chmod(fd, mode) < 0) {
		neap_error_errno(err, errno, "chmod %s to %04o", change->path, mode);
		if (owners && fchownat(fd, "", st->st_uid, st->st_gid, AT_EMPTY_PATH) == 0)
			neap_local_chmod(fd, old);
		return -1;
	}
	return 0;
}

int neap_local_land_attributes(struct neap_local *local, struct neap_local_dirty *dirty,
			       const struct neap_change *change, struct neap_error **err)
{
	const char *operation = neap_local_operation(change), *name;
	struct neap_local_dir *dir;
	struct stat st;
	int fd, real, rc = -1;

	if (parent_of(local, change, &dir, &name, err) < 0)
		return -1;
	fd = openat(dir->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return land_error(change, errno, err);
	if (fstat(fd, &st) < 0)
		land_error(change, errno, err);
	else if (S_ISLNK(st.st_mode))
		neap_error_set(err, "%s %s: is a link", operation, change->path);
	else if (dir->foreign != NEAP_LOCAL_OURS && !S_ISDIR(st.st_mode) && st.st_nlink > 1 &&
		 st.st_uid != dir->foreign)
		/* Such a user may have made the second name, of a file that we would hand over. */
		neap_error_set(
			err,
			"%s %s: it has %llu names, lies in a directory of user %u and belongs to user %u",
			operation, change->path, (unsigned long long)st.st_nlink, dir->foreign, st.st_uid);
	else
		rc = set_attributes(change, fd, &st, err);
	close(fd);
	if (rc < 0)
		return -1;
	if (system_known(dirty, st.st_dev))
		return 0;
	/* It is the inode that must be synced. A device is never opened for it. */
	real = S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)
		       ? openat(dir->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
		       : -1;
	if (real >= 0)
		add(dirty, st.st_dev, real);
	else
		dirty->everything = true;
	return 0;
}
