/* neap.ini on a machine of tables: what is there × what is wanted, in a plan and in an apply. */
#include "type_driver.h"

#define REG NEAP_FILE_REGULAR
#define P "path", "/t/x"
#define AK "section", "A", "key", "k"
#define AKV AK, "value", "v"
#define NO "ensure", "absent"

static void ini__values(void **state)
{
	static const struct driver_text cells[] = {
		/* as wanted, however it is written */
		{ "[A]\nk = v\n", { AKV } },
		{ "[A]\nk=v\n", { AKV } },
		{ "[A]\r\nk=v\r\n", { AKV } },
		{ "  [ A ]  ; here\n\t k \t=  v \t\n", { AKV } },
		{ "[A]\nk : v\n", { AKV, "separator", ": " } },
		{ "[A]\nk = a=b\n", { AK, "value", "a=b" } },
		{ "[A]\nk =\n", { AK, "value", "" } },
		{ "k=v\n[A]\n", { "key", "k", "value", "v" } },
		{ "[A]\nk=v\n[B]\nk=w\n[A]\nj=1\n", { AKV } },
		/* another value: the separator stays */
		{ "[A]\nk=w\n", { AKV }, "(in line 2)", "[A]\nk=v\n" },
		{ "[A]\n k  =  w  \nj=1\n", { AKV }, "(in line 2)", "[A]\n k  =  v\nj=1\n" },
		{ "[A]\nk = w ; not a comment\n", { AKV }, "(in line 2)", "[A]\nk = v\n" },
		{ "[A]\r\nk=w", { AKV }, "(in line 2)", "[A]\r\nk=v" },
		{ "[A]\nk=w\n", { AK, "value", "" }, "(in line 2)", "[A]\nk=\n" },
		{ "[A]\nk = w\n", { AK, "value", "" }, "(in line 2)", "[A]\nk =\n" },
		{ "[A]\nk=\n", { AKV }, "(in line 2)", "[A]\nk=v\n" },
		{ "[A]\nk =\n", { AKV }, "(in line 2)", "[A]\nk = v\n" },
		{ "[A]\nk = \n", { AKV }, "(in line 2)", "[A]\nk = v\n" },
		{ "[A]\nk\n", { AKV }, "(in line 2)", "[A]\nk = v\n" },
		{ "[A]\nk: w\n", { AKV, "separator", ":" }, "(in line 2)", "[A]\nk: v\n" },
		{ "[A]\nk:j=w\n",
		  { "section", "A", "key", "k:j", "value", "v" },
		  "(in line 2)",
		  "[A]\nk:j=v\n" },
		/* continued lines are one */
		{ "[A]\nk=w \\\n  x \\\n  k=z\nj=1\n", { AKV }, "(in lines 2, 3, 4)", "[A]\nk=v\nj=1\n" },
		{ "[A]\nj=w \\\nk=v\n", { AKV }, "(after line 3)", "[A]\nj=w \\\nk=v\nk = v\n" },
		/* names are compared as they are */
		{ "[A]\nK=v\n", { AKV }, "(after line 2)", "[A]\nK=v\nk = v\n" },
		{ "[a]\nk=v\n", { AKV }, "(in a new section at the end)", "[a]\nk=v\n\n[A]\nk = v\n" },
		{ "[A]\nkk=v\n", { AKV }, "(after line 2)", "[A]\nkk=v\nk = v\n" },
		{ "k=v\n[A]\nj=1\n", { AKV }, "(after line 3)", "k=v\n[A]\nj=1\nk = v\n" },
		{ "[A]\nk=v\n", { "key", "k", "value", "v" }, "(before line 1)", "k = v\n[A]\nk=v\n" },
	};
	(void)state;
	DRIVER_RUN_TEXTS("ini", cells);
}

