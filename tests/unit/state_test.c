/* neap's own state: the lock, the record of what may be left behind, backups. */
#include "local_fixture.h"

#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>

#include "host/control_group.h"
#include "host/record.h"

static int open_state(const struct fixture *f, unsigned wait, struct neap_state **ret,
		      struct neap_error **err)
{
	return neap_state_open(f->state_dir, f->root, wait, ret, err);
}

static void state__directory_is_made_with_parents_and_private(void **state)
{
	struct fixture *f = *state;
	struct neap_state *s;
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/a/b/neap", f->base);
	assert_int_equal(neap_state_open(path, f->root, 0, &s, NULL), 0);
	neap_state_close(s);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(st.st_uid, geteuid());
}

static void state__parents_are_for_everybody_whatever_the_umask(void **state)
{
	static const mode_t masks[] = { 0, 022, 077, 0777 };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(masks) / sizeof(*masks); i++) {
		struct neap_state *s;
		char path[256];
		struct stat st;
		mode_t before = umask(masks[i]);

		snprintf(path, sizeof(path), "%s/%zu/lib/neap", f->root, i);
		assert_int_equal(neap_state_open(path, f->root, 0, &s, NULL), 0);
		umask(before);
		neap_state_close(s);
		for (int level = 0; level < 3; level++) {
			assert_int_equal(stat(path, &st), 0);
			assert_int_equal(st.st_mode & 07777, level ? 0755 : 0700);
			*strrchr(path, '/') = '\0';
		}
	}
}

static void state__held_lock_names_pid_age_and_file(void **state)
{
	struct fixture *f = *state;
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_state *second = NULL;
	char path[128], wanted[256];
	FILE *file;

	assert_int_equal(open_state(f, 0, &second, &err), NEAP_STATE_LOCKED);
	snprintf(wanted, sizeof(wanted), "another run holds the lock: pid %d, for ", (int)getpid());
	assert_memory_equal(err->message, wanted, strlen(wanted));
	neap_error_free(err);
	err = NULL;

	snprintf(path, sizeof(path), "%s/lock", f->state_dir);
	file = fopen(path, "we");
	fprintf(file, "123 %lld\n", (long long)time(NULL) - 250);
	fclose(file);
	assert_int_equal(open_state(f, 0, &second, &err), NEAP_STATE_LOCKED);
	snprintf(wanted, sizeof(wanted), "another run holds the lock: pid 123, for 4 min (%s/lock)",
		 f->state_dir);
	assert_string_equal(err->message, wanted);
	assert_non_null(err->hint);
}

static void state__waits_for_the_lock_as_long_as_asked(void **state)
{
	struct fixture *f = *state;
	struct neap_state *second = NULL;
	struct timespec start, end;
	int status;
	pid_t pid;

	clock_gettime(CLOCK_MONOTONIC, &start);
	assert_int_equal(open_state(f, 1, &second, NULL), NEAP_STATE_LOCKED);
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_true((end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000 >= 999);

	pid = fork();
	if (pid == 0) {
		neap_state_close(f->state); /* its copies of the descriptors hold the lock too */
		_exit(open_state(f, 10, &second, NULL) == 0 ? 0 : 1);
	}
	usleep(300000);
	fixture_close(f);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	fixture_open(f);
}

/* The last part of the control group that this process is in, as if that were a unit; false: there is none.
 */
static bool own_unit(char ret[256])
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	const char *group = neap_control_group(arena), *slash = strrchr(group, '/');

	snprintf(ret, 256, "%s", slash ? slash + 1 : "");
	return ret[0];
}

static void state__does_not_wait_for_who_waits_for_it(void **state)
{
	struct fixture *f = *state;
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_state *second = NULL;
	struct timespec start, end;
	char unit[256];

	neap_record_begin(f->state, "0", "/srv/site");
	neap_state_starts(f->state, "other.service");
	assert_int_equal(open_state(f, 0, &second, &err), NEAP_STATE_LOCKED);
	assert_non_null(strstr(err->hint, "--lock-wait"));
	neap_error_free(err);
	err = NULL;
	if (!own_unit(unit))
		return;
	neap_state_starts(f->state, unit);
	clock_gettime(CLOCK_MONOTONIC, &start);
	assert_int_equal(open_state(f, 60, &second, &err), NEAP_STATE_LOCKED);
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_in_range(end.tv_sec - start.tv_sec, 2, 20);
	assert_non_null(strstr(err->hint, unit));
	neap_error_free(err);
	err = NULL;
	neap_state_starts(f->state, NULL);
	assert_int_equal(open_state(f, 0, &second, &err), NEAP_STATE_LOCKED);
	assert_non_null(strstr(err->hint, "--lock-wait"));
}

