/* Account files on a real directory: under which lock and in which order they land, and what somebody else
 * has written meanwhile. */
#include "commit_fixture.h"

#include <signal.h>
#include <sys/wait.h>

#include "host/accounts.h"
#include "host/overlay.h"

static struct neap_change account_write(uint32_t step, const char *path, const char *data)
{
	struct neap_change change = write_of(step, path, data);

	change.accounts = neap_account_landing(path);
	return change;
}

/* Holds the lock as lckpwdf() does, in a process of its own, until that is killed. */
static pid_t hold_lock(const struct fixture *f)
{
	int ready[2];
	pid_t child;
	char byte;

	assert_int_equal(pipe(ready), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
		int fd = open(real(f, "/etc/.pwd.lock"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

		if (fd < 0 || fcntl(fd, F_SETLKW, &lock) < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return child;
}

static void let_go(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static bool is_locked(const struct fixture *f)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(real(f, "/etc/.pwd.lock"), O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	assert_int_equal(fcntl(fd, F_GETLK, &lock), 0);
	close(fd);
	return lock.l_type != F_UNLCK;
}

/* What the engine sees of the files each time that it is asked whether a step may go on. */
struct watch {
	struct engine engine;
	const struct fixture *f;
	pid_t holder; /* of the lock: ends when it is asked for the third time */
	unsigned asked;
	bool entry_without_group, unlocked;
	bool stop;
};

static bool watch_may(void *ctx, uint32_t step)
{
	struct watch *watch = ctx;

	if (watch->holder && ++watch->asked == 3) {
		let_go(watch->holder);
		watch->holder = 0;
	}
	if (strstr(get(watch->f, "/etc/passwd"), "new:") && !strstr(get(watch->f, "/etc/group"), "new:"))
		watch->entry_without_group = true;
	if (strstr(get(watch->f, "/etc/group"), "new:") && !is_locked(watch->f))
		watch->unlocked = true;
	return !watch->stop && engine_may(&watch->engine, step);
}

static void commit_watched(struct watch *watch, const struct neap_change *changes, size_t count)
{
	struct neap_commit commit = { .ctx = watch, .may = watch_may, .failed = engine_failed };

	assert_int_equal(watch->f->machine->ops->commit(watch->f->machine, changes, count, &commit, NULL), 0);
}

static void accounts_new(struct fixture *f)
{
	make_dir(f, "/etc");
	put(f, "/etc/passwd", "old:x:1:1:::\n");
	put(f, "/etc/group", "old:x:1:\n");
}

static void local_accounts__land_under_the_lock_and_the_entry_after_what_it_stands_on(void **state)
{
	struct fixture *f = *state;
	struct watch watch = { .f = f };

	accounts_new(f);
	const struct neap_change changes[] = {
		account_write(1, "/etc/group", "old:x:1:\nnew:x:2:\n"),
		account_write(1, "/etc/passwd", "old:x:1:1:::\nnew:x:2:2:::\n"),
		account_write(2, "/etc/group", "old:x:1:\nnew:x:2:\nmore:x:3:\n"),
		write_of(3, "/etc/motd", "x"),
	};
	commit_watched(&watch, changes, 4);
	assert_string_equal(get(f, "/etc/group"), "old:x:1:\nnew:x:2:\nmore:x:3:\n");
	assert_string_equal(get(f, "/etc/passwd"), "old:x:1:1:::\nnew:x:2:2:::\n");
	assert_false(watch.entry_without_group);
	assert_false(watch.unlocked);
	assert_false(is_locked(f));
	assert_int_equal(look(f, "/etc/.pwd.lock").st_mode & 07777, 0600);
}

static void local_accounts__other_files_land_without_the_lock(void **state)
{
	struct fixture *f = *state;

	accounts_new(f);
	COMMIT(f, ((const struct neap_change[]){ write_of(1, "/etc/motd", "x") }));
	assert_false(exists(f, "/etc/.pwd.lock"));
}

static void local_accounts__wait_for_who_has_the_lock(void **state)
{
	struct fixture *f = *state;
	struct watch watch = { .f = f };

	accounts_new(f);
	watch.holder = hold_lock(f);
	const struct neap_change changes[] = { account_write(1, "/etc/group", "new:x:2:\n") };
	commit_watched(&watch, changes, 1);
	assert_int_equal(watch.holder, 0);
	assert_string_equal(watch.engine.error[1], "");
	assert_string_equal(get(f, "/etc/group"), "new:x:2:\n");
}

static bool stop_when_waiting(void *ctx, uint32_t step)
{
	struct watch *watch = ctx;

	watch->stop = ++watch->asked > 3;
	return watch_may(ctx, step);
}

static void local_accounts__are_not_waited_for_when_the_run_is_to_end(void **state)
{
	struct fixture *f = *state;
	struct watch watch = { .f = f };
	struct neap_commit commit = { .ctx = &watch, .may = stop_when_waiting, .failed = engine_failed };
	pid_t holder;

	accounts_new(f);
	holder = hold_lock(f);
	const struct neap_change changes[] = { account_write(1, "/etc/group", "new:x:2:\n") };
	assert_int_equal(f->machine->ops->commit(f->machine, changes, 1, &commit, NULL), 0);
	let_go(holder);
	assert_string_equal(watch.engine.error[1],
			    "write /etc/group: lock /etc/.pwd.lock: not waited for any longer");
	assert_string_equal(get(f, "/etc/group"), "old:x:1:\n");
}

/* The first version could not land, as the file is another by now: nor may the second, made from the first.
 */
static void local_accounts__what_was_changed_meanwhile_is_kept_by_both_versions(void **state)
{
	struct fixture *f = *state;
	struct engine engine = { 0 };
	struct neap_change changes[] = {
		account_write(1, "/etc/group", "old:x:1:\nnew:x:2:\n"),
		account_write(1, "/etc/passwd", "old:x:1:1:::\nnew:x:2:2:::\n"),
		account_write(2, "/etc/group", "old:x:1:\nnew:x:2:\nmore:x:3:\n"),
	};

	accounts_new(f);
	changes[0].stamp = changes[2].stamp = 12345; /* of no file */
	changes[2].stamp = 0;                        /* it was held then */
	commit_as(f, &engine, changes, 3);
	assert_true(engine.failed[1]);
	assert_true(engine.failed[2]);
	assert_string_equal(get(f, "/etc/group"), "old:x:1:\n");
	assert_string_equal(get(f, "/etc/passwd"), "old:x:1:1:::\n");
}

static void local_accounts__a_pinned_entry_lands_before_what_comes_after_it(void **state)
{
	struct fixture *f = *state;
	struct watch watch = { .f = f };
	struct neap_change changes[] = {
		account_write(1, "/etc/passwd", "old:x:1:2:::\n"),
		account_write(1, "/etc/group", "old:x:2:\n"),
		write_of(2, "/etc/motd", "x"),
		account_write(3, "/etc/group", "old:x:2:\nnew:x:3:\n"),
		account_write(3, "/etc/passwd", "old:x:1:2:::\nnew:x:3:3:::\n"),
	};

	accounts_new(f);
	changes[0].accounts = NEAP_ACCOUNTS_PINNED;
	watch.engine.forbidden[3] = true;
	commit_watched(&watch, changes, 5);
	assert_string_equal(get(f, "/etc/passwd"), "old:x:1:2:::\n");
	assert_string_equal(get(f, "/etc/group"), "old:x:2:\n");
	watch = (struct watch){ .f = f };
	commit_watched(&watch, changes + 3, 2);
	assert_false(watch.entry_without_group);
}

static bool may(void *ctx, uint32_t step)
{
	(void)ctx;
	(void)step;
	return true;
}

static void failed(void *ctx, uint32_t step, struct neap_error *err)
{
	(void)step;
	snprintf(ctx, 256, "%s", err->message);
	neap_error_free(err);
}

/* From the look at the file, which may be long ago, to the rename. */
static void local_accounts__a_user_added_by_others_since_the_file_was_read_is_not_lost(void **state)
{
	struct fixture *f = *state;
	struct neap_host *overlay = neap_overlay_new(f->machine, NEAP_OVERLAY_APPLY);
	const struct neap_account_edit edits[] = { { NEAP_ETC_PASSWD, "new", "new:x:2:2:::", false } };
	char error[256] = "";
	struct neap_commit commit = { .ctx = error, .may = may, .failed = failed };
	uint32_t uid;

	accounts_new(f);
	neap_overlay_step(overlay, 0, NEAP_NO_STEP);
	assert_int_equal(neap_view_user(&overlay->view, "old", &uid, NULL), 0);
	put(f, "/etc/passwd", "old:x:1:1:::\ntheirs:x:2:2:::\n");
	assert_int_equal(neap_account_edit(overlay, edits, 1, NULL), 0);
	assert_int_equal(neap_overlay_land(overlay, &commit, NULL), 0);
	assert_string_equal(error,
			    "write /etc/passwd: it has changed while neap was at work, and is left as it is");
	assert_string_equal(get(f, "/etc/passwd"), "old:x:1:1:::\ntheirs:x:2:2:::\n");
	neap_overlay_free(overlay);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_new, fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(local_accounts__land_under_the_lock_and_the_entry_after_what_it_stands_on),
		TEST(local_accounts__other_files_land_without_the_lock),
		TEST(local_accounts__wait_for_who_has_the_lock),
		TEST(local_accounts__are_not_waited_for_when_the_run_is_to_end),
		TEST(local_accounts__what_was_changed_meanwhile_is_kept_by_both_versions),
		TEST(local_accounts__a_pinned_entry_lands_before_what_comes_after_it),
		TEST(local_accounts__a_user_added_by_others_since_the_file_was_read_is_not_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
