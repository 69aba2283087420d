/* neap.directory on a machine of tables: what is there × what is wanted, in a plan and in an apply. */
#include "type_driver.h"

#define REG NEAP_FILE_REGULAR
#define DIR NEAP_FILE_DIRECTORY
#define LNK NEAP_FILE_LINK
#define OTHER NEAP_FILE_OTHER
#define P "path", "/t/x"
#define X                                                                                                    \
	{                                                                                                    \
		"/t/x", DIR, 0755, 0, 0, NULL                                                                \
	}
#define GONE P, "ensure", "absent"

static void directory__cells(void **state)
{
	static const struct driver_cell cells[] = {
		{ "absent × nothing given",
		  { { 0 } },
		  { P },
		  { 0 },
		  "create ensure=absent->present",
		  NULL,
		  "d /t/x 0755 0:0\n" },
		{ "absent × everything",
		  { { 0 } },
		  { P, "owner", "web", "group", "www", "mode", "2750" },
		  { 0 },
		  "create ensure=absent->present owner=->web group=->www mode=->2750",
		  NULL,
		  "d /t/x 2750 33:44\n" },
		{ "absent × parents missing",
		  { { 0 } },
		  { "path", "/t/a/b/x", "mode", "0700" },
		  { 0 },
		  "create ensure=absent->present mode=->0700 parents=[]->[/t/a /t/a/b] (makes /t/a, /t/a/b)",
		  NULL,
		  "d /t/a 0755 0:0\nd /t/a/b 0755 0:0\nd /t/a/b/x 0700 0:0\n" },
		{ "absent × purge",
		  { { 0 } },
		  { P, "purge", "true", "recurse", "true" },
		  { 0 },
		  "create ensure=absent->present",
		  NULL,
		  "d /t/x 0755 0:0\n" },
		{ "absent × absent", { { 0 } }, { GONE, "recurse", "true" }, { 0 }, "", NULL, NULL },
		{ "absent × unknown owner",
		  { { 0 } },
		  { P, "owner", "etcd" },
		  { 0 },
		  NULL,
		  "user etcd does not exist",
		  NULL },
		{ "directory × same",
		  { { "/t/x", DIR, 0750, 33, 44, NULL }, { "/t/x/a", REG, 0644, 0, 0, "" } },
		  { P, "owner", "33", "group", "www", "mode", "0750" },
		  { 0 },
		  "",
		  NULL,
		  NULL },
		{ "directory × attributes differ, what is in it keeps its own",
		  { X, { "/t/x/a", REG, 0644, 0, 0, "1" } },
		  { P, "owner", "web", "group", "www", "mode", "0700" },
		  { 0 },
		  "update owner=root->web group=root->www mode=0755->0700",
		  NULL,
		  "d /t/x 0700 33:44\nf /t/x/a 0644 0:0 1\n" },
		{ "directory × mode alone",
		  { { "/t/x", DIR, 0755, 33, 44, NULL } },
		  { P, "mode", "0700" },
		  { 0 },
		  "update mode=0755->0700",
		  NULL,
		  "d /t/x 0700 33:44\n" },
		{ "link to a directory × directory",
		  { { "/t/y", DIR, 0755, 0, 0, NULL }, { "/t/x", LNK, 0777, 0, 0, "y" } },
		  { P },
		  { 0 },
		  NULL,
		  "/t/x is a link, not a directory | neap.link owns links; name the directory it points to, "
		  "or remove "
		  "it with neap.link { path = \"/t/x\", ensure = \"absent\" }",
		  NULL },
		{ "link × absent",
		  { { "/t/x", LNK, 0777, 0, 0, "y" } },
		  { GONE },
		  { 0 },
		  NULL,
		  "/t/x is a link, not a directory | neap.link owns links; name the directory it points to, "
		  "or remove "
		  "it with neap.link { path = \"/t/x\", ensure = \"absent\" }",
		  NULL },
		{ "file × directory",
		  { { "/t/x", REG, 0644, 0, 0, "a" } },
		  { P },
		  { 0 },
		  NULL,
		  "/t/x is a regular file, not a directory | remove it with neap.file { path = \"/t/x\", "
		  "ensure = "
		  "\"absent\" }",
		  NULL },
		{ "file × absent",
		  { { "/t/x", REG, 0644, 0, 0, "a" } },
		  { GONE, "recurse", "true" },
		  { 0 },
		  NULL,
		  "/t/x is a regular file, not a directory | remove it with neap.file { path = \"/t/x\", "
		  "ensure = "
		  "\"absent\" }",
		  NULL },
		{ "fifo × directory",
		  { { "/t/x", OTHER, 0644, 0, 0, NULL } },
		  { P },
		  { 0 },
		  NULL,
		  "/t/x is a device, fifo or socket, not a directory | neap.directory leaves these alone; "
		  "remove it by "
		  "hand if it should go",
		  NULL },
		{ "/", { { 0 } }, { "path", "/" }, { 0 }, "", NULL, NULL },
	};
	(void)state;
	DRIVER_RUN("directory", cells);
}