static void state__lock_of_a_killed_run_is_free(void **state)
{
	struct fixture *f = *state;
	int ready[2], status;
	char byte;
	pid_t pid;

	fixture_close(f);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		struct neap_state *mine;

		if (open_state(f, 0, &mine, NULL) == 0 && write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(open_state(f, 0, &f->state, NULL), NEAP_STATE_LOCKED);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	close(ready[0]);
	close(ready[1]);
	fixture_open(f);
}

static void state__directory_of_others_is_refused(void **state)
{
	struct fixture *f = *state;
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_state *s;
	char path[128], wanted[256];

	snprintf(path, sizeof(path), "%s/open", f->base);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chmod(path, 0770), 0);
	assert_int_equal(neap_state_open(path, f->root, 0, &s, &err), -1);
	snprintf(wanted, sizeof(wanted), "state directory %s: others may write in it (mode 0770)", path);
	assert_string_equal(err->message, wanted);
	if (geteuid() != 0)
		return;
	neap_error_free(err);
	err = NULL;
	assert_int_equal(chmod(path, 0700), 0);
	assert_int_equal(chown(path, 4711, 4711), 0);
	assert_int_equal(neap_state_open(path, f->root, 0, &s, &err), -1);
	snprintf(wanted, sizeof(wanted), "state directory %s: belongs to user 4711", path);
	assert_string_equal(err->message, wanted);
}

static void state__link_below_an_image_root_is_refused(void **state)
{
	struct fixture *f = *state;
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_state *s;
	char *path = neap_state_default_directory(f->root), outside[128];

	snprintf(outside, sizeof(outside), "%s/outside", f->base);
	assert_int_equal(mkdir(outside, 0755), 0);
	make_link(f, "/var", outside);
	assert_int_equal(neap_state_open(path, f->root, 0, &s, &err), -1);
	assert_non_null(strstr(err->message, "/root/var is a link"));
	assert_int_equal(rmdir(outside), 0); /* nothing was made in it */
	free(path);
}

static void state__default_directory_follows_root_user_and_xdg(void **state)
{
	char *path = neap_state_default_directory("/srv/image/"), *home = strdup(getenv("HOME"));

	(void)state;
	assert_string_equal(path, "/srv/image/var/lib/neap");
	free(path);
	path = neap_state_default_directory("/");
	assert_string_equal(path, "/var/lib/neap");
	free(path);
	path = neap_state_default_directory(NULL);
	if (geteuid() == 0) {
		assert_string_equal(path, "/var/lib/neap");
		assert_int_equal(seteuid(4711), 0);
		free(path);
		path = neap_state_default_directory(NULL);
	}
	free(path);
	setenv("XDG_STATE_HOME", "/x/state", 1);
	path = neap_state_default_directory(NULL);
	assert_string_equal(path, "/x/state/neap");
	free(path);
	setenv("XDG_STATE_HOME", "relative", 1);
	setenv("HOME", "/home/ann", 1);
	path = neap_state_default_directory(NULL);
	assert_string_equal(path, "/home/ann/.local/state/neap");
	free(path);
	unsetenv("XDG_STATE_HOME");
	setenv("HOME", home, 1);
	free(home);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
}

static void note(const struct fixture *f, const char *path)
{
	struct neap_error *err = NULL;

	if (neap_state_note_stage(f->state, path, &err) < 0)
		fail_msg("%s", err->message);
}

static size_t record_size(const struct fixture *f)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/stages", f->state_dir);
	assert_int_equal(stat(path, &st), 0);
	return (size_t)st.st_size;
}

static bool exists(const struct fixture *f, const char *path)
{
	struct stat st;

	return lstat(real(f, path), &st) == 0;
}

static void state__leftovers_of_a_dead_run_are_removed(void **state)
{
	struct fixture *f = *state;
	char path[4096] = "/.neap-stage-0";

	make_dir(f, path);
	note(f, real(f, path));
	put(f, "/.neap-stage-0/00000001", "half");
	make_dir(f, "/.neap-stage-0/00000002.d");
	put(f, "/.neap-stage-0/00000002.d/sudoers", "half");
	put(f, "/precious", "x");
	make_dir(f, "/away");
	put(f, "/away/precious", "y");
	make_link(f, "/.neap-stage-0/out", real(f, "/away"));
	make_link(f, "/.neap-stage-0/00000002.d/out", "../../precious");
	assert_int_equal(mkfifo(real(f, "/.neap-stage-0/pipe"), 0600), 0);
	for (int i = 0; i < 100; i++) { /* deeper than anybody should recurse with descriptors */
		strcat(path, "/deep");
		make_dir(f, path);
		make_link(f, strcat(path, "/l"), "/");
		path[strlen(path) - 2] = '\0';
	}
	make_dir(f, "/.neap-tmp-00ff");
	note(f, real(f, "/.neap-tmp-00ff"));
	fixture_close(f);
	fixture_open(f);
	assert_int_equal(count_leftovers(f), 0);
	assert_int_equal(record_size(f), 0);
	assert_string_equal(get(f, "/precious"), "x");
	assert_string_equal(get(f, "/away/precious"), "y");
}

