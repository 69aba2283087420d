/* The journal of notifications: what a torn write, damage and another version leave of it. */
#include "local_fixture.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/str.h"
#include "host/notices.h"

static bool no_truncate;

/* In the place of libc's. */
int ftruncate(int fd, off_t size)
{
	if (!no_truncate)
		return (int)syscall(SYS_ftruncate, fd, size);
	errno = EIO;
	return -1;
}

struct kept {
	struct neap_state *state;
	struct neap_arena *arena;
	struct neap_notices notices;
	size_t damaged;
};

static int open_kept(const struct fixture *f, struct kept *kept, struct neap_error **err)
{
	*kept = (struct kept){ .arena = neap_arena_new() };
	assert_int_equal(neap_state_open(f->state_dir, f->root, 0, &kept->state, NULL), 0);
	return neap_state_journal_open(kept->state, kept->arena, &kept->notices, &kept->damaged, err);
}

static void close_kept(struct kept *kept)
{
	neap_state_close(kept->state);
	neap_arena_free(kept->arena);
}

static void owe(struct kept *kept, const char *address, const char *cause)
{
	struct neap_notice notice = { address, cause, "/site.lua", 1700000000 };

	assert_int_equal(kept->notices.owe(kept->notices.ctx, &notice, 1, NULL), 0);
}

static void path_of(const struct fixture *f, char ret[512])
{
	snprintf(ret, 512, "%s/journal", f->state_dir);
}

static size_t load(const struct fixture *f, char *data, size_t size)
{
	char path[512];
	FILE *file;
	size_t len;

	path_of(f, path);
	file = fopen(path, "r");
	assert_non_null(file);
	len = fread(data, 1, size, file);
	fclose(file);
	return len;
}

static void store(const struct fixture *f, const char *data, size_t len)
{
	char path[512];
	FILE *file;

	path_of(f, path);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, len, file), len);
	fclose(file);
}

static void journal__what_is_owed_is_there_for_the_next_run_and_what_is_settled_is_not(void **state)
{
	struct fixture *f = *state;
	struct kept kept;

	assert_int_equal(open_kept(f, &kept, NULL), 0);
	assert_int_equal(kept.notices.count, 0);
	owe(&kept, "unit[a]", "file[/x]");
	owe(&kept, "exec[odd\tname\\with\nall]", "exec[odd\tname\\with\nall]");
	owe(&kept, "unit[b]", "file[/y]");
	kept.notices.settle(kept.notices.ctx, "unit[a]");
	close_kept(&kept);

	assert_int_equal(open_kept(f, &kept, NULL), 0);
	assert_int_equal(kept.notices.count, 2);
	assert_string_equal(kept.notices.items[0].address, "exec[odd\tname\\with\nall]");
	assert_string_equal(kept.notices.items[0].cause, "exec[odd\tname\\with\nall]");
	assert_string_equal(kept.notices.items[1].address, "unit[b]");
	assert_string_equal(kept.notices.items[1].cause, "file[/y]");
	assert_string_equal(kept.notices.items[1].recipe, "/site.lua");
	assert_int_equal(kept.notices.items[1].since, 1700000000);
	close_kept(&kept);
}

static void journal__of_one_that_is_owed_twice_its_own_change_is_kept(void **state)
{
	static const char *const causes[] = { "file[/x]", "unit[a]", "file[/y]" };
	struct fixture *f = *state;
	struct kept kept;

	assert_int_equal(open_kept(f, &kept, NULL), 0);
	for (size_t i = 0; i < 3; i++)
		owe(&kept, "unit[a]", causes[i]);
	close_kept(&kept);
	assert_int_equal(open_kept(f, &kept, NULL), 0);
	assert_int_equal(kept.notices.count, 1);
	assert_string_equal(kept.notices.items[0].cause, "unit[a]");
	kept.notices.settle(kept.notices.ctx, "unit[a]");
	close_kept(&kept);
	assert_int_equal(open_kept(f, &kept, NULL), 0);
	assert_int_equal(kept.notices.count, 0);
	close_kept(&kept);
}

static void journal__is_cut_to_its_first_line_when_nothing_is_owed(void **state)
{
	struct fixture *f = *state;
	struct kept kept;
	char data[4096];

	assert_int_equal(open_kept(f, &kept, NULL), 0);
	for (unsigned i = 0; i < 3; i++) {
		owe(&kept, "unit[a]", "file[/x]");
		owe(&kept, "unit[b]", "file[/x]");
		kept.notices.settle(kept.notices.ctx, "unit[b]");
		kept.notices.settle(kept.notices.ctx, "unit[a]");
		assert_int_equal(load(f, data, sizeof data), strlen("neap-journal 1\n"));
	}
	owe(&kept, "unit[c]", "file[/x]");
	close_kept(&kept);
	assert_int_equal(open_kept(f, &kept, NULL), 0);
	assert_int_equal(kept.notices.count, 1);
	close_kept(&kept);
}

