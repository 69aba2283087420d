/*
 * The real machine below a root directory: what it can be asked. It must not know plans or resources; how
 * paths are walked is local_walk.c's, how changes land local_commit.c's.
 *
 * System calls are what a converged machine costs. Once its directory is known, a regular file costs four:
 * fstatat, openat, read, close; an absent one costs one. So nothing is asked twice: what is read is believed
 * over what stat said before.
 */
#include "host/local.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/path.h"

#define RACES_MAX 4 /* how often a file may be swapped under our eyes before it is an error */
#define SNAPSHOT_MIN ((size_t)64 << 10)
#define SNAPSHOT_AGE 2 /* seconds */
#define READ_FLAGS (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

static enum neap_file_kind kind_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return NEAP_FILE_REGULAR;
	case S_IFDIR:
		return NEAP_FILE_DIRECTORY;
	case S_IFLNK:
		return NEAP_FILE_LINK;
	default:
		return NEAP_FILE_OTHER;
	}
}

uint64_t neap_local_stamp(const struct stat *st)
{
	const uint64_t parts[] = { st->st_ino, (uint64_t)st->st_size, (uint64_t)st->st_mtim.tv_sec,
				   (uint64_t)st->st_mtim.tv_nsec };
	uint64_t stamp = neap_hash(parts, sizeof(parts));

	return stamp ? stamp : 1;
}

static void fill(const struct stat *st, struct neap_stat *ret)
{
	*ret = (struct neap_stat){ .kind = kind_of(st->st_mode),
				   .mode = st->st_mode & 07777,
				   .uid = st->st_uid,
				   .gid = st->st_gid };
	if (ret->kind == NEAP_FILE_REGULAR) {
		ret->size = (uint64_t)st->st_size;
		ret->links = st->st_nlink;
		ret->stamp = neap_local_stamp(st);
	}
}

/* 0, negative, or 1: nothing there (and *ret says so). */
static int look(struct neap_local *local, const char *operation, const char *path,
		struct neap_local_dir **ret_dir, const char **ret_name, struct stat *ret_st,
		struct neap_stat *ret, struct neap_error **err)
{
	struct neap_local_dir *dir;
	const char *name;

	if (neap_local_parent(local, operation, path, &dir, &name, err) < 0)
		return -1;
	if (!dir || fstatat(dir->fd, name, ret_st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0) {
		if (dir && errno != ENOENT)
			return neap_error_errno(err, errno, "%s %s", operation, path);
		*ret = (struct neap_stat){ .kind = NEAP_FILE_ABSENT };
		return 1;
	}
	fill(ret_st, ret);
	*ret_dir = dir;
	*ret_name = name;
	return 0;
}

/* Who wants to remove or replace a thing asks here first, so here it is told what is mounted. Still one call.
 */
static int local_stat(const struct neap_view *view, const char *path, struct neap_stat *ret,
		      struct neap_error **err)
{
	struct neap_local *local = neap_local_of(view);
	struct neap_local_dir *dir;
	const char *name;
	struct statx sx;

