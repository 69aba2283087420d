/*
 * Staging directories, and the temps written in them. It must not know in which order things land.
 *
 * A temp never lies in a directory that somebody watches (the kubelet runs what appears among its manifests),
 * so for each file system there is one private directory, `.neap-stage-UID`, in the topmost directory of it
 * in which the caller may create. It is 0700 and locked (flock) while in use: another run that finds it busy
 * takes the next level down, and where none is left a `.neap-tmp-…` directory beside the target. Each is
 * written down in the state before it is made, and removed at the end of the commit; what a dead run left is
 * removed by the next neap_state_open().
 *
 * "One file system" means the same mount and the same device: a rename between two subvolumes of one btrfs
 * mount fails as one between mounts does.
 *
 * A new file gets its owner and mode, and no ACL: a default ACL of the directory it will lie in is not
 * applied, nor is that of the directory above the staging directory inherited.
 */
#include "host/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/path.h"

#define COPY_SIZE ((size_t)256 << 10)
#define LEVELS_MAX 64 /* directories looked at on the way up */

/* ---- the directory ------------------------------------------------------------------------------------- */

static int write_down(struct neap_local *local, const struct neap_local_dir *dir, const char *name,
		      struct neap_error **err)
{
	NEAP_AUTO_BUF struct neap_buf path = { 0 };

	neap_buf_printf(&path, "%s%s/%s", local->root, dir->path[1] ? dir->path : "", name);
	return neap_state_note_stage(local->state, path.data, err);
}

/* What is made in it must inherit nothing. */
static int make_plain(int fd)
{
	if (fchmod(fd, 0700) < 0)
		return -1;
	if (fremovexattr(fd, "system.posix_acl_default") < 0 && errno != ENODATA && errno != EOPNOTSUPP)
		return -1;
	if (fremovexattr(fd, "system.posix_acl_access") < 0 && errno != ENODATA && errno != EOPNOTSUPP)
		return -1;
	return 0;
}

/* Opens and locks `name` in `dir`, made when absent. The descriptor, or -1 when it cannot be had. */
static int take(struct neap_local *local, const struct neap_local_dir *dir, const char *name)
{
	for (int i = 0; i < 3; i++) {
		bool made = mkdirat(dir->fd, name, 0700) == 0;
		struct stat st, now;
		int fd, errnum;

		if (!made && errno != EEXIST)
			return -1;
		fd = openat(dir->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0) {
			errnum = errno;
			if (errnum == ENOENT)
				continue;
			if (made)
				unlinkat(dir->fd, name, AT_REMOVEDIR);
			errno = errnum;
			return -1;
		}
		/* A file system without locks has no busy ones. */
		if (fstat(fd, &st) < 0 || (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK))
			goto failed;
		errno = EEXIST;
		if (st.st_uid != local->uid || (!made && (st.st_mode & 07777) != 0700))
			goto failed;
		/* The run that held it before us may have removed it. */
		if (fstatat(dir->fd, name, &now, AT_SYMLINK_NOFOLLOW) < 0 || now.st_ino != st.st_ino ||
		    now.st_dev != st.st_dev) {
			close(fd);
			continue;
		}
		/* Nobody alive uses what lies in one that could be locked. */
		if (make_plain(fd) < 0 || (!made && neap_local_empty(fd) < 0))
			goto failed;
		return fd;
	failed:
		errnum = errno;
		close(fd);
		errno = errnum;
		return -1;
	}
	errno = EBUSY;
	return -1;
}

