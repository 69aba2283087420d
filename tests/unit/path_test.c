/* Paths as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/path.h"

static void normal(const char *path, const char *expected)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_str ret;

	if (neap_path_normalise(arena, neap_str(path), &ret, &err) < 0)
		fail_msg("%s: %s", path, err->message);
	assert_string_equal(ret.data, expected);
	assert_int_equal(ret.len, strlen(expected));
}

static void refused(struct neap_str path, const char *expected)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_str ret;

	assert_int_equal(neap_path_normalise(arena, path, &ret, &err), -1);
	assert_string_equal(err->message, expected);
}

static void path__what_can_be_removed_is_removed(void **state)
{
	(void)state;
	normal("/", "/");
	normal("//", "/");
	normal("/.", "/");
	normal("/./", "/");
	normal("/etc/motd", "/etc/motd");
	normal("/etc/motd/", "/etc/motd");
	normal("/etc//./motd/.", "/etc/motd");
	normal("///a", "/a");
	normal("/...", "/...");
	normal("/..a/b..", "/..a/b..");
	normal("/.a", "/.a");
	normal("/a b/\xff\n", "/a b/\xff\n"); /* a path is bytes */
}

static void path__what_cannot_be_removed_is_said(void **state)
{
	(void)state;
	refused(NEAP_STR(""), "path is empty");
	refused(NEAP_STR("etc/x"), "path \"etc/x\" is not absolute");
	refused(NEAP_STR("./x"), "path \"./x\" is not absolute");
	refused(NEAP_STR("/a/../b"), "path \"/a/../b\" holds \"..\"");
	refused(NEAP_STR("/.."), "path \"/..\" holds \"..\"");
	refused(NEAP_STR("/a\0b"), "path holds a NUL byte");
}

static void path__limits_are_those_of_the_kernel(void **state)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	char path[5000], name[257];
	struct neap_str ret;

	(void)state;
	memset(name, 'n', sizeof(name));
	name[0] = '/';
	assert_int_equal(neap_path_normalise(arena, (struct neap_str){ name, 256 }, &ret, &err), 0);
	assert_int_equal(neap_path_normalise(arena, (struct neap_str){ name, 257 }, &ret, &err), -1);
	assert_non_null(strstr(err->message, "a name of 256 bytes, over 255"));
	neap_error_auto(&err);

	for (size_t i = 0; i < sizeof(path); i++)
		path[i] = i % 100 ? 'p' : '/';
	assert_int_equal(neap_path_normalise(arena, (struct neap_str){ path, 4095 }, &ret, &err), 0);
	assert_int_equal(neap_path_normalise(arena, (struct neap_str){ path, 4096 }, &ret, &err), -1);
	assert_non_null(strstr(err->message, "is 4096 bytes long, over 4095"));
	assert_true(strlen(err->message) < 300);
	/* The limit is on what is left. */
	memset(path, '/', 1000);
	assert_int_equal(neap_path_normalise(arena, (struct neap_str){ path, 4800 }, &ret, NULL), 0);
}

static void parts(const char *path, const char *parent, const char *name)
{
	struct neap_str got = neap_path_parent(neap_str(path));

	assert_true(neap_str_equal(got, neap_str(parent)));
	got = neap_path_name(neap_str(path));
	assert_true(neap_str_equal(got, neap_str(name)));
}

static void path__parent_and_name(void **state)
{
	(void)state;
	parts("/", "/", "");
	parts("/x", "/", "x");
	parts("/etc/motd", "/etc", "motd");
	parts("/a/b/c", "/a/b", "c");
}

static void path__below_means_whole_components(void **state)
{
	(void)state;
	assert_true(neap_path_below(neap_str("/a/b"), neap_str("/a")));
	assert_true(neap_path_below(neap_str("/a/b/c"), neap_str("/a")));
	assert_true(neap_path_below(neap_str("/a"), neap_str("/")));
	assert_false(neap_path_below(neap_str("/a"), neap_str("/a")));
	assert_false(neap_path_below(neap_str("/"), neap_str("/")));
	assert_false(neap_path_below(neap_str("/ab"), neap_str("/a")));
	assert_false(neap_path_below(neap_str("/a"), neap_str("/a/b")));
	assert_false(neap_path_below(neap_str("/b/c"), neap_str("/a")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(path__what_can_be_removed_is_removed),
		cmocka_unit_test(path__what_cannot_be_removed_is_said),
		cmocka_unit_test(path__limits_are_those_of_the_kernel),
		cmocka_unit_test(path__parent_and_name),
		cmocka_unit_test(path__below_means_whole_components),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
