/* core/engine/source.c: how files of a recipe are named, found, read and refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/source.h"

static const struct neap_embedded_file embedded[] = {
	{ "control-plane-files/init.lua", "return 1", 8 },
	{ "control-plane-files/parts/etcd.lua", "return 2", 8 },
	{ "control-plane-files/files/etcd.conf", "name=x\n", 7 },
	{ "examples/motd.lua", "return 3", 8 },
	{ "neap/text.lua", "return 4", 8 },
	{ "empty.lua", "", 0 },
	{ NULL, NULL, 0 },
};

struct fixture {
	struct neap_arena *arena;
	char folder[64];
	char before[512]; /* working directory */
	struct neap_sources *sources;
};

static void put(const char *path, const char *data, size_t len)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

/* DIR/site.lua, DIR/init.lua, DIR/lib/users.lua, DIR/lib/files/x, DIR/deep/init.lua, DIR/@odd.lua */
static int setup(void **state)
{
	struct fixture *f = neap_alloc(sizeof *f);

	*f = (struct fixture){ .arena = neap_arena_new() };
	strcpy(f->folder, "/tmp/neap-source-XXXXXX");
	assert_non_null(getcwd(f->before, sizeof f->before));
	assert_non_null(mkdtemp(f->folder));
	assert_int_equal(chdir(f->folder), 0);
	put("site.lua", "-- site", 7);
	put("init.lua", "-- init", 7);
	put("@odd.lua", "-- odd", 6);
	assert_int_equal(
		mkdir("lib", 0755) | mkdir("lib/files", 0755) | mkdir("deep", 0755) | mkdir("bare", 0755), 0);
	put("lib/users.lua", "-- users", 8);
	put("lib/files/x", "x\0y", 3);
	put("deep/init.lua", "-- deep", 7);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char command[100];

	assert_int_equal(chdir(f->before), 0);
	snprintf(command, sizeof command, "rm -rf %s", f->folder);
	assert_int_equal(system(command), 0);
	neap_arena_free(f->arena);
	free(f);
	return 0;
}

static void open_good(struct fixture *f, const char *recipe)
{
	NEAP_AUTO_ERROR struct neap_error *err = NULL;

	if (neap_sources_open(f->arena, recipe, embedded, &f->sources, &err) < 0)
		fail_msg("%s", err->message);
}

static void open_bad(struct fixture *f, const char *recipe, const char *message, const char *hint)
{
	NEAP_AUTO_ERROR struct neap_error *err = NULL;
	struct neap_sources *none = NULL;

	assert_int_equal(neap_sources_open(f->arena, recipe, embedded, &none, &err), -1);
	assert_null(none);
	assert_string_equal(err->message, message);
	if (hint) {
		assert_non_null(err->hint);
		assert_string_equal(err->hint, hint);
	}
}

static void text_is(struct fixture *f, const char *shown, const char *wanted)
{
	NEAP_AUTO_ERROR struct neap_error *err = NULL;
	struct neap_str text;

	if (neap_sources_text(f->sources, shown, &text, &err) < 0)
		fail_msg("%s", err->message);
	assert_int_equal(text.len, strlen(wanted));
	assert_memory_equal(text.data, wanted, text.len);
}

static void text_bad(struct fixture *f, const char *shown, const char *message)
{
	NEAP_AUTO_ERROR struct neap_error *err = NULL;
	struct neap_str text;

	assert_int_equal(neap_sources_text(f->sources, shown, &text, &err), -1);
	assert_string_equal(err->message, message);
}

static void sources__a_recipe_is_a_file_a_directory_or_an_embedded_name(void **state)
{
	static const struct {
		const char *recipe, *main, *text;
	} good[] = {
		{ "site.lua", "site.lua", "-- site" },
		{ "./site.lua", "site.lua", "-- site" },
		{ "lib/users.lua", "users.lua", "-- users" },
		{ ".", "init.lua", "-- init" },
		{ "deep/", "init.lua", "-- deep" },
		{ "deep//", "init.lua", "-- deep" },
		{ "./@odd.lua", "./@odd.lua", "-- odd" },
		{ "@control-plane-files", "@control-plane-files/init.lua", "return 1" },
		{ "@examples/motd", "@examples/motd.lua", "return 3" },
		{ "@examples/motd.lua", "@examples/motd.lua", "return 3" },
		{ "@motd", "@examples/motd.lua", "return 3" },
		{ "@empty", "@empty.lua", "" },
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < sizeof good / sizeof *good; i++) {
		open_good(f, good[i].recipe);
		assert_string_equal(neap_sources_main(f->sources), good[i].main);
		text_is(f, good[i].main, good[i].text);
	}
}

