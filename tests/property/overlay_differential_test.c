/*
 * The overlay against the kernel: the same random changes and reads, of few names so that everything
 * collides, on
 *	A  overlay in a plan over a real directory, which must not change
 *	M  overlay in a plan over a memory machine
 *	B  a real directory, by plain system calls written here (the oracle; openat2 resolves inside the root)
 *	C  overlay in an apply over a real directory, landed in random groups
 *	N  the same over a memory machine, which refuses changes through links
 * After each operation all must have answered alike; after each round everything readable must be alike, by
 * every path that could be asked, and the directory C must be B.
 *
 * NEAP_SEED=n starts elsewhere, NEAP_ROUNDS=n runs more. A failure prints the operations of its round.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "host/overlay.h"
#include "host/state.h"

#define ROUNDS 300
#define OPERATIONS 40
#define OWNER 1234 /* of the root directories, so that links of this user may be followed */

enum op { WRITE, ATTRIBUTES, MKDIR, SYMLINK, UNLINK, RMDIR, PARENTS, TREE, STAT, FILE_, LINK, LIST, OPS };
static const char *const op_names[OPS] = { "write",   "attributes", "mkdir", "symlink", "unlink", "rmdir",
					   "parents", "tree",       "stat",  "file",    "link",   "list" };

struct call {
	enum op op;
	char path[64], target[64], data[32];
	uint32_t mode, uid, gid;
};

struct answer {
	int errnum;
	struct neap_stat stat;
	char text[512]; /* bytes, target or entries */
};

static uint64_t state;
static bool as_root;

static uint32_t pick(uint32_t below)
{
	uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ (z >> 31)) % below);
}

/* ---- the oracle ---------------------------------------------------------------------------------------- */

/* The directory above the last name of `path`, or -errno; *name points at that name. */
static int above(int root, const char *path, const char **name)
{
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
	const char *slash = strrchr(path, '/');
	char parent[64];
	long fd;

	snprintf(parent, sizeof(parent), "%.*s", (int)(slash == path ? 1 : slash - path), path);
	*name = slash[1] ? slash + 1 : ".";
	do
		fd = syscall(SYS_openat2, root, parent, &how, sizeof(how));
	while (fd < 0 && errno == EAGAIN);
	return fd < 0 ? -errno : (int)fd;
}

static int oracle_write(int dir, const char *name, const struct call *call)
{
	uint32_t mode = call->mode, uid = call->uid, gid = call->gid;
	struct stat st;
	int fd, errnum = 0;
	size_t len = strlen(call->data);

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode)) {
		mode = mode == NEAP_KEEP ? st.st_mode & 07777 : mode;
		uid = uid == NEAP_KEEP ? st.st_uid : uid;
		gid = gid == NEAP_KEEP ? st.st_gid : gid;
	}
	if (mode == NEAP_KEEP)
		mode = 0644;
	fd = openat(dir, "temp", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno;
	/* An owner that is not said is the kernel's choice. */
	if (write(fd, call->data, len) != (ssize_t)len || fchown(fd, uid, gid) < 0 || fchmod(fd, mode) < 0 ||
	    renameat(dir, "temp", dir, name) < 0) {
		errnum = errno;
		unlinkat(dir, "temp", 0);
	}
	close(fd);
	return errnum;
}

static int oracle_attributes(int dir, const char *name, const struct call *call)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno;
	if (S_ISLNK(st.st_mode))
		return ELOOP;
	if (fchownat(dir, name, call->uid, call->gid, 0) < 0 ||
	    fchmodat(dir, name, call->mode == NEAP_KEEP ? st.st_mode & 07777 : call->mode, 0) < 0)
		return errno;
	return 0;
}

static int oracle_mkdir(int dir, const char *name, uint32_t mode, uint32_t uid, uint32_t gid)
{
	if (mkdirat(dir, name, 0700) < 0 || fchownat(dir, name, uid, gid, 0) < 0 ||
	    fchmodat(dir, name, mode == NEAP_KEEP ? 0755 : mode, 0) < 0)
		return errno;
	return 0;
}

