/* neap.file on a machine of tables: what is there × what is wanted, in a plan and in an apply. */
#include "type_driver.h"

#define REG NEAP_FILE_REGULAR
#define DIR NEAP_FILE_DIRECTORY
#define LNK NEAP_FILE_LINK
#define OTHER NEAP_FILE_OTHER
#define P "path", "/t/x"

static void file__cells(void **state)
{
	static const struct driver_cell cells[] = {
		{ "absent × content",
		  { { 0 } },
		  { P, "content", "hello" },
		  { 0 },
		  "create ensure=absent->present content=->hello",
		  NULL,
		  "f /t/x 0644 0:0 hello\n" },
		{ "absent × nothing given",
		  { { 0 } },
		  { P },
		  { 0 },
		  "create ensure=absent->present",
		  NULL,
		  "f /t/x 0644 0:0 \n" },
		{ "absent × empty content",
		  { { 0 } },
		  { P, "content", "" },
		  { 0 },
		  "create ensure=absent->present content=->",
		  NULL,
		  "f /t/x 0644 0:0 \n" },
		{ "absent × everything",
		  { { 0 } },
		  { P, "content", "a", "owner", "web", "group", "www", "mode", "4750", "backup", "true",
		    "validate", "check %s" },
		  { 0 },
		  "create ensure=absent->present content=->a owner=->web group=->www mode=->4750 (validate "
		  "runs "
		  "before the file is put in place)",
		  NULL,
		  "f /t/x 4750 33:44 a\n" },
		{ "absent × numbers are shown as names where there are some",
		  { { 0 } },
		  { P, "owner", "33", "group", "77" },
		  { 0 },
		  "create ensure=absent->present owner=->web group=->77",
		  NULL,
		  "f /t/x 0644 33:77 \n" },
		{ "absent × source",
		  { { 0 } },
		  { P, "source", "bytes" },
		  { 0 },
		  "create ensure=absent->present content=->bytes",
		  NULL,
		  "f /t/x 0644 0:0 bytes\n" },
		{ "absent × secret content",
		  { { 0 } },
		  { P, "!content", "pass" },
		  { 0 },
		  "create ensure=absent->present content=->(secret) (mode 0600, as the content holds a "
		  "secret)",
		  NULL,
		  "f /t/x 0600 0:0 pass\n" },
		{ "absent × secret content with mode",
		  { { 0 } },
		  { P, "!content", "pass", "mode", "0640" },
		  { 0 },
		  "create ensure=absent->present content=->(secret) mode=->0640",
		  NULL,
		  "f /t/x 0640 0:0 pass\n" },
		{ "absent × parents missing",
		  { { 0 } },
		  { "path", "/t/a/b/x", "content", "1" },
		  { 0 },
		  "create ensure=absent->present content=->1 parents=[]->[/t/a /t/a/b] (makes /t/a, /t/a/b)",
		  NULL,
		  "d /t/a 0755 0:0\nd /t/a/b 0755 0:0\nf /t/a/b/x 0644 0:0 1\n" },
		{ "absent × set-group-ID parent",
		  { { "/t/g", DIR, 02775, 5, 6, NULL } },
		  { "path", "/t/g/x", "content", "1" },
		  { 0 },
		  "create ensure=absent->present content=->1",
		  NULL,
		  "d /t/g 2775 5:6\nf /t/g/x 0644 0:6 1\n" },
		{ "absent × absent", { { 0 } }, { P, "ensure", "absent" }, { 0 }, "", NULL, NULL },
		{ "absent × absent, parents too",
		  { { 0 } },
		  { "path", "/t/a/b", "ensure", "absent" },
		  { 0 },
		  "",
		  NULL,
		  NULL },
		{ "absent × unknown owner",
		  { { 0 } },
		  { P, "owner", "etcd" },
		  { 0 },
		  NULL,
		  "user etcd does not exist",
		  NULL },
		{ "absent × unknown group",
		  { { 0 } },
		  { P, "group", "etcd" },
		  { 0 },
		  NULL,
		  "group etcd does not exist",
		  NULL },

		{ "file × same",
		  { { "/t/x", REG, 0640, 33, 44, "hello" } },
		  { P, "content", "hello", "owner", "web", "group", "44", "mode", "640" },
		  { 0 },
		  "",
		  NULL,
		  NULL },
		{ "file × same, nothing but path",
		  { { "/t/x", REG, 0600, 33, 44, "hello" } },
		  { P },
		  { 0 },
		  "",
		  NULL,
		  NULL },
		{ "file × content differs: the rest is left alone",
		  { { "/t/x", REG, 04755, 33, 44, "old" } },
		  { P, "content", "new" },
		  { 0 },
		  "update content=old->new",
		  NULL,
		  "f /t/x 4755 33:44 new\n" },
		{ "file × becomes empty",
		  { { "/t/x", REG, 0644, 0, 0, "old" } },
		  { P, "content", "" },
		  { 0 },
		  "update content=old->",
		  NULL,
		  "f /t/x 0644 0:0 \n" },
		{ "file × content differs, others may not read it",
		  { { "/t/x", REG, 0640, 0, 0, "old" } },
		  { P, "content", "new" },
		  { 0 },
		  "update content=(hidden)->new",
		  NULL,
		  "f /t/x 0640 0:0 new\n" },
		{ "file × secret content: the mode of what exists is left alone",
		  { { "/t/x", REG, 0644, 0, 0, "old" } },
		  { P, "!content", "new" },
		  { 0 },
		  "update content=(hidden)->(secret) (others may read the file, mode 0644, and it gets a "
		  "secret)",
		  NULL,
		  "f /t/x 0644 0:0 new\n" },
		{ "file × source differs",
		  { { "/t/x", REG, 0644, 0, 0, "old" } },
		  { P, "source", "new" },
		  { 0 },
		  "update content=old->new",
		  NULL,
		  "f /t/x 0644 0:0 new\n" },
		{ "file × mode",
		  { { "/t/x", REG, 0644, 1, 2, "a" } },
		  { P, "mode", "0600" },
		  { 0 },
		  "update mode=0644->0600",
		  NULL,
		  "f /t/x 0600 1:2 a\n" },
		{ "file × owner and group",
		  { { "/t/x", REG, 0644, 0, 77, "a" } },
		  { P, "content", "a", "owner", "web", "group", "www" },
		  { 0 },
		  "update owner=root->web group=77->www",
		  NULL,
		  "f /t/x 0644 33:44 a\n" },
		{ "file × all differs",
		  { { "/t/x", REG, 0644, 0, 0, "a" } },
		  { P, "content", "b", "owner", "web", "group", "www", "mode", "0600", "validate",
		    "true %s" },
		  { 0 },
		  "update content=a->b owner=root->web group=root->www mode=0644->0600 (validate runs before "
		  "the file "
		  "is put in place)",
		  NULL,
		  "f /t/x 0600 33:44 b\n" },
		{ "file × attributes only: validate does not run",
		  { { "/t/x", REG, 0644, 0, 0, "a" } },
		  { P, "content", "a", "mode", "0600", "validate", "true %s" },
		  { 0 },
		  "update mode=0644->0600",
		  NULL,
		  "f /t/x 0600 0:0 a\n" },
		{ "file × absent",
		  { { "/t/x", REG, 0644, 0, 0, "a" } },
		  { P, "ensure", "absent" },
		  { 0 },
		  "delete ensure=present->absent",
		  NULL,
		  "" },
		{ "file × unknown owner",
		  { { "/t/x", REG, 0644, 0, 0, "a" } },
		  { P, "owner", "etcd" },
		  { 0 },
		  NULL,
		  "user etcd does not exist",
		  NULL },

		{ "link × content: replaced, its target untouched",
		  { { "/t/x", LNK, 0777, 33, 44, "y" }, { "/t/y", REG, 0600, 33, 44, "a" } },
		  { P, "content", "new" },
		  { 0 },
		  "update kind=link->file content=->new",
		  NULL,
		  "f /t/x 0644 0:0 new\nf /t/y 0600 33:44 a\n" },
		{ "link × same bytes behind it",
		  { { "/t/x", LNK, 0777, 0, 0, "y" }, { "/t/y", REG, 0644, 0, 0, "a" } },
		  { P, "content", "a", "owner", "web" },
		  { 0 },
		  "update kind=link->file content=->a owner=->web",
		  NULL,
		  "f /t/x 0644 33:0 a\nf /t/y 0644 0:0 a\n" },
		{ "link × secret",
		  { { "/t/x", LNK, 0777, 0, 0, "y" } },
		  { P, "!content", "s" },
		  { 0 },
		  "update kind=link->file content=->(secret) (mode 0600, as the content holds a secret)",
		  NULL,
		  "f /t/x 0600 0:0 s\n" },
		{ "link × nothing given",
		  { { "/t/x", LNK, 0777, 0, 0, "y" } },
		  { P, "mode", "0600" },
		  { 0 },
		  "update kind=link->file mode=->0600",
		  NULL,
		  "f /t/x 0600 0:0 \n" },
		{ "link × absent",
		  { { "/t/x", LNK, 0777, 0, 0, "y" }, { "/t/y", REG, 0644, 0, 0, "a" } },
		  { P, "ensure", "absent" },
		  { 0 },
		  "delete ensure=present->absent",
		  NULL,
		  "f /t/y 0644 0:0 a\n" },

		{ "directory × content",
		  { { "/t/x", DIR, 0755, 0, 0, NULL } },
		  { P, "content", "a" },
		  { 0 },
		  NULL,
		  "/t/x is a directory | remove it with neap.directory { path = \"/t/x\", ensure = "
		  "\"absent\" }",
		  NULL },
		{ "directory × absent",
		  { { "/t/x", DIR, 0755, 0, 0, NULL } },
		  { P, "ensure", "absent" },
		  { 0 },
		  NULL,
		  "/t/x is a directory | remove it with neap.directory { path = \"/t/x\", ensure = "
		  "\"absent\" }",
		  NULL },
		{ "fifo × content",
		  { { "/t/x", OTHER, 0644, 0, 0, NULL } },
		  { P, "content", "a" },
		  { 0 },
		  NULL,
		  "/t/x is a device, fifo or socket | neap.file leaves these alone; remove it by hand if it "
		  "should go",
		  NULL },
		{ "fifo × absent",
		  { { "/t/x", OTHER, 0644, 0, 0, NULL } },
		  { P, "ensure", "absent" },
		  { 0 },
		  NULL,
		  "/t/x is a device, fifo or socket | neap.file leaves these alone; remove it by hand if it "
		  "should go",
		  NULL },
		{ "below a link to a directory",
		  { { "/t/d", DIR, 0755, 0, 0, NULL }, { "/t/l", LNK, 0777, 0, 0, "d" } },
		  { "path", "/t/l/x", "content", "a" },
		  { 0 },
		  "create ensure=absent->present content=->a",
		  NULL,
		  "d /t/d 0755 0:0\nf /t/d/x 0644 0:0 a\nl /t/l d\n" },
	};
	(void)state;
	DRIVER_RUN("file", cells);
}

