/* The machine made of tables: its own semantics, its counting and its failing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "host/machine.h"

struct fixture {
	struct neap_machine *machine;
	const struct neap_view *view;
	struct neap_arena *arena;
	uint32_t refused; /* this step may not go on */
	unsigned failures;
	int errnum;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	neap_host_memory_new(&f->machine);
	f->view = &f->machine->view;
	f->arena = neap_arena_new();
	f->refused = UINT32_MAX;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	neap_machine_free(f->machine);
	neap_arena_free(f->arena);
	free(f);
	return 0;
}

static void put(struct fixture *f, const char *path, enum neap_file_kind kind, const char *data)
{
	neap_host_memory_put(f->machine, path, kind, kind == NEAP_FILE_DIRECTORY ? 0755 : 0644, 0, 0, data,
			     data ? strlen(data) : 0);
}

static enum neap_file_kind kind_at(struct fixture *f, const char *path)
{
	struct neap_stat stat;

	assert_int_equal(neap_view_stat(f->view, path, &stat, NULL), 0);
	return stat.kind;
}

static int stat_errno(struct fixture *f, const char *path)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_stat stat;

	return neap_view_stat(f->view, path, &stat, &err) < 0 ? err->errnum : 0;
}

static const char *bytes_at(struct fixture *f, const char *path)
{
	struct neap_content content;
	struct neap_stat stat;

	assert_int_equal(neap_view_file(f->view, path, f->arena, &stat, &content, NULL), 0);
	assert_int_equal(stat.kind, NEAP_FILE_REGULAR);
	return content.data;
}

static bool may(void *ctx, uint32_t step)
{
	return step != ((struct fixture *)ctx)->refused;
}

static void failed(void *ctx, uint32_t step, struct neap_error *err)
{
	struct fixture *f = ctx;

	(void)step;
	f->failures++;
	f->errnum = err->errnum;
	neap_error_free(err);
}

/* The errno of the last failure, or 0. */
static int land(struct fixture *f, const struct neap_change *changes, size_t count)
{
	const struct neap_commit commit = { .ctx = f, .may = may, .failed = failed };

	f->failures = 0;
	f->errnum = 0;
	assert_int_equal(f->machine->ops->commit(f->machine, changes, count, &commit, NULL), 0);
	return f->errnum;
}

static struct neap_change a_write(const char *path, const char *data)
{
	return (struct neap_change){ .kind = NEAP_CHANGE_WRITE,
				     .path = path,
				     .content = { .data = data, .size = strlen(data) },
				     .mode = 0600,
				     .uid = 1,
				     .gid = 2 };
}

static void memory__put_makes_parents_and_absent_removes(void **state)
{
	struct fixture *f = *state;

	put(f, "/a/b/c", NEAP_FILE_REGULAR, "x");
	assert_int_equal(kind_at(f, "/a/b"), NEAP_FILE_DIRECTORY);
	assert_string_equal(bytes_at(f, "/a/b/c"), "x");
	put(f, "/a/b", NEAP_FILE_ABSENT, NULL);
	assert_int_equal(kind_at(f, "/a/b"), NEAP_FILE_ABSENT);
	put(f, "/a/b", NEAP_FILE_DIRECTORY, NULL);
	assert_int_equal(kind_at(f, "/a/b/c"), NEAP_FILE_ABSENT);
	put(f, "/a", NEAP_FILE_DIRECTORY, NULL); /* what is in it stays */
	assert_int_equal(kind_at(f, "/a/b"), NEAP_FILE_DIRECTORY);
}

static void memory__resolves_links_on_the_way_inside_the_root(void **state)
{
	struct fixture *f = *state;

	put(f, "/a/b/c", NEAP_FILE_REGULAR, "x");
	put(f, "/up", NEAP_FILE_LINK, "../../a/b");
	put(f, "/a/abs", NEAP_FILE_LINK, "/a/./b/../b");
	put(f, "/loop", NEAP_FILE_LINK, "/loop");
	put(f, "/none", NEAP_FILE_LINK, "/nowhere/at/all");
	assert_string_equal(bytes_at(f, "/up/c"), "x");
	assert_string_equal(bytes_at(f, "/a/abs/c"), "x");
	assert_int_equal(kind_at(f, "/up"), NEAP_FILE_LINK);
	assert_int_equal(stat_errno(f, "/loop/x"), ELOOP);
	assert_int_equal(stat_errno(f, "/a/b/c/d"), ENOTDIR);
	assert_int_equal(kind_at(f, "/none/x"), NEAP_FILE_ABSENT);
}

