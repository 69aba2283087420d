/* neap.wait_for on a machine of tables: it changes nothing, waits in an apply and does not in a plan. */
#include <errno.h>

#include "type_driver.h"

static int answer(struct neap_machine *memory, const struct neap_process *process, void *ctx)
{
	(void)memory;
	assert_string_equal(process->argv[1], "-x");
	return *(int *)ctx;
}

static const char *wait_for(struct driver *driver, enum neap_overlay_mode mode, const char *serves,
			    const char *const *pairs)
{
	static int status = 3;
	const struct neap_resource_type *type = driver_type("wait_for");
	struct neap_error *err NEAP_AUTO_ERROR = NULL;

	driver_begin(driver, mode);
	if (serves)
		neap_host_memory_serve(driver->machine, serves, "", 0);
	neap_host_memory_on_run(driver->machine, answer, &status);
	driver_open(driver);
	const struct neap_context ctx = { .scratch = driver->arena, .passing = driver->arena };
	const void *want = driver_want(driver->arena, type, pairs);
	assert_int_equal(type->check(want, NULL), 0);
	status = serves ? 0 : 3;
	return type->wait(driver->overlay, &ctx, want, &err) < 0
		       ? neap_arena_strdup(driver->arena, err->message)
		       : "";
}

static void wait_for__waits_in_an_apply(void **state)
{
	static const struct {
		const char *want[8], *serves, *error;
	} cells[] = {
		{ { "url", "http://a/x" }, "http://a/x", "nobody is at http://a/x" },
		{ { "host", "a", "port", "80" }, "a:80", "nobody is at a:80" },
		{ { "name", "n", "command", "look -x" }, "anything", "look: exit 3" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
		struct driver driver;
		assert_string_equal(wait_for(&driver, NEAP_OVERLAY_APPLY, NULL, cells[i].want),
				    cells[i].error);
		driver_end(&driver);
		assert_string_equal(wait_for(&driver, NEAP_OVERLAY_APPLY, cells[i].serves, cells[i].want),
				    "");
		driver_end(&driver);
		assert_string_equal(wait_for(&driver, NEAP_OVERLAY_PLAN, NULL, cells[i].want), "");
		driver_end(&driver);
	}
}

static void wait_for__certificate_that_is_not_there_fails_the_plan_too(void **state)
{
	const char *const want[] = { "url", "https://a/x", "ca_cert", "/t/ca", NULL, NULL };
	struct driver driver;
	(void)state;

	for (int mode = NEAP_OVERLAY_PLAN; mode <= NEAP_OVERLAY_APPLY; mode++) {
		assert_string_equal(wait_for(&driver, mode, "https://a/x", want),
				    "ca_cert: open /t/ca: No such file or directory");
		driver_end(&driver);
	}
}

static int write_x(struct driver *driver)
{
	const struct neap_file_write write = {
		.content = { .data = "1\n", .size = 2 }, .mode = 0644, .uid = NEAP_KEEP, .gid = NEAP_KEEP
	};
	return neap_host_write(driver->overlay, "/t/x", &write, NULL);
}

/* What is asked may be a server that reads what a resource before it has written. */
static void wait_for__changes_before_it_land_first(void **state)
{
	const char *const want[] = { "url", "http://a/x", NULL, NULL };
	struct driver driver;
	(void)state;

	wait_for(&driver, NEAP_OVERLAY_APPLY, "http://a/x", want);
	const struct neap_commit commit = { .ctx = &driver, .may = driver_may, .failed = driver_failed };
	neap_overlay_commit(driver.overlay, &commit);
	assert_int_equal(write_x(&driver), 0);
	assert_string_equal(driver_dump(&driver.machine->view, driver.arena), "");
	const struct neap_probe probe = { .url = "http://a/x" };
	assert_int_equal(neap_host_wait(driver.overlay, &probe, NULL), 0);
	assert_string_equal(driver_dump(&driver.machine->view, driver.arena), "f /t/x 0644 0:0 1\n\n");
	driver_end(&driver);
}

static void wait_for__is_not_begun_when_a_change_before_it_failed(void **state)
{
	const char *const want[] = { "url", "http://a/x", NULL, NULL };
	struct driver driver;
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	(void)state;

	wait_for(&driver, NEAP_OVERLAY_APPLY, "http://a/x", want);
	const struct neap_commit commit = { .ctx = &driver, .may = driver_may, .failed = driver_failed };
	neap_overlay_commit(driver.overlay, &commit);
	assert_int_equal(write_x(&driver), 0);
	neap_host_memory_fail(driver.machine, 1, EIO);
	const struct neap_probe probe = { .url = "http://a/x" };
	assert_int_equal(neap_host_wait(driver.overlay, &probe, &err), -1);
	assert_string_equal(err->message, "wait for http://a/x: not done, for a change before it failed");
	driver_end(&driver);
}

static void wait_for__check_refuses_what_contradicts(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	(void)state;

#define CHECK(expected, ...) assert_string_equal(DRIVER_CHECK(arena, "wait_for", __VA_ARGS__), expected)
#define U "url", "http://a/x"
	CHECK("", U);
	CHECK("", U, "status", "200", "timeout", "5s", "delay", "2s", "ca_cert", "/c", "name", "n");
	CHECK("", "host", "::1", "port", "80");
	CHECK("", "host", "a-b.example.org", "port", "65535");
	CHECK("what is waited for is not said", "name", "n");
	CHECK("what is waited for is not said", "port", "80");
	CHECK("url, host and command contradict each other: give one of them", U, "host", "a", "port", "80");
	CHECK("url, host and command contradict each other: give one of them", U, "command", "true");
	CHECK("host and port are given together or not at all", "host", "a");
	CHECK("host and port are given together or not at all", U, "port", "80");
	CHECK("a command needs a name to be called by", "command", "true");
	CHECK("status has no meaning without url", "host", "a", "port", "80", "status", "200");
	CHECK("ca_cert has no meaning without url", "name", "n", "command", "true", "ca_cert", "/c");
	CHECK("client_key has no meaning without client_cert", U, "client_key", "/k");
	CHECK("url: \"ftp://a/\" is no URL of the web", "url", "ftp://a/");
	CHECK("host \"http://a\" is neither a name nor an address", "host", "http://a", "port", "80");
	CHECK("host \"a b\" is neither a name nor an address", "host", "a b", "port", "80");
	CHECK("host \"u@a\" is neither a name nor an address", "host", "u@a", "port", "80");
	CHECK("host \"a:80/\" is neither a name nor an address", "host", "a:80/", "port", "80");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wait_for__waits_in_an_apply),
		cmocka_unit_test(wait_for__certificate_that_is_not_there_fails_the_plan_too),
		cmocka_unit_test(wait_for__changes_before_it_land_first),
		cmocka_unit_test(wait_for__is_not_begun_when_a_change_before_it_failed),
		cmocka_unit_test(wait_for__check_refuses_what_contradicts),
	};
	return cmocka_run_group_tests(tests, NULL, driver_teardown);
}