static void file__check_refuses_what_contradicts(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	(void)state;

#define CHECK(expected, ...) assert_string_equal(DRIVER_CHECK(arena, "file", P, __VA_ARGS__), expected)
	CHECK("content and source contradict each other", "content", "a", "source", "b");
	CHECK("validate has no meaning without content or source", "validate", "true %s");
	CHECK("validate never looks at the new file: no argument holds %s", "validate", "true x", "content",
	      "a");
	CHECK("", "validate", "true a=%s,b=%s", "content", "a");
	CHECK("", "validate", "true %s %s", "source", "a");
	CHECK("", "ensure", "absent");
	CHECK("content has no meaning with ensure = \"absent\"", "ensure", "absent", "content", "a");
	CHECK("source has no meaning with ensure = \"absent\"", "ensure", "absent", "source", "a");
	CHECK("owner has no meaning with ensure = \"absent\"", "ensure", "absent", "owner", "a");
	CHECK("group has no meaning with ensure = \"absent\"", "ensure", "absent", "group", "a");
	CHECK("mode has no meaning with ensure = \"absent\"", "ensure", "absent", "mode", "0644");
	CHECK("validate has no meaning with ensure = \"absent\"", "ensure", "absent", "validate", "a %s");
	CHECK("backup has no meaning with ensure = \"absent\"", "ensure", "absent", "backup", "true");
	CHECK("", "ensure", "present", "content", "");
#undef CHECK
}

