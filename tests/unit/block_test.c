/* neap.block on a machine of tables: what is there × what is wanted, in a plan and in an apply. */
#include "type_driver.h"

#define REG NEAP_FILE_REGULAR
#define LNK NEAP_FILE_LINK
#define P "path", "/t/x", "name", "n"
#define N "name", "n"
#define AB N, "content", "a\nb\n"
#define GONE N, "ensure", "absent"
#define B "# BEGIN neap: n\n"
#define E "# END neap: n\n"
#define OTHER "# BEGIN neap: o\no1\n# END neap: o\n"

static void block__texts(void **state)
{
	static const struct driver_text cells[] = {
		/* it is there */
		{ "x\n" B "a\nb\n" E "y\n", { AB } },
		{ "x\r\n# BEGIN neap: n\r\na\r\nb\r\n# END neap: n\r\n", { AB } },
		{ B "a\nb\n# END neap: n", { AB } },
		{ B "a\nb\n" E, { N, "content", "a\nb" } },
		{ B "a\nb\n" E, { N, "content", "a\r\nb\r\n" } },
		{ B E, { N, "content", "" } },
		{ B "\n" E, { N, "content", "\n" } },
		/* it is not */
		{ NULL, { AB }, "(makes the file)", B "a\nb\n" E },
		{ "", { AB }, "(at the end)", B "a\nb\n" E },
		{ "x\n", { AB }, "(at the end)", "x\n" B "a\nb\n" E },
		{ "x\n", { N, "content", "" }, "(at the end)", "x\n" B E },
		{ "x\n", { N, "content", "\n" }, "(at the end)", "x\n" B "\n" E },
		{ "x", { AB }, "(at the end)", "x\n" B "a\nb\n# END neap: n" },
		{ "x\r\n", { AB }, "(at the end)", "x\r\n# BEGIN neap: n\r\na\r\nb\r\n# END neap: n\r\n" },
		{ "x\ny\n", { AB, "insert_before", "^y" }, "(before line 2)", "x\n" B "a\nb\n" E "y\n" },
		{ "x\ny\nx\nz\n",
		  { AB, "insert_after", "^x" },
		  "(after line 3)",
		  "x\ny\nx\n" B "a\nb\n" E "z\n" },
		{ "x\n",
		  { AB, "comment", "//" },
		  "(at the end)",
		  "x\n// BEGIN neap: n\na\nb\n// END neap: n\n" },
		/* marks that only look alike */
		{ " " B "# BEGIN neap: nn\n# END neap: n \n",
		  { AB },
		  "(at the end)",
		  " " B "# BEGIN neap: nn\n# END neap: n \n" B "a\nb\n" E },
		/* it is another */
		{ "x\n" B "a\n" E "y\n", { AB }, "(in lines 2 to 4)", "x\n" B "a\nb\n" E "y\n" },
		{ B "a\nb\nc\n" E, { AB }, "(in lines 1 to 5)", B "a\nb\n" E },
		{ B "a\nb\n\n" E, { AB }, "(in lines 1 to 5)", B "a\nb\n" E },
		{ B "a\n" E, { N, "content", "" }, "(in lines 1 to 3)", B E },
		{ B E, { N, "content", "\n" }, "(in lines 1 to 2)", B "\n" E },
		{ B "\n" E, { N, "content", "" }, "(in lines 1 to 3)", B E },
		{ "x\r\n# BEGIN neap: n\r\n# END neap: n",
		  { AB },
		  "(in lines 2 to 3)",
		  "x\r\n# BEGIN neap: n\r\na\r\nb\r\n# END neap: n" },
		/* it stays where it is */
		{ B "a\n" E "x\n", { AB, "insert_after", "x" }, "(in lines 1 to 3)", B "a\nb\n" E "x\n" },
		/* never into another one */
		{ OTHER "x\n", { AB, "insert_after", "^o1" }, "(after line 3)", OTHER B "a\nb\n" E "x\n" },
		{ "x\n" OTHER, { AB, "insert_before", "^o1" }, "(before line 2)", "x\n" B "a\nb\n" E OTHER },
		{ "x\n" OTHER, { AB, "insert_before", "END" }, "(before line 2)", "x\n" B "a\nb\n" E OTHER },
		{ OTHER "x\n", { AB, "insert_after", "BEGIN" }, "(after line 3)", OTHER B "a\nb\n" E "x\n" },
		{ OTHER "x\n", { AB, "insert_before", "^x" }, "(before line 4)", OTHER B "a\nb\n" E "x\n" },
		/* a block without an end is none */
		{ "# BEGIN neap: o\nx\ny\n",
		  { AB, "insert_after", "^x" },
		  "(after line 2)",
		  "# BEGIN neap: o\nx\n" B "a\nb\n" E "y\n" },
		/* gone */
		{ "x\n" B "a\n" E "y\n", { GONE }, "(removes lines 2 to 4)", "x\ny\n" },
		{ "x\n" B "a\n# END neap: n", { GONE }, "(removes lines 2 to 4)", "x" },
		{ B E, { GONE }, "(removes lines 1 to 2)", "" },
		{ "x\n" OTHER, { GONE } },
		{ NULL, { GONE } },
	};
	(void)state;
	DRIVER_RUN_TEXTS("block", cells);
}

