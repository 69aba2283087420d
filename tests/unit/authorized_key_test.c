/* neap.authorized_key on a machine of tables: what is there × what is wanted, in a plan and in an apply. */
#include "type_driver.h"

#define REG NEAP_FILE_REGULAR
#define DIR NEAP_FILE_DIRECTORY
#define LNK NEAP_FILE_LINK
#define BODY "AAAAC3NzaC1lZDI1NTE5AAAAIAThiPKglmEF7V/pnfyuSiWz46F4lWhPs/ZpNF9yAzGH"
#define OTHER "AAAAC3NzaC1lZDI1NTE5AAAAIGZha2VmYWtlZmFrZWZha2VmYWtlZmFrZWZha2VmYWtlZmFr"
#define KEY "ssh-ed25519 " BODY
#define ME "user", "u", "key", KEY " me"
#define NO "ensure", "absent"
#define PASSWD                                                                                               \
	{                                                                                                    \
		"/etc/passwd", REG, 0644, 0, 0,                                                              \
			"root:x:0:0::/root:/bin/sh\nu:x:33:44::/t/u:/bin/sh\n"                               \
			"none:x:5:5:::/bin/sh\nlost:x:6:6::/t/lost/x:/bin/sh\n"                              \
	}
#define HOME                                                                                                 \
	{                                                                                                    \
		"/t/u", DIR, 0755, 33, 44, NULL                                                              \
	}
#define SSH                                                                                                  \
	{                                                                                                    \
		"/t/u/.ssh", DIR, 0700, 33, 44, NULL                                                         \
	}
#define HAS(TEXT)                                                                                            \
	{                                                                                                    \
		"/t/u/.ssh/authorized_keys", REG, 0600, 33, 44, TEXT                                         \
	}
#define THEN(TEXT)                                                                                           \
	"d /t/u 0755 33:44\nd /t/u/.ssh 0700 33:44\nf /t/u/.ssh/authorized_keys 0600 33:44 " TEXT "\n"

/* With `path`: a file as any other. */
static void authorized_key__texts(void **state)
{
	static const struct driver_text cells[] = {
		/* as wanted */
		{ KEY " me\n", { "user", "web", "key", KEY " me" } },
		{ KEY " other\n", { "user", "web", "key", KEY } },
		{ "  ssh-ed25519\t" BODY "\n", { "user", "web", "key", KEY } },
		{ "no-pty,from=\"a b,c\" " KEY "\n", { "user", "web", "key", KEY } },
		{ "no-pty,from=\"a\\\"b\" " KEY "\n",
		  { "user", "web", "key", KEY, "options", "from=\"a\\\"b\" no-pty" } },
		{ KEY, { "user", "web", "key", KEY, "options", "" } },
		/* it is not there */
		{ NULL, { "user", "web", "key", KEY }, "(makes the file, mode 0600)", KEY "\n" },
		{ "# " KEY "\n",
		  { "user", "web", "key", KEY " me" },
		  "(at the end)",
		  "# " KEY "\n" KEY " me\n" },
		{ "x", { "user", "web", "key", KEY, "options", "a b" }, "(at the end)", "x\na,b " KEY },
		{ "ssh-ed25519 " OTHER "\n",
		  { "user", "web", "key", KEY },
		  "(at the end)",
		  "ssh-ed25519 " OTHER "\n" KEY "\n" },
		{ "command=\"" KEY "\" ssh-ed25519 " OTHER "\n",
		  { "user", "web", "key", KEY },
		  "(at the end)",
		  "command=\"" KEY "\" ssh-ed25519 " OTHER "\n" KEY "\n" },
		/* options and comment */
		{ "x\n" KEY " old\ny\n",
		  { "user", "web", "key", KEY " new one" },
		  "(in line 2)",
		  "x\n" KEY " new one\ny\n" },
		{ "no-pty " KEY " me\n",
		  { "user", "web", "key", KEY, "options", "restrict" },
		  "(in line 1)",
		  "restrict " KEY " me\n" },
		{ "a,b " KEY " me\n",
		  { "user", "web", "key", KEY, "options", "" },
		  "(in line 1)",
		  KEY " me\n" },
		{ "a " KEY "\n",
		  { "user", "web", "key", KEY, "options", "a b" },
		  "(in line 1)",
		  "a,b " KEY "\n" },
		{ "a,b " KEY "\n",
		  { "user", "web", "key", KEY, "options", "a" },
		  "(in line 1)",
		  "a " KEY "\n" },
		{ "a,a " KEY "\n",
		  { "user", "web", "key", KEY, "options", "a b" },
		  "(in line 1)",
		  "a,b " KEY "\n" },
		{ "a " KEY " x", { "user", "web", "key", KEY " y" }, "(in line 1)", "a " KEY " y" },
		/* one line is enough */
		{ KEY "\nx\n" KEY " twice\nno-pty " KEY "\n",
		  { "user", "web", "key", KEY },
		  "(removes lines 3, 4)",
		  KEY "\nx\n" },
		/* gone */
		{ "x\n" KEY " a\ny\nb " KEY,
		  { "user", "web", "key", KEY, NO },
		  "(removes lines 2, 4)",
		  "x\ny" },
		{ "x\n", { "user", "web", "key", KEY, NO } },
		{ NULL, { "user", "web", "key", KEY, NO } },
	};
	(void)state;
	DRIVER_RUN_TEXTS("authorized_key", cells);
}

