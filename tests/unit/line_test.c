/* neap.line on a machine of tables: what is there × what is wanted, in a plan and in an apply. */
#include "engine/graph.h"
#include "type_driver.h"

#define REG NEAP_FILE_REGULAR
#define DIR NEAP_FILE_DIRECTORY
#define LNK NEAP_FILE_LINK
#define OTHER NEAP_FILE_OTHER
#define P "path", "/t/x"
#define GONE P, "ensure", "absent"

#define LINE "line", "b"

static void line__present_texts(void **state)
{
	static const struct driver_text cells[] = {
		/* it is there */
		{ "b\n", { LINE } },
		{ "b", { LINE } },
		{ "a\nb\nc\n", { LINE } },
		{ "a\nb", { LINE } },
		{ "a\r\nb\r\n", { LINE } },
		{ "bb\nb\nb\n", { LINE } },
		{ "xb\nb\n", { LINE } },
		{ "\n", { "line", "" } },
		{ "a\n\n", { "line", "" } },
		/* it is not: whole lines count */
		{ "", { LINE }, "(at the end)", "b\n" },
		{ "a\n", { LINE }, "(at the end)", "a\nb\n" },
		{ "bb\nxb\nbx\n b\nb \n", { LINE }, "(at the end)", "bb\nxb\nbx\n b\nb \nb\n" },
		{ "\n", { LINE }, "(at the end)", "\nb\n" },
		{ "a\n", { "line", "" }, "(at the end)", "a\n\n" },
		{ "aab", { "line", "ab" }, "(at the end)", "aab\nab" },
		/* the file ends as it ended */
		{ "a", { LINE }, "(at the end)", "a\nb" },
		{ "a\nc", { LINE }, "(at the end)", "a\nc\nb" },
		/* and each line as the first one does */
		{ "a\r\n", { LINE }, "(at the end)", "a\r\nb\r\n" },
		{ "a\r\nc", { LINE }, "(at the end)", "a\r\nc\r\nb" },
		{ "a\r\nc\n", { LINE }, "(at the end)", "a\r\nc\nb\r\n" },
		{ "b\r", { LINE }, "(at the end)", "b\r\nb" },
		{ "\r\n", { LINE }, "(at the end)", "\r\nb\r\n" },
	};
	(void)state;
	DRIVER_RUN_TEXTS("line", cells);
}

static void line__insert_texts(void **state)
{
	static const struct driver_text cells[] = {
		{ "a\nc\na\nd\n", { LINE, "insert_after", "^a$" }, "(after line 3)", "a\nc\na\nb\nd\n" },
		{ "a\nc\na\nd\n", { LINE, "insert_before", "^a$" }, "(before line 3)", "a\nc\nb\na\nd\n" },
		{ "a\nc\n", { LINE, "insert_before", "^a" }, "(before line 1)", "b\na\nc\n" },
		{ "a\nc\n", { LINE, "insert_after", "c" }, "(after line 2)", "a\nc\nb\n" },
		{ "a\nc", { LINE, "insert_after", "c" }, "(after line 2)", "a\nc\nb" },
		{ "a\nc", { LINE, "insert_before", "c" }, "(before line 2)", "a\nb\nc" },
		{ "a\r\nc\r\n", { LINE, "insert_after", "^a$" }, "(after line 1)", "a\r\nb\r\nc\r\n" },
		{ "a\r\nc\r\n", { LINE, "insert_before", "^a$" }, "(before line 1)", "b\r\na\r\nc\r\n" },
		{ "a\n\nc\n", { LINE, "insert_after", "^$" }, "(after line 2)", "a\n\nb\nc\n" },
		{ "a\nc\n", { LINE, "insert_after", "nothing" }, "(at the end)", "a\nc\nb\n" },
		{ "a\nc", { LINE, "insert_before", "nothing" }, "(at the end)", "a\nc\nb" },
		{ "", { LINE, "insert_after", "^$" }, "(at the end)", "b\n" },
		/* where it is already is where it stays */
		{ "b\na\n", { LINE, "insert_after", "a" } },
	};
	(void)state;
	DRIVER_RUN_TEXTS("line", cells);
}

