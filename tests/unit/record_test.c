/* How a run went, as neap's state tells it: kept, read without a lock, and never taken at its word. */
#include "local_fixture.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "host/record.h"
#include "host/state_parts.h"

#define ID "0123456789abcdef0123456789abcdef"

static struct neap_record example(int exit_code)
{
	static const struct neap_record_count counts[] = { { "failed", 1 }, { "unchanged", 40 } };
	static const struct neap_record_failure failures[] = {
		{ .address = "file[/etc/x]",
		  .file = "site.lua",
		  .line = 12,
		  .message = "open /etc/x: Permission denied",
		  .hint = "run as root" },
		{ .message = "not \xff UTF-8 \xc3\xa4" },
	};
	struct neap_record record = {
		.id = ID,
		.recipe = "/etc/neap/\xfesite",
		.version = "0.1.0",
		.pid = 4711,
		.started = 1000000000123,
		.ended = 1000000060456,
		.exit_code = exit_code,
		.counts = counts,
		.count_count = 2,
		.failures = failures,
		.failure_count = 2,
		.failed = 2,
	};
	return record;
}

static void end(struct fixture *f, const struct neap_record *record)
{
	struct neap_error *err = NULL;

	if (neap_record_end(f->state, record, &err) < 0)
		fail_msg("%s", err->message);
}

static struct neap_look look(struct fixture *f)
{
	struct neap_error *err = NULL;
	struct neap_look look;

	if (neap_record_look(f->state_dir, f->root, f->arena, &look, &err) < 0)
		fail_msg("%s", err->message);
	return look;
}