static void block__cells(void **state)
{
	static const struct driver_cell cells[] = {
		{ "absent × secret",
		  { { 0 } },
		  { "path", "/t/a/x", N, "!content", "s" },
		  { 0 },
		  "create ensure=absent->present content=->(secret)\n parents=[]->[/t/a] (makes the file, "
		  "mode "
		  "0600, as the content holds a secret; makes /t/a)",
		  NULL,
		  "d /t/a 0755 0:0\nf /t/a/x 0600 0:0 " B "s\n" E "\n" },
		{ "file × secret: mode and owner are kept, what was there is hidden",
		  { { "/t/x", REG, 0644, 33, 44, B "old\n" E } },
		  { P, "!content", "s" },
		  { 0 },
		  "update content=(hidden)->(secret)\n (in lines 1 to 3; others may read the file, mode "
		  "0644, and it gets a secret)",
		  NULL,
		  "f /t/x 0644 33:44 " B "s\n" E "\n" },
		{ "file that others may not read",
		  { { "/t/x", REG, 0640, 33, 44, B "old\n" E } },
		  { P, "content", "a" },
		  { 0 },
		  "update content=(hidden)->a\n (in lines 1 to 3)",
		  NULL,
		  "f /t/x 0640 33:44 " B "a\n" E "\n" },
		{ "begin without end",
		  { { "/t/x", REG, 0644, 0, 0, "x\n" B "a\n" } },
		  { P, "content", "a" },
		  { 0 },
		  NULL,
		  "/t/x begins the block n in line 2, but has no line \"# END neap: n\" | where it lies "
		  "cannot be "
		  "known: put the marks around it by hand, or remove both",
		  NULL },
		{ "end without begin, to go",
		  { { "/t/x", REG, 0644, 0, 0, "x\n" E } },
		  { P, "ensure", "absent" },
		  { 0 },
		  NULL,
		  "/t/x ends the block n in line 2, but has no line \"# BEGIN neap: n\" | where it lies "
		  "cannot be "
		  "known: put the marks around it by hand, or remove both",
		  NULL },
		{ "end before begin",
		  { { "/t/x", REG, 0644, 0, 0, E "x\n" B } },
		  { P, "content", "a" },
		  { 0 },
		  NULL,
		  "/t/x ends the block n in line 1, before it begins in line 3 | where it lies cannot be "
		  "known: put "
		  "the marks around it by hand, or remove both",
		  NULL },
		{ "twice",
		  { { "/t/x", REG, 0644, 0, 0, B E "x\n" B E } },
		  { P, "content", "a" },
		  { 0 },
		  NULL,
		  "/t/x has \"# BEGIN neap: n\" twice: lines 1 and 4 | a block is there once: remove the "
		  "other by "
		  "hand, marks and all",
		  NULL },
		{ "link",
		  { { "/t/x", LNK, 0777, 0, 0, "y" } },
		  { P, "content", "a" },
		  { 0 },
		  NULL,
		  "/t/x is a link | name the file that it points to",
		  NULL },
	};
	(void)state;
	DRIVER_RUN("block", cells);
	driver_run_faults("block", &cells[0]);
	driver_run_faults("block", &cells[1]);
}

