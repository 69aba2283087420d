/* modules/group.c on a machine of tables. */
#include "account_cells.h"

static void group__what_is_there_by_what_is_wanted(void **state)
{
	static const struct account_cell cells[] = {
		{ "new", .want = { "name", "ops" }, .says = "create ensure=absent->present gid=->1001",
		  .then = "+group ops:x:1001:\n+gshadow ops:!::\n" },
		{ "new, of the system", .want = { "name", "ops", "system", "true" },
		  .says = "create ensure=absent->present gid=->999",
		  .then = "+group ops:x:999:\n+gshadow ops:!::\n" },
		{ "new, with number and members", .want = { "name", "ops", "gid", "77", "members", "b a b" },
		  .says = "create ensure=absent->present gid=->77 members=[]->[b a]",
		  .then = "+group ops:x:77:b,a\n+gshadow ops:!::b,a\n" },
		{ "there, and nothing asked", .want = { "name", "team" } },
		{ "there, as asked", .want = { "name", "team", "gid", "50", "members", "ann" } },
		{ "system is for new ones", .want = { "name", "ann", "system", "true" } },
		{ "another number", .want = { "name", "team", "gid", "55" },
		  .says = "update gid=50->55 (and user svc with it; files of group 50 stay as they are)",
		  .then = "-passwd svc:x:998:50::/:/bin/false\n+passwd svc:x:998:55::/:/bin/false\n"
			  "-group team:x:50:ann\n+group team:x:55:ann\n" },
		{ "one more member", .want = { "name", "team", "members", "bob" },
		  .says = "update members=[ann]->[ann bob]",
		  .then = "-group team:x:50:ann\n+group team:x:50:ann,bob\n-gshadow team:!:ann:ann\n+gshadow "
			  "team:!:ann:ann,bob\n" },
		{ "these members only",
		  .want = { "name", "team", "members", "bob", "members_exclusive", "true" },
		  .says = "update members=[ann]->[bob]",
		  .then = "-group team:x:50:ann\n+group team:x:50:bob\n-gshadow team:!:ann:ann\n+gshadow "
			  "team:!::bob\n" },
		{ "nobody", .want = { "name", "team", "members", "", "members_exclusive", "true" },
		  .says = "update members=[ann]->[]",
		  .then = "-group team:x:50:ann\n+group team:x:50:\n-gshadow team:!:ann:ann\n+gshadow "
			  "team:!::\n" },
		{ "gone", .want = { "name", "log", "ensure", "absent" },
		  .says = "delete ensure=present->absent", .then = "-group log:x:51:\n-gshadow log:!::\n" },
		{ "gone already", .want = { "name", "no", "ensure", "absent" } },
		{ "somebody's primary group", .want = { "name", "team", "ensure", "absent" },
		  .error = "remove group team: it is the primary group of user svc | give that user another "
			   "group "
			   "first, or remove it" },
		{ "a number that another has", .want = { "name", "ops", "gid", "51" },
		  .error = "gid 51 is that of log" },
		{ "the same, of one that is there", .want = { "name", "team", "gid", "51" },
		  .error = "gid 51 is that of log" },
		{ "a malformed line in the way",
		  .have = { { "/etc/group", NEAP_FILE_REGULAR, 0644, 0, 0, "root:x:0:\n\nops:x:\n" } },
		  .want = { "name", "ops" },
		  .error = "/etc/group:3: the entry of ops is malformed | mend or remove the line by hand "
			   "(pwck and "
			   "grpck help to)" },
		{ "no numbers left",
		  .have = { { "/etc/login.defs", NEAP_FILE_REGULAR, 0644, 0, 0,
			      "GID_MIN 50\nGID_MAX 51\n" } },
		  .want = { "name", "ops" },
		  .error = "GID_MIN, GID_MAX of /etc/login.defs: all numbers from 50 to 51 are in use" },
		{ "a gap, when the top is taken",
		  .have = { { "/etc/login.defs", NEAP_FILE_REGULAR, 0644, 0, 0,
			      "GID_MIN 0x32\n GID_MAX\t53\n" },
			    { "/etc/group", NEAP_FILE_REGULAR, 0644, 0, 0, "team:x:50:\ntop:x:53:\n" },
			    { "/etc/gshadow", NEAP_FILE_REGULAR, 0640, 0, 0, "" } },
		  .want = { "name", "ops" }, .says = "create ensure=absent->present gid=->51",
		  .then = "+group ops:x:51:\n+gshadow ops:!::\n" },
	};

	(void)state;
	ACCOUNT_RUN("group", cells);
}