static int oracle_symlink(int dir, const char *name, const char *target)
{
	if (symlinkat(target, dir, "temp") < 0)
		return errno;
	if (renameat(dir, "temp", dir, name) < 0) {
		int errnum = errno;

		unlinkat(dir, "temp", 0);
		return errnum;
	}
	return 0;
}

static void empty(int fd)
{
	DIR *dir = fdopendir(fd);
	const struct dirent *entry;

	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, entry->d_name, 0) < 0) {
			empty(openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
			assert_return_code(unlinkat(fd, entry->d_name, AT_REMOVEDIR), errno);
		}
	}
	closedir(dir);
}

static int oracle_tree(int dir, const char *name)
{
	struct stat st;
	int fd;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno;
	if (!S_ISDIR(st.st_mode))
		return ENOTDIR;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	assert_return_code(fd, errno);
	empty(fd);
	return unlinkat(dir, name, AT_REMOVEDIR) < 0 ? errno : 0;
}

static int oracle_parents(int root, const char *path)
{
	const char *name;
	int fd;

	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		char prefix[64];
		int errnum;

		snprintf(prefix, sizeof(prefix), "%.*s", (int)(slash - path), path);
		fd = above(root, prefix, &name);
		if (fd < 0)
			return -fd;
		errnum = oracle_mkdir(fd, name, NEAP_KEEP, NEAP_KEEP, NEAP_KEEP);
		close(fd);
		if (errnum && errnum != EEXIST)
			return errnum;
	}
	fd = above(root, path, &name);
	if (fd < 0)
		return -fd;
	close(fd);
	return 0;
}

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static const char *kind_letter(enum neap_file_kind kind)
{
	static const char *const letters[] = { "-", "f", "d", "l", "o" };

	return letters[kind];
}

static enum neap_file_kind kind_of(mode_t mode)
{
	return S_ISREG(mode)   ? NEAP_FILE_REGULAR
	       : S_ISDIR(mode) ? NEAP_FILE_DIRECTORY
	       : S_ISLNK(mode) ? NEAP_FILE_LINK
			       : NEAP_FILE_OTHER;
}

static void oracle_list(int fd, char *text, size_t size)
{
	DIR *dir = fdopendir(fd);
	const struct dirent *entry;
	char *names[64];
	size_t count = 0, len = 0;

	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && count < 64)
			names[count++] = strdup(entry->d_name);
	qsort(names, count, sizeof(*names), compare_strings);
	for (size_t i = 0; i < count; i++) {
		struct stat st;

		assert_return_code(fstatat(fd, names[i], &st, AT_SYMLINK_NOFOLLOW), errno);
		len += (size_t)snprintf(text + len, size - len, "%s%s ", kind_letter(kind_of(st.st_mode)),
					names[i]);
		free(names[i]);
	}
	closedir(dir);
}

static void oracle_read(int dir, const char *name, const struct call *call, struct answer *ret)
{
	struct stat st;
	ssize_t len;
	int fd;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		ret->errnum = errno == ENOENT && call->op != LIST ? 0 : errno;
		return;
	}
	ret->stat = (struct neap_stat){ .kind = kind_of(st.st_mode),
					.mode = st.st_mode & 07777,
					.uid = st.st_uid,
					.gid = st.st_gid,
					.size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0 };
	if (call->op == FILE_ && S_ISREG(st.st_mode)) {
		fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		assert_return_code(fd, errno);
		len = read(fd, ret->text, sizeof(ret->text) - 1);
		assert_return_code(len, errno);
		close(fd);
	} else if (call->op == LINK && S_ISLNK(st.st_mode)) {
		len = readlinkat(dir, name, ret->text, sizeof(ret->text) - 1);
		assert_return_code(len, errno);
	} else if (call->op == LIST) {
		memset(&ret->stat, 0, sizeof(ret->stat));
		fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			ret->errnum = ENOTDIR;
		else
			oracle_list(fd, ret->text, sizeof(ret->text));
	}
}