static void ini__places(void **state)
{
	static const struct driver_text cells[] = {
		{ NULL, { AKV }, "(makes the file)", "[A]\nk = v\n" },
		{ NULL, { "key", "k", "value", "v" }, "(makes the file)", "k = v\n" },
		{ "", { AKV }, "(in a new section at the end)", "[A]\nk = v\n" },
		{ "x=1\n", { AKV }, "(in a new section at the end)", "x=1\n\n[A]\nk = v\n" },
		{ "x=1\n\n", { AKV }, "(in a new section at the end)", "x=1\n\n[A]\nk = v\n" },
		{ "x=1", { AKV }, "(in a new section at the end)", "x=1\n\n[A]\nk = v" },
		{ "x=1\r\n", { AKV }, "(in a new section at the end)", "x=1\r\n\r\n[A]\r\nk = v\r\n" },
		{ "[A]\n", { AKV, "separator", "=" }, "(after line 1)", "[A]\nk=v\n" },
		{ "[A]\nj=1\n\n[B]\nk=v\n", { AKV }, "(after line 2)", "[A]\nj=1\nk = v\n\n[B]\nk=v\n" },
		/* commented-out lines are left alone, and the section is longer than its last key */
		{ "[A]\n#k=w\n\n[B]\n", { AKV }, "(after line 2)", "[A]\n#k=w\nk = v\n\n[B]\n" },
		{ "[A]\n;k=w\n", { AKV }, "(after line 2)", "[A]\n;k=w\nk = v\n" },
		/* a comment right above a header is of the next section */
		{ "[A]\nj=1\n# B's\n[B]\n", { AKV }, "(after line 2)", "[A]\nj=1\nk = v\n# B's\n[B]\n" },
		{ "[A]\n# B's\n[B]\n", { AKV }, "(after line 1)", "[A]\nk = v\n# B's\n[B]\n" },
		{ "# top\n\n# A's\n[A]\n",
		  { "key", "k", "value", "v" },
		  "(after line 1)",
		  "# top\nk = v\n\n# A's\n[A]\n" },
		/* the last part of it */
		{ "[A]\nj=1\n[B]\n[A]\ni=1\n",
		  { AKV },
		  "(after line 5)",
		  "[A]\nj=1\n[B]\n[A]\ni=1\nk = v\n" },
		/* not into a block */
		{ "[A]\n# BEGIN neap: o\nj=1\n# END neap: o\n[B]\n",
		  { AKV },
		  "(after line 4)",
		  "[A]\n# BEGIN neap: o\nj=1\n# END neap: o\nk = v\n[B]\n" },
	};
	(void)state;
	DRIVER_RUN_TEXTS("ini", cells);
}

static void ini__absent(void **state)
{
	static const struct driver_text cells[] = {
		{ "[A]\nk=1\nj=2\nk=3\n[B]\nk=4\n",
		  { AK, NO },
		  "(removes lines 2, 4)",
		  "[A]\nj=2\n[B]\nk=4\n" },
		{ "[A]\nk=1 \\\n2\nj=2\n", { AK, NO }, "(removes line 2)", "[A]\nj=2\n" },
		{ "[A]\n#k=1\n", { AK, NO } },
		{ "k=1\n[A]\n", { "key", "k", NO }, "(removes line 1)", "[A]\n" },
		{ NULL, { AK, NO } },
		{ "x=1\n[A]\nk=1\n\n[B]\nk=2\n",
		  { "section", "A", NO },
		  "(removes lines 2, 3, 4)",
		  "x=1\n[B]\nk=2\n" },
		{ "x=1\n[A]\nk=1\n# mine\n\n# B's\n[B]\n[A]\n#\n",
		  { "section", "A", NO },
		  "(removes lines 2, 3, 4, 5, 8, 9)",
		  "x=1\n# B's\n[B]\n" },
		{ "x=1\n[A]\nk=1", { "section", "A", NO }, "(removes lines 2, 3)", "x=1" },
		{ "[A]\n# B's\n# too\n[B]\n",
		  { "section", "A", NO },
		  "(removes line 1)",
		  "# B's\n# too\n[B]\n" },
		{ "[B]\n", { "section", "A", NO } },
	};
	(void)state;
	DRIVER_RUN_TEXTS("ini", cells);
}

static void ini__cells(void **state)
{
	static const struct driver_cell cells[] = {
		{ "absent × secret",
		  { { 0 } },
		  { "path", "/t/a/x", "key", "k", "!value", "s" },
		  { 0 },
		  "create ensure=absent->present value=->(secret) parents=[]->[/t/a] (makes the file, mode "
		  "0600, "
		  "as the value is secret; makes /t/a)",
		  NULL,
		  "d /t/a 0755 0:0\nf /t/a/x 0600 0:0 k = s\n\n" },
		{ "file × secret",
		  { { "/t/x", REG, 0644, 33, 44, "[A]\nk=old\n" } },
		  { P, AK, "!value", "s" },
		  { 0 },
		  "update value=(hidden)->(secret) (in line 2; others may read the file, mode 0644, and it "
		  "gets a secret)",
		  NULL,
		  "f /t/x 0644 33:44 [A]\nk=s\n\n" },
		{ "file that others may not read",
		  { { "/t/x", REG, 0640, 33, 44, "[A]\nk=old\n" } },
		  { P, AKV },
		  { 0 },
		  "update value=(hidden)->v (in line 2)",
		  NULL,
		  "f /t/x 0640 33:44 [A]\nk=v\n\n" },
		{ "several times",
		  { { "/t/x", REG, 0644, 0, 0, "[A]\nk=v\n[B]\n[A]\nk=v\n" } },
		  { P, AKV },
		  { 0 },
		  NULL,
		  "/t/x has k 2 times: lines 2, 5 | neap.ini sets keys that are there once; remove the "
		  "others, or "
		  "use neap.line or neap.block",
		  NULL },
		{ "what may be a part of the value",
		  { { "/t/x", REG, 0644, 0, 0, "[A]\nk=v\n  w\n" } },
		  { P, AKV },
		  { 0 },
		  NULL,
		  "the value of k in /t/x seems to go on in line 3 | neap.ini knows values of one line, and "
		  "lines "
		  "continued by a backslash; use neap.block or neap.file",
		  NULL },
		{ "directory",
		  { { "/t/x", NEAP_FILE_DIRECTORY, 0755, 0, 0, NULL } },
		  { P, AKV },
		  { 0 },
		  NULL,
		  "/t/x is a directory",
		  NULL },
	};
	(void)state;
	DRIVER_RUN("ini", cells);
	driver_run_faults("ini", &cells[0]);
	driver_run_faults("ini", &cells[1]);
}

