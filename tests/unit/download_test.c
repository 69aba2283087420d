/* neap.download on a machine of tables: what is there × what is wanted × what the network has, in a plan and
 * in an apply. */
#include <errno.h>

#include "type_driver.h"

#define REG NEAP_FILE_REGULAR
#define DIR NEAP_FILE_DIRECTORY
#define LNK NEAP_FILE_LINK
#define OTHER NEAP_FILE_OTHER
#define U "http://a/x"
/* Of "abc" and of "other\n". */
#define ABC "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ABC512                                                                                               \
	"sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"                            \
	"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
#define OLD "sha256:4355a46b19d348dc2f57c046f8ef63d4538ebb936000f3c9ee954a27460dd865" /* of "1\n" */
#define WANT "path", "/t/x", "url", U, "checksum", ABC

struct cell {
	const char *name;
	struct driver_node have[4];
	const char *want[16];
	const char *serves[4]; /* URL, bytes … */
	const char *says, *error, *then;
};

struct outcome {
	const char *says, *error, *then;
	int r, second;
};

static struct outcome run_cell(struct driver *driver, const struct cell *cell, enum neap_overlay_mode mode)
{
	const struct neap_resource_type *type = driver_type("download");
	struct neap_context ctx = { 0 };
	struct outcome outcome = { .says = "" };
	struct neap_error *err NEAP_AUTO_ERROR = NULL;

	driver_begin(driver, mode);
	for (size_t i = 0; i < 4 && cell->have[i].path; i++)
		driver_put(driver, &cell->have[i]);
	for (size_t i = 0; i < 4 && cell->serves[i]; i += 2)
		neap_host_memory_serve(driver->machine, cell->serves[i], cell->serves[i + 1],
				       strlen(cell->serves[i + 1]));
	driver_open(driver);
	ctx.scratch = driver->arena;
	const void *want = driver_want(driver->arena, type, cell->want);
	void *have = neap_arena_alloc(driver->arena, type->have_size);
	struct neap_diff diff = { .arena = driver->arena }, again = { .arena = driver->arena };
	assert_int_equal(type->check(want, NULL), 0);
	int r = type->read(&driver->overlay->view, &ctx, want, have, &err);
	if (r == 0)
		r = type->diff(&ctx, want, have, &diff, &err);
	if (r == 0)
		outcome.says = driver_says(&diff, driver->arena);
	if (r == 0 && !neap_diff_empty(&diff)) {
		r = type->apply(driver->overlay, &ctx, want, have, &err);
		if (r == 0)
			r = driver_land(driver, &err);
		have = neap_arena_alloc(driver->arena, type->have_size);
		outcome.second = r == 0 ? type->read(&driver->overlay->view, &ctx, want, have, NULL) : 0;
		if (r == 0 && outcome.second == 0) {
			assert_int_equal(type->diff(&ctx, want, have, &again, NULL), 0);
			assert_string_equal(driver_says(&again, driver->arena), "");
		}
	}
	outcome.r = r;
	if (err)
		outcome.error = neap_arena_printf(driver->arena, "%s%s%s", err->message,
						  err->hint ? " | " : "", err->hint ? err->hint : "");
	outcome.then = driver_dump(&driver->machine->view, driver->arena);
	return outcome;
}

static void check_text(const struct cell *cell, const char *what, const char *is, const char *expected)
{
	is = is ? is : "(none)";
	expected = expected ? expected : "(none)";
	if (strcmp(is, expected) != 0)
		fail_msg("%s: %s\n  is       %s\n  expected %s", cell->name, what, is, expected);
}

static void run_cells(const struct cell *cells, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct driver driver;
		struct outcome outcome = run_cell(&driver, &cells[i], NEAP_OVERLAY_APPLY);
		if (outcome.r >= 0)
			check_text(&cells[i], "the diff", outcome.says, cells[i].says ? cells[i].says : "");
		check_text(&cells[i], "the error", outcome.error, cells[i].error);
		if (cells[i].then)
			check_text(&cells[i], "what is there then", outcome.then, cells[i].then);
		assert_int_equal(outcome.second, 0);
		driver_end(&driver);
	}
}
#define RUN(cells) run_cells(cells, sizeof(cells) / sizeof *(cells))

#define FROM "from " U
#define BYTES "checksum=" OLD "->" ABC " (" FROM ")"