#define PORT "line", "Port 22", "match", "^#?Port"

static void line__match_texts(void **state)
{
	static const struct driver_text cells[] = {
		{ "#Port 1\na\n", { PORT }, "(replaces line 1)", "Port 22\na\n" },
		{ "a\nPort 1", { PORT }, "(replaces line 2)", "a\nPort 22" },
		{ "a\r\nPort 1\r\nc", { PORT }, "(replaces line 2)", "a\r\nPort 22\r\nc" },
		{ "a\nPort 22222222222222222222\nb\n", { PORT }, "(replaces line 2)", "a\nPort 22\nb\n" },
		{ "a\nPort 22\n", { PORT } },
		{ "a\r\nPort 22\r\n", { PORT } },
		{ "a\n", { PORT }, "(at the end)", "a\nPort 22\n" },
		{ "a\nc\n", { PORT, "insert_after", "a" }, "(after line 1)", "a\nPort 22\nc\n" },
		{ "a\nc\n#Port", { PORT, "insert_after", "a" }, "(replaces line 3)", "a\nc\nPort 22" },
		{ "", { PORT }, "(at the end)", "Port 22\n" },
	};
	(void)state;
	DRIVER_RUN_TEXTS("line", cells);
}

static void line__absent_texts(void **state)
{
#define NO "ensure", "absent"
	static const struct driver_text cells[] = {
		{ "a\nb\nc\n", { LINE, NO }, "(removes line 2)", "a\nc\n" },
		{ "b\na\nb\nbb\nb", { LINE, NO }, "(removes lines 1, 3, 5)", "a\nbb" },
		{ "b\n", { LINE, NO }, "(removes line 1)", "" },
		{ "b", { LINE, NO }, "(removes line 1)", "" },
		{ "b\nb", { LINE, NO }, "(removes lines 1, 2)", "" },
		{ "a\r\nb\r\nc\r\n", { LINE, NO }, "(removes line 2)", "a\r\nc\r\n" },
		{ "a\r\nb", { LINE, NO }, "(removes line 2)", "a" },
		{ "a\nb", { LINE, NO }, "(removes line 2)", "a" },
		{ "b\na", { LINE, NO }, "(removes line 1)", "a" },
		{ "a\n\n\nb\n", { "line", "", NO }, "(removes lines 2, 3)", "a\nb\n" },
		{ "a\nbb\n", { LINE, NO } },
		{ "", { LINE, NO } },
		{ "aa\nb\nca\n", { "match", "a", NO }, "(removes lines 1, 3)", "b\n" },
		{ "aa\nb\nca", { "match", "a$", NO }, "(removes lines 1, 3)", "b" },
		{ "aa\nb\n", { "match", "x", NO } },
		{ "aa\nb\nc\n", { LINE, "match", "^aa$", NO }, "(removes lines 1, 2)", "c\n" },
		{ "b\nb\nb\nb\nb\nb\nb\nb\nb\nb\nb\nb\na\n",
		  { LINE, NO },
		  "(removes lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more)",
		  "a\n" },
	};
	(void)state;
	DRIVER_RUN_TEXTS("line", cells);
}