static const char *in_state(const struct fixture *f, const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", f->state_dir, name);
	return path;
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void record__what_is_kept_is_what_is_read(void **state)
{
	struct fixture *f = *state;
	struct neap_record record = example(4);
	struct stat st;

	record.signal = SIGTERM;
	record.timeout = 600;
	record.tags = "a,b";
	end(f, &record);
	fixture_close(f);
	assert_int_equal(stat(in_state(f, "last-run.json"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	struct neap_look found = look(f);
	assert_true(found.there && found.recorded);
	assert_int_equal(found.mark, NEAP_MARK_NONE);
	assert_string_equal(found.record.id, ID);
	assert_string_equal(found.record.recipe, "/etc/neap/\\xfesite");
	assert_string_equal(found.record.version, "0.1.0");
	assert_string_equal(found.record.tags, "a,b");
	assert_int_equal(found.record.pid, 4711);
	assert_int_equal(found.record.started, 1000000000123);
	assert_int_equal(found.record.ended, 1000000060456);
	assert_int_equal(found.record.exit_code, 4);
	assert_int_equal(found.record.signal, SIGTERM);
	assert_int_equal(found.record.timeout, 600);
	assert_int_equal(found.record.count_count, 2);
	assert_string_equal(found.record.counts[1].name, "unchanged");
	assert_int_equal(found.record.counts[1].count, 40);
	assert_int_equal(found.record.failed, 2);
	assert_int_equal(found.record.failure_count, 2);
	assert_string_equal(found.record.failures[0].address, "file[/etc/x]");
	assert_string_equal(found.record.failures[0].file, "site.lua");
	assert_int_equal(found.record.failures[0].line, 12);
	assert_string_equal(found.record.failures[0].message, "open /etc/x: Permission denied");
	assert_string_equal(found.record.failures[0].hint, "run as root");
	assert_null(found.record.failures[1].address);
	assert_null(found.record.failures[1].hint);
	assert_string_equal(found.record.failures[1].message, "not \\xff UTF-8 \xc3\xa4");
	fixture_open(f);
}

static void record__long_messages_are_cut_at_a_character(void **state)
{
	struct fixture *f = *state;
	struct neap_record record = example(4);
	char text[5000];

	for (size_t i = 0; i + 2 < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xa4", 3);
	const struct neap_record_failure failure = { .message = text };
	record.failures = &failure;
	record.failure_count = 1;
	end(f, &record);
	const char *message = look(f).record.failures[0].message;
	assert_in_range(strlen(message), 1990, 2010);
	assert_true(neap_str_is_utf8(neap_str(message)));
	assert_string_equal(message + strlen(message) - 3, "…");
}

static void record__the_last_success_is_carried_over_failures(void **state)
{
	struct fixture *f = *state;
	struct neap_record record = example(4);

	end(f, &record);
	assert_int_equal(look(f).record.last_success, 0);
	record.exit_code = 0;
	end(f, &record);
	assert_int_equal(look(f).record.last_success, record.ended);
	record.exit_code = 6;
	record.ended += 1000;
	end(f, &record);
	assert_int_equal(look(f).record.last_success, record.ended - 1000);
	record.exit_code = 1;
	end(f, &record);
	assert_int_equal(look(f).record.last_success, record.ended - 1000);
	record.exit_code = 2;
	end(f, &record);
	assert_int_equal(look(f).record.last_success, record.ended);
	/* What cannot be read is no reason to fail. */
	write_text(in_state(f, "last-run.json"), "{\"last_succ");
	record.exit_code = 4;
	end(f, &record);
	assert_int_equal(look(f).record.last_success, 0);
}

static void record__a_run_that_goes_on_is_seen_without_a_lock(void **state)
{
	struct fixture *f = *state;
	struct neap_record record = example(0);

	end(f, &record);
	neap_record_begin(f->state, "another0another0another0another0", "/etc/neap/site of\xff x");
	struct neap_look found = look(f);
	assert_int_equal(found.mark, NEAP_MARK_RUNNING);
	assert_int_equal(found.pid, getpid());
	assert_in_range(found.since, time(NULL) - 60, time(NULL));
	assert_string_equal(found.recipe, "/etc/neap/site of\xff x");
	assert_true(found.recorded);
	assert_int_equal(found.record.exit_code, 0);
	end(f, &record);
	assert_int_equal(look(f).mark, NEAP_MARK_RUNNING); /* it has the lock still */
	fixture_close(f);
	assert_int_equal(look(f).mark, NEAP_MARK_NONE);
	fixture_open(f);
}

static void record__whoever_holds_the_lock_runs_whatever_the_file_says(void **state)
{
	struct fixture *f = *state;

	write_text(in_state(f, "lock"), "1 1000 " ID " - /etc/old\n");
	struct neap_look found = look(f);
	assert_int_equal(found.mark, NEAP_MARK_RUNNING);
	assert_int_equal(found.pid, getpid());
	assert_int_equal(found.since, 0);
	assert_string_equal(found.recipe, "");
}

static void record__a_run_that_was_killed_is_told_until_the_next(void **state)
{
	struct fixture *f = *state;
	struct neap_record record = example(0);
	int status;

	end(f, &record);
	fixture_close(f);
	pid_t pid = fork();
	if (pid == 0) {
		struct neap_state *mine;

		if (neap_state_open(f->state_dir, f->root, 0, &mine, NULL) < 0)
			_exit(1);
		neap_record_begin(mine, "another0another0another0another0", "site.lua");
		kill(getpid(), SIGKILL);
	}
	waitpid(pid, &status, 0);
	assert_true(WIFSIGNALED(status));
	struct neap_look found = look(f);
	assert_int_equal(found.mark, NEAP_MARK_KILLED);
	assert_int_equal(found.pid, pid);
	assert_false(found.rebooted);
	assert_string_equal(found.recipe, "site.lua");
	assert_true(found.recorded);
	/* Its record came, and it was killed before it could take the mark away. */
	memcpy(record.id, "another0another0another0another0", sizeof(record.id));
	fixture_open(f);
	end(f, &record);
	fixture_close(f);
	write_text(in_state(f, "lock"), "1 1000 another0another0another0another0 - site.lua\n");
	assert_int_equal(look(f).mark, NEAP_MARK_NONE);
	write_text(in_state(f, "lock"), "1 1000 " ID " 00000000-0000-0000-0000-000000000000 site.lua\n");
	found = look(f);
	assert_int_equal(found.mark, NEAP_MARK_KILLED);
	assert_true(found.rebooted);
	write_text(in_state(f, "lock"), "1 1000\n"); /* as neap wrote it once, and left it */
	assert_int_equal(look(f).mark, NEAP_MARK_NONE);
	fixture_open(f);
}

static void record__of_one_that_was_refused_is_kept_where_neap_has_been(void **state)
{
	struct fixture *f = *state;
	struct neap_record record = example(1);
	char path[256];

	snprintf(path, sizeof(path), "%s/absent/neap", f->base);
	assert_int_equal(neap_record_refused(path, f->root, &record, NULL), 0);
	assert_int_equal(access(path, F_OK), -1);
	*strrchr(path, '/') = '\0';
	assert_int_equal(access(path, F_OK), -1);
	/* Another run is under way: it will tell of itself. */
	assert_int_equal(neap_record_refused(f->state_dir, f->root, &record, NULL), 0);
	assert_false(look(f).recorded);
	fixture_close(f);
	assert_int_equal(neap_record_refused(f->state_dir, f->root, &record, NULL), 0);
	assert_int_equal(look(f).record.exit_code, 1);
	assert_int_equal(look(f).mark, NEAP_MARK_NONE);
	/* In a directory where others may write nothing is kept. */
	record.exit_code = 4;
	assert_int_equal(chmod(f->state_dir, 0770), 0);
	assert_int_equal(neap_record_refused(f->state_dir, f->root, &record, NULL), 0);
	assert_int_equal(look(f).record.exit_code, 1);
	assert_int_equal(chmod(f->state_dir, 0700), 0);
	fixture_open(f);
}

static void record__what_is_torn_or_strange_is_an_error_that_names_the_file(void **state)
{
	struct fixture *f = *state;
	struct neap_record record = example(4);
	struct neap_str whole = neap_record_text(f->arena, &record);
	char wanted[300];

	snprintf(wanted, sizeof(wanted), "read %s: ", in_state(f, "last-run.json"));
	for (size_t len = 0; len < whole.len - 1; len++) {
		struct neap_error *err NEAP_AUTO_ERROR = NULL;
		struct neap_look found;

		write_text(in_state(f, "last-run.json"), neap_arena_copy(f->arena, whole.data, len));
		assert_int_equal(neap_record_look(f->state_dir, f->root, f->arena, &found, &err), -1);
		assert_memory_equal(err->message, wanted, strlen(wanted));
		assert_int_equal(neap_record_look(f->state_dir, f->root, f->arena, &found, NULL), -1);
	}
	static const char *const strange[] = {
		"[]",
		"{}",
		"null",
		"\"x\"",
		"{\"format_version\":2}",
		"{\"format_version\":1,\"id\":1,\"recipe\":2,\"counts\":[],\"failures\":{}}",
	};
	for (size_t i = 0; i < sizeof(strange) / sizeof(*strange); i++) {
		struct neap_look found;

		write_text(in_state(f, "last-run.json"), strange[i]);
		assert_int_equal(neap_record_look(f->state_dir, f->root, f->arena, &found, NULL), -1);
		assert_false(found.recorded);
	}
	/* Members of a wrong kind, in a list and a map: what is right is taken. */
	write_text(in_state(f, "last-run.json"),
		   "{\"format_version\":1,\"id\":\"longer than any id that neap has ever made "
		   "itself\",\"recipe\":"
		   "\"r\",\"neap_version\":\"1\",\"counts\":{\"a\":\"b\",\"failed\":-1,\"run\":2},"
		   "\"failures\":[1,"
		   "{\"line\":\"x\"}],\"exit_code\":4,\"started\":0,\"ended\":0}");
	struct neap_look found = look(f);
	assert_int_equal(found.record.count_count, 1);
	assert_int_equal(found.record.failure_count, 2);
	assert_string_equal(found.record.failures[1].message, "failed");
	/* A link is not followed. */
	write_text(in_state(f, "other"), neap_arena_copy(f->arena, whole.data, whole.len));
	unlink(in_state(f, "last-run.json"));
	assert_int_equal(symlink("other", in_state(f, "last-run.json")), 0);
	assert_int_equal(neap_record_look(f->state_dir, f->root, f->arena, &found, NULL), -1);
}

static void record__looking_makes_nothing(void **state)
{
	struct fixture *f = *state;
	struct neap_look found;
	char path[256];

	snprintf(path, sizeof(path), "%s/absent", f->base);
	assert_int_equal(neap_record_look(path, f->root, f->arena, &found, NULL), 0);
	assert_false(found.there || found.recorded);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(neap_record_look(path, f->root, f->arena, &found, NULL), 0);
	assert_true(found.there && !found.recorded && found.mark == NEAP_MARK_NONE);
	assert_int_equal(rmdir(path), 0); /* nothing is in it */
	write_text(path, "");
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	assert_int_equal(neap_record_look(path, f->root, f->arena, &found, &err), -1);
	assert_non_null(strstr(err->message, "open the state directory"));
	unsigned before = count_fds();
	look(f);
	assert_int_equal(count_fds(), before);
}

static void record__a_full_disk_is_an_error_and_leaves_the_old_one(void **state)
{
	struct fixture *f = *state;
	struct neap_record record = example(0);
	struct neap_error *err NEAP_AUTO_ERROR = NULL;

	struct rlimit before, small;

	end(f, &record);
	record.exit_code = 4;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = (struct rlimit){ 100, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	memcpy(record.id, "another0another0another0another0", sizeof(record.id));
	neap_record_begin(f->state, record.id, "site.lua");
	int r = neap_record_end(f->state, &record, &err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(r, -1);
	assert_non_null(strstr(err->message, "last-run.json: "));
	assert_int_equal(look(f).record.exit_code, 0);
	assert_int_equal(access(in_state(f, ".last-run.new"), F_OK), -1);
	/* What could not be told is not taken for a success later. */
	fixture_close(f);
	assert_int_equal(look(f).mark, NEAP_MARK_KILLED);
	fixture_open(f);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_new, fixture_free)
	const struct CMUnitTest tests[] = {
		TEST(record__what_is_kept_is_what_is_read),
		TEST(record__long_messages_are_cut_at_a_character),
		TEST(record__the_last_success_is_carried_over_failures),
		TEST(record__a_run_that_goes_on_is_seen_without_a_lock),
		TEST(record__whoever_holds_the_lock_runs_whatever_the_file_says),
		TEST(record__a_run_that_was_killed_is_told_until_the_next),
		TEST(record__of_one_that_was_refused_is_kept_where_neap_has_been),
		TEST(record__what_is_torn_or_strange_is_an_error_that_names_the_file),
		TEST(record__looking_makes_nothing),
		TEST(record__a_full_disk_is_an_error_and_leaves_the_old_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