static void ini__check_refuses_what_would_not_be_read_back(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	(void)state;

#define CHECK(expected, ...) assert_string_equal(DRIVER_CHECK(arena, "ini", P, __VA_ARGS__), expected)
	CHECK("key is required, unless ensure = \"absent\"", "section", "A");
	CHECK("value is required, unless ensure = \"absent\"", "key", "A");
	CHECK("", AKV);
	CHECK("", AK, "value", "");
	CHECK("", AK, NO);
	CHECK("", "section", "A", NO);
	CHECK("key or section is required: what is to be absent?", NO);
	CHECK("value has no meaning with ensure = \"absent\"", AKV, NO);
	CHECK("value must be one line", AK, "value", "a\nb");
	CHECK("value must not begin or end with blanks", AK, "value", "a ");
	CHECK("value must not end in a backslash: the next line would be part of it", AK, "value", "a\\");
	CHECK("key must not hold \"=\"", "key", "a=b", "value", "v");
	CHECK("", "key", "a=b", "value", "v", "separator", ":");
	CHECK("key must not hold \":\"", "key", "a:b", "value", "v", "separator", ":");
	CHECK("key must not begin with \"#\"", "key", "#a", "value", "v");
	CHECK("key must not begin with \"[\"", "key", "[a", "value", "v");
	CHECK("key must not begin or end with blanks", "key", "a ", "value", "v");
	CHECK("section must not hold \"]\"", "section", "a]", "key", "k", "value", "v");
	CHECK("separator must be \"=\" or \":\", with blanks around it if wanted", AKV, "separator", " ");
	CHECK("separator must be \"=\" or \":\", with blanks around it if wanted", AKV, "separator", "==");
#undef CHECK
}

static void ini__a_number_is_taken_as_its_digits(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	const struct neap_resource_type *type = driver_type("ini");
	struct neap_want *want = neap_arena_alloc(arena, type->want_size);
	const struct neap_schema_context ctx = { .arena = arena };
	struct neap_value value = { .kind = NEAP_INTEGER, .integer = -17 };
	int index = neap_schema_find(type, "value");
	(void)state;

	assert_int_equal(neap_schema_set(&ctx, type, (unsigned)index, &value, want, NULL), 0);
	const struct neap_text *text = (const void *)((char *)want + type->params[index].offset);
	assert_string_equal(text->data, "-17");
	index = neap_schema_find(type, "key");
	assert_true(neap_schema_set(&ctx, type, (unsigned)index, &value, want, NULL) < 0);
}

static void ini__no_op_is_one_call(void **state)
{
	const struct neap_resource_type *type = driver_type("ini");
	const char *pairs[] = { P, AKV, NULL };
	struct driver driver;
	(void)state;

	driver_begin(&driver, NEAP_OVERLAY_APPLY);
	driver_put(&driver, &(struct driver_node){ "/t/x", REG, 0644, 0, 0, "[A]\nk=v\n" });
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
		cmocka_unit_test(ini__values),
		cmocka_unit_test(ini__places),
		cmocka_unit_test(ini__absent),
		cmocka_unit_test(ini__cells),
		cmocka_unit_test(ini__check_refuses_what_would_not_be_read_back),
		cmocka_unit_test(ini__a_number_is_taken_as_its_digits),
		cmocka_unit_test(ini__no_op_is_one_call),
	};
	return cmocka_run_group_tests(tests, NULL, driver_teardown);
}