static void sources__a_missing_recipe_says_what_was_looked_for(void **state)
{
	struct fixture *f = *state;

	open_bad(f, "nosuch.lua", "open nosuch.lua: No such file or directory", NULL);
	open_bad(f, "site", "open site: No such file or directory", "did you mean \"site.lua\"?");
	open_bad(f, "control-plane-files", "open control-plane-files: No such file or directory",
		 "did you mean the embedded recipe \"@control-plane-files\"?");
	open_bad(f, "bare", "bare holds no init.lua", NULL);
	open_bad(f, "bare/", "bare/ holds no init.lua", NULL);
	open_bad(f, "@control-plan-files", "@control-plan-files: no embedded recipe has this name",
		 "did you mean \"@control-plane-files\"?");
	open_bad(f, "@examples/mtod", "@examples/mtod: no embedded recipe has this name",
		 "did you mean \"@examples/motd\"?");
	open_bad(f, "@mtod", "@mtod: no embedded recipe has this name", "did you mean \"@motd\"?");
	open_bad(f, "@", "@: no embedded recipe has this name", NULL);
	open_bad(f, "@control-plane-files/files/etcd.conf",
		 "@control-plane-files/files/etcd.conf: no embedded recipe has this name", NULL);
	open_bad(f, "", "the recipe has an empty name", NULL);
	open_bad(f, "/dev/null", "open /dev/null: not a regular file", NULL);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	open_bad(f, "fifo", "open fifo: not a regular file", NULL); /* and does not wait for a writer */
}

static void sources__files_are_found_after_the_working_directory_changed(void **state)
{
	struct fixture *f = *state;

	open_good(f, "deep");
	assert_int_equal(chdir("/"), 0);
	text_is(f, "init.lua", "-- deep");
}

static void sources__relative_names_start_beside_the_file_that_names_them(void **state)
{
	static const struct {
		const char *directory, *name, *shown;
	} names[] = {
		{ "", "files/x", "files/x" },
		{ "lib", "files/x", "lib/files/x" },
		{ "lib", "./files//x", "lib/files/x" },
		{ "lib", "../files/x", "files/x" },
		{ "lib", "../../files/x", "../files/x" },
		{ "../a", "../../b", "../../b" },
		{ "a/b", "../../../../c/../d", "../../d" },
		{ "lib", "/etc/../etc/./x", "/etc/x" },
		{ "/etc", "x", "/etc/x" },
		{ "/", "../x", "/x" },
		{ "", "@x/y", "./@x/y" },
		{ "./@d", "y", "./@d/y" },
		{ "@control-plane-files", "files/etcd.conf", "@control-plane-files/files/etcd.conf" },
		{ "@", "x", "@x" },
		{ "@a/b", "../c", "@a/c" },
		{ "@a", "../../c", "@../c" },
		{ "@a", "/etc/x", "/etc/x" },
	};
	struct fixture *f = *state;
	size_t i;

	open_good(f, "site.lua");
	for (i = 0; i < sizeof names / sizeof *names; i++)
		assert_string_equal(neap_sources_relative(f->sources, names[i].directory, names[i].name),
				    names[i].shown);
	assert_string_equal(neap_sources_directory(f->sources, "site.lua"), "");
	assert_string_equal(neap_sources_directory(f->sources, "lib/users.lua"), "lib");
	assert_string_equal(neap_sources_directory(f->sources, "../a/x.lua"), "../a");
	assert_string_equal(neap_sources_directory(f->sources, "/x.lua"), "/");
	assert_string_equal(neap_sources_directory(f->sources, "./@odd.lua"), "");
	assert_string_equal(neap_sources_directory(f->sources, "@empty.lua"), "@");
	assert_string_equal(neap_sources_directory(f->sources, "@control-plane-files/init.lua"),
			    "@control-plane-files");
	text_is(f, "./@odd.lua", "-- odd");
	text_bad(f, "@a/../../site.lua", "open @a/../../site.lua: No such file or directory");
}

