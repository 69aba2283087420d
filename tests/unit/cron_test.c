/* neap.cron on a machine of tables: what is there × what is wanted, in a plan and in an apply. */
#include "type_driver.h"

#define REG NEAP_FILE_REGULAR
#define DIR NEAP_FILE_DIRECTORY
#define LNK NEAP_FILE_LINK
#define JOB "name", "job", "minute", "5", "hour", "3", "command", "true"
#define HEAD "# Made by neap; what is changed here by hand is made again.\n"
#define TEXT HEAD "5 3 * * * root true\n"
#define ETC                                                                                                  \
	{                                                                                                    \
		"/etc/cron.d", DIR, 0755, 0, 0, NULL                                                         \
	}
#define F "/etc/cron.d/job"

static void cron__cells(void **state)
{
	static const struct driver_cell cells[] = {
		{ "as wanted", { ETC, { F, REG, 0644, 0, 0, TEXT } }, { JOB }, { 0 }, "", NULL, NULL },
		{ "absent",
		  { ETC },
		  { JOB },
		  { 0 },
		  "create ensure=absent->present content=->" TEXT " mode=->0644",
		  NULL,
		  "f " F " 0644 0:0 " TEXT "\n" },
		{ "another text, mode and owner",
		  { ETC, { F, REG, 0600, 33, 44, "x" } },
		  { JOB },
		  { 0 },
		  "update content=(hidden)->" TEXT " owner=web->root group=www->root mode=0600->0644",
		  NULL,
		  "f " F " 0644 0:0 " TEXT "\n" },
		{ "another mode",
		  { ETC, { F, REG, 0664, 0, 0, TEXT } },
		  { JOB },
		  { 0 },
		  "update mode=0664->0644",
		  NULL,
		  "f " F " 0644 0:0 " TEXT "\n" },
		{ "another text",
		  { ETC, { F, REG, 0644, 0, 0, "x" } },
		  { "name", "job", "special", "@daily", "user", "web", "command", "a \\% b" },
		  { 0 },
		  "update content=x->" HEAD "@daily web a \\% b\n",
		  NULL,
		  "f " F " 0644 0:0 " HEAD "@daily web a \\% b\n\n" },
		{ "a link is replaced",
		  { ETC, { F, LNK, 0777, 0, 0, "/etc/passwd" } },
		  { JOB },
		  { 0 },
		  "update kind=link->file content=->" TEXT " mode=->0644",
		  NULL,
		  "f " F " 0644 0:0 " TEXT "\n" },
		{ "gone",
		  { ETC, { F, REG, 0644, 0, 0, TEXT } },
		  { "name", "job", "ensure", "absent" },
		  { 0 },
		  "delete ensure=present->absent",
		  NULL,
		  "" },
		{ "gone already", { ETC }, { "name", "job", "ensure", "absent" }, { 0 }, "", NULL, NULL },
		{ "a user who is not there",
		  { ETC },
		  { JOB, "user", "nobody" },
		  { 0 },
		  NULL,
		  "user nobody does not exist",
		  NULL },
		{ "a directory",
		  { ETC, { F, DIR, 0755, 0, 0, NULL } },
		  { JOB },
		  { 0 },
		  NULL,
		  F " is a directory | a file has to be there: remove what is in its place",
		  NULL },
	};
	(void)state;
	driver_top = "/etc/cron.d";
	DRIVER_RUN("cron", cells);
	driver_run_faults("cron", &cells[1]);
	driver_run_faults("cron", &cells[2]);
	driver_run_faults("cron", &cells[3]);
	driver_run_faults("cron", &cells[6]);
}

/* A want with a table, which the driver's pairs cannot say. */
static void *with_environment(struct neap_arena *arena, struct neap_text value)
{
	const struct neap_resource_type *type = driver_type("cron");
	const char *pairs[] = { JOB, NULL };
	struct neap_want *want = driver_want(arena, type, pairs);
	struct neap_pair table[] = { { NEAP_STR("MAILTO"), neap_value_string("") },
				     { NEAP_STR("TOKEN"), neap_value_text(value) } };
	struct neap_value map = { .kind = NEAP_MAP, .map = { table, 2 } };
	const struct neap_schema_context ctx = { .arena = arena };

	assert_int_equal(neap_schema_set(&ctx, type, (unsigned)neap_schema_find(type, "environment"), &map,
					 want, NULL),
			 0);
	return want;
}

static void cron__a_secret_in_the_environment_closes_the_file(void **state)
{
	const struct neap_resource_type *type = driver_type("cron");
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct driver driver;
	const char *says;
	(void)state;

	driver_top = "/etc/cron.d";
	for (unsigned mode = NEAP_OVERLAY_PLAN; mode <= NEAP_OVERLAY_APPLY; mode++) {
		driver_begin(&driver, mode);
		driver_put(&driver, &(struct driver_node){ F, REG, 0644, 0, 0, TEXT });
		driver_open(&driver);
		void *want = with_environment(driver.arena, neap_text_secret(driver.arena, "a\"b", 3));
		assert_int_equal(driver_run(&driver, type, want, &says, &err), 0);
		assert_string_equal(says, "update content=(hidden)->" HEAD "MAILTO=\"\"\nTOKEN='(secret)'\n"
					  "5 3 * * * root true\n mode=0644->0600");
		assert_string_equal(driver_dump(&driver.overlay->view, driver.arena),
				    "f " F " 0600 0:0 " HEAD
				    "MAILTO=\"\"\nTOKEN='a\"b'\n5 3 * * * root true\n\n");
		driver_end(&driver);
	}
}