static void oracle(int root, const struct call *call, struct answer *ret)
{
	const char *name;
	int dir;

	*ret = (struct answer){ 0 };
	if (call->op == PARENTS) {
		ret->errnum = oracle_parents(root, call->path);
		return;
	}
	dir = above(root, call->path, &name);
	if (dir < 0) {
		ret->errnum = dir == -ENOENT && call->op >= STAT && call->op != LIST ? 0 : -dir;
		return;
	}
	switch (call->op) {
	case WRITE:
		ret->errnum = oracle_write(dir, name, call);
		break;
	case ATTRIBUTES:
		ret->errnum = oracle_attributes(dir, name, call);
		break;
	case MKDIR:
		ret->errnum = oracle_mkdir(dir, name, call->mode, call->uid, call->gid);
		break;
	case SYMLINK:
		ret->errnum = oracle_symlink(dir, name, call->target);
		break;
	case UNLINK:
		ret->errnum = unlinkat(dir, name, 0) < 0 ? errno : 0;
		break;
	case RMDIR:
		ret->errnum = unlinkat(dir, name, AT_REMOVEDIR) < 0 ? errno : 0;
		break;
	case TREE:
		ret->errnum = oracle_tree(dir, name);
		break;
	default:
		oracle_read(dir, name, call, ret);
		break;
	}
	close(dir);
}

/* ---- the same by a host -------------------------------------------------------------------------------- */

static int host_read(struct neap_host *host, const struct call *call, struct answer *ret,
		     struct neap_error **err)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	const struct neap_view *view = &host->view;
	struct neap_content content = { 0 };
	struct neap_entry *entries;
	const char *target = NULL;
	size_t count, len = 0;
	int r;

	if (call->op == STAT) {
		r = neap_view_stat(view, call->path, &ret->stat, err);
	} else if (call->op == FILE_) {
		r = neap_view_file(view, call->path, arena, &ret->stat, &content, err);
		if (r == 0 && ret->stat.kind == NEAP_FILE_REGULAR) {
			assert_non_null(content.data);
			assert_int_equal(content.size, ret->stat.size);
			memcpy(ret->text, content.data, content.size);
		}
	} else if (call->op == LINK) {
		r = neap_view_link(view, call->path, arena, &ret->stat, &target, err);
		if (r == 0 && target)
			snprintf(ret->text, sizeof(ret->text), "%s", target);
	} else {
		r = neap_view_list(view, call->path, arena, &entries, &count, err);
		for (size_t i = 0; r == 0 && i < count; i++)
			len += (size_t)snprintf(ret->text + len, sizeof(ret->text) - len, "%s%s ",
						kind_letter(entries[i].kind), entries[i].name);
	}
	ret->stat.links = 0;
	ret->stat.mount = false;
	return r;
}

static void by_host(struct neap_host *host, const struct call *call, struct answer *ret)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_file_write write = { .mode = call->mode, .uid = call->uid, .gid = call->gid };
	int r;

	*ret = (struct answer){ 0 };
	write.content = (struct neap_content){ .data = call->data, .size = strlen(call->data) };
	switch (call->op) {
	case WRITE:
		r = neap_host_write(host, call->path, &write, &err);
		break;
	case ATTRIBUTES:
		r = neap_host_attributes(host, call->path, call->mode, call->uid, call->gid, &err);
		break;
	case MKDIR:
		r = neap_host_mkdir(host, call->path, call->mode, call->uid, call->gid, &err);
		break;
	case SYMLINK:
		r = neap_host_symlink(host, call->path, call->target, &err);
		break;
	case UNLINK:
		r = neap_host_unlink(host, call->path, &err);
		break;
	case RMDIR:
		r = neap_host_rmdir(host, call->path, &err);
		break;
	case PARENTS:
		r = neap_host_mkdir_parents(host, call->path, &err);
		break;
	case TREE:
		r = neap_host_remove_tree(host, call->path, &err);
		break;
	default:
		r = host_read(host, call, ret, &err);
		break;
	}
	assert_true(r <= 0);
	assert_true((r < 0) == (err != NULL));
	if (r < 0) {
		*ret = (struct answer){ .errnum = err->errnum };
		if (!err->errnum)
			fail_msg("an error without errno: %s", err->message);
	}
}

/* ---- random calls -------------------------------------------------------------------------------------- */

#define NAMES 3
static const char *const names[NAMES] = { "a", "b", "c" };

static void random_path(char ret[64], unsigned depth)
{
	size_t len = 0;

	for (unsigned i = 0; i < depth; i++)
		len += (size_t)snprintf(ret + len, 64 - len, "/%s", names[pick(NAMES)]);
}