static void block__check_refuses_what_cannot_be(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	(void)state;

#define CHECK(expected, ...) assert_string_equal(DRIVER_CHECK(arena, "block", __VA_ARGS__), expected)
	CHECK("content is required, unless ensure = \"absent\"", P);
	CHECK("", P, "content", "");
	CHECK("", P, "ensure", "absent");
	CHECK("content has no meaning with ensure = \"absent\"", P, "ensure", "absent", "content", "a");
	CHECK("insert_after has no meaning with ensure = \"absent\"", P, "ensure", "absent", "insert_after",
	      "a");
	CHECK("insert_before and insert_after contradict each other", P, "content", "a", "insert_before", "a",
	      "insert_after", "b");
	CHECK("content must not hold the mark of a block", P, "content", "a\n" E);
	CHECK("content must not hold the mark of a block", P, "!content", "; BEGIN neap: other");
	CHECK("name must not begin or end with blanks, nor hold a carriage return", "path", "/t/x", "name",
	      " n", "content", "a");
	CHECK("comment must not end with a blank, nor hold a carriage return", P, "content", "a", "comment",
	      "# ");
#undef CHECK
}

/* What will be in it is not known yet: neither is what the file will hold. */
static void block__unknown_content_makes_the_file_unknown(void **state)
{
	const struct neap_resource_type *type = driver_type("block");
	const char *pairs[] = { P, NULL };
	struct driver driver;
	struct neap_stat stat;
	struct neap_content content;
	(void)state;

	driver_begin(&driver, NEAP_OVERLAY_PLAN);
	driver_put(&driver, &(struct driver_node){ "/t/x", REG, 0644, 0, 0, "x\n" });
	driver_open(&driver);
	struct neap_context ctx = { .scratch = driver.arena, .passing = driver.arena };
	void *have = neap_arena_alloc(driver.arena, type->have_size);
	void *want = driver_want(driver.arena, type, pairs);
	assert_int_equal(type->read(&driver.overlay->view, &ctx, want, have, NULL), 0);
	assert_int_equal(type->apply(driver.overlay, &ctx, want, have, NULL), 0);
	assert_int_equal(neap_view_stat(&driver.overlay->view, "/t/x", &stat, NULL), 0);
	assert_int_equal(stat.kind, REG);
	assert_int_equal(neap_view_file(&driver.overlay->view, "/t/x", driver.arena, &stat, &content, NULL),
			 NEAP_UNKNOWN);
	driver_end(&driver);
}

static void block__no_op_is_one_call(void **state)
{
	const struct neap_resource_type *type = driver_type("block");
	const char *pairs[] = { P, "content", "a\n", NULL };
	struct driver driver;
	(void)state;

	driver_begin(&driver, NEAP_OVERLAY_APPLY);
	driver_put(&driver, &(struct driver_node){ "/t/x", REG, 0644, 0, 0, "x\n" B "a\n" E });
	void *want = driver_want(driver.arena, type, pairs);
	void *have = neap_arena_alloc(driver.arena, type->have_size);
	struct neap_context ctx = { .scratch = driver.arena, .passing = driver.arena };
	neap_host_memory_fail(driver.machine, 0, 0);
	assert_int_equal(type->read(&driver.machine->view, &ctx, want, have, NULL), 0);
	assert_int_equal(neap_host_memory_calls(driver.machine), 1);
	driver_end(&driver);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(block__texts),
		cmocka_unit_test(block__cells),
		cmocka_unit_test(block__check_refuses_what_cannot_be),
		cmocka_unit_test(block__unknown_content_makes_the_file_unknown),
		cmocka_unit_test(block__no_op_is_one_call),
	};
	return cmocka_run_group_tests(tests, NULL, driver_teardown);
}