/* Above 1 MB the machine answers with a digest, and the recipe may hold bytes. */
static void file__large_content_is_compared_by_digest(void **state)
{
	struct driver driver;
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	const char *says;
	size_t size = NEAP_CONTENT_MAX + 10;
	(void)state;

	driver_begin(&driver, NEAP_OVERLAY_APPLY);
	char *bytes = neap_arena_bytes(driver.arena, size + 1);
	memset(bytes, 'a', size);
	bytes[size] = '\0';
	driver_put(&driver, &(struct driver_node){ "/t/x", REG, 0644, 0, 0, bytes });
	driver_open(&driver);
	const char *pairs[] = { P, "source", bytes, NULL };
	void *want = driver_want(driver.arena, driver_type("file"), pairs);
	assert_int_equal(driver_run(&driver, driver_type("file"), want, &says, &err), 0);
	assert_string_equal(says, "");
	driver_end(&driver);
}

static unsigned secrets_seen, writes_seen;

static int watch_commit(struct neap_machine *machine, const struct neap_change *changes, size_t count,
			const struct neap_commit *commit, struct neap_error **err)
{
	(void)machine, (void)commit, (void)err;
	for (size_t i = 0; i < count; i++) {
		writes_seen += changes[i].kind == NEAP_CHANGE_WRITE;
		secrets_seen += changes[i].secret;
	}
	return 0;
}