static void sources__only_regular_files_up_to_16_mb_are_read(void **state)
{
	struct fixture *f = *state;
	struct neap_content content;
	struct neap_str text;
	int fd;

	open_good(f, "site.lua");
	text_bad(f, "lib", "open lib: Is a directory");
	text_bad(f, "nosuch", "open nosuch: No such file or directory");
	text_bad(f, "/dev/zero", "open /dev/zero: not a regular file");
	assert_int_equal(mkfifo("fifo", 0600), 0);
	text_bad(f, "fifo", "open fifo: not a regular file");
	fd = open("large", O_WRONLY | O_CREAT, 0600);
	assert_int_equal(ftruncate(fd, 16 << 20), 0);
	assert_int_equal(neap_sources_text(f->sources, "large", &text, NULL), 0);
	assert_int_equal(text.len, 16 << 20);
	assert_int_equal(ftruncate(fd, (16 << 20) + 1), 0);
	close(fd);
	text_bad(f, "./large", "open ./large: larger than 16 MB");
	/* States no size. */
	assert_int_equal(neap_sources_text(f->sources, "/proc/self/status", &text, NULL), 0);
	assert_true(text.len > 100);
	assert_int_equal(neap_sources_content(f->sources, "/proc/self/status", &content, NULL), 0);
	/* Usually larger than content may be, and says 0 too. */
	if (neap_sources_content(f->sources, "/proc/kallsyms", &content, NULL) == 0)
		assert_true(!content.data == (content.size > NEAP_CONTENT_MAX));
}

static void sources__a_file_is_read_once(void **state)
{
	struct fixture *f = *state;
	struct neap_content a, b;

	open_good(f, "site.lua");
	assert_int_equal(neap_sources_content(f->sources, "lib/files/x", &a, NULL), 0);
	assert_int_equal(a.size, 3);
	assert_memory_equal(a.data, "x\0y", 4);
	put("lib/files/x", "changed", 7);
	assert_int_equal(neap_sources_content(f->sources, "lib/files/x", &b, NULL), 0);
	assert_ptr_equal(a.data, b.data);
	text_is(f, "site.lua", "-- site");
}

static void sources__large_content_is_digest_size_and_path(void **state)
{
	struct fixture *f = *state;
	struct neap_content content, again;
	NEAP_AUTO_FREE char *data = neap_alloc(NEAP_CONTENT_MAX + 1);
	uint8_t digest[NEAP_DIGEST_SIZE];
	struct neap_str text;
	char path[100];

	open_good(f, "site.lua");
	memset(data, 'z', NEAP_CONTENT_MAX + 1);
	put("exact", data, NEAP_CONTENT_MAX);
	put("over", data, NEAP_CONTENT_MAX + 1);
	put("text", data, NEAP_CONTENT_MAX + 1);
	assert_int_equal(neap_sources_content(f->sources, "exact", &content, NULL), 0);
	assert_non_null(content.data);
	assert_int_equal(content.size, NEAP_CONTENT_MAX);

	neap_digest(data, NEAP_CONTENT_MAX + 1, digest);
	assert_int_equal(neap_sources_content(f->sources, "over", &content, NULL), 0);
	assert_null(content.data);
	assert_int_equal(content.size, NEAP_CONTENT_MAX + 1);
	assert_memory_equal(content.digest, digest, sizeof digest);
	snprintf(path, sizeof path, "%s/over", f->folder);
	assert_string_equal(content.source, path);
	/* Whatever it was read as before. */
	assert_int_equal(neap_sources_text(f->sources, "over", &text, NULL), 0);
	assert_int_equal(text.len, NEAP_CONTENT_MAX + 1);
	assert_int_equal(neap_sources_text(f->sources, "text", &text, NULL), 0);
	assert_int_equal(neap_sources_content(f->sources, "text", &again, NULL), 0);
	assert_null(again.data);
	assert_memory_equal(again.digest, digest, sizeof digest);
}

static const char *module(struct fixture *f, const char *name)
{
	NEAP_AUTO_ERROR struct neap_error *err = NULL;
	const char *shown = "unset";

	if (neap_sources_module(f->sources, name, &shown, &err) < 0)
		return neap_arena_printf(f->arena, "error: %s", err->message);
	return shown ? shown : "none";
}