static void directory__absent_cells(void **state)
{
	static const struct driver_cell cells[] = {
		{ "empty × absent", { X }, { GONE }, { 0 }, "delete ensure=present->absent", NULL, "" },
		{ "empty × absent with recurse",
		  { X },
		  { GONE, "recurse", "true" },
		  { 0 },
		  "delete ensure=present->absent",
		  NULL,
		  "" },
		{ "not empty × absent",
		  { X, { "/t/x/a", REG, 0644, 0, 0, "1" } },
		  { GONE },
		  { 0 },
		  NULL,
		  "/t/x is not empty: it holds a | recurse = true removes it with all that is in it",
		  NULL },
		{ "not empty × absent, several",
		  { X, { "/t/x/a", DIR, 0755, 0, 0, NULL }, { "/t/x/b", LNK, 0777, 0, 0, "1" } },
		  { GONE, "recurse", "false" },
		  { 0 },
		  NULL,
		  "/t/x is not empty: it holds a and more | recurse = true removes it with all that is in it",
		  NULL },
		{ "not empty × absent with recurse",
		  { X,
		    { "/t/x/a", DIR, 0755, 0, 0, NULL },
		    { "/t/x/a-b", REG, 0644, 0, 0, "1" },
		    { "/t/x/a/b", DIR, 0000, 0, 0, NULL },
		    { "/t/x/a/b/c", REG, 0644, 0, 0, "1" },
		    { "/t/x/a/l", LNK, 0777, 0, 0, "/t/y" },
		    { "/t/x/f", OTHER, 0644, 0, 0, NULL },
		    { "/t/y", DIR, 0755, 0, 0, NULL },
		    { "/t/y/keep", REG, 0644, 0, 0, "1" } },
		  { GONE, "recurse", "true" },
		  { 0 },
		  "delete ensure=present->absent entries=[/t/x/a /t/x/a/b /t/x/a/b/c /t/x/a/l /t/x/a-b "
		  "/t/x/f]->[] "
		  "(removes 6 entries)",
		  NULL,
		  "d /t/y 0755 0:0\nf /t/y/keep 0644 0:0 1\n" },
	};
	(void)state;
	DRIVER_RUN("directory", cells);
}