static void line__cells(void **state)
{
	static const struct driver_cell cells[] = {
		{ "absent × line",
		  { { 0 } },
		  { P, LINE },
		  { 0 },
		  "create ensure=absent->present line=->b (makes the file)",
		  NULL,
		  "f /t/x 0644 0:0 b\n\n" },
		{ "absent × secret line",
		  { { 0 } },
		  { P, "!line", "b" },
		  { 0 },
		  "create ensure=absent->present line=->(secret) (makes the file, mode 0600, as the line "
		  "holds a secret)",
		  NULL,
		  "f /t/x 0600 0:0 b\n\n" },
		{ "absent × match",
		  { { 0 } },
		  { P, LINE, "match", "b" },
		  { 0 },
		  "create ensure=absent->present line=->b (makes the file)",
		  NULL,
		  "f /t/x 0644 0:0 b\n\n" },
		{ "absent × parents missing",
		  { { 0 } },
		  { "path", "/t/a/x", LINE },
		  { 0 },
		  "create ensure=absent->present line=->b parents=[]->[/t/a] (makes the file; makes /t/a)",
		  NULL,
		  "d /t/a 0755 0:0\nf /t/a/x 0644 0:0 b\n\n" },
		{ "absent × absent", { { 0 } }, { GONE, LINE }, { 0 }, "", NULL, NULL },
		{ "absent × absent, parents too",
		  { { 0 } },
		  { "path", "/t/a/x", "ensure", "absent", LINE },
		  { 0 },
		  "",
		  NULL,
		  NULL },
		{ "file × inserted: mode and owner are kept",
		  { { "/t/x", REG, 04750, 33, 44, "a\n" } },
		  { P, LINE },
		  { 0 },
		  "create ensure=absent->present line=->b (at the end)",
		  NULL,
		  "f /t/x 4750 33:44 a\nb\n\n" },
		{ "file × secret line: the mode is kept",
		  { { "/t/x", REG, 0644, 33, 44, "a\n" } },
		  { P, "!line", "b" },
		  { 0 },
		  "create ensure=absent->present line=->(secret) (at the end; others may read the file, mode "
		  "0644, and it gets a secret)",
		  NULL,
		  "f /t/x 0644 33:44 a\nb\n\n" },
		{ "file × replaced",
		  { { "/t/x", REG, 0644, 0, 0, "b1\n" } },
		  { P, LINE, "match", "^b" },
		  { 0 },
		  "update line=b1->b (replaces line 1)",
		  NULL,
		  "f /t/x 0644 0:0 b\n\n" },
		{ "file × replaced by a secret",
		  { { "/t/x", REG, 0644, 0, 0, "b1\n" } },
		  { P, "!line", "b", "match", "^b" },
		  { 0 },
		  "update line=(hidden)->(secret) (replaces line 1; others may read the file, mode 0644, and "
		  "it gets a secret)",
		  NULL,
		  "f /t/x 0644 0:0 b\n\n" },
		{ "file × replaced, others may not read it",
		  { { "/t/x", REG, 0640, 0, 0, "b1\n" } },
		  { P, LINE, "match", "^b" },
		  { 0 },
		  "update line=(hidden)->b (replaces line 1)",
		  NULL,
		  "f /t/x 0640 0:0 b\n\n" },
		{ "file × removed",
		  { { "/t/x", REG, 0640, 0, 0, "b\na" } },
		  { GONE, LINE },
		  { 0 },
		  "delete ensure=present->absent (removes line 1)",
		  NULL,
		  "f /t/x 0640 0:0 a\n" },
		{ "file × several lines fit",
		  { { "/t/x", REG, 0644, 0, 0, "b1\na\nb\nb3\n" } },
		  { P, LINE, "match", "^b" },
		  { 0 },
		  NULL,
		  "match fits 3 lines of /t/x: 1, 3, 4 | narrow the regexp so that it fits one line, or "
		  "remove the "
		  "others",
		  NULL },
		{ "file × two lines fit, one of them is the line",
		  { { "/t/x", REG, 0644, 0, 0, "b\nb2\n" } },
		  { P, LINE, "match", "^b" },
		  { 0 },
		  NULL,
		  "match fits 2 lines of /t/x: 1, 2 | narrow the regexp so that it fits one line, or remove "
		  "the others",
		  NULL },
		{ "file × many lines fit",
		  { { "/t/x", REG, 0644, 0, 0, "b\nb\nb\nb\nb\nb\nb\nb\nb\nb\nb\nb\nb" } },
		  { P, LINE, "match", "^b" },
		  { 0 },
		  NULL,
		  "match fits 13 lines of /t/x: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 3 more | narrow the regexp "
		  "so that it "
		  "fits one line, or remove the others",
		  NULL },
		{ "link × line",
		  { { "/t/y", REG, 0644, 0, 0, "b\n" }, { "/t/x", LNK, 0777, 0, 0, "y" } },
		  { P, LINE },
		  { 0 },
		  NULL,
		  "/t/x is a link | name the file that it points to",
		  NULL },
		{ "link × absent",
		  { { "/t/x", LNK, 0777, 0, 0, "y" } },
		  { GONE, LINE },
		  { 0 },
		  NULL,
		  "/t/x is a link | name the file that it points to",
		  NULL },
		{ "directory × line",
		  { { "/t/x", DIR, 0755, 0, 0, NULL } },
		  { P, LINE },
		  { 0 },
		  NULL,
		  "/t/x is a directory",
		  NULL },
		{ "fifo × line",
		  { { "/t/x", OTHER, 0644, 0, 0, NULL } },
		  { P, LINE },
		  { 0 },
		  NULL,
		  "/t/x is a device, fifo or socket",
		  NULL },
	};
	(void)state;
	DRIVER_RUN("line", cells);
}

