/* neap.timezone on a machine of tables: what is there × what is wanted, in a plan and in an apply. */
#include "type_driver.h"

#define REG NEAP_FILE_REGULAR
#define DIR NEAP_FILE_DIRECTORY
#define LNK NEAP_FILE_LINK
#define Z "/usr/share/zoneinfo"
#define BERLIN "name", "Europe/Berlin"
#define ZONES                                                                                                \
	{ Z "/Europe/Berlin", REG, 0644, 0, 0, "TZif" }, { Z "/Etc/UTC", REG, 0644, 0, 0, "TZif" },          \
	{                                                                                                    \
		Z "/UTC", LNK, 0777, 0, 0, "Etc/UTC"                                                         \
	}
#define LOCAL(TARGET)                                                                                        \
	{                                                                                                    \
		"/etc/localtime", LNK, 0777, 0, 0, TARGET                                                    \
	}
#define NAMED(TEXT)                                                                                          \
	{                                                                                                    \
		"/etc/timezone", REG, 0640, 33, 44, TEXT                                                     \
	}
#define BASE "f /etc/group 0644 0:0 root:x:0:\nwww:x:44:\n\n"
#define PASSWD "f /etc/passwd 0644 0:0 root:x:0:0::/root:/bin/sh\nweb:x:33:44::/:/bin/sh\n\n"
#define SET "l /etc/localtime " Z "/Europe/Berlin\n"

static void timezone__cells(void **state)
{
	static const struct driver_cell cells[] = {
		{ "as wanted", { ZONES, LOCAL(Z "/Europe/Berlin") }, { BERLIN }, { 0 }, "", NULL, NULL },
		{ "as wanted, from /etc, and by name",
		  { ZONES, LOCAL("../usr/share/zoneinfo/Europe/Berlin"), NAMED("Europe/Berlin\n") },
		  { BERLIN },
		  { 0 },
		  "",
		  NULL,
		  NULL },
		{ "another, by name too",
		  { ZONES, LOCAL(Z "/Etc/UTC"), NAMED("Etc/UTC\n") },
		  { BERLIN },
		  { 0 },
		  "update name=Etc/UTC->Europe/Berlin (in /etc/timezone too)",
		  NULL,
		  BASE SET PASSWD "f /etc/timezone 0640 33:44 Europe/Berlin\n\n" },
		{ "another by name only",
		  { ZONES, LOCAL(Z "/Europe/Berlin"), NAMED("Etc/UTC\n") },
		  { BERLIN },
		  { 0 },
		  "update name=Etc/UTC->Europe/Berlin (in /etc/timezone)",
		  NULL,
		  BASE SET PASSWD "f /etc/timezone 0640 33:44 Europe/Berlin\n\n" },
		{ "something behind the name",
		  { ZONES, LOCAL(Z "/Europe/Berlin"), NAMED("Europe/Berlin\nx\n") },
		  { BERLIN },
		  { 0 },
		  "update name=Europe/Berlin->Europe/Berlin (in /etc/timezone)",
		  NULL,
		  BASE SET PASSWD "f /etc/timezone 0640 33:44 Europe/Berlin\n\n" },
		{ "none yet: /etc/timezone is not made",
		  { ZONES },
		  { BERLIN },
		  { 0 },
		  "update name=->Europe/Berlin",
		  NULL,
		  BASE SET PASSWD },
		{ "a copy",
		  { ZONES, { "/etc/localtime", REG, 0644, 0, 0, "TZif" } },
		  { BERLIN },
		  { 0 },
		  "update kind=file->link name=->Europe/Berlin",
		  NULL,
		  BASE SET PASSWD },
		{ "a link to elsewhere",
		  { ZONES, LOCAL("/srv/zone") },
		  { BERLIN },
		  { 0 },
		  "update name=/srv/zone->Europe/Berlin",
		  NULL,
		  BASE SET PASSWD },
		{ "a zone that is a link",
		  { ZONES, LOCAL(Z "/Europe/Berlin") },
		  { "name", "UTC" },
		  { 0 },
		  "update name=Europe/Berlin->UTC",
		  NULL,
		  BASE "l /etc/localtime " Z "/UTC\n" PASSWD },
		{ "no such zone",
		  { ZONES },
		  { "name", "Europe/Berlim" },
		  { 0 },
		  NULL,
		  "there is no zone Europe/Berlim: " Z "/Europe/Berlim does not exist | did you mean "
		  "\"Europe/Berlin\"?",
		  NULL },
		{ "no zones",
		  { { 0 } },
		  { BERLIN },
		  { 0 },
		  NULL,
		  "there is no zone Europe/Berlin: " Z "/Europe/Berlin does not exist | the machine has no "
		  "zones: install the package tzdata first",
		  NULL },
		{ "a region",
		  { ZONES },
		  { "name", "Europe" },
		  { 0 },
		  NULL,
		  "Europe is no zone: " Z "/Europe is a directory",
		  NULL },
		{ "a directory in the way",
		  { ZONES, { "/etc/localtime", DIR, 0755, 0, 0, NULL } },
		  { BERLIN },
		  { 0 },
		  NULL,
		  "/etc/localtime is a directory",
		  NULL },
	};
	(void)state;
	driver_top = "/etc";
	DRIVER_RUN("timezone", cells);
	driver_run_faults("timezone", &cells[2]);
	driver_run_faults("timezone", &cells[5]);
}