/* Its own change is written down beside another's: one address is owed one refresh. */
static void journal__is_cut_too_when_one_was_owed_twice(void **state)
{
	struct fixture *f = *state;
	struct kept kept;
	char data[4096];

	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(open_kept(f, &kept, NULL), 0);
		owe(&kept, "unit[b]", "file[/x]");
		owe(&kept, "unit[a]", "file[/x]");
		owe(&kept, "unit[a]", "unit[a]");
		if (i == 1) { /* by the next run */
			close_kept(&kept);
			assert_int_equal(open_kept(f, &kept, NULL), 0);
		}
		kept.notices.settle(kept.notices.ctx, "unit[a]");
		kept.notices.settle(kept.notices.ctx, "unit[nobody]");
		assert_in_range(load(f, data, sizeof data), strlen("neap-journal 1\n") + 1, sizeof data);
		kept.notices.settle(kept.notices.ctx, "unit[b]");
		assert_int_equal(load(f, data, sizeof data), strlen("neap-journal 1\n"));
		close_kept(&kept);
	}
}

static size_t size_of(const struct fixture *f)
{
	static char data[65536];

	return load(f, data, sizeof data);
}

/* A disk that is full for a while, and does not even let go of what was written. */
static void journal__a_torn_record_that_stays_is_written_over(void **state)
{
	struct neap_notice lost = { "unit[b]", "file[/x]", "/site.lua", 1700000000 };
	struct fixture *f = *state;
	struct rlimit before, small;
	struct kept kept;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(open_kept(f, &kept, NULL), 0);
	owe(&kept, "unit[a]", "file[/x]");
	small = (struct rlimit){ size_of(f) + 40, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	no_truncate = true;
	assert_int_equal(kept.notices.owe(kept.notices.ctx, &lost, 1, NULL), -1);
	no_truncate = false;
	assert_int_equal(size_of(f), small.rlim_cur); /* half of it is there */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	owe(&kept, "unit[c]", "file[/x]");
	close_kept(&kept);
	assert_int_equal(open_kept(f, &kept, NULL), 0);
	assert_int_equal(kept.damaged, 0);
	assert_int_equal(kept.notices.count, 2);
	assert_string_equal(kept.notices.items[0].address, "unit[a]");
	assert_string_equal(kept.notices.items[1].address, "unit[c]");
	close_kept(&kept);
}

/* A write that was cut off, at every byte. */
static void journal__torn_anywhere_keeps_what_is_whole_and_goes_on(void **state)
{
	struct fixture *f = *state;
	struct kept kept;
	char data[4096];
	size_t len;

	assert_int_equal(open_kept(f, &kept, NULL), 0);
	owe(&kept, "unit[a]", "file[/x]");
	size_t first = load(f, data, sizeof data);
	owe(&kept, "unit[b]",
	    "file[/a/path/that/makes/this/record/longer/than/the/one/that/takes/its/place]");
	close_kept(&kept);
	len = load(f, data, sizeof data);
	for (size_t cut = 0; cut <= len; cut++) {
		struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
		struct neap_notices seen;
		size_t damaged, whole = cut == len ? 2 : cut >= first ? 1 : 0;

		store(f, data, cut);
		assert_int_equal(neap_state_journal_read(f->state_dir, arena, &seen, &damaged, NULL), 0);
		assert_int_equal(seen.count, whole);
		assert_int_equal(damaged, 0);
		assert_int_equal(open_kept(f, &kept, NULL), 0);
		assert_int_equal(kept.notices.count, whole);
		owe(&kept, "unit[c]", "file[/z]");
		close_kept(&kept);
		assert_int_equal(open_kept(f, &kept, NULL), 0);
		assert_int_equal(kept.damaged, 0);
		assert_int_equal(kept.notices.count, whole + 1);
		assert_string_equal(kept.notices.items[whole].address, "unit[c]");
		close_kept(&kept);
	}
}

/* Every byte wrong once: never more than its own record is lost, and that is told. */
static void journal__damage_costs_one_record_and_is_counted_once(void **state)
{
	struct fixture *f = *state;
	struct kept kept;
	char data[4096];
	size_t len;

	assert_int_equal(open_kept(f, &kept, NULL), 0);
	owe(&kept, "unit[a]", "file[/x]");
	owe(&kept, "unit[b]", "file[/x]");
	owe(&kept, "unit[c]", "file[/x]");
	close_kept(&kept);
	len = load(f, data, sizeof data);
	for (size_t at = strlen("neap-journal 1\n"); at < len; at++) {
		char was = data[at];
		bool last_newline = at == len - 1;

		data[at] = was == '~' ? '!' : '~';
		store(f, data, len);
		data[at] = was;
		assert_int_equal(open_kept(f, &kept, NULL), 0);
		if (last_newline) { /* as if torn */
			assert_int_equal(kept.notices.count, 2);
			assert_int_equal(kept.damaged, 0);
		} else {
			assert_in_range(kept.notices.count, was == '\n' ? 1 : 2, 2);
			assert_int_equal(kept.damaged, 1);
		}
		close_kept(&kept);
		assert_int_equal(open_kept(f, &kept, NULL), 0);
		assert_int_equal(kept.damaged, 0);
		close_kept(&kept);
	}
}

static void journal__of_another_version_is_refused_and_left_alone(void **state)
{
	static const char *const texts[] = { "neap-journal 2\nwhatever\n", "not a journal at all, really\n",
					     "neap-journal 1 \n" };
	struct fixture *f = *state;
	char data[4096];

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
		struct neap_error *err NEAP_AUTO_ERROR = NULL;
		struct neap_notices seen;
		struct kept kept;
		size_t damaged;

		mkdir(f->state_dir, 0700);
		store(f, texts[i], strlen(texts[i]));
		assert_int_equal(open_kept(f, &kept, &err), -1);
		close_kept(&kept);
		assert_non_null(strstr(err->message, "/journal: is not a journal of this version"));
		assert_non_null(err->hint);
		assert_int_equal(neap_state_journal_read(f->state_dir, arena, &seen, &damaged, NULL), -1);
		assert_int_equal(load(f, data, sizeof data), strlen(texts[i]));
	}
}