static void directory__purge_cells(void **state)
{
	static const struct driver_cell cells[] = {
		{ "nothing in it", { X }, { P, "purge", "true" }, { 0 }, "", NULL, NULL },
		{ "all owned",
		  { X, { "/t/x/a", REG, 0644, 0, 0, "1" } },
		  { P, "purge", "true" },
		  { "/t/x/a" },
		  "",
		  NULL,
		  NULL },
		{ "purge = false",
		  { X, { "/t/x/a", REG, 0644, 0, 0, "1" } },
		  { P, "purge", "false" },
		  { 0 },
		  "",
		  NULL,
		  NULL },
		{ "files, links and others go; directories stay",
		  { X,
		    { "/t/x/a", REG, 0644, 0, 0, "1" },
		    { "/t/x/b", LNK, 0777, 0, 0, "/t/y" },
		    { "/t/x/c", OTHER, 0644, 0, 0, NULL },
		    { "/t/x/d", DIR, 0755, 0, 0, NULL },
		    { "/t/x/keep", REG, 0644, 0, 0, "1" },
		    { "/t/y", DIR, 0755, 0, 0, NULL },
		    { "/t/y/z", REG, 0644, 0, 0, "1" } },
		  { P, "purge", "true" },
		  { "/t/x/keep" },
		  "update entries=[/t/x/a /t/x/b /t/x/c]->[] (removes 3 entries that no resource owns; "
		  "leaves directory "
		  "/t/x/d, as recurse is not set)",
		  NULL,
		  "d /t/x 0755 0:0\nd /t/x/d 0755 0:0\nf /t/x/keep 0644 0:0 1\nd /t/y 0755 0:0\nf /t/y/z "
		  "0644 0:0 1\n" },
		{ "only directories are there: nothing to do, nothing to say",
		  { X, { "/t/x/d", DIR, 0755, 0, 0, NULL } },
		  { P, "purge", "true" },
		  { 0 },
		  "",
		  NULL,
		  NULL },
		{ "many directories stay",
		  { X,
		    { "/t/x/a", REG, 0644, 0, 0, "1" },
		    { "/t/x/d1", DIR, 0755, 0, 0, NULL },
		    { "/t/x/d2", DIR, 0755, 0, 0, NULL },
		    { "/t/x/d3", DIR, 0755, 0, 0, NULL },
		    { "/t/x/d4", DIR, 0755, 0, 0, NULL },
		    { "/t/x/own", DIR, 0755, 0, 0, NULL },
		    { "/t/x/own/free", REG, 0644, 0, 0, "1" } },
		  { P, "purge", "true" },
		  { "/t/x/own" },
		  "update entries=[/t/x/a]->[] (removes 1 entry that no resource owns; leaves directories "
		  "/t/x/d1, "
		  "/t/x/d2, /t/x/d3 and 1 more, as recurse is not set)",
		  NULL,
		  "d /t/x 0755 0:0\nd /t/x/d1 0755 0:0\nd /t/x/d2 0755 0:0\nd /t/x/d3 0755 0:0\nd /t/x/d4 "
		  "0755 0:0\n"
		  "d /t/x/own 0755 0:0\nf /t/x/own/free 0644 0:0 1\n" },
		{ "with recurse: trees that own nothing go whole, others are purged",
		  { X,
		    { "/t/x/d", DIR, 0755, 0, 0, NULL },
		    { "/t/x/d-e", REG, 0644, 0, 0, "1" },
		    { "/t/x/d/f", REG, 0644, 0, 0, "1" },
		    { "/t/x/own", DIR, 0755, 0, 0, NULL },
		    { "/t/x/own/a", DIR, 0755, 0, 0, NULL },
		    { "/t/x/own/a/b", REG, 0644, 0, 0, "1" },
		    { "/t/x/own/a/keep", REG, 0644, 0, 0, "1" },
		    { "/t/x/own/z", LNK, 0777, 0, 0, "1" } },
		  { P, "purge", "true", "recurse", "true", "mode", "0700" },
		  { "/t/x/own/a/keep" },
		  "update mode=0755->0700 entries=[/t/x/d /t/x/d/f /t/x/d-e /t/x/own/a/b /t/x/own/z]->[] "
		  "(removes 5 "
		  "entries that no resource owns)",
		  NULL,
		  "d /t/x 0700 0:0\nd /t/x/own 0755 0:0\nd /t/x/own/a 0755 0:0\nf /t/x/own/a/keep 0644 0:0 "
		  "1\n" },
		{ "a link to an owned directory is not followed",
		  { X,
		    { "/t/x/l", LNK, 0777, 0, 0, "/t/y" },
		    { "/t/y", DIR, 0755, 0, 0, NULL },
		    { "/t/y/free", REG, 0644, 0, 0, "1" } },
		  { P, "purge", "true", "recurse", "true" },
		  { "/t/y" },
		  "update entries=[/t/x/l]->[] (removes 1 entry that no resource owns)",
		  NULL,
		  "d /t/x 0755 0:0\nd /t/y 0755 0:0\nf /t/y/free 0644 0:0 1\n" },
	};
	(void)state;
	DRIVER_RUN("directory", cells);
}