	if (neap_local_parent(local, "stat", path, &dir, &name, err) < 0)
		return -1;
	if (!dir || statx(dir->fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &sx) < 0) {
		if (dir && errno != ENOENT)
			return neap_error_errno(err, errno, "stat %s", path);
		*ret = (struct neap_stat){ .kind = NEAP_FILE_ABSENT };
		return 0;
	}
	fill(&(struct stat){ .st_mode = sx.stx_mode,
			     .st_uid = sx.stx_uid,
			     .st_gid = sx.stx_gid,
			     .st_size = (off_t)sx.stx_size,
			     .st_nlink = sx.stx_nlink,
			     .st_ino = sx.stx_ino,
			     .st_mtim = { sx.stx_mtime.tv_sec, sx.stx_mtime.tv_nsec } },
	     ret);
	if (sx.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT)
		ret->mount = sx.stx_attributes & STATX_ATTR_MOUNT_ROOT;
	else /* an old kernel */
		ret->mount = ret->kind == NEAP_FILE_DIRECTORY &&
			     makedev(sx.stx_dev_major, sx.stx_dev_minor) != dir->device;
	return 0;
}

/* ---- content ------------------------------------------------------------------------------------------- */

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool snapshot_holds(const struct neap_local_snapshot *snapshot, const struct stat *st)
{
	return snapshot->data && snapshot->device == st->st_dev && snapshot->inode == st->st_ino &&
	       snapshot->size == (size_t)st->st_size && same_time(snapshot->mtime, st->st_mtim) &&
	       same_time(snapshot->ctime, st->st_ctim);
}

static void snapshot_drop(struct neap_local_snapshot *snapshot)
{
	if (snapshot->data)
		explicit_bzero(snapshot->data, snapshot->size);
	free(snapshot->data);
	snapshot->data = NULL;
}

/*
 * A hundred lines ensured in one large file shall read it once. The key is identity, size and both times, and
 * it is safe only when a later write must change a time: clocks of file systems tick coarsely (4 ms mostly,
 * up to 2 s on old ones), so a file changed in the same tick as it was read would look unchanged ("racily
 * clean", as git says). Therefore bytes are kept only of a file whose times are at least 2 s older than the
 * moment before it was looked at; ctime is among them, which nobody can set back. A copy is handed out: an
 * arena may live longer than the snapshot.
 */
static void snapshot_take(struct neap_local_snapshot *snapshot, const struct stat *st, time_t before,
			  const char *data, size_t size)
{
	if (size < SNAPSHOT_MIN || size != (size_t)st->st_size ||
	    st->st_mtim.tv_sec > before - SNAPSHOT_AGE || st->st_ctim.tv_sec > before - SNAPSHOT_AGE)
		return;
	snapshot_drop(snapshot);
	*snapshot = (struct neap_local_snapshot){
		.data = memcpy(neap_alloc(size), data, size),
		.size = size,
		.device = st->st_dev,
		.inode = st->st_ino,
		.mtime = st->st_mtim,
		.ctime = st->st_ctim,
	};
}

static ssize_t read_some(int fd, char *bytes, size_t size)
{
	ssize_t got;

	do
		got = read(fd, bytes, size);
	while (got < 0 && errno == EINTR);
	return got;
}

/* As many as `expected`, and a read that wanted more: that is all. Small, so that no memory is asked of the
 * kernel for each file. */
static int sum_file(int fd, uint64_t expected, struct neap_checksum_state *sum)
{
	size_t size = (size_t)64 << 10;
	NEAP_AUTO_FREE char *bytes = neap_alloc(size);
	uint64_t total = 0;
	ssize_t got;

	while ((got = read_some(fd, bytes, size)) > 0) {
		neap_checksum_update(sum, bytes, (size_t)got);
		total += (uint64_t)got;
		if (total == expected && (size_t)got < size)
			break;
	}
	return got < 0 ? -errno : 0;
}

/* The rest of a file too large for memory: digest and size. `head` has been read already. */
static int read_digest(int fd, const char *head, size_t len, struct neap_content *ret)
{
	struct neap_digest_state *state = neap_digest_begin();
	size_t size = (size_t)256 << 10;
	NEAP_AUTO_FREE char *bytes = neap_alloc(size);
	uint64_t total = len;
	ssize_t got;
	int errnum;

	neap_digest_update(state, head, len);
	while ((got = read_some(fd, bytes, size)) > 0) {
		neap_digest_update(state, bytes, (size_t)got);
		total += (uint64_t)got;
	}
	errnum = errno;
	*ret = (struct neap_content){ .size = total };
	neap_digest_end(state, ret->digest);
	errno = errnum;
	return got < 0 ? -1 : 0;
}

/* All that can be read, whatever `expected` said: a file may grow or shrink meanwhile, those of /proc say 0.
 * `small`: the digest of more than fits is not wanted. */
static int read_all(int fd, uint64_t expected, bool small, struct neap_arena *arena, struct neap_content *ret)
{
	size_t room = expected <= NEAP_CONTENT_MAX ? (size_t)expected + 1 : 0, len = 0;
	char *bytes;

	if (!room)
		return read_digest(fd, "", 0, ret);
	bytes = neap_arena_bytes(arena, room + 1);
	while (true) {
		ssize_t got = read_some(fd, bytes + len, room - len);

		if (got < 0)
			return -1;
		len += (size_t)got;
		/* One byte more was asked for than there should be: as many as expected are all. */
		if (got == 0 || (len == expected && expected))
			break;
		if (len > NEAP_CONTENT_MAX && small) {
			*ret = (struct neap_content){ .size = len };
			return 0;
		}
		if (len > NEAP_CONTENT_MAX)
			return read_digest(fd, bytes, len, ret);
		if (len == room) {
			size_t more = room < 4096 ? 8192 : room * 2;
			char *grown;

			if (more > NEAP_CONTENT_MAX + 1)
				more = (size_t)NEAP_CONTENT_MAX + 1;
			grown = neap_arena_bytes(arena, more + 1);
			memcpy(grown, bytes, len);
			bytes = grown;
			room = more;
		}
	}
	bytes[len] = '\0';
	*ret = (struct neap_content){ .data = bytes, .size = len };
	return 0;
}

/* 0, negative, or 1: it is not what stat saw any more. */
static int read_file(struct neap_local *local, const char *path, int at, const char *name,
		     const struct stat *st, time_t before, bool small, struct neap_arena *arena,
		     struct neap_content *ret, struct neap_error **err)
{
	int fd, rc;

