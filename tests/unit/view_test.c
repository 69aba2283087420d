/* What host.h builds from a host's own functions: creators, parents, trees, comparing content, following. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "host/follow.h"
#include "host/overlay.h"

struct fixture {
	struct neap_machine *machine;
	struct neap_host *host;
	const struct neap_view *view;
	struct neap_arena *arena;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	neap_host_memory_new(&f->machine);
	f->host = neap_overlay_new(f->machine, NEAP_OVERLAY_PLAN);
	neap_overlay_step(f->host, 0, NEAP_NO_STEP);
	f->view = &f->host->view;
	f->arena = neap_arena_new();
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	neap_overlay_free(f->host);
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

/* The missing directories, each with a blank after it; or "!" and the errno. */
static const char *missing(struct fixture *f, const char *path)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	const char *const *paths, *text = "";
	size_t count;
	int r = neap_view_missing_parents(f->view, path, f->arena, &paths, &count, &err);

	if (r == NEAP_UNKNOWN)
		return "?";
	if (r < 0)
		return neap_arena_printf(f->arena, "!%s", strerrorname_np(err->errnum));
	for (size_t i = 0; i < count; i++)
		text = neap_arena_printf(f->arena, "%s%s ", text, paths[i]);
	return text;
}

/* Where it leads and a letter for the kind; or "!" and the errno. */
static const char *follow(struct fixture *f, const char *path)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_stat stat;
	const char *end;

	if (neap_view_follow(f->view, path, f->arena, &end, &stat, &err) < 0)
		return neap_arena_printf(f->arena, "!%s", strerrorname_np(err->errnum));
	return neap_arena_printf(f->arena, "%c %s", "-fdlo"[stat.kind], end);
}

static void view__kinds_have_names(void **state)
{
	(void)state;
	assert_string_equal(neap_file_kind_name(NEAP_FILE_ABSENT), "absent");
	assert_string_equal(neap_file_kind_name(NEAP_FILE_REGULAR), "a regular file");
	assert_string_equal(neap_file_kind_name(NEAP_FILE_DIRECTORY), "a directory");
	assert_string_equal(neap_file_kind_name(NEAP_FILE_LINK), "a link");
	assert_string_equal(neap_file_kind_name(NEAP_FILE_OTHER), "a device, fifo or socket");
}

static void view__content_is_compared_by_bytes_or_digest(void **state)
{
	const struct neap_content bytes = { .data = "abc", .size = 3 }, others = { .data = "abd", .size = 3 },
				  longer = { .data = "abcd", .size = 4 }, empty = { .data = "" },
				  none = { 0 };
	struct neap_content digest = { .size = 3 }, wrong = { .size = 3 };

	(void)state;
	neap_digest("abc", 3, digest.digest);
	neap_digest("abd", 3, wrong.digest);
	assert_true(neap_content_equal(&bytes, &bytes));
	assert_false(neap_content_equal(&bytes, &others));
	assert_false(neap_content_equal(&bytes, &longer));
	assert_true(neap_content_equal(&bytes, &digest));
	assert_true(neap_content_equal(&digest, &bytes));
	assert_false(neap_content_equal(&bytes, &wrong));
	assert_false(neap_content_equal(&digest, &wrong));
	assert_true(neap_content_equal(&digest, &digest));
	assert_true(neap_content_equal(&empty, &none));
	assert_false(neap_content_equal(&empty, &bytes));
}

static void view__a_creator_takes_the_group_of_a_shared_directory(void **state)
{
	struct fixture *f = *state;
	uint32_t uid = 9, gid = 9;

	neap_host_memory_put(f->machine, "/shared", NEAP_FILE_DIRECTORY, 02755, 5, 77, NULL, 0);
	neap_host_memory_put(f->machine, "/plain", NEAP_FILE_DIRECTORY, 0755, 5, 77, NULL, 0);
	put(f, "/link", NEAP_FILE_LINK, "shared");
	assert_int_equal(neap_view_creator(f->view, "/shared/x", &uid, &gid, NULL), 0);
	assert_int_equal(uid, 0);
	assert_int_equal(gid, 77);
	assert_int_equal(neap_view_creator(f->view, "/plain/x", &uid, &gid, NULL), 0);
	assert_int_equal(gid, 0);
	assert_int_equal(neap_view_creator(f->view, "/link/x", &uid, &gid, NULL), 0);
	assert_int_equal(gid, 77);
	assert_int_equal(neap_view_creator(f->view, "/shared/no/x", &uid, &gid, NULL), 0);
	assert_int_equal(gid, 0); /* the one that will be made is plain */
}