static void timezone__check_refuses_what_leads_elsewhere(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	static const char *const bad[] = {
		"../x", "/x", "a/", "a//b", "a/../b", "a b", ".", "..", "a.b", NULL
	};
	static const char *const good[] = { "UTC", "Etc/GMT+1", "America/Argentina/Buenos_Aires",
					    "Etc/GMT-14", NULL };
	(void)state;

	for (size_t i = 0; bad[i]; i++)
		assert_string_equal(DRIVER_CHECK(arena, "timezone", "name", bad[i]),
				    neap_arena_printf(arena, "name \"%s\" is not that of a zone", bad[i]));
	for (size_t i = 0; good[i]; i++)
		assert_string_equal(DRIVER_CHECK(arena, "timezone", "name", good[i]), "");
}

/* tzdata may come by a package: until then what is missing may be there. */
static void timezone__behind_something_pending_is_unknown(void **state)
{
	const char *pairs[] = { BERLIN, NULL }, *target;
	struct neap_process process = { .argv = (const char *const[]){ "tool", NULL } };
	struct neap_process_result result;
	struct driver driver;
	struct neap_stat stat;
	(void)state;

	driver_begin(&driver, NEAP_OVERLAY_PLAN);
	driver_open(&driver);
	assert_int_equal(neap_host_run(driver.overlay, &process, driver.arena, &result, NULL), 0);
	neap_overlay_step(driver.overlay, 7, 0);
	const struct neap_resource_type *type = driver_type("timezone");
	void *want = driver_want(driver.arena, type, pairs);
	struct neap_context ctx = { .scratch = driver.arena, .passing = driver.arena };
	void *have = neap_arena_alloc(driver.arena, type->have_size);
	assert_int_equal(type->read(&driver.overlay->view, &ctx, want, have, NULL), NEAP_UNKNOWN);
	assert_int_equal(type->apply(driver.overlay, &ctx, want, NULL, NULL), 0);
	assert_int_equal(
		neap_view_link(&driver.overlay->view, "/etc/localtime", driver.arena, &stat, &target, NULL),
		0);
	assert_string_equal(target, Z "/Europe/Berlin");
	driver_end(&driver);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timezone__cells),
		cmocka_unit_test(timezone__check_refuses_what_leads_elsewhere),
		cmocka_unit_test(timezone__behind_something_pending_is_unknown),
	};
	return cmocka_run_group_tests(tests, NULL, driver_teardown);
}