static void line__check_refuses_what_contradicts(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	(void)state;

#define CHECK(expected, ...) assert_string_equal(DRIVER_CHECK(arena, "line", __VA_ARGS__), expected)
	CHECK("line is required, unless ensure = \"absent\"", P);
	CHECK("line is required, unless ensure = \"absent\"", P, "match", "b");
	CHECK("line or match is required: which line is to be absent?", GONE);
	CHECK("", GONE, "match", "b");
	CHECK("", GONE, LINE);
	CHECK("line must not hold a newline", P, "line", "a\nb");
	CHECK("line must not hold a newline", P, "line", "a\n");
	CHECK("line must not end in a carriage return", P, "line", "a\r");
	CHECK("", P, "line", "");
	CHECK("match does not match line: each run would add it again", P, LINE, "match", "^a");
	CHECK("match does not match line: each run would add it again", P, "!line", "b", "match", "^a");
	CHECK("", P, LINE, "match", "^b$");
	CHECK("", GONE, LINE, "match", "^a");
	CHECK("insert_before and insert_after contradict each other", P, LINE, "insert_before", "a",
	      "insert_after", "b");
	CHECK("insert_before has no meaning with ensure = \"absent\"", GONE, LINE, "insert_before", "a");
	CHECK("insert_after has no meaning with ensure = \"absent\"", GONE, LINE, "insert_after", "a");
#undef CHECK
}

static const char *address_of(struct neap_graph *graph, const char *const *pairs)
{
	uint32_t number =
		neap_graph_begin(graph, driver_type("line"), (struct neap_position){ "site.lua", 1 }, "");
	for (; pairs[0]; pairs += 2) {
		struct neap_value value = neap_value_string(pairs[1]);
		int param = neap_schema_find(driver_type("line"), pairs[0]);
		neap_graph_set(graph, number, (unsigned)param, &value);
	}
	neap_graph_end(graph, number);
	return graph->resources.items[number].address;
}

static void line__address_is_path_and_line_else_match(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_problems problems = { .arena = arena };
	struct neap_graph *graph = neap_graph_new(&neap_modules, NULL, &problems);
	(void)state;

#define ADDRESS(...) address_of(graph, (const char *const[]){ __VA_ARGS__, NULL })
	assert_string_equal(ADDRESS(P, LINE), "line[/t/x: b]");
	assert_string_equal(ADDRESS(P, "line", "c", "match", "^c"), "line[/t/x: c]");
	assert_string_equal(ADDRESS(GONE, "match", "^d"), "line[/t/x: ^d]");
	assert_int_equal(problems.errors.count, 0);
	ADDRESS(P, LINE, "match", "^b");
	assert_int_equal(problems.errors.count, 1);
	neap_graph_free(graph);
	neap_vec_done(&problems.errors);
	neap_vec_done(&problems.warnings);
#undef ADDRESS
}