static void memory__forty_links_are_followed_and_no_more(void **state)
{
	struct fixture *f = *state;
	char path[32], target[32];

	put(f, "/d/f", NEAP_FILE_REGULAR, "x");
	put(f, "/l0", NEAP_FILE_LINK, "/d");
	for (int i = 1; i <= 40; i++) {
		snprintf(path, sizeof(path), "/l%d", i);
		snprintf(target, sizeof(target), "/l%d", i - 1);
		put(f, path, NEAP_FILE_LINK, target);
	}
	assert_string_equal(bytes_at(f, "/l39/f"), "x");
	assert_int_equal(stat_errno(f, "/l40/f"), ELOOP);
}

static void memory__counts_reads_and_changes_and_fails_the_one_told(void **state)
{
	struct fixture *f = *state;
	const struct neap_change changes[] = { a_write("/a", "1"), a_write("/b", "2"), a_write("/a", "3") };

	put(f, "/x", NEAP_FILE_REGULAR, "");
	assert_int_equal(neap_host_memory_calls(f->machine), 0);
	kind_at(f, "/x");
	assert_int_equal(neap_host_memory_calls(f->machine), 1);
	neap_host_memory_fail(f->machine, 3, EIO);
	assert_int_equal(neap_host_memory_calls(f->machine), 0);
	kind_at(f, "/x");
	assert_int_equal(land(f, changes, 3), EIO); /* the second of them */
	assert_int_equal(f->failures, 1);
	assert_int_equal(neap_host_memory_calls(f->machine), 4);
	assert_string_equal(bytes_at(f, "/a"), "3");
	assert_int_equal(kind_at(f, "/b"), NEAP_FILE_ABSENT);
	neap_host_memory_fail(f->machine, 1, EACCES);
	assert_int_equal(stat_errno(f, "/x"), EACCES);
	assert_int_equal(stat_errno(f, "/x"), 0);
}

static void memory__asks_before_each_change(void **state)
{
	struct fixture *f = *state;
	struct neap_change changes[] = { a_write("/a", "1"), a_write("/b", "2") };

	changes[0].step = 7;
	f->refused = 7;
	assert_int_equal(land(f, changes, 2), 0);
	assert_int_equal(kind_at(f, "/a"), NEAP_FILE_ABSENT);
	assert_string_equal(bytes_at(f, "/b"), "2");
}

static void memory__refuses_what_a_machine_refuses(void **state)
{
	struct fixture *f = *state;
	struct neap_change change = { .mode = 0755, .uid = 0, .gid = 0, .target = "t" };
	static const struct {
		enum neap_change_kind kind;
		const char *path;
		int errnum;
	} cases[] = {
		{ NEAP_CHANGE_MKDIR, "/d", EEXIST },       { NEAP_CHANGE_MKDIR, "/l", EEXIST },
		{ NEAP_CHANGE_MKDIR, "/no/x", ENOENT },    { NEAP_CHANGE_MKDIR, "/d/f/x", ENOTDIR },
		{ NEAP_CHANGE_SYMLINK, "/d", EISDIR },     { NEAP_CHANGE_UNLINK, "/d", EISDIR },
		{ NEAP_CHANGE_UNLINK, "/no", ENOENT },     { NEAP_CHANGE_RMDIR, "/d", ENOTEMPTY },
		{ NEAP_CHANGE_RMDIR, "/d/f", ENOTDIR },    { NEAP_CHANGE_RMDIR, "/no", ENOENT },
		{ NEAP_CHANGE_RMDIR, "/l", ENOTDIR },      { NEAP_CHANGE_ATTRIBUTES, "/l", ELOOP },
		{ NEAP_CHANGE_UNLINK, "/l/f", EXDEV }, /* changes come through no link */
		{ NEAP_CHANGE_ATTRIBUTES, "/no", ENOENT }, { NEAP_CHANGE_RMDIR, "/", ENOTEMPTY },
	};

	put(f, "/d/f", NEAP_FILE_REGULAR, "x");
	put(f, "/l", NEAP_FILE_LINK, "/d");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		change.kind = cases[i].kind;
		change.path = cases[i].path;
		assert_int_equal(land(f, &change, 1), cases[i].errnum);
	}
	change = a_write("/d", "");
	assert_int_equal(land(f, &change, 1), EISDIR);
	change = a_write("/new", "");
	change.mode = NEAP_KEEP;
	assert_int_equal(land(f, &change, 1), EINVAL);
	assert_string_equal(bytes_at(f, "/d/f"), "x");
	assert_int_equal(kind_at(f, "/l"), NEAP_FILE_LINK);
}