static void authorized_key__home_of_the_user(void **state)
{
	static const struct driver_cell cells[] = {
		{ "as wanted", { PASSWD, HOME, SSH, HAS(KEY " me\n") }, { ME }, { 0 }, "", NULL, NULL },
		{ "nothing there: all of it is the user's",
		  { PASSWD, HOME },
		  { ME },
		  { 0 },
		  "create ensure=absent->present parents=[]->[/t/u/.ssh] (makes the file, mode 0600; makes "
		  "/t/u/.ssh)",
		  NULL,
		  THEN(KEY " me\n") },
		{ "too wide and of another",
		  { PASSWD,
		    HOME,
		    { "/t/u/.ssh", DIR, 0775, 0, 44, NULL },
		    { "/t/u/.ssh/authorized_keys", REG, 0664, 0, 44, KEY " me\n" } },
		  { ME },
		  { 0 },
		  "update directory_owner=root->u directory_mode=0775->0700 owner=root->u mode=0664->0600",
		  NULL,
		  THEN(KEY " me\n") },
		{ "too wide, and another comment: hidden, if others may not read it",
		  { PASSWD,
		    HOME,
		    SSH,
		    { "/t/u/.ssh/authorized_keys", REG, 0640, 33, 44, "a " KEY " old\n" } },
		  { ME, "options", "b" },
		  { 0 },
		  "update options=(hidden)->b comment=(hidden)->me mode=0640->0600 (in line 1)",
		  NULL,
		  THEN("b " KEY " me\n") },
		{ "another comment",
		  { PASSWD, HOME, SSH, { "/t/u/.ssh/authorized_keys", REG, 0644, 33, 44, KEY " old\n" } },
		  { ME },
		  { 0 },
		  "update comment=old->me mode=0644->0600 (in line 1)",
		  NULL,
		  THEN(KEY " me\n") },
		{ "twice",
		  { PASSWD, HOME, SSH, HAS(KEY " me\n" KEY " me\n") },
		  { ME },
		  { 0 },
		  "update duplicates=2-> (removes line 2)",
		  NULL,
		  THEN(KEY " me\n") },
		{ "gone: mode and owner are nobody's business",
		  { PASSWD, HOME, SSH, { "/t/u/.ssh/authorized_keys", REG, 0644, 0, 0, KEY " me\n" } },
		  { ME, NO },
		  { 0 },
		  "delete ensure=present->absent (removes line 1)",
		  NULL,
		  "d /t/u 0755 33:44\nd /t/u/.ssh 0700 33:44\nf /t/u/.ssh/authorized_keys 0644 0:0 \n" },
		{ "no home",
		  { PASSWD },
		  { ME },
		  { 0 },
		  NULL,
		  "/t/u, the home of u, does not exist | it has to be made first; or give path",
		  NULL },
		{ "no home, no key", { PASSWD }, { ME, NO }, { 0 }, "", NULL, NULL },
		{ "a home that is no path",
		  { PASSWD },
		  { "user", "none", "key", KEY },
		  { 0 },
		  NULL,
		  "the home of none in /etc/passwd is \"\", which is no place for a file: path is empty | "
		  "give path",
		  NULL },
		{ "nobody",
		  { PASSWD },
		  { "user", "x", "key", KEY },
		  { 0 },
		  NULL,
		  "user x does not exist",
		  NULL },
		{ "a planted link for the directory",
		  { PASSWD, HOME, { "/t/u/.ssh", LNK, 0777, 33, 44, "/etc" } },
		  { ME },
		  { 0 },
		  NULL,
		  "/t/u/.ssh is a link, not a directory",
		  NULL },
		{ "a planted link for the file",
		  { PASSWD, HOME, SSH, { "/t/u/.ssh/authorized_keys", LNK, 0777, 33, 44, "/etc/shadow" } },
		  { ME },
		  { 0 },
		  NULL,
		  "/t/u/.ssh/authorized_keys is a link | name the file that it points to",
		  NULL },
	};
	(void)state;
	DRIVER_RUN("authorized_key", cells);
	driver_run_faults("authorized_key", &cells[1]);
	driver_run_faults("authorized_key", &cells[2]);
	driver_run_faults("authorized_key", &cells[3]);
}