static const struct cell cells[] = {
	{ "absent",
	  { { 0 } },
	  { WANT },
	  { U, "abc" },
	  "create ensure=absent->present checksum=->" ABC " (" FROM ")",
	  NULL,
	  "f /t/x 0644 0:0 abc\n" },
	{ "absent, with owner and mode",
	  { { 0 } },
	  { WANT, "owner", "web", "group", "www", "mode", "0750" },
	  { U, "abc" },
	  "create ensure=absent->present checksum=->" ABC " owner=->web group=->www mode=->0750 (" FROM ")",
	  NULL,
	  "f /t/x 0750 33:44 abc\n" },
	{ "absent, parents too",
	  { { 0 } },
	  { "path", "/t/a/x", "url", U, "checksum", ABC },
	  { U, "abc" },
	  "create ensure=absent->present checksum=->" ABC " parents=[]->[/t/a] (" FROM "; makes /t/a)",
	  NULL,
	  "d /t/a 0755 0:0\nf /t/a/x 0644 0:0 abc\n" },
	{ "as wanted",
	  { { "/t/x", REG, 0600, 33, 44, "abc" } },
	  { WANT },
	  { 0 },
	  "",
	  NULL,
	  "f /t/x 0600 33:44 abc\n" },
	{ "as wanted, by sha512",
	  { { "/t/x", REG, 0600, 33, 44, "abc" } },
	  { "path", "/t/x", "url", U, "checksum", ABC512 },
	  { 0 },
	  "",
	  NULL,
	  "f /t/x 0600 33:44 abc\n" },
	{ "only mode and owner differ: nothing is fetched",
	  { { "/t/x", REG, 0644, 0, 0, "abc" } },
	  { WANT, "mode", "0755", "owner", "web" },
	  { 0 },
	  "update owner=root->web mode=0644->0755",
	  NULL,
	  "f /t/x 0755 33:0 abc\n" },
	{ "other bytes: mode and owner are kept",
	  { { "/t/x", REG, 0755, 33, 44, "1\n" } },
	  { WANT },
	  { U, "abc" },
	  "update " BYTES,
	  NULL,
	  "f /t/x 0755 33:44 abc\n" },
	{ "other bytes that not everybody may read",
	  { { "/t/x", REG, 0640, 0, 0, "1\n" } },
	  { WANT },
	  { U, "abc" },
	  "update checksum=(secret)->" ABC " (" FROM ")",
	  NULL,
	  "f /t/x 0640 0:0 abc\n" },
	{ "the mirror has it",
	  { { 0 } },
	  { WANT, "mirrors", "http://b/x http://c/x" },
	  { U, "wrong", "http://c/x", "abc" },
	  "create ensure=absent->present checksum=->" ABC " (" FROM ")",
	  NULL,
	  "f /t/x 0644 0:0 abc\n" },
	{ "nobody has it: nothing is made",
	  { { 0 } },
	  { "path", "/t/a/x", "url", U, "checksum", ABC },
	  { U, "wrong" },
	  NULL,
	  "download " U ": no server has it",
	  "" },
	{ "a certificate that is not there",
	  { { 0 } },
	  { WANT, "ca_cert", "/t/ca" },
	  { U, "abc" },
	  NULL,
	  "ca_cert: open /t/ca: No such file or directory",
	  "" },
	{ "a certificate through a link",
	  { { "/t/pem", REG, 0644, 0, 0, "PEM" }, { "/t/ca", LNK, 0777, 0, 0, "pem" } },
	  { WANT, "ca_cert", "/t/ca" },
	  { U, "abc" },
	  "create ensure=absent->present checksum=->" ABC " (" FROM ")",
	  NULL,
	  "l /t/ca pem\nf /t/pem 0644 0:0 PEM\nf /t/x 0644 0:0 abc\n" },
	{ "to be absent",
	  { { "/t/x", REG, 0644, 0, 0, "abc" } },
	  { "path", "/t/x", "ensure", "absent" },
	  { 0 },
	  "delete ensure=present->absent",
	  NULL,
	  "" },
	{ "to be absent, and is", { { 0 } }, { "path", "/t/x", "ensure", "absent" }, { 0 }, "", NULL, "" },
	{ "a link",
	  { { "/t/x", LNK, 0777, 0, 0, "y" } },
	  { WANT },
	  { U, "abc" },
	  NULL,
	  "/t/x is a link | remove it with neap.link { path = \"/t/x\", ensure = \"absent\" }",
	  "l /t/x y\n" },
	{ "a link to be absent",
	  { { "/t/x", LNK, 0777, 0, 0, "y" } },
	  { "path", "/t/x", "ensure", "absent" },
	  { 0 },
	  NULL,
	  "/t/x is a link | remove it with neap.link { path = \"/t/x\", ensure = \"absent\" }",
	  "l /t/x y\n" },
	{ "a directory",
	  { { "/t/x", DIR, 0755, 0, 0, NULL } },
	  { WANT },
	  { U, "abc" },
	  NULL,
	  "/t/x is a directory | remove it with neap.directory { path = \"/t/x\", ensure = \"absent\" }",
	  "d /t/x 0755 0:0\n" },
	{ "a fifo",
	  { { "/t/x", OTHER, 0644, 0, 0, NULL } },
	  { WANT },
	  { U, "abc" },
	  NULL,
	  "/t/x is a device, fifo or socket | neap.download leaves these alone; remove it by hand if it "
	  "should go",
	  "o /t/x\n" },
};

static void download__cells(void **state)
{
	(void)state;
	RUN(cells);
}