	if (small && (uint64_t)st->st_size > NEAP_CONTENT_MAX) {
		*ret = (struct neap_content){ .size = (uint64_t)st->st_size };
		return 0;
	}
	fd = openat(at, name, READ_FLAGS);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE) && local->open) {
		/* `at` closes here: the caller looks again. */
		neap_local_forget(local);
		return 1;
	}
	if (fd < 0) {
		if (errno == ENOENT || errno == ELOOP || errno == ENXIO)
			return 1;
		return neap_error_errno(err, errno, "open %s", path);
	}
	rc = read_all(fd, (uint64_t)st->st_size, small, arena, ret);
	if (rc < 0)
		neap_error_errno(err, errno, "read %s", path);
	close(fd);
	if (rc == 0 && ret->data)
		snapshot_take(&local->snapshot, st, before, ret->data, (size_t)ret->size);
	return rc;
}

static int find_file(const struct neap_view *view, const char *path, bool small, struct neap_arena *arena,
		     struct neap_stat *ret, struct neap_content *ret_content, struct neap_error **err)
{
	struct neap_local *local = neap_local_of(view);

	for (int i = 0; i < RACES_MAX; i++) {
		time_t before = time(NULL); /* no system call */
		struct neap_local_dir *dir;
		struct neap_content content = { 0 };
		struct neap_stat found;
		const char *name;
		struct stat st;
		int rc = look(local, "stat", path, &dir, &name, &st, &found, err);

		if (rc < 0)
			return -1;
		if (rc > 0 || found.kind != NEAP_FILE_REGULAR) {
			*ret = found;
			*ret_content = content;
			return 0;
		}
		if (snapshot_holds(&local->snapshot, &st)) {
			content.data = neap_arena_copy(arena, local->snapshot.data, local->snapshot.size);
			content.size = local->snapshot.size;
		} else {
			rc = read_file(local, path, dir->fd, name, &st, before, small, arena, &content, err);
			if (rc < 0)
				return -1;
			if (rc > 0)
				continue;
		}
		found.size = content.size;
		*ret = found;
		*ret_content = content;
		return 0;
	}
	return neap_error_set(err, "read %s: it is replaced again and again", path);
}

static int local_checksum(const struct neap_view *view, const char *path, enum neap_checksum_kind kind,
			  struct neap_stat *ret, struct neap_checksum *ret_checksum, struct neap_error **err)
{
	struct neap_local *local = neap_local_of(view);

	for (int i = 0; i < RACES_MAX; i++) {
		struct neap_checksum_state *sum;
		struct neap_local_dir *dir;
		struct neap_stat found;
		const char *name;
		struct stat st;
		int rc = look(local, "stat", path, &dir, &name, &st, &found, err), fd;

		if (rc < 0)
			return -1;
		if (rc == 0 && found.kind == NEAP_FILE_REGULAR) {
			fd = openat(dir->fd, name, READ_FLAGS);
			if (fd < 0 && (errno == ENOENT || errno == ELOOP || errno == ENXIO))
				continue;
			if (fd < 0)
				return neap_error_errno(err, errno, "open %s", path);
			sum = neap_checksum_begin(kind);
			rc = sum_file(fd, (uint64_t)st.st_size, sum);
			neap_checksum_end(sum, ret_checksum);
			close(fd);
			if (rc < 0)
				return neap_error_errno(err, -rc, "read %s", path);
		}
		*ret = found;
		return 0;
	}
	return neap_error_set(err, "read %s: it is replaced again and again", path);
}

static int local_file(const struct neap_view *view, const char *path, struct neap_arena *arena,
		      struct neap_stat *ret, struct neap_content *ret_content, struct neap_error **err)
{
	return find_file(view, path, false, arena, ret, ret_content, err);
}