static void view__missing_parents_come_outermost_first(void **state)
{
	struct fixture *f = *state;

	put(f, "/a/b", NEAP_FILE_DIRECTORY, NULL);
	put(f, "/a/f", NEAP_FILE_REGULAR, "");
	put(f, "/l", NEAP_FILE_LINK, "a/b");
	put(f, "/dangling", NEAP_FILE_LINK, "/nowhere");
	put(f, "/tofile", NEAP_FILE_LINK, "/a/f");
	assert_string_equal(missing(f, "/x"), "");
	assert_string_equal(missing(f, "/a/b/x"), "");
	assert_string_equal(missing(f, "/a/b/c/d/x"), "/a/b/c /a/b/c/d ");
	assert_string_equal(missing(f, "/l/x"), "");
	assert_string_equal(missing(f, "/l/c/d/x"), "/l/c /l/c/d ");
	assert_string_equal(missing(f, "/a/f/x"), "!ENOTDIR");
	assert_string_equal(missing(f, "/a/f/x/y"), "!ENOTDIR");
	assert_string_equal(missing(f, "/tofile/x"), "!ENOTDIR");
	assert_string_equal(missing(f, "/dangling/x"), "!ENOENT");
	neap_overlay_step(f->host, 1, 0);
	assert_string_equal(missing(f, "/a/b/x"), "");
	assert_string_equal(missing(f, "/a/no/x"), "?");
}

static void view__mkdir_parents_makes_them_and_nothing_else(void **state)
{
	struct fixture *f = *state;
	struct neap_stat stat;

	neap_host_memory_put(f->machine, "/shared", NEAP_FILE_DIRECTORY, 02755, 5, 77, NULL, 0);
	assert_int_equal(neap_host_mkdir_parents(f->host, "/shared/a/b/c", NULL), 0);
	assert_int_equal(neap_host_mkdir_parents(f->host, "/shared/a/b/c", NULL), 0);
	assert_int_equal(neap_overlay_held(f->host, NULL), 2);
	assert_int_equal(neap_view_stat(f->view, "/shared/a", &stat, NULL), 0);
	assert_int_equal(stat.mode, 0755);
	assert_int_equal(stat.gid, 77);
	assert_int_equal(neap_view_stat(f->view, "/shared/a/b", &stat, NULL), 0);
	assert_int_equal(stat.gid, 0);
	assert_int_equal(kind_at(f, "/shared/a/b/c"), NEAP_FILE_ABSENT);
}

static void view__follow_resolves_as_the_kernel_in_the_root(void **state)
{
	struct fixture *f = *state;
	char path[16], target[16];

	put(f, "/a/b/f", NEAP_FILE_REGULAR, "x");
	put(f, "/a/up", NEAP_FILE_LINK, "..");
	put(f, "/a/b/out", NEAP_FILE_LINK, "../../../../../a/b/f");
	put(f, "/abs", NEAP_FILE_LINK, "/a/./b/");
	put(f, "/root", NEAP_FILE_LINK, "/");
	put(f, "/dangling", NEAP_FILE_LINK, "a/no");
	put(f, "/loop", NEAP_FILE_LINK, "loop");
	put(f, "/fileslash", NEAP_FILE_LINK, "a/b/f/.");
	assert_string_equal(follow(f, "/"), "d /");
	assert_string_equal(follow(f, "/a/b/f"), "f /a/b/f");
	assert_string_equal(follow(f, "/a/up/abs/f"), "f /a/b/f");
	assert_string_equal(follow(f, "/a/up"), "d /");
	assert_string_equal(follow(f, "/abs/out"), "f /a/b/f");
	assert_string_equal(follow(f, "/root/root/a"), "d /a");
	assert_string_equal(follow(f, "/dangling"), "- /a/no");
	assert_string_equal(follow(f, "/loop"), "!ELOOP");
	assert_string_equal(follow(f, "/a/b/f/x"), "!ENOTDIR");
	assert_string_equal(follow(f, "/fileslash"), "!ENOTDIR");
	put(f, "/l0", NEAP_FILE_LINK, "/a");
	for (int i = 1; i <= 40; i++) {
		snprintf(path, sizeof(path), "/l%d", i);
		snprintf(target, sizeof(target), "l%d", i - 1);
		put(f, path, NEAP_FILE_LINK, target);
	}
	assert_string_equal(follow(f, "/l39"), "d /a");
	assert_string_equal(follow(f, "/l40"), "!ELOOP");
}