static void sources__modules_come_from_the_recipe_then_from_embedded_ones(void **state)
{
	struct fixture *f = *state;

	open_good(f, "site.lua");
	assert_string_equal(module(f, "lib.users"), "lib/users.lua");
	assert_string_equal(module(f, "deep"), "deep/init.lua");
	assert_string_equal(module(f, "control-plane-files"), "@control-plane-files/init.lua");
	assert_string_equal(module(f, "control-plane-files.parts.etcd"),
			    "@control-plane-files/parts/etcd.lua");
	assert_string_equal(module(f, "neap.text"), "@neap/text.lua");
	assert_string_equal(module(f, "lib"), "none");
	assert_string_equal(module(f, "parts.etcd"), "none");
	open_good(f, "@control-plane-files");
	assert_string_equal(module(f, "parts.etcd"), "@control-plane-files/parts/etcd.lua");
	assert_string_equal(module(f, "examples.motd"), "@examples/motd.lua");
	assert_string_equal(module(f, "lib.users"), "none");
	open_good(f, "@empty");
	assert_string_equal(module(f, "examples.motd"), "@examples/motd.lua");
}

static void sources__module_names_cannot_leave_the_roots(void **state)
{
	static const char *const bad[] = { "../x", "/etc/passwd", "a..b", ".a", "a.", "",
					   "a/b",  "a b",         "a\nb", "ä",  "@x" };
	struct fixture *f = *state;
	size_t i;

	open_good(f, "site.lua");
	assert_string_equal(module(f, "../x"), "error: require \"../x\": only names such as \"lib.users\"");
	for (i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_memory_equal(module(f, bad[i]), "error: require", 14);
}

static void digest(struct fixture *f, char ret[NEAP_DIGEST_HEX_SIZE])
{
	struct neap_str text;

	open_good(f, "site.lua");
	assert_int_equal(neap_sources_text(f->sources, "site.lua", &text, NULL), 0);
	assert_int_equal(neap_sources_text(f->sources, "lib/users.lua", &text, NULL), 0);
	neap_sources_digest(f->sources, ret);
}

static void sources__digest_is_of_names_and_bytes_in_any_order(void **state)
{
	struct fixture *f = *state;
	char a[NEAP_DIGEST_HEX_SIZE], b[NEAP_DIGEST_HEX_SIZE];
	struct neap_str text;
	struct neap_content content;
	struct neap_digest_state *sum;
	uint8_t bytes[NEAP_DIGEST_SIZE];
	int i;
	char name[20];

	digest(f, a);
	open_good(f, ".");
	assert_int_equal(neap_sources_text(f->sources, "lib/users.lua", &text, NULL), 0);
	assert_int_equal(neap_sources_content(f->sources, "site.lua", &content, NULL), 0);
	assert_int_equal(neap_sources_content(f->sources, "nosuch", &content, NULL), -1);
	neap_sources_digest(f->sources, b);
	assert_string_equal(a, b);
	put("lib/users.lua", "-- Users", 8);
	digest(f, b);
	assert_string_not_equal(a, b);
	/* More than the table starts with. */
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "many%d", i);
		put(name, name, strlen(name));
		text_is(f, name, name);
	}
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "many%d", i);
		text_is(f, name, name);
	}
	/* By name, whatever order the table is in: the seed of its hash differs from run to run. */
	open_good(f, "site.lua");
	sum = neap_digest_begin();
	for (i = 10; i < 100; i++) {
		snprintf(name, sizeof name, "many%d", 109 - i);
		text_is(f, name, name);
		snprintf(name, sizeof name, "many%d", i);
		neap_digest(name, strlen(name), bytes);
		neap_digest_update(sum, name, strlen(name) + 1);
		neap_digest_update(sum, bytes, sizeof bytes);
	}
	neap_digest_end(sum, bytes);
	neap_digest_hex(bytes, b);
	neap_sources_digest(f->sources, a);
	assert_string_equal(a, b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sources__a_recipe_is_a_file_a_directory_or_an_embedded_name),
		TEST(sources__a_missing_recipe_says_what_was_looked_for),
		TEST(sources__files_are_found_after_the_working_directory_changed),
		TEST(sources__relative_names_start_beside_the_file_that_names_them),
		TEST(sources__only_regular_files_up_to_16_mb_are_read),
		TEST(sources__a_file_is_read_once),
		TEST(sources__large_content_is_digest_size_and_path),
		TEST(sources__modules_come_from_the_recipe_then_from_embedded_ones),
		TEST(sources__module_names_cannot_leave_the_roots),
		TEST(sources__digest_is_of_names_and_bytes_in_any_order),
	};

	return cmocka_run_group_tests_name("source", tests, NULL, NULL);
}