static void random_target(char ret[64])
{
	static const char *const odd[] = { ".",   "..",  "/",      "../../../../..",
					   "/..", "./.", "a/../b", "/a/../../b/." };

	switch (pick(6)) {
	case 0:
		snprintf(ret, 64, "%s", odd[pick(8)]);
		break;
	case 1:
		random_path(ret, 1 + pick(3));
		break;
	case 2:
		snprintf(ret, 64, "../%s", names[pick(NAMES)]);
		break;
	case 3:
		snprintf(ret, 64, "../../../../%s/%s", names[pick(NAMES)], names[pick(NAMES)]);
		break;
	case 4:
		snprintf(ret, 64, "%s/%s", names[pick(NAMES)], names[pick(NAMES)]);
		break;
	default:
		snprintf(ret, 64, "%s", names[pick(NAMES)]);
		break;
	}
}

static uint32_t random_of(const uint32_t *items, uint32_t count)
{
	return pick(3) == 0 ? NEAP_KEEP : items[pick(count)];
}

static struct call random_call(void)
{
	static const enum op mostly[] = { WRITE,  WRITE, MKDIR,   MKDIR,      SYMLINK,    SYMLINK,   UNLINK,
					  UNLINK, RMDIR, PARENTS, ATTRIBUTES, ATTRIBUTES, ATTRIBUTES };
	static const unsigned depths[] = { 1, 1, 2, 2, 2, 2, 3, 3, 3, 4 };
	static const uint32_t modes[] = { 0644, 0755, 0700, 04755, 02755, 01777, 0600, 0 };
	/* Ways must stay among trusted owners: any other owner is for files only. */
	static const uint32_t uids[] = { 0, OWNER, 4321 }, gids[] = { 0, 55, 66 };
	struct call call = { .op = pick(3) ? mostly[pick(13)] : (enum op)pick(OPS) };

	random_path(call.path, depths[pick(10)]);
	if (call.op >= STAT && pick(40) == 0)
		strcpy(call.path, "/");
	random_target(call.target);
	snprintf(call.data, sizeof(call.data), "%.*s", (int)pick(20), "0123456789abcdefghij");
	call.mode = random_of(modes, as_root ? 8 : 3);
	call.uid = as_root ? random_of(uids, call.op == WRITE ? 3 : 2) : NEAP_KEEP;
	call.gid = as_root ? random_of(gids, 3) : NEAP_KEEP;
	if (!as_root && call.op != WRITE && call.mode != NEAP_KEEP)
		call.mode |= 0700;
	return call;
}

static void print_call(const struct call *call)
{
	print_error("\t%s %s target=%s data=%s mode=%o uid=%d gid=%d\n", op_names[call->op], call->path,
		    call->op == SYMLINK ? call->target : "", call->op == WRITE ? call->data : "", call->mode,
		    (int)call->uid, (int)call->gid);
}

/* ---- directories --------------------------------------------------------------------------------------- */

static char base[64];

static int open_root(const char *name)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", base, name);
	if (mkdir(path, 0755) < 0)
		assert_int_equal(errno, EEXIST);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_return_code(fd, errno);
	empty(dup(fd));
	assert_return_code(lseek(fd, 0, SEEK_SET), errno);
	assert_return_code(fchmod(fd, 0755), errno);
	if (as_root)
		assert_return_code(fchown(fd, OWNER, 0), errno);
	return fd;
}