static void view__a_tree_goes_whole_and_links_in_it_are_not_followed(void **state)
{
	struct fixture *f = *state;

	put(f, "/keep/f", NEAP_FILE_REGULAR, "x");
	put(f, "/d/a/b/c", NEAP_FILE_REGULAR, "x");
	put(f, "/d/a/l", NEAP_FILE_LINK, "/keep");
	put(f, "/d/fifo", NEAP_FILE_OTHER, NULL);
	put(f, "/d/z", NEAP_FILE_DIRECTORY, NULL);
	assert_int_equal(neap_host_remove_tree(f->host, "/d", NULL), 0);
	assert_int_equal(kind_at(f, "/d"), NEAP_FILE_ABSENT);
	assert_int_equal(kind_at(f, "/keep/f"), NEAP_FILE_REGULAR);
}

static void view__a_tree_may_hold_the_link_it_is_reached_by(void **state)
{
	struct fixture *f = *state;

	put(f, "/d/back", NEAP_FILE_LINK, "/");
	put(f, "/d/z", NEAP_FILE_REGULAR, "x");
	assert_int_equal(neap_host_remove_tree(f->host, "/d/back/d", NULL), 0);
	assert_int_equal(kind_at(f, "/d"), NEAP_FILE_ABSENT);
}

static void view__only_a_directory_is_a_tree(void **state)
{
	struct fixture *f = *state;
	struct neap_error *err NEAP_AUTO_ERROR = NULL;

	put(f, "/f", NEAP_FILE_REGULAR, "x");
	put(f, "/d", NEAP_FILE_DIRECTORY, NULL);
	put(f, "/l", NEAP_FILE_LINK, "d");
	assert_true(neap_host_remove_tree(f->host, "/f", &err) < 0);
	assert_int_equal(err->errnum, ENOTDIR);
	neap_error_auto(&err);
	assert_true(neap_host_remove_tree(f->host, "/l", &err) < 0);
	assert_int_equal(err->errnum, ENOTDIR);
	neap_error_auto(&err);
	assert_true(neap_host_remove_tree(f->host, "/no", &err) < 0);
	assert_int_equal(err->errnum, ENOENT);
	assert_int_equal(kind_at(f, "/d"), NEAP_FILE_DIRECTORY);
}

static void view__a_deep_tree_needs_no_deep_stack(void **state)
{
	struct fixture *f = *state;
	NEAP_AUTO_BUF struct neap_buf path = { 0 };

	for (int i = 0; i < 1000; i++)
		neap_buf_puts(&path, "/d");
	put(f, path.data, NEAP_FILE_DIRECTORY, NULL);
	neap_host_memory_fail(f->machine, 0, 0);
	assert_int_equal(neap_host_remove_tree(f->host, "/d", NULL), 0);
	assert_int_equal(neap_overlay_held(f->host, NULL), 1000);
	assert_in_range(neap_host_memory_calls(f->machine), 1000, 6000); /* nor is each way found again */
	assert_int_equal(kind_at(f, "/d"), NEAP_FILE_ABSENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(view__kinds_have_names),
		cmocka_unit_test(view__content_is_compared_by_bytes_or_digest),
		TEST(view__a_creator_takes_the_group_of_a_shared_directory),
		TEST(view__missing_parents_come_outermost_first),
		TEST(view__mkdir_parents_makes_them_and_nothing_else),
		TEST(view__follow_resolves_as_the_kernel_in_the_root),
		TEST(view__a_tree_goes_whole_and_links_in_it_are_not_followed),
		TEST(view__a_tree_may_hold_the_link_it_is_reached_by),
		TEST(view__only_a_directory_is_a_tree),
		TEST(view__a_deep_tree_needs_no_deep_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