static void authorized_key__check_refuses_what_sshd_would_not_take(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	static const char *const bad[] = { "x",  "ssh-ed25519", "ssh-rsa " BODY,    "ssh-ed25519 " BODY "A",
					   BODY, "no-pty " KEY, "ssh-ed25519 AAAA", NULL };
	(void)state;

#define CHECK(expected, ...) assert_string_equal(DRIVER_CHECK(arena, "authorized_key", __VA_ARGS__), expected)
	CHECK("", ME);
	CHECK("", ME, NO);
	for (size_t i = 0; bad[i]; i++)
		CHECK("key is not a public key of ssh", "user", "u", "key", bad[i]);
	CHECK("options has no meaning with ensure = \"absent\"", ME, NO, "options", "a");
	CHECK("option 2 has a comma or a blank outside of quotes", ME, "options", "a b,c");
	CHECK("option 1 has a quote without its other one", ME, "options", "from=\"a");
	CHECK("option 3 is there twice", ME, "options", "a b a");
	CHECK("option 2 is empty, or not one line", ME, "options", "a  b");
#undef CHECK
}

/* Who will be there, and where he lives, is not known before the one who makes him has run. */
static void authorized_key__of_a_pending_account_is_unknown(void **state)
{
	const char *pairs[] = { "user", "later", "key", KEY, NULL }, *says;
	struct neap_process process = { .argv = (const char *const[]){ "tool", NULL } };
	struct neap_process_result result;
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct driver driver;
	(void)state;

	driver_begin(&driver, NEAP_OVERLAY_PLAN);
	driver_open(&driver);
	assert_int_equal(neap_host_run(driver.overlay, &process, driver.arena, &result, NULL), 0);
	const struct neap_resource_type *type = driver_type("authorized_key");
	void *want = driver_want(driver.arena, type, pairs);
	struct neap_context ctx = { .scratch = driver.arena, .passing = driver.arena };
	void *have = neap_arena_alloc(driver.arena, type->have_size);
	assert_true(driver_run(&driver, type, want, &says, &err) < 0); /* it does not stand on that */
	neap_overlay_step(driver.overlay, 7, 0);
	assert_int_equal(type->read(&driver.overlay->view, &ctx, want, have, NULL), NEAP_UNKNOWN);
	assert_int_equal(type->apply(driver.overlay, &ctx, want, NULL, NULL), 0);
	driver_end(&driver);
}

static void authorized_key__no_op_is_one_read_and_one_look(void **state)
{
	const struct neap_resource_type *type = driver_type("authorized_key");
	static const struct driver_node nodes[] = { PASSWD, HOME, SSH, HAS(KEY " me\n") };
	const char *pairs[] = { ME, NULL };
	struct driver driver;
	uint32_t uid;
	(void)state;

	driver_begin(&driver, NEAP_OVERLAY_APPLY);
	for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
		driver_put(&driver, &nodes[i]);
	void *want = driver_want(driver.arena, type, pairs);
	void *have = neap_arena_alloc(driver.arena, type->have_size);
	struct neap_context ctx = { .scratch = driver.arena, .passing = driver.arena };
	assert_int_equal(neap_view_user(&driver.machine->view, "u", &uid, NULL), 0); /* once for all */
	neap_host_memory_fail(driver.machine, 0, 0);
	assert_int_equal(type->read(&driver.machine->view, &ctx, want, have, NULL), 0);
	assert_int_equal(neap_host_memory_calls(driver.machine), 2);
	driver_end(&driver);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(authorized_key__texts),
		cmocka_unit_test(authorized_key__home_of_the_user),
		cmocka_unit_test(authorized_key__check_refuses_what_sshd_would_not_take),
		cmocka_unit_test(authorized_key__of_a_pending_account_is_unknown),
		cmocka_unit_test(authorized_key__no_op_is_one_read_and_one_look),
	};
	return cmocka_run_group_tests(tests, NULL, driver_teardown);
}