/* Everything below `fd`, as text. `times`: also what tells a change that left no trace. */
static void dump(int fd, const char *path, bool times, struct neap_buf *ret)
{
	char list[512] = "";
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_return_code(copy, errno);
	oracle_list(copy, list, sizeof(list));
	for (char *save, *entry = strtok_r(list, " ", &save); entry; entry = strtok_r(NULL, " ", &save)) {
		struct call file = { .op = FILE_ }, link = { .op = LINK };
		struct answer answer = { 0 }, target = { 0 };
		char below[256];
		struct stat st;

		oracle_read(fd, entry + 1, &file, &answer);
		oracle_read(fd, entry + 1, &link, &target);
		snprintf(below, sizeof(below), "%s/%s", path, entry + 1);
		neap_buf_printf(ret, "%c %s %o %u:%u %s%s", entry[0], below, answer.stat.mode,
				answer.stat.uid, answer.stat.gid, answer.text, target.text);
		if (times) {
			assert_return_code(fstatat(fd, entry + 1, &st, AT_SYMLINK_NOFOLLOW), errno);
			neap_buf_printf(ret, " %lu %ld.%ld %ld.%ld", (unsigned long)st.st_ino,
					(long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, (long)st.st_ctim.tv_sec,
					st.st_ctim.tv_nsec);
		}
		neap_buf_putc(ret, '\n');
		if (entry[0] == 'd') {
			int next = openat(fd, entry + 1, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			dump(next, below, times, ret);
			close(next);
		}
	}
}

static void put_memory(int fd, const char *path, struct neap_machine *memory)
{
	char list[512] = "";
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	oracle_list(copy, list, sizeof(list));
	for (char *save, *entry = strtok_r(list, " ", &save); entry; entry = strtok_r(NULL, " ", &save)) {
		struct call call = { .op = entry[0] == 'l' ? LINK : FILE_ };
		struct answer answer = { 0 };
		char below[256];

		oracle_read(fd, entry + 1, &call, &answer);
		snprintf(below, sizeof(below), "%s/%s", path, entry + 1);
		neap_host_memory_put(memory, below, answer.stat.kind, answer.stat.mode, answer.stat.uid,
				     answer.stat.gid, answer.text, strlen(answer.text));
		if (entry[0] == 'd') {
			int next = openat(fd, entry + 1, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			put_memory(next, below, memory);
			close(next);
		}
	}
}

/* ---- a round ------------------------------------------------------------------------------------------- */

static unsigned reached[OPS][160], absent_reads, undone, landings, through_links;

static bool may(void *ctx, uint32_t step)
{
	(void)ctx;
	(void)step;
	return true;
}

static void failed(void *ctx, uint32_t step, struct neap_error *err)
{
	(void)step;
	print_error("landing failed: %s\n", err->message);
	++*(unsigned *)ctx;
	neap_error_free(err);
}

enum { A, M, C, N, HOSTS };
static const char *const host_names[HOSTS] = { "A plan over a directory", "M plan over memory",
					       "C apply over a directory", "N apply over memory" };

struct round {
	struct neap_machine *machines[HOSTS];
	struct neap_host *hosts[HOSTS];
	int roots[4]; /* A, B, C */
	struct neap_state *state;
	struct call calls[OPERATIONS];
	unsigned count, failures;
	uint64_t seed;
};

static void give_up(struct round *round, const char *what, const struct call *call)
{
	for (unsigned i = 0; i < round->count; i++)
		print_call(&round->calls[i]);
	if (call)
		print_call(call);
	fail_msg("seed %llu: %s", (unsigned long long)round->seed, what);
}

/* The memory machine is always root's, so for others owners do not count. */
static bool same_owner(const struct neap_stat *a, const struct neap_stat *b)
{
	return !as_root || (a->uid == b->uid && a->gid == b->gid);
}

static bool same(const struct answer *a, const struct answer *b)
{
	return a->errnum == b->errnum && strcmp(a->text, b->text) == 0 && a->stat.kind == b->stat.kind &&
	       a->stat.mode == b->stat.mode && same_owner(&a->stat, &b->stat) && a->stat.size == b->stat.size;
}

static void compare(struct round *round, const struct call *call)
{
	struct answer truth, answer;

	oracle(round->roots[1], call, &truth);
	for (unsigned i = 0; i < HOSTS; i++) {
		char what[512];

		/* The memory machine's root is not OWNER's. */
		if ((i == M || i == N) && strcmp(call->path, "/") == 0 && call->op != LIST)
			continue;
		by_host(round->hosts[i], call, &answer);
		if (same(&truth, &answer))
			continue;
		snprintf(what, sizeof(what),
			 "%s says %d %s%o %u:%u \"%.100s\", the kernel %d %s%o %u:%u \"%.100s\"",
			 host_names[i], answer.errnum, kind_letter(answer.stat.kind), answer.stat.mode,
			 answer.stat.uid, answer.stat.gid, answer.text, truth.errnum,
			 kind_letter(truth.stat.kind), truth.stat.mode, truth.stat.uid, truth.stat.gid,
			 truth.text);
		give_up(round, what, call);
	}
	reached[call->op][truth.errnum < 160 ? truth.errnum : 159]++;
	if (call->op >= STAT && call->op != LIST && !truth.errnum && truth.stat.kind == NEAP_FILE_ABSENT)
		absent_reads++;
}

/* Whether the way to `path` goes through a link. */
static bool goes_through_link(int root, const char *path)
{
	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		struct call call = { .op = STAT };
		struct answer answer;

		snprintf(call.path, sizeof(call.path), "%.*s", (int)(slash - path), path);
		oracle(root, &call, &answer);
		if (!answer.errnum && answer.stat.kind == NEAP_FILE_LINK)
			return true;
	}
	return false;
}

static void land(struct round *round)
{
	const struct neap_commit commit = { .ctx = &round->failures, .may = may, .failed = failed };
	struct neap_error *err NEAP_AUTO_ERROR = NULL;

	for (unsigned i = C; i < HOSTS; i++)
		if (neap_overlay_land(round->hosts[i], &commit, &err) < 0)
			give_up(round, err->message, NULL);
	if (round->failures)
		give_up(round, "a landing failed", NULL);
	landings++;
}

/* Changes that are taken back at once: nothing must show. */
static void undo(struct round *round)
{
	unsigned count = 1 + pick(3);

	for (unsigned i = 0; i < HOSTS; i++)
		neap_overlay_step(round->hosts[i], 1000, NEAP_NO_STEP);
	while (count--) {
		struct call call = random_call();
		struct answer first, answer;

		for (unsigned i = 0; i < HOSTS; i++) {
			if (strcmp(call.path, "/") == 0)
				continue;
			by_host(round->hosts[i], &call, &answer);
			if (i == 0)
				first = answer;
			else if (!same(&first, &answer))
				give_up(round, "hosts differ in what is taken back", &call);
		}
	}
	for (unsigned i = 0; i < HOSTS; i++)
		neap_overlay_undo(round->hosts[i]);
	undone++;
}

/* Every path that could be asked, down to three names. */
static void compare_all(struct round *round)
{
	static const enum op reads[] = { STAT, FILE_, LINK, LIST };

	for (unsigned i = 1; i < 64; i++) {
		const unsigned name[] = { i / 16, i / 4 % 4, i % 4 }; /* 0: left out */
		struct call call = { .op = reads[pick(4)] };
		size_t len = 0;

		for (unsigned j = 0; j < 3; j++)
			if (name[j])
				len += (size_t)snprintf(call.path + len, sizeof(call.path) - len, "/%s",
							names[name[j] - 1]);
		compare(round, &call);
	}
}

static void open_hosts(struct round *round)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	char a[96], c[96], directory[96];

	snprintf(a, sizeof(a), "%s/A", base);
	snprintf(c, sizeof(c), "%s/C", base);
	snprintf(directory, sizeof(directory), "%s/state", base);
	if (neap_state_open(directory, c, 0, &round->state, &err) < 0 ||
	    neap_host_local_new(a, NULL, &round->machines[A], &err) < 0 ||
	    neap_host_local_new(c, round->state, &round->machines[C], &err) < 0)
		fail_msg("%s", err->message);
	neap_host_memory_new(&round->machines[M]);
	neap_host_memory_new(&round->machines[N]);
	put_memory(round->roots[1], "", round->machines[M]);
	put_memory(round->roots[1], "", round->machines[N]);
	for (unsigned i = 0; i < HOSTS; i++)
		round->hosts[i] = neap_overlay_new(round->machines[i],
						   i == A || i == M ? NEAP_OVERLAY_PLAN : NEAP_OVERLAY_APPLY);
}

static void close_hosts(struct round *round)
{
	for (unsigned i = 0; i < HOSTS; i++) {
		neap_overlay_free(round->hosts[i]);
		neap_machine_free(round->machines[i]);
	}
	neap_state_close(round->state);
}

static void run_round(uint64_t seed)
{
	struct round round = { .seed = seed };
	NEAP_AUTO_BUF struct neap_buf before = { 0 };
	NEAP_AUTO_BUF struct neap_buf after = { 0 };
	NEAP_AUTO_BUF struct neap_buf b = { 0 };
	NEAP_AUTO_BUF struct neap_buf c = { 0 };

	state = seed * 7919;
	round.roots[0] = open_root("A");
	round.roots[1] = open_root("B");
	round.roots[2] = open_root("C");
	for (unsigned i = 0, count = pick(40); i < count; i++) {
		struct call call = random_call();
		struct answer answer;

		if (pick(2))
			call.op = PARENTS;

		if (call.op < STAT)
			for (unsigned j = 0; j < 3; j++)
				oracle(round.roots[j], &call, &answer);
	}
	open_hosts(&round);
	dump(round.roots[0], "", true, &before);
	while (round.count < OPERATIONS) {
		struct call call = random_call();

		if (pick(12) == 0)
			undo(&round);
		for (unsigned i = 0; i < HOSTS; i++)
			neap_overlay_step(round.hosts[i], round.count, NEAP_NO_STEP);
		through_links += goes_through_link(round.roots[1], call.path);
		compare(&round, &call);
		round.calls[round.count++] = call;
		if (pick(8) == 0)
			land(&round);
	}
	compare_all(&round);
	land(&round);
	compare_all(&round);
	dump(round.roots[0], "", true, &after);
	dump(round.roots[1], "", false, &b);
	dump(round.roots[2], "", false, &c);
	neap_buf_puts(&before, "");
	neap_buf_puts(&after, "");
	neap_buf_puts(&b, "");
	neap_buf_puts(&c, "");
	if (strcmp(before.data, after.data) != 0)
		give_up(&round, "a plan has changed the machine", NULL);
	if (strcmp(b.data, c.data) != 0) {
		print_error("kernel:\n%slanded:\n%s", b.data, c.data);
		give_up(&round, "what landed differs", NULL);
	}
	close_hosts(&round);
	for (unsigned i = 0; i < 3; i++)
		close(round.roots[i]);
}

static void print_reached(void)
{
	for (unsigned op = 0; op < OPS; op++) {
		printf("%-10s", op_names[op]);
		for (int errnum = 0; errnum < 160; errnum++)
			if (reached[op][errnum])
				printf(" %s %u", errnum ? strerrorname_np(errnum) : "ok",
				       reached[op][errnum]);
		printf("\n");
	}
	printf("absent %u, through links %u, undone %u, landings %u\n", absent_reads, through_links, undone,
	       landings);
}

static void overlay__answers_and_lands_as_the_kernel_does(void **unused)
{
	static const struct {
		enum op op;
		int errnums[8]; /* 0 counts as ok; ends with -1 */
	} important[] = {
		{ WRITE, { 0, ENOENT, ENOTDIR, EISDIR, ELOOP, -1 } },
		{ ATTRIBUTES, { 0, ENOENT, ENOTDIR, ELOOP, -1 } },
		{ MKDIR, { 0, ENOENT, ENOTDIR, EEXIST, ELOOP, -1 } },
		{ SYMLINK, { 0, ENOENT, ENOTDIR, EISDIR, ELOOP, -1 } },
		{ UNLINK, { 0, ENOENT, ENOTDIR, EISDIR, ELOOP, -1 } },
		{ RMDIR, { 0, ENOENT, ENOTDIR, ENOTEMPTY, -1 } },
		{ PARENTS, { 0, ENOENT, ENOTDIR, ELOOP, -1 } },
		{ TREE, { 0, ENOENT, ENOTDIR, -1 } },
		{ STAT, { 0, ENOTDIR, ELOOP, -1 } },
		{ FILE_, { 0, ENOTDIR, ELOOP, -1 } },
		{ LINK, { 0, ENOTDIR, ELOOP, -1 } },
		{ LIST, { 0, ENOENT, ENOTDIR, ELOOP, -1 } },
	};
	const char *seed_text = getenv("NEAP_SEED"), *rounds_text = getenv("NEAP_ROUNDS");
	uint64_t seed = seed_text ? strtoull(seed_text, NULL, 10) : 1;
	unsigned rounds = rounds_text ? (unsigned)strtoul(rounds_text, NULL, 10) : ROUNDS;

	(void)unused;
	printf("seed %llu, %u rounds\n", (unsigned long long)seed, rounds);
	for (unsigned i = 0; i < rounds; i++)
		run_round(seed + i);
	print_reached();
	if (rounds < ROUNDS)
		return;
	for (size_t i = 0; i < sizeof(important) / sizeof(*important); i++)
		for (const int *errnum = important[i].errnums; *errnum >= 0; errnum++)
			if (!reached[important[i].op][*errnum])
				fail_msg("%s never answered %s", op_names[important[i].op],
					 *errnum ? strerrorname_np(*errnum) : "ok");
	assert_true(absent_reads > 100 && through_links > 100 && undone > 100 && landings > 100);
}

/* Who may lead us where is the machine's to say, and what is held changes nothing about it. */
static void overlay__links_of_strangers_are_refused_as_by_the_machine(void **unused)
{
	static const char *const paths[] = { "/bad/f",  "/home/trap/f", "/home/own/f", "/chain/f",
					     "/good/f", "/bad2/f",      NULL };
	static const bool refused[] = { true, true, true, true, false, true };
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_machine *machine;
	char root[96];
	int fd;

	(void)unused;
	if (!as_root)
		skip();
	fd = open_root("A");
	snprintf(root, sizeof(root), "%s/A", base);
	assert_return_code(mkdirat(fd, "d", 0755), errno);
	assert_return_code(mkdirat(fd, "home", 0755), errno);
	assert_return_code(fchownat(fd, "home", 4321, 0, 0), errno);
	assert_return_code(symlinkat("/d", fd, "bad"), errno);
	assert_return_code(fchownat(fd, "bad", 4321, 0, AT_SYMLINK_NOFOLLOW), errno);
	assert_return_code(symlinkat("/not/yet", fd, "bad2"), errno);
	assert_return_code(fchownat(fd, "bad2", 4321, 0, AT_SYMLINK_NOFOLLOW), errno);
	assert_return_code(symlinkat("bad", fd, "chain"), errno);
	assert_return_code(symlinkat("d", fd, "good"), errno);
	assert_return_code(fchownat(fd, "good", OWNER, 0, AT_SYMLINK_NOFOLLOW), errno);
	assert_return_code(symlinkat("/d", fd, "home/trap"), errno); /* root's, on that user's ground */
	assert_return_code(symlinkat("/d", fd, "home/own"), errno);
	assert_return_code(fchownat(fd, "home/own", 4321, 0, AT_SYMLINK_NOFOLLOW), errno);
	if (neap_host_local_new(root, NULL, &machine, &err) < 0)
		fail_msg("%s", err->message);
	for (int held = 0; held < 2; held++) {
		struct neap_host *plan = neap_overlay_new(machine, NEAP_OVERLAY_PLAN);

		if (held)
			assert_return_code(neap_host_mkdir(plan, "/e", NEAP_KEEP, NEAP_KEEP, NEAP_KEEP, NULL),
					   0);
		for (int i = 0; paths[i]; i++) {
			struct neap_file_write file = { .mode = 0644, .uid = 0, .gid = 0 };
			struct neap_stat stat;
			int r;

			for (int again = 0; again < 2; again++) {
				r = neap_view_stat(&plan->view, paths[i], &stat, &err);
				assert_true((r < 0) == refused[i]);
				assert_true(r == 0 || strstr(err->message, "user 4321"));
				neap_error_auto(&err);
			}
			r = neap_host_write(plan, paths[i], &file, &err);
			assert_true((r < 0) == refused[i]);
			neap_error_auto(&err);
		}
		neap_overlay_free(plan);
	}
	neap_machine_free(machine);
	close(fd);
}

static int make_base(void **unused)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof(how));

	(void)unused;
	umask(0);
	as_root = geteuid() == 0;
	snprintf(base, sizeof(base), "%s/neap-overlay-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (fd < 0 || !mkdtemp(base))
		return -1;
	close(fd);
	return 0;
}

static int remove_base(void **unused)
{
	int fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)unused;
	if (fd >= 0)
		empty(fd);
	return rmdir(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(overlay__links_of_strangers_are_refused_as_by_the_machine),
		cmocka_unit_test(overlay__answers_and_lands_as_the_kernel_does),
	};

	return cmocka_run_group_tests(tests, make_base, remove_base);
}