static int local_small_file(const struct neap_view *view, const char *path, struct neap_arena *arena,
			    struct neap_stat *ret, struct neap_content *ret_content, struct neap_error **err)
{
	return find_file(view, path, true, arena, ret, ret_content, err);
}

static int local_link(const struct neap_view *view, const char *path, struct neap_arena *arena,
		      struct neap_stat *ret, const char **ret_target, struct neap_error **err)
{
	struct neap_local *local = neap_local_of(view);

	for (int i = 0; i < RACES_MAX; i++) {
		char target[PATH_MAX + 1];
		struct neap_local_dir *dir;
		struct neap_stat found;
		const char *name;
		struct stat st;
		ssize_t len;
		int rc = look(local, "stat", path, &dir, &name, &st, &found, err);

		if (rc < 0)
			return -1;
		if (rc > 0 || found.kind != NEAP_FILE_LINK) {
			*ret = found;
			*ret_target = NULL;
			return 0;
		}
		len = readlinkat(dir->fd, name, target, sizeof(target));
		if (len >= 0 && len < (ssize_t)sizeof(target)) {
			*ret = found;
			*ret_target = neap_arena_copy(arena, target, (size_t)len);
			return 0;
		}
		if (len >= 0)
			errno = ENAMETOOLONG;
		if (errno != ENOENT && errno != EINVAL)
			return neap_error_errno(err, errno, "read the link %s", path);
	}
	return neap_error_set(err, "read the link %s: it is replaced again and again", path);
}

/* ---- directories --------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct neap_entry *)a)->name, ((const struct neap_entry *)b)->name);
}

static enum neap_file_kind entry_kind(int fd, const struct dirent *entry)
{
	struct stat st;

	switch (entry->d_type) {
	case DT_REG:
		return NEAP_FILE_REGULAR;
	case DT_DIR:
		return NEAP_FILE_DIRECTORY;
	case DT_LNK:
		return NEAP_FILE_LINK;
	case DT_UNKNOWN:
		if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
			return NEAP_FILE_ABSENT;
		return kind_of(st.st_mode);
	default:
		return NEAP_FILE_OTHER;
	}
}

static int local_list(const struct neap_view *view, const char *path, struct neap_arena *arena,
		      struct neap_entry **ret, size_t *ret_count, struct neap_error **err)
{
	struct neap_local *local = neap_local_of(view);
	NEAP_VEC(struct neap_entry) entries = { 0 };
	const struct dirent *entry;
	struct neap_local_dir *parent;
	const char *name;
	DIR *dir;
	int fd, errnum;

	if (neap_local_parent(local, "list", path, &parent, &name, err) < 0)
		return -1;
	if (!parent)
		return neap_error_errno(err, ENOENT, "list %s", path);
	fd = openat(parent->fd, name, READ_FLAGS | O_DIRECTORY);
	if (fd < 0)
		return neap_error_errno(err, errno == ELOOP ? ENOTDIR : errno, "list %s", path);
	dir = fdopendir(fd);
	if (!dir) {
		neap_error_errno(err, errno, "list %s", path);
		close(fd);
		return -1;
	}
	while (errno = 0, (entry = readdir(dir))) {
		enum neap_file_kind kind;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		kind = entry_kind(fd, entry);
		if (kind == NEAP_FILE_ABSENT) /* gone meanwhile */
			continue;
		neap_vec_push(&entries, (struct neap_entry){ neap_arena_strdup(arena, entry->d_name), kind });
	}
	errnum = errno;
	closedir(dir);
	if (errnum) {
		neap_vec_done(&entries);
		return neap_error_errno(err, errnum, "list %s", path);
	}
	if (entries.count)
		qsort(entries.items, entries.count, sizeof(*entries.items), by_name);
	*ret = neap_arena_array_of(arena, struct neap_entry, entries.count);
	if (entries.count)
		memcpy(*ret, entries.items, entries.count * sizeof(*entries.items));
	*ret_count = entries.count;
	neap_vec_done(&entries);
	return 0;
}

/* ---- the rest ------------------------------------------------------------------------------------------ */

static struct neap_accounts *local_accounts(const struct neap_view *view)
{
	return neap_local_of(view)->accounts;
}

static void local_caller(const struct neap_view *view, uint32_t *ret_uid, uint32_t *ret_gid)
{
	*ret_uid = neap_local_of(view)->uid;
	*ret_gid = neap_local_of(view)->gid;
}

