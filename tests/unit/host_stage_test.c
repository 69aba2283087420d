/* The real machine: where changes are staged, on which mount and for whom, and what a killed run leaves. */
#include "commit_fixture.h"

#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>

#include "engine/registry.h"
#include "engine/schema.h"
#include "host/overlay.h"
#include "modules/modules.h"

static bool nobody_owns(const void *engine, const char *path)
{
	(void)engine, (void)path;
	return false;
}

/* ---- staging directories ------------------------------------------------------------------------------- */

static void commit__occupied_staging_place_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct neap_change changes[] = { write_of(0, "/a/b/file", "new") };
	struct neap_commit commit;
	struct engine engine = { 0 };
	char name[4][64];
	int fd;

	NEED_ROOT();
	make_dir(f, "/a");
	make_dir(f, "/a/b");
	snprintf(name[0], 64, "/.neap-stage-%u", geteuid());
	snprintf(name[1], 64, "/a/.neap-stage-%u", geteuid());
	snprintf(name[2], 64, "/a/b/.neap-stage-%u", geteuid());
	/* Of another user; busy; a file. What remains is a temp beside the target. */
	make_dir(f, name[0]);
	assert_int_equal(chmod(real(f, name[0]), 0700), 0);
	assert_int_equal(chown(real(f, name[0]), 4711, 4711), 0);
	make_dir(f, name[1]);
	assert_int_equal(chmod(real(f, name[1]), 0700), 0);
	fd = open(real(f, name[1]), O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	put(f, name[2], "mine");
	commit = (struct neap_commit){ .ctx = &engine, .may = engine_may, .failed = engine_failed };
	for (int i = 0; i < 2; i++)
		assert_int_equal(f->machine->ops->commit(f->machine, changes, 1, &commit, NULL), 0);
	assert_string_equal(engine.error[0], "");
	assert_string_equal(get(f, "/a/b/file"), "new");
	assert_int_equal(count_leftovers(f), 3);
	close(fd);
}

/* Seen by who may look at a staged file: the program that validates it. */
static void commit__staging_directory_is_for_nobody_else(void **state)
{
	static const char *const argv[] = { "sh", "-c", "[ \"$(stat -c %a \"${1%/*/*}\")\" = 700 ]",
					    "sh", "%s", NULL };
	const struct fixture *f = *state;
	struct neap_change change = write_of(0, "/file", "bytes");

	change.validate = argv;
	commit_all(f, &change, 1);
	assert_true(exists(f, "/file"));
}

/* In a child with mounts of its own. `inside` returns 0 when all is well. */
static void in_child(struct fixture *f, int (*inside)(struct fixture *f))
{
	int status;
	pid_t pid;

	fixture_close(f); /* what is open stays in the mounts of before */
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
			_exit(77);
		_exit(inside(f));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	fixture_open(f);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}