/* The machine has to know, lest it quotes what a validating program says. */
static void file__machine_is_told_that_bytes_are_secret(void **state)
{
	static const struct {
		const char *type, *pairs[8];
		unsigned secrets;
	} cells[] = {
		{ "file", { P, "!content", "x", "mode", "0644" }, 1 },
		{ "file", { P, "content", "x" }, 0 },
		{ "line", { P, "!line", "x" }, 1 },
		{ "line", { P, "line", "x" }, 0 },
	};
	(void)state;

	for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
		const struct neap_resource_type *type = driver_type(cells[i].type);
		const struct neap_commit commit = { 0 };
		struct driver driver;
		driver_begin(&driver, NEAP_OVERLAY_APPLY);
		const struct neap_machine_ops *ops = driver.machine->ops;
		struct neap_machine_ops watching = *ops;
		watching.commit = watch_commit;
		driver_open(&driver);
		struct neap_context ctx = { .scratch = driver.arena, .passing = driver.arena };
		void *have = neap_arena_alloc(driver.arena, type->have_size);
		void *want = driver_want(driver.arena, type, cells[i].pairs);
		assert_int_equal(type->read(&driver.overlay->view, &ctx, want, have, NULL), 0);
		assert_int_equal(type->apply(driver.overlay, &ctx, want, have, NULL), 0);
		secrets_seen = writes_seen = 0;
		driver.machine->ops = &watching;
		assert_int_equal(neap_overlay_land(driver.overlay, &commit, NULL), 0);
		driver.machine->ops = ops;
		assert_int_equal(writes_seen, 1);
		assert_int_equal(secrets_seen, cells[i].secrets);
		driver_end(&driver);
	}
}

static void file__hard_links_are_told(void **state)
{
	const struct neap_resource_type *type = driver_type("file");
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	(void)state;

	static const struct {
		uint64_t links;
		const char *content, *says;
	} cells[] = {
		{ 1, "new", "update content=->new" },
		{ 2, "new", "update content=->new (breaks 1 hard link)" },
		{ 4, "new", "update content=->new (breaks 3 hard links)" },
		{ 4, "", "" },
	};
	for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
		/* The machine of tables has no hard links: its answer is changed on the way. */
		struct driver driver;
		struct neap_diff diff = { .arena = arena };
		struct neap_context ctx = { .scratch = arena, .passing = arena };
		void *have = neap_arena_alloc(arena, type->have_size);
		driver_begin(&driver, NEAP_OVERLAY_PLAN);
		driver_put(&driver, &(struct driver_node){ "/t/x", REG, 0644, 0, 0, "" });
		driver_open(&driver);
		const char *pairs[] = { P, "content", cells[i].content, NULL };
		void *want = driver_want(arena, type, pairs);
		assert_int_equal(type->read(&driver.overlay->view, &ctx, want, have, NULL), 0);
		((struct neap_stat *)have)->links = cells[i].links; /* its first member */
		assert_int_equal(type->diff(&ctx, want, have, &diff, NULL), 0);
		assert_string_equal(driver_says(&diff, arena), cells[i].says);
		driver_end(&driver);
	}
}

static void file__no_op_is_one_call(void **state)
{
	static const char bytes[] = "some content that is long enough to be seen when it is copied";
	static const char *const content[] = { P, "content", bytes, "mode", "0644", NULL };
	static const char *const plain[] = { P, "mode", "0644", NULL };
	static const char *const *const wants[] = { content, plain };
	(void)state;

	for (size_t i = 0; i < 2; i++) {
		struct driver driver;
		const struct neap_resource_type *type = driver_type("file");
		driver_begin(&driver, NEAP_OVERLAY_APPLY);
		driver_put(&driver, &(struct driver_node){ "/t/x", REG, 0644, 0, 0, bytes });
		void *want = driver_want(driver.arena, type, wants[i]);
		void *have = neap_arena_alloc(driver.arena, type->have_size);
		struct neap_context ctx = { .scratch = driver.arena, .passing = driver.arena };
		struct neap_diff diff = { .arena = driver.arena };
		neap_host_memory_fail(driver.machine, 0, 0);
		size_t used = neap_arena_used(driver.arena);
		assert_int_equal(type->read(&driver.machine->view, &ctx, want, have, NULL), 0);
		assert_int_equal(type->diff(&ctx, want, have, &diff, NULL), 0);
		assert_true(neap_diff_empty(&diff));
		/* Memory for the content that is compared, and for nothing else. */
		assert_in_range(neap_arena_used(driver.arena) - used, 0, i == 0 ? sizeof bytes + 16 : 0);
		assert_int_equal(neap_host_memory_calls(driver.machine), 1);
		driver_end(&driver);
	}
}