/* A TEXT may hold any byte: a line may not. */
static void line__nul_bytes(void **state)
{
	const struct neap_resource_type *type = driver_type("line");
	struct driver driver;
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	static const char bytes[] = "a\0b\nb\0\nb\n\0", with[] = "a\0b\nb\0\nb\n\0\nc";
	const char *says, *pairs[] = { P, LINE, NULL }, *new_pairs[] = { P, "line", "c", NULL };
	struct neap_stat stat;
	struct neap_content content;
	(void)state;

	driver_begin(&driver, NEAP_OVERLAY_APPLY);
	neap_host_memory_put(driver.machine, "/t/x", REG, 0644, 0, 0, bytes, sizeof bytes - 1);
	driver_open(&driver);
	assert_int_equal(driver_run(&driver, type, driver_want(driver.arena, type, pairs), &says, &err), 0);
	assert_string_equal(says, "");
	assert_int_equal(driver_run(&driver, type, driver_want(driver.arena, type, new_pairs), &says, &err),
			 0);
	assert_int_equal(neap_view_file(&driver.machine->view, "/t/x", driver.arena, &stat, &content, NULL),
			 0);
	assert_int_equal(content.size, sizeof with - 1);
	assert_memory_equal(content.data, with, sizeof with - 1);

	struct neap_want *want = driver_want(driver.arena, type, pairs);
	struct neap_value value = neap_value_text(neap_text_plain("a\0b", 3));
	struct neap_schema_context ctx = { .arena = driver.arena };
	int index = neap_schema_find(type, "line");
	assert_int_equal(neap_schema_set(&ctx, type, (unsigned)index, &value, want, &err), 0);
	assert_true(type->check(want, &err) < 0);
	assert_string_equal(err->message, "line must not hold a NUL byte");
	driver_end(&driver);
}

static int must_not_be_asked(const struct neap_view *view, const char *path, struct neap_arena *arena,
			     struct neap_stat *ret, struct neap_content *ret_content, struct neap_error **err)
{
	(void)view, (void)path, (void)arena, (void)ret, (void)ret_content, (void)err;
	fail_msg("the whole of it is read, whatever its size");
	return -1;
}

static void line__reads_only_what_fits_in_memory(void **state)
{
	const struct neap_resource_type *type = driver_type("line");
	const char *pairs[] = { P, LINE, NULL };
	struct driver driver;
	(void)state;

	driver_begin(&driver, NEAP_OVERLAY_PLAN);
	driver_put(&driver, &(struct driver_node){ "/t/x", REG, 0644, 0, 0, "b\n" });
	struct neap_reads reads = *driver.machine->view.reads;
	reads.file = must_not_be_asked;
	driver.machine->view.reads = &reads;
	driver_open(&driver);
	for (unsigned i = 0; i < 2; i++) {
		const struct neap_view *view = i ? &driver.overlay->view : &driver.machine->view;
		struct neap_context ctx = { .scratch = driver.arena, .passing = driver.arena };
		void *have = neap_arena_alloc(driver.arena, type->have_size);
		assert_int_equal(type->read(view, &ctx, driver_want(driver.arena, type, pairs), have, NULL),
				 0);
	}
	driver_end(&driver);
}

static void line__file_above_1_mb_is_an_error(void **state)
{
	const struct neap_resource_type *type = driver_type("line");
	const char *pairs[] = { P, LINE, NULL };
	(void)state;

	/* One byte above; and just below, where the line would lead above. */
	for (size_t i = 0; i < 2; i++) {
		struct driver driver;
		struct neap_error *err NEAP_AUTO_ERROR = NULL;
		const char *says;
		size_t size = i ? NEAP_CONTENT_MAX - 1 : NEAP_CONTENT_MAX + 1;
		driver_begin(&driver, NEAP_OVERLAY_PLAN);
		char *bytes = neap_arena_bytes(driver.arena, size);
		memset(bytes, '\n', size);
		neap_host_memory_put(driver.machine, "/t/x", REG, 0644, 0, 0, bytes, size);
		driver_open(&driver);
		assert_true(driver_run(&driver, type, driver_want(driver.arena, type, pairs), &says, &err) <
			    0);
		assert_string_equal(err->message,
				    i ? "/t/x would become larger than 1 MB" : "/t/x is larger than 1 MB");
		driver_end(&driver);
	}
}