/* A plan says the same, changes nothing, fetches nothing, and then knows that it does not know the bytes. */
static void download__plan_asks_nothing_of_the_network(void **state)
{
	(void)state;

	for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
		struct cell cell = cells[i];
		struct driver driver;
		bool network = cell.error && strstr(cell.error, "no server");
		memset(cell.serves, 0, sizeof cell.serves);
		struct outcome outcome = run_cell(&driver, &cell, NEAP_OVERLAY_PLAN);
		check_text(&cell, "the error", outcome.error, network ? NULL : cell.error);
		if (outcome.r == 0 && !network)
			check_text(&cell, "the diff", outcome.says, cell.says);
		bool bytes = outcome.r == 0 && strstr(outcome.says, "checksum=");
		assert_int_equal(outcome.second, bytes ? NEAP_UNKNOWN : 0);
		driver_end(&driver);
	}
}

static void download__what_a_plan_has_fetched_is_there_and_not_known(void **state)
{
	struct driver driver;
	struct cell cell = { .name = "plan", .want = { WANT, "mode", "0755" } };
	struct neap_stat stat;
	struct neap_content content;
	(void)state;

	run_cell(&driver, &cell, NEAP_OVERLAY_PLAN);
	assert_int_equal(neap_view_stat(&driver.overlay->view, "/t/x", &stat, NULL), 0);
	assert_int_equal(stat.kind, REG);
	assert_int_equal(stat.mode, 0755);
	assert_int_equal(neap_view_file(&driver.overlay->view, "/t/x", driver.arena, &stat, &content, NULL),
			 NEAP_UNKNOWN);
	driver_end(&driver);
}

/* Nothing is there that was not, and the next run does it all. */
static void download__any_call_may_fail(void **state)
{
	const struct cell cell = { .name = "fails",
				   .have = { { "/t/x", REG, 0644, 0, 0, "1\n" } },
				   .want = { WANT, "mode", "0755" },
				   .serves = { U, "abc" } };
	const struct neap_resource_type *type = driver_type("download");
	(void)state;

	for (uint64_t call = 1;; call++) {
		struct driver driver;
		struct neap_error *err NEAP_AUTO_ERROR = NULL;
		driver_begin(&driver, NEAP_OVERLAY_APPLY);
		driver_put(&driver, &cell.have[0]);
		neap_host_memory_serve(driver.machine, U, "abc", 3);
		driver_open(&driver);
		struct neap_context ctx = { .scratch = driver.arena, .passing = driver.arena };
		const void *want = driver_want(driver.arena, type, cell.want);
		void *have = neap_arena_alloc(driver.arena, type->have_size);
		neap_host_memory_fail(driver.machine, call, EIO);
		int r = type->read(&driver.overlay->view, &ctx, want, have, &err);
		if (r == 0)
			r = type->apply(driver.overlay, &ctx, want, have, &err);
		if (r == 0)
			r = driver_land(&driver, &err);
		bool failed = neap_host_memory_calls(driver.machine) >= call;
		neap_host_memory_fail(driver.machine, 0, 0);
		assert_string_equal(driver_dump(&driver.machine->view, driver.arena),
				    failed ? "f /t/x 0644 0:0 1\n\n" : "f /t/x 0755 0:0 abc\n");
		driver_end(&driver);
		if (!failed) {
			assert_int_equal(r, 0);
			assert_true(call > 3);
			return;
		}
		assert_true(r < 0);
		assert_int_equal(err->errnum, EIO);
	}
}

static void download__check_refuses_what_contradicts(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	(void)state;

#define CHECK(expected, ...) assert_string_equal(DRIVER_CHECK(arena, "download", __VA_ARGS__), expected)
#define P "path", "/t/x"
	CHECK("", WANT);
	CHECK("", WANT, "mirrors", "https://b/x", "client_cert", "/c", "client_key", "/k", "ca_cert", "/ca");
	CHECK("url is required, unless ensure = \"absent\"", P, "checksum", ABC);
	CHECK("checksum is required, unless ensure = \"absent\"", P, "url", U);
	CHECK("checksum: sha256 has 64 hexadecimal digits, not 3", P, "url", U, "checksum", "sha256:abc");
	CHECK("url: \"/a\" is no URL of the web", P, "url", "/a", "checksum", ABC);
	CHECK("url: the URL holds a name or a password, which plans would show", P, "url", "http://u:p@a/",
	      "checksum", ABC);
	CHECK("mirrors: \"file:///x\" is no URL of the web", WANT, "mirrors", "http://b/x file:///x");
	CHECK("mirrors: item 2 is empty", WANT, "mirrors", "http://b/x ");
	CHECK("client_key has no meaning without client_cert", WANT, "client_key", "/k");
	CHECK("", P, "ensure", "absent");
	CHECK("url has no meaning with ensure = \"absent\"", P, "ensure", "absent", "url", U);
	CHECK("mode has no meaning with ensure = \"absent\"", P, "ensure", "absent", "mode", "0644");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(download__cells),
		cmocka_unit_test(download__plan_asks_nothing_of_the_network),
		cmocka_unit_test(download__what_a_plan_has_fetched_is_there_and_not_known),
		cmocka_unit_test(download__any_call_may_fail),
		cmocka_unit_test(download__check_refuses_what_contradicts),
	};
	return cmocka_run_group_tests(tests, NULL, driver_teardown);
}