static void memory__attributes_keep_what_is_not_given(void **state)
{
	struct fixture *f = *state;
	const struct neap_change change = {
		.kind = NEAP_CHANGE_ATTRIBUTES, .path = "/f", .mode = NEAP_KEEP, .uid = 5, .gid = NEAP_KEEP
	};
	struct neap_stat stat;

	neap_host_memory_put(f->machine, "/f", NEAP_FILE_REGULAR, 04711, 1, 2, "x", 1);
	assert_int_equal(land(f, &change, 1), 0);
	assert_int_equal(neap_view_stat(f->view, "/f", &stat, NULL), 0);
	assert_int_equal(stat.mode, 04711);
	assert_int_equal(stat.uid, 5);
	assert_int_equal(stat.gid, 2);
}

static void memory__lists_sorted(void **state)
{
	struct fixture *f = *state;
	struct neap_entry *entries;
	size_t count;

	put(f, "/d/b", NEAP_FILE_REGULAR, "");
	put(f, "/d/a", NEAP_FILE_LINK, "b");
	put(f, "/d/c", NEAP_FILE_OTHER, NULL);
	put(f, "/d/B", NEAP_FILE_DIRECTORY, NULL);
	put(f, "/d/gone", NEAP_FILE_REGULAR, "");
	put(f, "/d/gone", NEAP_FILE_ABSENT, NULL);
	assert_int_equal(neap_view_list(f->view, "/d", f->arena, &entries, &count, NULL), 0);
	assert_int_equal(count, 4);
	assert_string_equal(entries[0].name, "B");
	assert_int_equal(entries[0].kind, NEAP_FILE_DIRECTORY);
	assert_string_equal(entries[1].name, "a");
	assert_int_equal(entries[1].kind, NEAP_FILE_LINK);
	assert_string_equal(entries[3].name, "c");
	assert_int_equal(entries[3].kind, NEAP_FILE_OTHER);
	assert_true(neap_view_list(f->view, "/d/a", f->arena, &entries, &count, NULL) < 0);
	assert_true(neap_view_list(f->view, "/no", f->arena, &entries, &count, NULL) < 0);
}

static void memory__large_content_is_a_digest(void **state)
{
	struct fixture *f = *state;
	size_t size = NEAP_CONTENT_MAX + 1;
	char *bytes = calloc(1, size);
	uint8_t digest[NEAP_DIGEST_SIZE];
	struct neap_content content;
	struct neap_stat stat;

	neap_digest(bytes, size, digest);
	neap_host_memory_put(f->machine, "/big", NEAP_FILE_REGULAR, 0644, 0, 0, bytes, size);
	neap_host_memory_put(f->machine, "/most", NEAP_FILE_REGULAR, 0644, 0, 0, bytes, size - 1);
	assert_int_equal(neap_view_file(f->view, "/big", f->arena, &stat, &content, NULL), 0);
	assert_null(content.data);
	assert_int_equal(content.size, size);
	assert_memory_equal(content.digest, digest, sizeof(digest));
	assert_int_equal(neap_view_file(f->view, "/most", f->arena, &stat, &content, NULL), 0);
	assert_non_null(content.data);
	free(bytes);
}

static int run_makes_a_file(struct neap_machine *machine, const struct neap_process *process, void *ctx)
{
	(void)process;
	neap_host_memory_put(machine, ctx, NEAP_FILE_REGULAR, 0644, 0, 0, "made", 4);
	return 3;
}

static void memory__run_calls_back(void **state)
{
	struct fixture *f = *state;
	const char *argv[] = { "make", NULL };
	const struct neap_process process = { .argv = argv };
	struct neap_process_result result;

	assert_int_equal(f->machine->ops->run(f->machine, &process, f->arena, &result, NULL), 0);
	assert_int_equal(result.status, 0);
	neap_host_memory_on_run(f->machine, run_makes_a_file, "/made");
	assert_int_equal(f->machine->ops->run(f->machine, &process, f->arena, &result, NULL), 0);
	assert_int_equal(result.status, 3);
	assert_string_equal(bytes_at(f, "/made"), "made");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(memory__put_makes_parents_and_absent_removes),
		TEST(memory__resolves_links_on_the_way_inside_the_root),
		TEST(memory__forty_links_are_followed_and_no_more),
		TEST(memory__counts_reads_and_changes_and_fails_the_one_told),
		TEST(memory__asks_before_each_change),
		TEST(memory__refuses_what_a_machine_refuses),
		TEST(memory__attributes_keep_what_is_not_given),
		TEST(memory__lists_sorted),
		TEST(memory__large_content_is_a_digest),
		TEST(memory__run_calls_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