static void directory__check_refuses_what_contradicts(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	(void)state;

#define CHECK(expected, ...) assert_string_equal(DRIVER_CHECK(arena, "directory", __VA_ARGS__), expected)
	CHECK("recurse has no meaning without purge = true or ensure = \"absent\"", P, "recurse", "true");
	CHECK("recurse has no meaning without purge = true or ensure = \"absent\"", P, "recurse", "true",
	      "purge", "false");
	CHECK("", P, "recurse", "false");
	CHECK("", P, "recurse", "true", "purge", "true");
	CHECK("", GONE, "recurse", "true");
	CHECK("purge has no meaning with ensure = \"absent\"", GONE, "purge", "true");
	CHECK("owner has no meaning with ensure = \"absent\"", GONE, "owner", "a");
	CHECK("group has no meaning with ensure = \"absent\"", GONE, "group", "a");
	CHECK("mode has no meaning with ensure = \"absent\"", GONE, "mode", "0700");
	CHECK("/ cannot be absent", "path", "/", "ensure", "absent");
	CHECK("/ cannot be purged", "path", "/", "purge", "true");
#undef CHECK
}

/* A hundred names and a count, whatever the size; deep trees need no C stack. */
static void directory__large_trees(void **state)
{
	(void)state;
	for (unsigned mode = NEAP_OVERLAY_PLAN; mode <= NEAP_OVERLAY_APPLY; mode++) {
		struct driver driver;
		struct neap_error *err NEAP_AUTO_ERROR = NULL;
		struct neap_buf deep NEAP_AUTO_BUF = { 0 };
		const char *says;
		driver_begin(&driver, mode);
		neap_buf_puts(&deep, "/t/x");
		for (unsigned i = 0; i < 500; i++)
			neap_buf_puts(&deep, "/d");
		driver_put(&driver, &(struct driver_node){ deep.data, DIR, 0755, 0, 0, NULL });
		for (unsigned i = 0; i < 1000; i++)
			driver_put(&driver,
				   &(struct driver_node){ neap_arena_printf(driver.arena, "/t/x/f%04u", i),
							  REG, 0644, 0, 0, "" });
		driver_open(&driver);
		const char *pairs[] = { GONE, "recurse", "true", NULL };
		void *want = driver_want(driver.arena, driver_type("directory"), pairs);
		assert_int_equal(driver_run(&driver, driver_type("directory"), want, &says, &err), 0);
		assert_non_null(strstr(says, "/f0999]->[]")); /* named to the last */
		assert_non_null(strstr(says, "(removes 1500 entries)"));
		assert_string_equal(driver_dump(&driver.overlay->view, driver.arena), "");
		driver_end(&driver);
	}
}