/* When only attributes differ the bytes stay the machine's own. */
static void file__attributes_do_not_rewrite(void **state)
{
	struct driver driver;
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	const char *says;
	uint64_t bytes = 0;
	(void)state;

	driver_begin(&driver, NEAP_OVERLAY_PLAN);
	driver_put(&driver, &(struct driver_node){ "/t/x", REG, 0644, 0, 0, "0123456789" });
	driver_open(&driver);
	const char *pairs[] = { P, "content", "0123456789", "mode", "0600", NULL };
	void *want = driver_want(driver.arena, driver_type("file"), pairs);
	assert_int_equal(driver_run(&driver, driver_type("file"), want, &says, &err), 0);
	assert_string_equal(says, "update mode=0644->0600");
	assert_int_equal(neap_overlay_held(driver.overlay, &bytes), 1);
	assert_int_equal(bytes, 0);
	driver_end(&driver);
}

static int make_unknown(struct driver *driver, const char *path)
{
	struct neap_process_result result;
	const char *const argv[] = { "tool", NULL }, *effects[] = { path, NULL };
	struct neap_process process = { .argv = argv, .effects = effects };

	neap_overlay_step(driver->overlay, driver->step++, NEAP_NO_STEP);
	return neap_host_run(driver->overlay, &process, driver->arena, &result, NULL);
}

static void file__unknown_becomes_what_is_wanted(void **state)
{
	static const struct {
		const char *want[10];
		const char *then;
	} cells[] = {
		{ { P, "content", "new", "mode", "0640", "owner", "web" }, "f /t/x 0640 33:0 new\n" },
		{ { P, "!content", "new", "owner", "0", "group", "0" }, "f /t/x 0600 0:0 new\n" },
		{ { P, "ensure", "absent" }, "" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
		struct driver driver;
		struct neap_error *err NEAP_AUTO_ERROR = NULL;
		const char *says;
		driver_begin(&driver, NEAP_OVERLAY_PLAN);
		driver_open(&driver);
		assert_int_equal(make_unknown(&driver, cells[i].want[1]), 0);
		void *want = driver_want(driver.arena, driver_type("file"), cells[i].want);
		assert_int_equal(driver_run(&driver, driver_type("file"), want, &says, &err), NEAP_UNKNOWN);
		assert_string_equal(driver_dump(&driver.overlay->view, driver.arena), cells[i].then);
		driver_end(&driver);
	}
}

/* A file whose bytes are not known must not read as empty afterwards. */
static void file__without_content_unknown_bytes_stay_unknown(void **state)
{
	struct driver driver;
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_stat stat;
	struct neap_content content;
	const char *says;
	(void)state;

	driver_begin(&driver, NEAP_OVERLAY_PLAN);
	driver_open(&driver);
	assert_int_equal(make_unknown(&driver, "/t/x"), 0);
	const char *pairs[] = { P, "mode", "0600", NULL };
	void *want = driver_want(driver.arena, driver_type("file"), pairs);
	assert_int_equal(driver_run(&driver, driver_type("file"), want, &says, &err), NEAP_UNKNOWN);
	assert_int_equal(neap_view_file(&driver.overlay->view, "/t/x", driver.arena, &stat, &content, NULL),
			 NEAP_UNKNOWN);
	driver_end(&driver);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(file__cells),
		cmocka_unit_test(file__check_refuses_what_contradicts),
		cmocka_unit_test(file__large_content_is_compared_by_digest),
		cmocka_unit_test(file__machine_is_told_that_bytes_are_secret),
		cmocka_unit_test(file__hard_links_are_told),
		cmocka_unit_test(file__no_op_is_one_call),
		cmocka_unit_test(file__attributes_do_not_rewrite),
		cmocka_unit_test(file__unknown_becomes_what_is_wanted),
		cmocka_unit_test(file__without_content_unknown_bytes_stay_unknown),
	};
	return cmocka_run_group_tests(tests, NULL, driver_teardown);
}
