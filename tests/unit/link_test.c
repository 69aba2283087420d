/* neap.link on a machine of tables: what is there × what is wanted, in a plan and in an apply. */
#include "type_driver.h"

#define REG NEAP_FILE_REGULAR
#define DIR NEAP_FILE_DIRECTORY
#define LNK NEAP_FILE_LINK
#define OTHER NEAP_FILE_OTHER
#define P "path", "/t/x"
#define GONE P, "ensure", "absent"

static void link__cells(void **state)
{
	static const struct driver_cell cells[] = {
		{ "absent × dangling target",
		  { { 0 } },
		  { P, "target", "../no where" },
		  { 0 },
		  "create ensure=absent->present target=->../no where",
		  NULL,
		  "l /t/x ../no where\n" },
		{ "absent × parents missing",
		  { { 0 } },
		  { "path", "/t/a/b/x", "target", "/" },
		  { 0 },
		  "create ensure=absent->present target=->/ parents=[]->[/t/a /t/a/b] (makes /t/a, /t/a/b)",
		  NULL,
		  "d /t/a 0755 0:0\nd /t/a/b 0755 0:0\nl /t/a/b/x /\n" },
		{ "absent × absent", { { 0 } }, { GONE }, { 0 }, "", NULL, NULL },
		{ "absent × absent, parents too",
		  { { 0 } },
		  { "path", "/t/a/b", "ensure", "absent" },
		  { 0 },
		  "",
		  NULL,
		  NULL },
		{ "link × same",
		  { { "/t/x", LNK, 0777, 33, 44, "y" } },
		  { P, "target", "y" },
		  { 0 },
		  "",
		  NULL,
		  NULL },
		{ "link × another target",
		  { { "/t/x", LNK, 0777, 0, 0, "y" }, { "/t/y", REG, 0644, 0, 0, "a" } },
		  { P, "target", "/t/y" },
		  { 0 },
		  "update target=y->/t/y",
		  NULL,
		  "l /t/x /t/y\nf /t/y 0644 0:0 a\n" },
		{ "link to a directory × another target",
		  { { "/t/x", LNK, 0777, 0, 0, "y" }, { "/t/y", DIR, 0755, 0, 0, NULL } },
		  { P, "target", "z" },
		  { 0 },
		  "update target=y->z",
		  NULL,
		  "l /t/x z\nd /t/y 0755 0:0\n" },
		{ "link × a longer target",
		  { { "/t/x", LNK, 0777, 0, 0, "y" } },
		  { P, "target", "yy" },
		  { 0 },
		  "update target=y->yy",
		  NULL,
		  "l /t/x yy\n" },
		{ "link × absent",
		  { { "/t/x", LNK, 0777, 0, 0, "y" }, { "/t/y", REG, 0644, 0, 0, "a" } },
		  { GONE },
		  { 0 },
		  "delete ensure=present->absent",
		  NULL,
		  "f /t/y 0644 0:0 a\n" },
		{ "file × link",
		  { { "/t/x", REG, 0644, 0, 0, "a" } },
		  { P, "target", "y" },
		  { 0 },
		  NULL,
		  "/t/x is a regular file, not a link | remove it with neap.file { path = \"/t/x\", ensure = "
		  "\"absent\" }",
		  NULL },
		{ "file × absent",
		  { { "/t/x", REG, 0644, 0, 0, "a" } },
		  { GONE },
		  { 0 },
		  NULL,
		  "/t/x is a regular file, not a link | remove it with neap.file { path = \"/t/x\", ensure = "
		  "\"absent\" }",
		  NULL },
		{ "directory × link",
		  { { "/t/x", DIR, 0755, 0, 0, NULL } },
		  { P, "target", "y" },
		  { 0 },
		  NULL,
		  "/t/x is a directory, not a link | remove it with neap.directory { path = \"/t/x\", ensure "
		  "= "
		  "\"absent\" }",
		  NULL },
		{ "fifo × absent",
		  { { "/t/x", OTHER, 0644, 0, 0, NULL } },
		  { GONE },
		  { 0 },
		  NULL,
		  "/t/x is a device, fifo or socket, not a link | neap.link leaves these alone; remove it by "
		  "hand if "
		  "it should go",
		  NULL },
	};
	(void)state;
	DRIVER_RUN("link", cells);
}