static void state__what_was_not_noted_or_is_not_ours_stays(void **state)
{
	struct fixture *f = *state;

	make_dir(f, "/.neap-stage-0"); /* not noted */
	make_dir(f, "/data");
	put(f, "/data/x", "x");
	note(f, real(f, "/data")); /* no name of ours */
	make_dir(f, "/way");
	make_dir(f, "/way/.neap-stage-0");
	make_link(f, "/link", "way");
	note(f, real(f, "/link/.neap-stage-0")); /* through a link */
	note(f, real(f, "/data/../.neap-stage-0"));
	note(f, ".neap-stage-0");
	put(f, "/file", "x");
	make_link(f, "/.neap-stage-7", "data");
	note(f, real(f, "/.neap-stage-7")); /* a link */
	if (geteuid() == 0) {
		make_dir(f, "/.neap-stage-8");
		note(f, real(f, "/.neap-stage-8"));
		assert_int_equal(chown(real(f, "/.neap-stage-8"), 4711, 4711), 0);
	}
	fixture_close(f);
	fixture_open(f);
	assert_true(exists(f, "/.neap-stage-0"));
	assert_true(exists(f, "/way/.neap-stage-0"));
	assert_true(exists(f, "/data/x"));
	assert_true(exists(f, "/.neap-stage-7"));
	assert_true(geteuid() != 0 || exists(f, "/.neap-stage-8"));
	assert_int_equal(record_size(f), 0);
}

static void state__busy_leftover_and_one_of_another_root_stay_in_the_record(void **state)
{
	struct fixture *f = *state;
	size_t size;
	int fd;

	make_dir(f, "/.neap-stage-0");
	note(f, real(f, "/.neap-stage-0"));
	note(f, "/elsewhere/.neap-stage-0");
	size = record_size(f);
	fd = open(real(f, "/.neap-stage-0"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	fixture_close(f);
	fixture_open(f);
	assert_true(exists(f, "/.neap-stage-0"));
	assert_int_equal(record_size(f), size);
	note(f, real(f, "/.neap-stage-1"));
	assert_int_equal(neap_state_forget_stages(f->state, NULL), 0);
	assert_int_equal(record_size(f), size); /* ours is forgotten, theirs is not */
	close(fd);
	fixture_close(f);
	fixture_open(f);
	assert_false(exists(f, "/.neap-stage-0"));
	assert_int_equal(record_size(f), size); /* not ours to judge: another root's */
}

static void state__torn_record_is_harmless(void **state)
{
	struct fixture *f = *state;
	char path[128];
	FILE *file;

	fixture_close(f);
	make_dir(f, "/.neap-stage-0");
	snprintf(path, sizeof(path), "%s/stages", f->state_dir);
	file = fopen(path, "we");
	fprintf(file, "%s", real(f, "/.neap-stage-0")); /* no NUL at its end */
	fclose(file);
	fixture_open(f);
	assert_true(exists(f, "/.neap-stage-0"));
	assert_int_equal(record_size(f), 0);
	note(f, real(f, "/.neap-stage-0"));
	fixture_close(f);
	fixture_open(f);
	assert_false(exists(f, "/.neap-stage-0"));
}

static void state__backup_is_private_and_never_overwrites(void **state)
{
	struct fixture *f = *state;
	char path[256], folder[600] = "";
	unsigned files = 0;
	struct dirent *entry;
	struct stat st;
	DIR *dir;
	int fd;

	put(f, "/motd", "old words\n");
	assert_int_equal(chmod(real(f, "/motd"), 0644), 0);
	fd = open(real(f, "/motd"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(neap_state_backup(f->state, "/etc/motd", fd, NULL), 0);
	assert_int_equal(neap_state_backup(f->state, "/etc/motd", fd, NULL), 0);
	close(fd);
	snprintf(path, sizeof(path), "%s/backup", f->state_dir);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir)))
		if (strstr(entry->d_name, "-motd"))
			snprintf(folder, sizeof(folder), "%s/%s", path, entry->d_name);
	closedir(dir);
	dir = opendir(folder);
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		char file[1024];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%s/%s", folder, entry->d_name);
		assert_string_equal(slurp(file), "old words\n");
		assert_int_equal(stat(file, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
		files++;
	}
	closedir(dir);
	assert_int_equal(files, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_new, fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(state__directory_is_made_with_parents_and_private),
		TEST(state__parents_are_for_everybody_whatever_the_umask),
		TEST(state__held_lock_names_pid_age_and_file),
		TEST(state__waits_for_the_lock_as_long_as_asked),
		TEST(state__does_not_wait_for_who_waits_for_it),
		TEST(state__lock_of_a_killed_run_is_free),
		TEST(state__directory_of_others_is_refused),
		TEST(state__link_below_an_image_root_is_refused),
		TEST(state__default_directory_follows_root_user_and_xdg),
		TEST(state__leftovers_of_a_dead_run_are_removed),
		TEST(state__what_was_not_noted_or_is_not_ours_stays),
		TEST(state__busy_leftover_and_one_of_another_root_stay_in_the_record),
		TEST(state__torn_record_is_harmless),
		TEST(state__backup_is_private_and_never_overwrites),
	};

	umask(022);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