/* Several lines of one file in one run stand on each other. */
static void line__lines_of_one_file_follow_each_other(void **state)
{
	const struct neap_resource_type *type = driver_type("line");
	static const char *const wants[][8] = {
		{ P, "line", "one" },
		{ P, "line", "two", "insert_before", "one" },
		{ P, "line", "three", "insert_after", "two" },
		{ P, "line", "one", "ensure", "absent" },
	};
	(void)state;

	for (unsigned mode = NEAP_OVERLAY_PLAN; mode <= NEAP_OVERLAY_APPLY; mode++) {
		struct driver driver;
		struct neap_error *err NEAP_AUTO_ERROR = NULL;
		const char *says;
		driver_begin(&driver, mode);
		driver_open(&driver);
		for (size_t i = 0; i < 4; i++)
			assert_int_equal(driver_run(&driver, type, driver_want(driver.arena, type, wants[i]),
						    &says, &err),
					 0);
		assert_string_equal(driver_dump(&driver.overlay->view, driver.arena),
				    "f /t/x 0644 0:0 two\nthree\n\n");
		driver_end(&driver);
	}
}

/* What is in a file of unknown bytes stays unknown: nothing may be said of it. */
static void line__unknown_file_stays_unknown(void **state)
{
	const struct neap_resource_type *type = driver_type("line");
	const char *pairs[] = { P, LINE, NULL }, *says;
	struct driver driver;
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_process_result result;
	(void)state;

	driver_begin(&driver, NEAP_OVERLAY_PLAN);
	driver_put(&driver, &(struct driver_node){ "/t/x", REG, 0644, 0, 0, "a\n" });
	driver_open(&driver);
	struct neap_process process = { .argv = (const char *const[]){ "tool", NULL },
					.effects = (const char *const[]){ "/t/x", NULL } };
	assert_int_equal(neap_host_run(driver.overlay, &process, driver.arena, &result, NULL), 0);
	void *want = driver_want(driver.arena, type, pairs);
	assert_int_equal(driver_run(&driver, type, want, &says, &err), NEAP_UNKNOWN);
	assert_int_equal(driver_run(&driver, type, want, &says, &err), NEAP_UNKNOWN);
	driver_end(&driver);
}

/* 100 lines in a file of 10,000: no work for each line. Counted in calls, and in a time far above any
 * machine's. */
static void line__no_op_is_one_call(void **state)
{
	const struct neap_resource_type *type = driver_type("line");
	struct neap_buf bytes NEAP_AUTO_BUF = { 0 };
	struct driver driver;
	(void)state;

	for (unsigned i = 0; i < 10000; i++)
		neap_buf_printf(&bytes, "this is line number %u of a file of some size\n", i);
	driver_begin(&driver, NEAP_OVERLAY_APPLY);
	neap_host_memory_put(driver.machine, "/t/x", REG, 0644, 0, 0, bytes.data, bytes.len);
	neap_host_memory_fail(driver.machine, 0, 0);
	for (unsigned i = 0; i < 100; i++) {
		const char *text = neap_arena_printf(
			driver.arena, "this is line number %u of a file of some size", i * 100 + 99);
		const char *pairs[] = { P, "line", text, NULL };
		void *want = driver_want(driver.arena, type, pairs);
		void *have = neap_arena_alloc(driver.arena, type->have_size);
		struct neap_context ctx = { .scratch = driver.arena, .passing = driver.arena };
		struct neap_diff diff = { .arena = driver.arena };
		assert_int_equal(type->read(&driver.machine->view, &ctx, want, have, NULL), 0);
		assert_int_equal(type->diff(&ctx, want, have, &diff, NULL), 0);
		assert_true(neap_diff_empty(&diff));
	}
	assert_int_equal(neap_host_memory_calls(driver.machine), 100);
	driver_end(&driver);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line__present_texts),
		cmocka_unit_test(line__insert_texts),
		cmocka_unit_test(line__match_texts),
		cmocka_unit_test(line__absent_texts),
		cmocka_unit_test(line__cells),
		cmocka_unit_test(line__check_refuses_what_contradicts),
		cmocka_unit_test(line__address_is_path_and_line_else_match),
		cmocka_unit_test(line__nul_bytes),
		cmocka_unit_test(line__reads_only_what_fits_in_memory),
		cmocka_unit_test(line__file_above_1_mb_is_an_error),
		cmocka_unit_test(line__lines_of_one_file_follow_each_other),
		cmocka_unit_test(line__unknown_file_stays_unknown),
		cmocka_unit_test(line__no_op_is_one_call),
	};
	return cmocka_run_group_tests(tests, NULL, driver_teardown);
}