static uint32_t local_cause(const struct neap_view *view)
{
	(void)view; /* nothing is unknown here */
	return UINT32_MAX;
}

static void local_free(struct neap_machine *machine)
{
	struct neap_local *local = neap_local_of(&machine->view);

	neap_local_forget(local);
	neap_map_done(&local->dirs);
	neap_map_done(&local->links);
	neap_arena_free(local->keys);
	for (size_t i = 0; i < local->stages.count; i++) {
		free(local->stages.items[i]->where);
		free(local->stages.items[i]);
	}
	neap_vec_done(&local->stages);
	snapshot_drop(&local->snapshot);
	neap_accounts_free(local->accounts);
	neap_local_units_free(local);
	neap_local_answers_drop(local);
	neap_local_firewall_free(local);
	neap_buf_done(&local->how);
	neap_map_done(&local->answers);
	neap_arena_free(local->answer_arena);
	neap_local_net_free(local);
	free(local->cache);
	neap_local_fetched_all(local);
	neap_local_dir_unref(local->top);
	free(local->root);
	free(local);
}

/* Permission alone: that a file system is read-only now says nothing of the hour in which a plan is applied.
 */
static int local_writable(const struct neap_view *view, const char *directory, struct neap_error **err)
{
	struct neap_local *local = neap_local_of(view);
	struct neap_local_dir *dir;

	if (neap_local_dir(local, "write in", directory, neap_str(directory), &dir, err) < 0)
		return -1;
	if (dir && faccessat(dir->fd, ".", W_OK | X_OK, AT_EACCESS) < 0 && errno == EACCES)
		return neap_error_errno(err, EACCES, "write in %s", directory);
	return 0;
}

static const struct neap_reads reads = {
	.stat = local_stat,
	.file = local_file,
	.small_file = local_small_file,
	.link = local_link,
	.list = local_list,
	.accounts = local_accounts,
	.caller = local_caller,
	.writable = local_writable,
	.may = neap_local_may,
	.cause = local_cause,
	.query = neap_local_query,
	.clock = neap_local_clock,
	.running = neap_local_running,
	.kernel = neap_local_kernel,
	.net = neap_local_net,
	.ruleset = neap_local_ruleset,
	.rule_form = neap_local_rule_form,
	.firewall_name = neap_local_firewall_name,
	.cached = neap_local_cached,
	.checksum = local_checksum,
	.manager = neap_local_manager,
	.unit = neap_local_unit_read,
	.units_expected = neap_local_units_expected,
};

static const struct neap_machine_ops ops = {
	.commit = neap_local_commit,
	.run = neap_local_run,
	.cache = neap_local_cache,
	.fetch = neap_local_fetch,
	.wait = neap_local_wait,
	.arm = neap_local_arm,
	.await = neap_local_await,
	.revert = neap_local_revert,
	.unit = neap_local_unit,
	.units_reload = neap_local_units_reload,
	.free = local_free,
};

/* Directories to keep open: the rest of the descriptors is for everyone else. */
static size_t open_limit(void)
{
	struct rlimit limit;
	size_t count = 512;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
	    limit.rlim_cur / 2 < count)
		count = (size_t)limit.rlim_cur / 2;
	return count < 8 ? 8 : count;
}

int neap_host_local_new(const char *root, struct neap_state *state, struct neap_machine **ret,
			struct neap_error **err)
{
	char *real = realpath(root, NULL);
	int fd = real ? open(real, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	struct neap_local *local;
	struct neap_local_dir *top;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		neap_error_errno(err, errno, "open the root %s", root);
		if (fd >= 0)
			close(fd);
		free(real);
		return -1;
	}
	if (strcmp(real, "/") == 0)
		real[0] = '\0';
	local = neap_alloc(sizeof(*local));
	*local = (struct neap_local){
		.machine = { .view = { .reads = &reads }, .ops = &ops },
		.root = real,
		.state = state,
		.uid = geteuid(),
		.gid = getegid(),
		.owner = st.st_uid,
		.accounts = neap_accounts_new(),
		.keys = neap_arena_new(),
		.answer_arena = neap_arena_new(),
		.limit = open_limit(),
	};
	top = neap_alloc(sizeof(*top));
	*top = (struct neap_local_dir){
		.fd = fd, .refs = 1, .foreign = NEAP_LOCAL_OURS, .device = st.st_dev, .local = local
	};
	top->path = memcpy(neap_alloc(2), "/", 2);
	local->top = top;
	*ret = &local->machine;
	return 0;
}