/* 0, or 1: not here (errno says why), or negative. */
static int settle(struct neap_local *local, struct neap_local_stage *stage, struct neap_local_dir *dir,
		  const char *name, struct neap_error **err)
{
	size_t size = strlen(dir->path) + 1;
	int fd;

	if (faccessat(dir->fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
		return 1;
	if (write_down(local, dir, name, err) < 0)
		return -1;
	fd = take(local, dir, name);
	if (fd < 0)
		return 1;
	stage->fd = fd;
	stage->parent = neap_local_dir_ref(dir);
	stage->known = false; /* `next` goes on: temps of one that was lost shall not meet new ones */
	free(stage->where);
	stage->where = memcpy(neap_alloc(size), dir->path, size);
	if (stage->name != name)
		snprintf(stage->name, sizeof(stage->name), "%s", name);
	return 0;
}

/* From `dir` up to the topmost of its file system; `ret` gets references, the topmost last. */
static size_t levels(struct neap_local *local, struct neap_local_dir *dir,
		     struct neap_local_dir *ret[LEVELS_MAX])
{
	size_t count = 0;

	ret[count++] = neap_local_dir_ref(dir);
	while (ret[count - 1]->path[1]) {
		struct neap_local_dir *last = ret[count - 1], *up;

		if (neap_local_dir(local, "stage", last->path, neap_path_parent(neap_str(last->path)), &up,
				   NULL) < 0 ||
		    !up || up->device != last->device ||
		    neap_local_dir_mount(up) != neap_local_dir_mount(last))
			break;
		if (count == LEVELS_MAX) { /* keep the lowest and the highest */
			neap_local_dir_unref(ret[LEVELS_MAX - 1]);
			count--;
		}
		ret[count++] = neap_local_dir_ref(up);
	}
	return count;
}

static int find_place(struct neap_local *local, struct neap_local_stage *stage, struct neap_local_dir *dir,
		      struct neap_error **err)
{
	struct neap_local_dir *up[LEVELS_MAX];
	size_t count = levels(local, dir, up);
	char name[64];
	int rc = 1;

	snprintf(name, sizeof(name), NEAP_STAGE_PREFIX "%u", local->uid);
	for (size_t i = count; rc > 0 && i-- > 0;)
		rc = settle(local, stage, up[i], name, err);
	if (rc > 0) {
		uint64_t random = (uint64_t)getpid();

		if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
			random ^= (uint64_t)time(NULL) << 32;
		snprintf(name, sizeof(name), NEAP_TEMP_PREFIX "%016llx", (unsigned long long)random);
		rc = settle(local, stage, dir, name, err);
	}
	for (size_t i = 0; i < count; i++) {
		int errnum = errno;

		neap_local_dir_unref(up[i]);
		errno = errnum;
	}
	return rc;
}

/* The place that served the last commit, as long as it is still one. */
static int same_place(struct neap_local *local, struct neap_local_stage *stage, struct neap_error **err)
{
	struct neap_local_dir *dir;
	int rc;

	if (strncmp(stage->name, NEAP_STAGE_PREFIX, strlen(NEAP_STAGE_PREFIX)) != 0 ||
	    neap_local_dir(local, "stage", stage->where, neap_str(stage->where), &dir, NULL) < 0 || !dir ||
	    dir->device != stage->device || neap_local_dir_mount(dir) != stage->mount)
		return 1;
	neap_local_dir_ref(dir);
	rc = settle(local, stage, dir, stage->name, err);
	neap_local_dir_unref(dir);
	return rc;
}

int neap_local_stage(struct neap_local *local, struct neap_local_dir *dir, const char *operation,
		     const char *path, struct neap_local_stage **ret, struct neap_error **err)
{
	uint64_t mount = neap_local_dir_mount(dir);
	struct neap_local_stage *stage = NULL;
	int rc = 1;

	for (size_t i = 0; i < local->stages.count && !stage; i++)
		if (local->stages.items[i]->mount == mount && local->stages.items[i]->device == dir->device)
			stage = local->stages.items[i];
	if (stage && stage->fd >= 0) {
		*ret = stage;
		return 0;
	}
	neap_local_dir_ref(dir);
	if (stage) {
		rc = same_place(local, stage, err);
	} else {
		stage = neap_alloc(sizeof(*stage));
		*stage = (struct neap_local_stage){ .mount = mount, .device = dir->device, .fd = -1 };
		neap_vec_push(&local->stages, stage);
	}
	if (rc > 0)
		rc = find_place(local, stage, dir, err);
	if (rc > 0)
		neap_error_errno(err, errno, "%s %s: make a staging directory in %s", operation, path,
				 dir->path);
	neap_local_dir_unref(dir);
	if (rc)
		return -1;
	*ret = stage;
	return 0;
}

static void let_go(struct neap_local_stage *stage)
{
	close(stage->fd); /* and unlocks */
	stage->fd = -1;
	neap_local_dir_unref(stage->parent);
	stage->parent = NULL;
}

void neap_local_stages_check(struct neap_local *local)
{
	for (size_t i = 0; i < local->stages.count; i++) {
		struct neap_local_stage *stage = local->stages.items[i];
		struct stat st, now;

		if (stage->fd >= 0 &&
		    (fstat(stage->fd, &st) < 0 ||
		     fstatat(stage->parent->fd, stage->name, &now, AT_SYMLINK_NOFOLLOW) < 0 ||
		     now.st_ino != st.st_ino || now.st_dev != st.st_dev))
			let_go(stage);
	}
}

bool neap_local_stages_done(struct neap_local *local)
{
	bool all = true;

	for (size_t i = 0; i < local->stages.count; i++) {
		struct neap_local_stage *stage = local->stages.items[i];

		if (stage->fd < 0)
			continue;
		/* Temps of changes that did not land are still in it. */
		if (unlinkat(stage->parent->fd, stage->name, AT_REMOVEDIR) < 0 &&
		    (neap_local_empty(stage->fd) < 0 ||
		     unlinkat(stage->parent->fd, stage->name, AT_REMOVEDIR) < 0))
			all = false;
		let_go(stage);
	}
	return all;
}

/* ---- temps --------------------------------------------------------------------------------------------- */

void neap_local_temp_name(const struct neap_local_temp *temp, const char *path,
			  char ret[NEAP_LOCAL_TEMP_NAME])
{
	if (temp->nested)
		snprintf(ret, NEAP_LOCAL_TEMP_NAME, "%08x.d/%s", temp->number, strrchr(path, '/') + 1);
	else
		snprintf(ret, NEAP_LOCAL_TEMP_NAME, "%08x", temp->number);
}

void neap_local_temp_discard(struct neap_local_temp *temp, const struct neap_change *change)
{
	char name[NEAP_LOCAL_TEMP_NAME];

	if (!temp->stage)
		return;
	neap_local_temp_name(temp, change->path, name);
	unlinkat(temp->stage->fd, name, change->kind == NEAP_CHANGE_MKDIR ? AT_REMOVEDIR : 0);
	if (temp->fd >= 0)
		close(temp->fd);
	*temp = (struct neap_local_temp){ .fd = -1 };
}

bool neap_local_temp_there(const struct neap_local_temp *temp, const struct neap_change *change)
{
	char name[NEAP_LOCAL_TEMP_NAME];
	struct stat st;

	if (temp->stage->fd < 0)
		return false;
	neap_local_temp_name(temp, change->path, name);
	return fstatat(temp->stage->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void remember_made(struct neap_local_temp *temp, const struct stat *st)
{
	temp->made.device = st->st_dev;
	temp->made.inode = st->st_ino;
	temp->made.mode = st->st_mode;
	temp->made.uid = st->st_uid;
	temp->made.gid = st->st_gid;
	temp->made.mtime = st->st_mtim;
	temp->made.ctime = st->st_ctim;
}

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool same_bytes(int fd, const struct neap_content *content)
{
	NEAP_AUTO_FREE char *bytes = neap_alloc(COPY_SIZE);
	struct neap_digest_state *state = neap_digest_begin();
	uint8_t digest[NEAP_DIGEST_SIZE];
	uint64_t total = 0;
	bool same = true;

	while (same) {
		ssize_t got = read(fd, bytes, COPY_SIZE);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			same = got == 0 && total == content->size;
			break;
		}
		same = content->size - total >= (uint64_t)got &&
		       (!content->data || memcmp(bytes, content->data + total, (size_t)got) == 0);
		if (!content->data)
			neap_digest_update(state, bytes, (size_t)got);
		total += (uint64_t)got;
	}
	neap_digest_end(state, digest);
	return same &&
	       (content->data || !content->size || memcmp(digest, content->digest, sizeof(digest)) == 0);
}

/* The clocks of file systems tick coarsely, and inodes are used again: unchanged times prove nothing of a
 * file that was made just now, so its bytes are compared too. */
bool neap_local_temp_intact(const struct neap_local_temp *temp, const struct neap_change *change)
{
	char name[NEAP_LOCAL_TEMP_NAME];
	struct stat st;
	bool same;
	int fd;

	if (temp->stage->fd < 0)
		return false;
	neap_local_temp_name(temp, change->path, name);
	if (fstatat(temp->stage->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_dev != temp->made.device || st.st_ino != temp->made.inode ||
	    st.st_mode != temp->made.mode || st.st_uid != temp->made.uid || st.st_gid != temp->made.gid ||
	    (uint64_t)st.st_size != change->content.size || !same_time(st.st_mtim, temp->made.mtime) ||
	    !same_time(st.st_ctim, temp->made.ctime))
		return false;
	fd = openat(temp->stage->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0) /* of a mode that not even its owner may read */
		return errno == EACCES;
	same = same_bytes(fd, &change->content);
	close(fd);
	return same;
}

static int write_all(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t done = write(fd, data, size);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -1;
		data += done;
		size -= (size_t)done;
	}
	return 0;
}

/* Bytes that are not held come from where the digest was taken of them, and must still be those. */
struct origin {
	const struct neap_stream *stream; /* or … */
	void *reader;
	int fd; /* … of the file `name` */
	const char *name;
};

static int open_origin(const struct neap_change *change, struct origin *ret, struct neap_error **err)
{
	const struct neap_content *content = &change->content;
	struct origin origin = { .stream = content->stream, .name = content->source, .fd = -1 };

	if (origin.stream && origin.stream->open(origin.stream->ctx, &origin.reader, err) < 0)
		return -1;
	if (!origin.stream && !origin.name)
		return neap_error_set(err, "write %s: its content is not at hand", change->path);
	if (!origin.stream) {
		origin.fd = open(origin.name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (origin.fd < 0)
			return neap_error_errno(err, errno, "open %s", origin.name);
	}
	*ret = origin;
	return 0;
}

static ssize_t read_origin(const struct origin *origin, char *bytes, struct neap_error **err)
{
	ssize_t got;

	if (origin->stream)
		return origin->stream->read(origin->reader, bytes, COPY_SIZE, err);
	do {
		got = read(origin->fd, bytes, COPY_SIZE);
	} while (got < 0 && errno == EINTR);
	return got < 0 ? neap_error_errno(err, errno, "read %s", origin->name) : got;
}

static void close_origin(struct origin *origin)
{
	if (origin->stream)
		origin->stream->close(origin->reader);
	else
		close(origin->fd);
}

static int copy_source(int fd, const struct neap_change *change, struct neap_error **err)
{
	const struct neap_content *content = &change->content;
	NEAP_AUTO_FREE char *bytes = neap_alloc(COPY_SIZE);
	uint8_t digest[NEAP_DIGEST_SIZE];
	struct neap_digest_state *state;
	struct origin origin = { .fd = -1 };
	uint64_t total = 0;
	int rc = 0;

	if (open_origin(change, &origin, err) < 0)
		return -1;
	state = neap_digest_begin();
	while (rc == 0) {
		ssize_t got = read_origin(&origin, bytes, err);

		if (got < 0)
			rc = -1;
		if (got <= 0)
			break;
		total += (uint64_t)got;
		if (total > content->size)
			break;
		neap_digest_update(state, bytes, (size_t)got);
		if (write_all(fd, bytes, (size_t)got) < 0)
			rc = neap_error_errno(err, errno, "write %s", change->path);
	}
	close_origin(&origin);
	neap_digest_end(state, digest);
	if (rc == 0 && (total != content->size || memcmp(digest, content->digest, sizeof(digest)) != 0)) {
		neap_error_set(err, "write %s: its source%s%s changed while it was read", change->path,
			       origin.name ? " " : "", origin.name ? origin.name : "");
		rc = neap_error_hint(err, "run again when nobody writes to it");
	}
	return rc;
}

/* Those that speak about the bytes, not about the file, do not fit the new ones. */
static bool describes_bytes(const char *name)
{
	return strcmp(name, "security.ima") == 0 || strcmp(name, "security.evm") == 0;
}

/* Extended attributes, POSIX ACLs among them. */
static int copy_xattrs(int from, int to, const char *path, struct neap_error **err)
{
	NEAP_AUTO_FREE char *names = NULL;
	NEAP_AUTO_FREE char *value = NULL;
	ssize_t len;

	if (from < 0)
		return 0;
	len = flistxattr(from, NULL, 0);
	if (len == 0 || (len < 0 && errno == EOPNOTSUPP))
		return 0;
	if (len > 0) {
		names = neap_alloc(XATTR_LIST_MAX);
		value = neap_alloc(XATTR_SIZE_MAX);
		len = flistxattr(from, names, XATTR_LIST_MAX);
	}
	if (len < 0)
		return neap_error_errno(err, errno, "list the extended attributes of %s", path);
	for (const char *name = names; name < names + len; name += strlen(name) + 1) {
		ssize_t size;

		if (describes_bytes(name))
			continue;
		size = fgetxattr(from, name, value, XATTR_SIZE_MAX);
		if (size < 0 && errno == ENODATA)
			continue;
		if (size < 0 || fsetxattr(to, name, value, (size_t)size, 0) < 0)
			return neap_error_errno(err, errno, "keep the extended attribute %s of %s", name,
						path);
	}
	return 0;
}

/* Who owns what is made here: mostly the caller, but mounts may decide otherwise. Asked once. */
static int learn_owner(struct neap_local_stage *stage, int at, const char *name)
{
	struct stat st;

	if (stage->known)
		return 0;
	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0)
		return -1;
	stage->uid = st.st_uid;
	stage->gid = st.st_gid;
	stage->known = true;
	return 0;
}

static uint32_t differs(uint32_t wanted, uint32_t is)
{
	return wanted == is ? UINT32_MAX
			    : wanted; /* (uid_t)-1 leaves it alone; NEAP_KEEP is the same number */
}

/* Open while it is 0600 and nameless to all others, then owner, then what an owner's change would take away:
 * attributes, and last the mode. */
static int fill(struct neap_local_stage *stage, int fd, const struct neap_change *change, int old,
		struct neap_error **err)
{
	uint32_t uid, gid;

	if (change->content.data && write_all(fd, change->content.data, (size_t)change->content.size) < 0)
		return neap_error_errno(err, errno, "write %s", change->path);
	if (!change->content.data && change->content.size && copy_source(fd, change, err) < 0)
		return -1;
	if (learn_owner(stage, fd, "") < 0)
		return neap_error_errno(err, errno, "stat the new %s", change->path);
	uid = differs(change->uid, stage->uid);
	gid = differs(change->gid, stage->gid);
	if ((uid != UINT32_MAX || gid != UINT32_MAX) && fchown(fd, uid, gid) < 0)
		return neap_error_errno(err, errno, "chown %s to %u:%u", change->path, change->uid,
					change->gid);
	if (copy_xattrs(old, fd, change->path, err) < 0)
		return -1;
	if (fchmod(fd, change->mode & 07777) < 0)
		return neap_error_errno(err, errno, "chmod %s to %04o", change->path, change->mode);
	return 0;
}

int neap_local_stage_file(struct neap_local_stage *stage, const struct neap_change *change, int old,
			  struct neap_local_temp *ret, struct neap_error **err)
{
	struct neap_local_temp temp = {
		.stage = stage, .number = stage->next++, .nested = change->validate, .fd = -1
	};
	char name[NEAP_LOCAL_TEMP_NAME], folder[16];
	struct stat st;

	if (change->mode == NEAP_KEEP) /* would read as all bits */
		return neap_error_set(err, "write %s: its mode was not decided", change->path);
	neap_local_temp_name(&temp, change->path, name);
	if (temp.nested) {
		snprintf(folder, sizeof(folder), "%08x.d", temp.number);
		if (mkdirat(stage->fd, folder, 0700) < 0)
			return neap_error_errno(err, errno, "write %s: make a directory for its validation",
						change->path);
	}
	temp.fd = openat(stage->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (temp.fd < 0)
		return neap_error_errno(err, errno, "write %s: make a temporary file", change->path);
	if (fill(stage, temp.fd, change, old, err) < 0) {
		neap_local_temp_discard(&temp, change);
		return -1;
	}
	if (temp.nested && fstat(temp.fd, &st) < 0) {
		neap_error_errno(err, errno, "stat the new %s", change->path);
		neap_local_temp_discard(&temp, change);
		return -1;
	}
	if (temp.nested)
		remember_made(&temp, &st);
	*ret = temp;
	return 0;
}

int neap_local_stage_dir(struct neap_local_stage *stage, const struct neap_change *change,
			 struct neap_local_temp *ret, struct neap_error **err)
{
	struct neap_local_temp temp = { .stage = stage, .number = stage->next++, .fd = -1 };
	char name[NEAP_LOCAL_TEMP_NAME];
	uint32_t uid, gid;
	int rc;

	if (change->mode == NEAP_KEEP)
		return neap_error_set(err, "mkdir %s: its mode was not decided", change->path);
	neap_local_temp_name(&temp, change->path, name);
	if (mkdirat(stage->fd, name, 0700) < 0)
		return neap_error_errno(err, errno, "mkdir %s: make a temporary directory", change->path);
	rc = learn_owner(stage, stage->fd, name);
	uid = differs(change->uid, stage->uid);
	gid = differs(change->gid, stage->gid);
	if (rc < 0)
		neap_error_errno(err, errno, "stat the new %s", change->path);
	/* Nobody else can get into the staging directory: names in it stand still. */
	if (rc == 0 && (uid != UINT32_MAX || gid != UINT32_MAX) &&
	    fchownat(stage->fd, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
		rc = neap_error_errno(err, errno, "chown %s to %u:%u", change->path, change->uid,
				      change->gid);
	if (rc == 0 && fchmodat(stage->fd, name, change->mode & 07777, 0) < 0)
		rc = neap_error_errno(err, errno, "chmod %s to %04o", change->path, change->mode);
	if (rc < 0)
		neap_local_temp_discard(&temp, change);
	else
		*ret = temp;
	return rc;
}

int neap_local_stage_link(struct neap_local_stage *stage, const struct neap_change *change,
			  struct neap_local_temp *ret, struct neap_error **err)
{
	struct neap_local_temp temp = { .stage = stage, .number = stage->next++, .fd = -1 };
	char name[NEAP_LOCAL_TEMP_NAME];

	neap_local_temp_name(&temp, change->path, name);
	if (symlinkat(change->target, stage->fd, name) < 0)
		return neap_error_errno(err, errno, "link %s: make a temporary link", change->path);
	/* As if made in place, where a set-group-ID directory gives its group even to who is not in it.
	 * Nobody's rights hang on the group of a link: where it may not be set, it stays. */
	if (learn_owner(stage, stage->fd, name) == 0 &&
	    (change->uid != stage->uid || change->gid != stage->gid) &&
	    fchownat(stage->fd, name, differs(change->uid, stage->uid), differs(change->gid, stage->gid),
		     AT_SYMLINK_NOFOLLOW) < 0 &&
	    errno != EPERM) {
		neap_error_errno(err, errno, "chown %s to %u:%u", change->path, change->uid, change->gid);
		neap_local_temp_discard(&temp, change);
		return -1;
	}
	*ret = temp;
	return 0;
}