static void group__what_contradicts_itself_is_refused(void **state)
{
	struct neap_arena *arena = neap_arena_new();

	(void)state;
	assert_string_equal(DRIVER_CHECK(arena, "group", "name", "-x"),
			    "name must not be empty nor begin with \"-\", \"+\", \"~\" or \"#\"");
	assert_string_equal(DRIVER_CHECK(arena, "group", "name", "a:b"),
			    "name holds a byte that a name must not have");
	assert_string_equal(DRIVER_CHECK(arena, "group", "name", "a b"),
			    "name holds a byte that a name must not have");
	assert_string_equal(DRIVER_CHECK(arena, "group", "name", "0123"),
			    "name must not be all digits: everybody takes that for a number");
	assert_string_equal(DRIVER_CHECK(arena, "group", "name", "a123456789012345678901234567890123"),
			    "name is longer than 32 bytes");
	assert_string_equal(DRIVER_CHECK(arena, "group", "name", "a", "members", "b ,"),
			    "item 2 of members holds a byte that a name must not have");
	assert_string_equal(DRIVER_CHECK(arena, "group", "name", "a", "members_exclusive", "true"),
			    "members_exclusive has no meaning without members");
	assert_string_equal(DRIVER_CHECK(arena, "group", "name", "a", "ensure", "absent", "gid", "3"),
			    "gid has no meaning with ensure = \"absent\"");
	neap_arena_free(arena);
}

static void group__a_machine_without_files_gets_them_with_their_modes(void **state)
{
	struct driver driver = { .arena = neap_arena_new(), .mode = NEAP_OVERLAY_APPLY };
	const struct neap_resource_type *type = driver_type("group");
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_buf out NEAP_AUTO_BUF = { 0 };
	const char *says;

	(void)state;
	assert_int_equal(neap_host_memory_new(&driver.machine), 0);
	driver_open(&driver);
	const void *want =
		driver_want(driver.arena, type, (const char *[]){ "name", "shadow", "gid", "42", NULL });
	if (driver_run(&driver, type, want, &says, &err) != 0)
		fail_msg("%s", err->message);
	driver_dump_to(&driver.machine->view, driver.arena, "/etc", &out);
	assert_string_equal(out.data,
			    "f /etc/group 0644 0:0 shadow:x:42:\n\nf /etc/gshadow 0640 0:0 shadow:!::\n\n");
	driver_end(&driver);
}

static void group__each_call_failing_once_ends_in_the_same_place(void **state)
{
	static const struct account_cell cells[] = {
		{ "a new one", .want = { "name", "ops", "members", "a b" } },
		{ "another number", .want = { "name", "team", "gid", "55", "members", "x" } },
		{ "one that goes", .want = { "name", "log", "ensure", "absent" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
		account_fail_each_call("group", &cells[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(group__what_is_there_by_what_is_wanted),
		cmocka_unit_test(group__what_contradicts_itself_is_refused),
		cmocka_unit_test(group__a_machine_without_files_gets_them_with_their_modes),
		cmocka_unit_test(group__each_call_failing_once_ends_in_the_same_place),
	};

	return cmocka_run_group_tests(tests, NULL, driver_teardown);
}