#define CHECK(what)                                                                                          \
	do {                                                                                                 \
		if (!(what)) {                                                                               \
			fprintf(stderr, "line %d: %s\n", __LINE__, #what);                                   \
			return 1;                                                                            \
		}                                                                                            \
	} while (0)

static int commit_in_child(struct fixture *f, struct engine *engine, const struct neap_change *changes,
			   size_t count)
{
	struct neap_commit commit = { .ctx = engine, .may = engine_may, .failed = engine_failed };

	return f->machine->ops->commit(f->machine, changes, count, &commit, NULL);
}

static int on_full_disk(struct fixture *f)
{
	struct engine engine = { 0 };
	struct neap_change changes[] = { write_of(0, "/full/small", "small"), write_of(1, "/full/large", ""),
					 write_of(2, "/full/small2", "small") };
	static char bytes[300000];

	fixture_open(f);
	CHECK(mount("tmpfs", real(f, "/full"), "tmpfs", 0, "size=128k") == 0);
	put(f, "/full/large", "old");
	changes[1].content = (struct neap_content){ .data = bytes, .size = sizeof(bytes) };
	CHECK(commit_in_child(f, &engine, changes, 3) == 0);
	CHECK(strcmp(engine.error[1], "write /full/large: No space left on device") == 0);
	CHECK(!engine.failed[0] && !engine.failed[2]);
	CHECK(strcmp(get(f, "/full/large"), "old") == 0);
	CHECK(strcmp(get(f, "/full/small2"), "small") == 0);
	CHECK(count_leftovers(f) == 0);
	return 0;
}

static void commit__full_disk_fails_the_file_and_keeps_the_old(void **state)
{
	struct fixture *f = *state;

	NEED_ROOT();
	make_dir(f, "/full");
	in_child(f, on_full_disk);
}

static int on_mounts(struct fixture *f)
{
	struct engine engine = { 0 };
	struct neap_change changes[] = {
		write_of(0, "/plain/file", "new"),       write_of(1, "/tmpfs/file", "new"),
		write_of(2, "/bind/file", "new"),        write_of(3, "/read-only/file", "new"),
		write_of(4, "/plain/mounted", "new"),    change_of(NEAP_CHANGE_RMDIR, 5, "/tmpfs", 0),
		write_of(6, "/tmpfs/sub/deep/x", "new"),
	};

	fixture_open(f);
	CHECK(mount("tmpfs", real(f, "/tmpfs"), "tmpfs", 0, NULL) == 0);
	make_dir(f, "/tmpfs/sub");
	make_dir(f, "/tmpfs/sub/deep");
	CHECK(mount(real(f, "/plain"), real(f, "/bind"), NULL, MS_BIND, NULL) == 0);
	CHECK(mount("tmpfs", real(f, "/read-only"), "tmpfs", MS_RDONLY, NULL) == 0);
	CHECK(mount(real(f, "/source"), real(f, "/plain/mounted"), NULL, MS_BIND, NULL) == 0);
	/* Alone: else the place above is busy by ourselves. */
	CHECK(commit_in_child(f, &engine, &changes[2], 1) == 0 && !engine.failed[2]);
	CHECK(commit_in_child(f, &engine, &changes[1], 1) == 0 && !engine.failed[1]);
	CHECK(commit_in_child(f, &engine, changes, 7) == 0);
	CHECK(!engine.failed[0] && !engine.failed[1] && !engine.failed[2] && !engine.failed[6]);
	CHECK(strcmp(get(f, "/tmpfs/sub/deep/x"), "new") == 0);
	CHECK(strcmp(engine.error[3], "write /read-only/file: make a staging directory in /read-only: "
				      "Read-only file system") == 0);
	CHECK(strcmp(engine.error[4], "write /plain/mounted: Device or resource busy") == 0);
	CHECK(strstr(engine.hint[4], "mounted") != NULL);
	CHECK(engine.failed[5]);
	CHECK(strcmp(get(f, "/source"), "mounted") == 0);
	CHECK(count_leftovers(f) == 0);
	return 0;
}

static void commit__each_mount_has_its_own_staging(void **state)
{
	struct fixture *f = *state;

	NEED_ROOT();
	make_dir(f, "/plain");
	make_dir(f, "/bind");
	make_dir(f, "/tmpfs");
	make_dir(f, "/read-only");
	put(f, "/source", "mounted");
	put(f, "/plain/mounted", "below");
	in_child(f, on_mounts);
}

static bool is_mount(const struct fixture *f, const char *path)
{
	struct neap_stat stat;

	return neap_view_stat(view(f), path, &stat, NULL) == 0 && stat.mount;
}

/* neap.directory { path = "/t", recurse = true, ensure = "absent" or purge = true }: its error, or NULL. */
static const char *clear(struct fixture *f, bool purge)
{
	struct neap_host *plan = neap_overlay_new(f->machine, NEAP_OVERLAY_PLAN);
	const struct neap_resource_type *type = neap_registry_find(&neap_modules, "directory");
	const struct neap_schema_context schema = { .arena = f->arena };
	struct neap_context ctx = { .scratch = f->arena, .passing = f->arena, .owned = nobody_owns };
	struct neap_want *want = neap_arena_alloc(f->arena, type->want_size);
	struct neap_value values[] = { neap_value_string("/t"),
				       { .kind = NEAP_BOOLEAN, .boolean = true },
				       purge ? (struct neap_value){ .kind = NEAP_BOOLEAN, .boolean = true }
					     : neap_value_string("absent") };
	const char *names[] = { "path", "recurse", purge ? "purge" : "ensure" };
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	void *have = neap_arena_alloc(f->arena, type->have_size);
	int r = 0;

	for (int i = 0; i < 3; i++)
		neap_schema_set(&schema, type, (unsigned)neap_schema_find(type, names[i]), &values[i], want,
				NULL);
	r = type->read(&plan->view, &ctx, want, have, &err);
	if (r == 0)
		r = type->apply(plan, &ctx, want, have, &err);
	neap_overlay_free(plan);
	return r < 0 ? neap_arena_strdup(f->arena, err->message) : NULL;
}

static int told_of_mounts(struct fixture *f)
{
	const char *message;

	fixture_open(f);
	CHECK(!is_mount(f, "/t") && !is_mount(f, "/t/bind") && !is_mount(f, "/t/file"));
	CHECK(!clear(f, false) && !clear(f, true));
	/* A bind mount of the same file system: only the kernel's word tells it. */
	CHECK(mount(real(f, "/source"), real(f, "/t/bind"), NULL, MS_BIND, NULL) == 0);
	CHECK(is_mount(f, "/t/bind") && !is_mount(f, "/t"));
	for (int purge = 0; purge < 2; purge++) {
		message = clear(f, purge);
		CHECK(message && strcmp(message, "remove /t/bind: something is mounted there") == 0);
	}
	CHECK(umount(real(f, "/t/bind")) == 0);
	CHECK(mount(real(f, "/source/precious"), real(f, "/t/file"), NULL, MS_BIND, NULL) == 0);
	CHECK(is_mount(f, "/t/file"));
	message = clear(f, false);
	CHECK(message && strstr(message, "/t/file: something is mounted there"));
	CHECK(umount(real(f, "/t/file")) == 0);
	CHECK(mount("tmpfs", real(f, "/t"), "tmpfs", 0, NULL) == 0);
	put(f, "/t/precious", "x");
	fixture_close(f);
	fixture_open(f);
	CHECK(is_mount(f, "/t") && !is_mount(f, "/t/precious"));
	message = clear(f, false);
	CHECK(message && strcmp(message, "remove /t: something is mounted there") == 0);
	CHECK(!clear(f, true)); /* what is in it may go */
	return 0;
}

static void local__mount_points_are_told_and_not_cleared(void **state)
{
	struct fixture *f = *state;

	NEED_ROOT();
	make_dir(f, "/t");
	make_dir(f, "/t/bind");
	put(f, "/t/file", "");
	make_dir(f, "/source");
	put(f, "/source/precious", "x");
	in_child(f, told_of_mounts);
	assert_string_equal(get(f, "/source/precious"), "x");
}

static int as_plain_user(struct fixture *f)
{
	struct engine engine = { 0 };
	struct neap_change changes[7];

	snprintf(f->state_dir, sizeof(f->state_dir), "%s/state-of-user", f->base);
	CHECK(mkdir(f->state_dir, 0700) == 0 && chown(f->state_dir, 4711, 4711) == 0);
	CHECK(setresgid(4711, 4711, 4711) == 0 && setresuid(4711, 4711, 4711) == 0);
	fixture_open(f);
	changes[0] = write_of(0, "/theirs/file", "new");
	changes[1] = write_of(1, "/mine/file", "new");
	changes[2] = change_of(NEAP_CHANGE_MKDIR, 2, "/mine/closed", 0555);
	changes[3] = write_of(3, "/mine/given", "new");
	changes[3].uid = 0;
	changes[4] = change_of(NEAP_CHANGE_ATTRIBUTES, 4, "/mine/roots", 0777);
	changes[4].uid = changes[4].gid = NEAP_KEEP;
	changes[5] = write_of(5, "/mine/hidden/file", "new");
	changes[6] = change_of(NEAP_CHANGE_UNLINK, 6, "/theirs/other", 0);
	CHECK(commit_in_child(f, &engine, changes, 7) == 0);
	CHECK(strcmp(engine.error[0],
		     "write /theirs/file: make a staging directory in /theirs: Permission denied") == 0 ||
	      strcmp(engine.error[0], "write /theirs/file: Permission denied") == 0);
	CHECK(!engine.failed[1] && strcmp(get(f, "/mine/file"), "new") == 0);
	CHECK(!engine.failed[2] && (look(f, "/mine/closed").st_mode & 07777) == 0555);
	CHECK(strcmp(engine.error[3], "chown /mine/given to 0:4711: Operation not permitted") == 0);
	CHECK(strcmp(engine.error[4], "chmod /mine/roots to 0777: Operation not permitted") == 0);
	CHECK(strcmp(engine.error[5], "write /mine/hidden/file: enter /mine/hidden: Permission denied") ==
		      0 ||
	      strstr(engine.error[5], "Permission denied") != NULL);
	CHECK(strcmp(engine.error[6], "remove /theirs/other: Permission denied") == 0);
	CHECK(count_leftovers(f) == 0);
	fixture_close(f);
	return 0;
}

static void commit__plain_user_changes_what_is_his(void **state)
{
	struct fixture *f = *state;

	NEED_ROOT();
	make_dir(f, "/theirs");
	put(f, "/theirs/other", "x");
	make_dir(f, "/mine");
	put(f, "/mine/roots", "x");
	make_dir(f, "/mine/hidden");
	assert_int_equal(chmod(real(f, "/mine/hidden"), 0700), 0);
	assert_int_equal(chown(real(f, "/mine"), 4711, 4711), 0);
	in_child(f, as_plain_user);
}

/* ---- kill -9 ------------------------------------------------------------------------------------------- */

#define KILL_FILES 6
#define KILL_SIZE 20000

static void write_for_ever(struct fixture *f)
{
	static char bytes[KILL_SIZE + 1];
	struct neap_change changes[KILL_FILES + 2];
	char paths[KILL_FILES][32];

	fixture_open(f);
	for (unsigned round = 0;; round++) {
		struct engine engine = { 0 };
		size_t count = round % 2 ? KILL_FILES : 2; /* synced one by one, or all at once */
		size_t n = 0;

		memset(bytes, 'a' + (int)(round % 26), KILL_SIZE);
		if (exists(f, "/dir")) {
			changes[n++] = change_of(NEAP_CHANGE_RMDIR, 0, "/dir", 0);
		} else {
			changes[n++] = change_of(NEAP_CHANGE_MKDIR, 0, "/dir", 0755);
		}
		for (size_t i = 0; i < count; i++) {
			snprintf(paths[i], sizeof(paths[i]), "/sub/file%zu", i);
			changes[n++] = write_of(1, paths[i], bytes);
		}
		changes[n++] = link_of(2, "/link", round % 2 ? "odd" : "even");
		if (commit_in_child(f, &engine, changes, n) < 0 || engine.failed[0] || engine.failed[1] ||
		    engine.failed[2])
			_exit(3);
	}
}

static void commit__killed_anywhere_each_file_is_old_or_new(void **state)
{
	struct fixture *f = *state;
	unsigned dirty = 0;

	make_dir(f, "/sub");
	srand((unsigned)time(NULL));
	for (int round = 0; round < 100; round++) {
		int status;
		pid_t pid;

		fixture_close(f);
		pid = fork();
		if (pid == 0)
			write_for_ever(f);
		usleep((useconds_t)(rand() % 25000) + 1000);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		dirty += count_leftovers(f) > 0;
		fixture_open(f);
		assert_int_equal(count_leftovers(f), 0);
		for (int i = 0; i < KILL_FILES; i++) {
			char path[32];
			const char *text;

			snprintf(path, sizeof(path), "/sub/file%d", i);
			if (!exists(f, path))
				continue;
			text = get(f, path);
			assert_int_equal(strlen(text), KILL_SIZE);
			assert_int_equal(strspn(text, (char[]){ text[0], '\0' }), KILL_SIZE);
			assert_int_equal(look(f, path).st_mode & 07777, 0644);
		}
	}
	assert_true(dirty > 5); /* else the kills missed what they are for */
}

/* ---- two runs at once ---------------------------------------------------------------------------------- */

static int commit_many(struct fixture *f, int who)
{
	char path[64];

	snprintf(f->state_dir, sizeof(f->state_dir), "%s/s%u", f->base, (unsigned)who % 10);
	fixture_open(f);
	snprintf(path, sizeof(path), "/a/b/file%d", who);
	for (int i = 0; i < 60; i++) {
		struct neap_change change = write_of(0, path, i % 2 ? "odd" : "even");
		struct engine engine = { 0 };

		CHECK(commit_in_child(f, &engine, &change, 1) == 0);
		if (engine.failed[0])
			fprintf(stderr, "%s\n", engine.error[0]);
		CHECK(!engine.failed[0]);
		CHECK(strcmp(get(f, path), i % 2 ? "odd" : "even") == 0);
	}
	fixture_close(f);
	return 0;
}

static void commit__runs_with_states_of_their_own_share_a_root(void **state)
{
	struct fixture *f = *state;
	pid_t pids[3];
	int status;

	make_dir(f, "/a");
	make_dir(f, "/a/b");
	fixture_close(f);
	for (int i = 0; i < 3; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(commit_many(f, i));
	}
	for (int i = 0; i < 3; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	fixture_open(f);
	assert_int_equal(count_leftovers(f), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_new, fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(commit__occupied_staging_place_is_left_alone),
		TEST(commit__staging_directory_is_for_nobody_else),
		TEST(commit__full_disk_fails_the_file_and_keeps_the_old),
		TEST(commit__each_mount_has_its_own_staging),
		TEST(local__mount_points_are_told_and_not_cleared),
		TEST(commit__plain_user_changes_what_is_his),
		TEST(commit__killed_anywhere_each_file_is_old_or_new),
		TEST(commit__runs_with_states_of_their_own_share_a_root),
	};

	umask(022);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