static void link__check_refuses_what_contradicts(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	char target[4098];
	(void)state;

	memset(target, 'a', sizeof target);
	target[4096] = '\0';
	assert_string_equal(DRIVER_CHECK(arena, "link", P), "target is required, unless ensure = \"absent\"");
	assert_string_equal(DRIVER_CHECK(arena, "link", GONE, "target", "y"),
			    "target has no meaning with ensure = \"absent\"");
	assert_string_equal(DRIVER_CHECK(arena, "link", P, "target", target),
			    "target is longer than 4095 bytes");
	target[4095] = '\0';
	assert_string_equal(DRIVER_CHECK(arena, "link", P, "target", target), "");
	assert_string_equal(DRIVER_CHECK(arena, "link", GONE), "");
}

static void link__no_op_is_one_call(void **state)
{
	static const char *const pairs[] = { P, "target", "y", NULL };
	const struct neap_resource_type *type = driver_type("link");
	struct driver driver;
	(void)state;

	driver_begin(&driver, NEAP_OVERLAY_APPLY);
	driver_put(&driver, &(struct driver_node){ "/t/x", LNK, 0777, 0, 0, "y" });
	void *want = driver_want(driver.arena, type, pairs),
	     *have = neap_arena_alloc(driver.arena, type->have_size);
	struct neap_context ctx = { .scratch = driver.arena, .passing = driver.arena };
	struct neap_diff diff = { .arena = driver.arena };
	neap_host_memory_fail(driver.machine, 0, 0);
	assert_int_equal(type->read(&driver.machine->view, &ctx, want, have, NULL), 0);
	assert_int_equal(type->diff(&ctx, want, have, &diff, NULL), 0);
	assert_true(neap_diff_empty(&diff));
	assert_int_equal(neap_host_memory_calls(driver.machine), 1);
	driver_end(&driver);
}

static void link__unknown_becomes_what_is_wanted(void **state)
{
	static const char *const present[] = { P, "target", "y", NULL }, *const absent[] = { GONE, NULL };
	const struct neap_resource_type *type = driver_type("link");
	(void)state;

	for (unsigned i = 0; i < 2; i++) {
		struct driver driver;
		struct neap_error *err NEAP_AUTO_ERROR = NULL;
		struct neap_process_result result;
		struct neap_stat stat;
		const char *says, *target;
		driver_begin(&driver, NEAP_OVERLAY_PLAN);
		driver_open(&driver);
		struct neap_process process = { .argv = (const char *const[]){ "tool", NULL },
						.effects = (const char *const[]){ "/t/x", NULL } };
		assert_int_equal(neap_host_run(driver.overlay, &process, driver.arena, &result, NULL), 0);
		void *want = driver_want(driver.arena, type, i ? absent : present);
		assert_int_equal(driver_run(&driver, type, want, &says, &err), NEAP_UNKNOWN);
		assert_int_equal(
			neap_view_link(&driver.overlay->view, "/t/x", driver.arena, &stat, &target, NULL), 0);
		assert_int_equal(stat.kind, i ? NEAP_FILE_ABSENT : NEAP_FILE_LINK);
		if (!i)
			assert_string_equal(target, "y");
		driver_end(&driver);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(link__cells),
		cmocka_unit_test(link__check_refuses_what_contradicts),
		cmocka_unit_test(link__no_op_is_one_call),
		cmocka_unit_test(link__unknown_becomes_what_is_wanted),
	};
	return cmocka_run_group_tests(tests, NULL, driver_teardown);
}