static void directory__no_op_is_one_call(void **state)
{
	static const char *const plain[] = { P, "mode", "0755", NULL }, *const purge[] = { P, "purge", "true",
											   NULL };
	const struct neap_resource_type *type = driver_type("directory");
	(void)state;

	for (unsigned i = 0; i < 2; i++) {
		struct driver driver;
		driver_begin(&driver, NEAP_OVERLAY_APPLY);
		driver_put(&driver, &(struct driver_node)X);
		void *want = driver_want(driver.arena, type, i ? purge : plain);
		void *have = neap_arena_alloc(driver.arena, type->have_size);
		struct neap_context ctx = { .scratch = driver.arena,
					    .passing = driver.arena,
					    .engine = &driver,
					    .owned = driver_owned };
		struct neap_diff diff = { .arena = driver.arena };
		neap_host_memory_fail(driver.machine, 0, 0);
		assert_int_equal(type->read(&driver.machine->view, &ctx, want, have, NULL), 0);
		assert_int_equal(type->diff(&ctx, want, have, &diff, NULL), 0);
		assert_true(neap_diff_empty(&diff));
		assert_int_equal(neap_host_memory_calls(driver.machine), 1 + i);
		driver_end(&driver);
	}
}

static void directory__unknown_becomes_what_is_wanted(void **state)
{
	static const char *const wants[][8] = { { P, "mode", "0700" },
						{ GONE },
						{ GONE, "recurse", "true" } };
	const struct neap_resource_type *type = driver_type("directory");
	(void)state;

	for (unsigned i = 0; i < 3; i++) {
		struct driver driver;
		struct neap_error *err NEAP_AUTO_ERROR = NULL;
		struct neap_process_result result;
		struct neap_stat stat;
		const char *says;
		driver_begin(&driver, NEAP_OVERLAY_PLAN);
		driver_open(&driver);
		struct neap_process process = { .argv = (const char *const[]){ "tool", NULL },
						.effects = (const char *const[]){ "/t/x", NULL } };
		assert_int_equal(neap_host_run(driver.overlay, &process, driver.arena, &result, NULL), 0);
		void *want = driver_want(driver.arena, type, wants[i]);
		assert_int_equal(driver_run(&driver, type, want, &says, &err), NEAP_UNKNOWN);
		assert_int_equal(neap_view_stat(&driver.overlay->view, "/t/x", &stat, NULL), 0);
		assert_int_equal(stat.kind, i ? NEAP_FILE_ABSENT : NEAP_FILE_DIRECTORY);
		if (!i)
			assert_int_equal(stat.mode, 0700);
		driver_end(&driver);
	}
}

/* What a process may change may become a directory, with things in it that nobody owns. */
static void directory__purge_of_what_may_be_a_directory_is_unknown(void **state)
{
	static const char *const want[] = { P, "purge", "true", "recurse", "true", NULL };
	static const char *const owned[] = { "/t/x/y/z", NULL };
	const struct neap_resource_type *type = driver_type("directory");
	struct neap_process process = { .argv = (const char *const[]){ "tool", NULL },
					.effects = (const char *const[]){ "/t/x/y", NULL } };
	struct neap_process_result result;
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct driver driver;
	const char *says;
	(void)state;

	driver_begin(&driver, NEAP_OVERLAY_PLAN);
	driver_put(&driver, &(struct driver_node)X);
	driver_open(&driver);
	driver.owned = owned;
	assert_int_equal(neap_host_run(driver.overlay, &process, driver.arena, &result, NULL), 0);
	assert_int_equal(driver_run(&driver, type, driver_want(driver.arena, type, want), &says, &err),
			 NEAP_UNKNOWN);
	driver_end(&driver);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(directory__cells),
		cmocka_unit_test(directory__absent_cells),
		cmocka_unit_test(directory__purge_cells),
		cmocka_unit_test(directory__check_refuses_what_contradicts),
		cmocka_unit_test(directory__large_trees),
		cmocka_unit_test(directory__no_op_is_one_call),
		cmocka_unit_test(directory__unknown_becomes_what_is_wanted),
		cmocka_unit_test(directory__purge_of_what_may_be_a_directory_is_unknown),
	};
	return cmocka_run_group_tests(tests, NULL, driver_teardown);
}