static void cron__check_refuses_what_cron_would_pass_over(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	static const struct {
		const char *param, *text, *why; /* why NULL: it is fine */
	} times[] = {
		{ "minute", "*", NULL },
		{ "minute", "0", NULL },
		{ "minute", "59", NULL },
		{ "minute", "0,15-20,30-50/5,*/7", NULL },
		{ "minute", "007", NULL },
		{ "month", "12", NULL },
		{ "month", "Jan", NULL },
		{ "weekday", "7", NULL },
		{ "weekday", "0-7", NULL },
		{ "weekday", "sun", NULL },
		{ "weekday", "*/7", NULL },
		{ "minute", "60", "a number is out of range" },
		{ "hour", "24", "a number is out of range" },
		{ "day", "0", "a number is out of range" },
		{ "day", "32", "a number is out of range" },
		{ "month", "0", "a number is out of range" },
		{ "weekday", "8", "a number is out of range" },
		{ "minute", "50-70", "a number is out of range" },
		{ "minute", "99999", "a number is out of range" },
		{ "minute", "5-1", "a range ends before it begins" },
		{ "minute", "*/60", "the step leaves nothing but the first of its range" },
		{ "minute", "*/0", "the step leaves nothing but the first of its range" },
		{ "minute", "1-3/3", "the step leaves nothing but the first of its range" },
		{ "minute", "5/10", "a step needs a range or \"*\" before it" },
		{ "minute", "1,", "a number is missing, or is none" },
		{ "minute", ",1", "a number is missing, or is none" },
		{ "minute", "1-", "a number is missing, or is none" },
		{ "minute", "*/", "a number is missing, or is none" },
		{ "minute", "-1", "a number is missing, or is none" },
		{ "minute", "1 2", "it cannot be read" },
		{ "minute", "**", "it cannot be read" },
		{ "minute", "1-2-3", "it cannot be read" },
		{ "minute", "jan", "a number is missing, or is none" },
		{ "month", "january", "a number is missing, or is none" },
		{ "month", "jan,feb", "a number is missing, or is none" },
		{ "weekday", "1-fri", "a number is missing, or is none" },
	};
	(void)state;

#define NC "name", "a", "command", "true"
#define CHECK(expected, ...) assert_string_equal(DRIVER_CHECK(arena, "cron", __VA_ARGS__), expected)
	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		const char *expected = times[i].why
					       ? neap_arena_printf(arena, "%s = \"%s\": %s", times[i].param,
								   times[i].text, times[i].why)
					       : "";
		if (strcmp(times[i].param, "minute") == 0)
			CHECK(expected, NC, "minute", times[i].text);
		else if (strcmp(times[i].param, "hour") == 0)
			CHECK(expected, NC, "minute", "0", "hour", times[i].text);
		else
			CHECK(expected, NC, "minute", "0", "hour", "0", times[i].param, times[i].text);
	}
	CHECK("command is required, unless ensure = \"absent\"", "name", "a", "minute", "0");
	CHECK("minute has no meaning with ensure = \"absent\"", "name", "a", "minute", "0", "ensure",
	      "absent");
	CHECK("minute, hour, day, month, weekday or special is required: when is it to run?", NC);
	CHECK("hour is given without minute: the job would run every minute of it", NC, "hour", "3");
	CHECK("day is given without hour: the job would run every hour of it", NC, "minute", "0", "day", "1");
	CHECK("weekday is given without minute: the job would run every minute of it", NC, "weekday", "1");
	CHECK("special and hour contradict each other", NC, "special", "@daily", "hour", "1");
	CHECK("special \"@dayly\" is none that cron knows", NC, "special", "@dayly");
	CHECK("", NC, "special", "@reboot");
	CHECK("name \"a.b\" is not one that cron reads", "name", "a.b", "command", "true", "minute", "0");
	CHECK("name \"../x\" is not one that cron reads", "name", "../x", "ensure", "absent");
	CHECK("command holds a % that is not escaped", "name", "a", "minute", "0", "command", "date +%F");
	CHECK("command holds a % that is not escaped", "name", "a", "minute", "0", "command", "a \\% %");
	CHECK("", "name", "a", "minute", "0", "command", "date +\\%F");
	CHECK("command must not begin with a blank, nor hold a carriage return", "name", "a", "minute", "0",
	      "command", " true");
	CHECK("user 12 is a number", NC, "minute", "0", "user", "12");
#undef CHECK
}

static void cron__unknown_command_makes_the_file_unknown(void **state)
{
	const struct neap_resource_type *type = driver_type("cron");
	const char *pairs[] = { "name", "job", "minute", "0", NULL };
	struct driver driver;
	struct neap_stat stat;
	struct neap_content content;
	(void)state;

	driver_begin(&driver, NEAP_OVERLAY_PLAN);
	driver_open(&driver);
	struct neap_context ctx = { .scratch = driver.arena, .passing = driver.arena };
	void *have = neap_arena_alloc(driver.arena, type->have_size);
	void *want = driver_want(driver.arena, type, pairs);
	assert_int_equal(type->read(&driver.overlay->view, &ctx, want, have, NULL), 0);
	assert_int_equal(type->apply(driver.overlay, &ctx, want, have, NULL), 0);
	assert_int_equal(neap_view_stat(&driver.overlay->view, F, &stat, NULL), 0);
	assert_int_equal(stat.mode, 0644);
	assert_int_equal(neap_view_file(&driver.overlay->view, F, driver.arena, &stat, &content, NULL),
			 NEAP_UNKNOWN);
	driver_end(&driver);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cron__cells),
		cmocka_unit_test(cron__a_secret_in_the_environment_closes_the_file),
		cmocka_unit_test(cron__check_refuses_what_cron_would_pass_over),
		cmocka_unit_test(cron__unknown_command_makes_the_file_unknown),
	};
	return cmocka_run_group_tests(tests, NULL, driver_teardown);
}