static void journal__grows_no_further_than_what_is_owed(void **state)
{
	struct fixture *f = *state;
	struct kept kept;
	static char data[65536];

	assert_int_equal(open_kept(f, &kept, NULL), 0);
	owe(&kept, "unit[stays]", "file[/x]");
	for (unsigned i = 0; i < 100; i++) {
		owe(&kept, "unit[a]", "file[/x]");
		kept.notices.settle(kept.notices.ctx, "unit[a]");
	}
	close_kept(&kept);
	assert_in_range(load(f, data, sizeof data), 5000, sizeof data);
	assert_int_equal(open_kept(f, &kept, NULL), 0);
	assert_in_range(load(f, data, sizeof data), 1, 200);
	assert_int_equal(kept.notices.count, 1);
	close_kept(&kept);
	assert_int_equal(open_kept(f, &kept, NULL), 0);
	assert_int_equal(kept.notices.count, 1);
	close_kept(&kept);
}

static void journal__anything_but_a_file_in_its_place_is_refused(void **state)
{
	struct fixture *f = *state;
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct kept kept;
	char path[512];

	mkdir(f->state_dir, 0700);
	path_of(f, path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(open_kept(f, &kept, &err), -1);
	close_kept(&kept);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(open_kept(f, &kept, NULL), -1);
	close_kept(&kept);
}

/* The fixture's own run has ended. */
static int begin(void **state)
{
	fixture_new(state);
	fixture_close(*state);
	return 0;
}

int main(void)
{
#define TEST(fact) cmocka_unit_test_setup_teardown(fact, begin, fixture_free)
	const struct CMUnitTest tests[] = {
		TEST(journal__what_is_owed_is_there_for_the_next_run_and_what_is_settled_is_not),
		TEST(journal__of_one_that_is_owed_twice_its_own_change_is_kept),
		TEST(journal__is_cut_to_its_first_line_when_nothing_is_owed),
		TEST(journal__is_cut_too_when_one_was_owed_twice),
		TEST(journal__a_torn_record_that_stays_is_written_over),
		TEST(journal__torn_anywhere_keeps_what_is_whole_and_goes_on),
		TEST(journal__damage_costs_one_record_and_is_counted_once),
		TEST(journal__of_another_version_is_refused_and_left_alone),
		TEST(journal__grows_no_further_than_what_is_owed),
		TEST(journal__anything_but_a_file_in_its_place_is_refused),
	};
	return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
