/* neap.package and neap.apt_repository with a dpkg and an apt that say what the test wants: what is asked,
 * what is said of it, and what is then run. What the real ones do is in tests/apply. */
#include "type_driver.h"

struct answer { /* to a command in whose words `has` is found; the first that fits */
	const char *has, *out, *errors;
	int status;
};

struct cell {
	const char *name;
	const char *want[16];
	const char *dpkg; /* beside dpkg itself */
	struct answer answers[6];
	const char *says, *error;
	const char *runs; /* commands of the apply, one a line, in short */
};

static struct {
	const struct cell *cell;
	struct neap_buf queries, runs;
	bool applying;
} world;

#define DPKG_LINE "ii \tdpkg\tamd64\t1.21.22\n"

/* What every command has in it says nothing. */
static const char *shortened(struct neap_arena *arena, const char *line)
{
	static const char *const known[] = {
		" -q -y -o APT::Get::HideAutoRemove=1 -o APT::Get::Show-Versions=0 -o Dpkg::Use-Pty=0 -o "
		"Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold -o",
		"sh -c left=$1; shift; while :; do out=$(\"$@\" 2>&1) && exit 0; case $out in *'locked by "
		"another "
		"process'*) ;; *'Could not get lock'*) ;; *) break ;; esac; [ \"$left\" -gt 0 ] || break; "
		"left=$((left - 1)); sleep 1; done; printf '%s\\n' \"$out\" >&2; exit 1 ",
		" DPkg::Lock::Timeout=600",
		"sh 600 ",
	};
	char *text = neap_arena_strdup(arena, line);
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		char *at = strstr(text, known[i]);
		if (at)
			memmove(at, at + strlen(known[i]), strlen(at + strlen(known[i])) + 1);
	}
	return text;
}

static int machine_run(struct neap_machine *machine, const struct neap_process *process, void *ctx)
{
	struct neap_buf line NEAP_AUTO_BUF = { 0 };
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	(void)ctx;

	for (const char *const *word = process->argv; *word; word++)
		neap_buf_printf(&line, "%s%s", word == process->argv ? "" : " ", *word);
	bool query = process->shared;
	neap_buf_printf(query ? &world.queries : &world.runs, "%s\n", shortened(arena, line.data));
	if (strcmp(process->argv[0], "dpkg-query") == 0) {
		const char *out =
			neap_arena_printf(arena, "%s%s", DPKG_LINE, world.cell->dpkg ? world.cell->dpkg : "");
		neap_host_memory_say(machine, out, "");
		return world.cell->dpkg ? 0 : 1;
	}
	for (const struct answer *answer = world.cell->answers; answer->has; answer++) {
		if (!strstr(line.data, answer->has))
			continue;
		neap_host_memory_say(machine, answer->out ? answer->out : "",
				     answer->errors ? answer->errors : "");
		return answer->status;
	}
	neap_host_memory_say(machine, "", "");
	return 0;
}

static void check(const struct cell *cell, const char *what, const char *is, const char *expected)
{
	if (strcmp(is, expected) != 0)
		fail_msg("%s: %s\n  is       %s\n  expected %s", cell->name, what, is, expected);
}

/* The recipe has this package and three more. */
static const void *only, *others[3];
static bool declared(const struct neap_context *ctx, size_t *at, struct neap_declared *ret)
{
	static const char *const addresses[] = { "package[ed]", "package[wanted]", "package[pinned]",
						 "package[unwanted]" };
	(void)ctx;
	if (*at == sizeof addresses / sizeof *addresses)
		return false;
	*ret = (struct neap_declared){ addresses[*at], *at ? others[*at - 1] : only };
	++*at;
	return true;
}

/* In a plan the same commands are "run", and none of them reaches the machine. */
static void run_cell(const struct cell *cell, const char *type_name, enum neap_overlay_mode mode)
{
	const struct neap_resource_type *type = driver_type(type_name);
	struct driver driver;
	struct neap_error *err NEAP_AUTO_ERROR = NULL;

	driver_begin(&driver, mode);
	neap_host_memory_put(driver.machine, "/var/lib/dpkg/updates", NEAP_FILE_DIRECTORY, 0755, 0, 0, NULL,
			     0);
	world.cell = cell;
	neap_host_memory_on_run(driver.machine, machine_run, NULL);
	driver_open(&driver);
	struct neap_context ctx = { .scratch = driver.arena,
				    .passing = driver.arena,
				    .engine = &driver,
				    .type = type,
				    .declared = declared };
	void *want = driver_want(driver.arena, type, cell->want);
	only = want;
	if (strcmp(type_name, "package") == 0) {
		others[0] = driver_want(driver.arena, type, (const char *const[]){ "name", "wanted", NULL });
		others[1] = driver_want(driver.arena, type,
					(const char *const[]){ "name", "pinned", "version", "1.0", NULL });
		others[2] =
			driver_want(driver.arena, type,
				    (const char *const[]){ "name", "unwanted", "ensure", "absent", NULL });
	}
	void *have = neap_arena_alloc(driver.arena, type->have_size);
	struct neap_diff diff = { .arena = driver.arena };

	assert_int_equal(type->check(want, &err), 0);
	neap_overlay_step(driver.overlay, 0, NEAP_NO_STEP);
	int r = type->read(&driver.overlay->view, &ctx, want, have, &err);
	if (r == 0)
		r = type->diff(&ctx, want, have, &diff, &err);
	check(cell, "the diff", r == 0 ? driver_says(&diff, driver.arena) : "", cell->says ? cell->says : "");
	if (r == 0 && !neap_diff_empty(&diff))
		r = type->apply(driver.overlay, &ctx, want, have, &err);
	if (mode == NEAP_OVERLAY_APPLY || (r < 0 && !cell->runs))
		check(cell, "the error",
		      r < 0 ? neap_arena_printf(driver.arena, "%s%s%s", err->message, err->hint ? " | " : "",
						err->hint ? err->hint : "")
			    : "",
		      cell->error ? cell->error : "");
	const char *runs = world.runs.len ? neap_arena_strdup(driver.arena, world.runs.data) : "";
	check(cell, "what was run", runs, mode == NEAP_OVERLAY_APPLY && cell->runs ? cell->runs : "");
	neap_buf_done(&world.queries);
	neap_buf_done(&world.runs);
	driver_end(&driver);
}

static void run_cells(const struct cell *cells, size_t count, const char *type)
{
	for (size_t i = 0; i < count; i++) {
		run_cell(&cells[i], type, NEAP_OVERLAY_PLAN);
		run_cell(&cells[i], type, NEAP_OVERLAY_APPLY);
	}
}
#define RUN(cells, type) run_cells(cells, sizeof(cells) / sizeof *(cells), type)

#define POLICY(candidate, versions)                                                                          \
	{                                                                                                    \
		"policy", "ed:\n  Candidate: " candidate "\n  Version table:\n" versions                     \
	}
#define V1 "     1.0 500\n"
#define V2 "     2.0 500\n"
#define SIM "--simulate"
#define ED "name", "ed"
#define IS(letters, version) letters "\ted\tamd64\t" version "\n"

static void package__cells(void **state)
{
	static const struct cell cells[] = {
		{ "absent × present",
		  { ED },
		  NULL,
		  { POLICY("2.0", V2 V1), { SIM, "Inst ed (2.0 x [amd64])\n" } },
		  "create ensure=absent->present version=->2.0",
		  NULL,
		  "apt-get --no-remove install ed=2.0\n" },
		{ "there × present", { ED }, IS("ii ", "1.0"), { { 0 } }, "", NULL, NULL },
		{ "held × present", { ED }, IS("hi ", "1.0"), { { 0 } }, "", NULL, NULL },
		{ "of another architecture × present",
		  { ED },
		  "ii \ted\ti386\t1.0\n",
		  { POLICY("2.0", V2), { SIM, "" } },
		  "create ensure=absent->present version=->2.0",
		  NULL,
		  "apt-get --no-remove install ed=2.0\n" },
		{ "there × the same by its architecture",
		  { "name", "ed:amd64" },
		  IS("ii ", "1.0"),
		  { { 0 } },
		  "",
		  NULL,
		  NULL },
		{ "another architecture × present",
		  { "name", "ed:i386" },
		  "ii \ted\ti386\t1.0\n",
		  { { 0 } },
		  "",
		  NULL,
		  NULL },
		{ "config files × present",
		  { ED },
		  IS("rc ", "1.0"),
		  { POLICY("2.0", V2 V1), { SIM, "" } },
		  "create ensure=absent->present version=->2.0",
		  NULL,
		  "apt-get --no-remove install ed=2.0\n" },
		{ "older × version",
		  { ED, "version", "2.0" },
		  IS("ii ", "1.0"),
		  { POLICY("2.0", V2 V1), { SIM, "" } },
		  "update version=1.0->2.0",
		  NULL,
		  "apt-get --allow-downgrades --no-remove install ed=2.0\n" },
		{ "newer × version",
		  { ED, "version", "1.0" },
		  IS("ii ", "2.0"),
		  { POLICY("2.0", V2 V1),
		    { SIM,
		      "The following packages will be DOWNGRADED:\n  ed\nInst ed [2.0] (1.0 x [amd64])\n" } },
		  "update version=2.0->1.0 (a downgrade)",
		  NULL,
		  "apt-get --allow-downgrades --no-remove install ed=1.0\n" },
		{ "older × latest",
		  { ED, "ensure", "latest" },
		  IS("ii ", "1.0"),
		  { POLICY("2.0", V2 V1), { SIM, "Inst ed [1.0] (2.0 x [amd64])\n" } },
		  "update version=1.0->2.0",
		  NULL,
		  "apt-get --no-remove install ed=2.0\n" },
		{ "newest × latest",
		  { ED, "ensure", "latest" },
		  IS("ii ", "2.0"),
		  { POLICY("2.0", V2 V1) },
		  "",
		  NULL,
		  NULL },
		{ "there × absent",
		  { ED, "ensure", "absent" },
		  IS("ii ", "1.0"),
		  { { SIM, "Remv ed [1.0]\n" } },
		  "delete ensure=present->absent version=1.0->",
		  NULL,
		  "apt-get install ed-\n" },
		{ "there × purged",
		  { ED, "ensure", "absent", "purge", "true" },
		  IS("ii ", "1.0"),
		  { { SIM, "Remv ed [1.0]\n" } },
		  "delete ensure=present->absent version=1.0-> (its configuration files too)",
		  NULL,
		  "apt-get install ed-\ndpkg --purge ed\n" },
		{ "config files × absent",
		  { ED, "ensure", "absent" },
		  IS("rc ", "1.0"),
		  { { 0 } },
		  "",
		  NULL,
		  NULL },
		{ "config files × purged",
		  { ED, "ensure", "absent", "purge", "true" },
		  IS("rc ", "1.0"),
		  { { 0 } },
		  "delete ensure=config-files->absent (it was removed before; its configuration files are "
		  "left)",
		  NULL,
		  "dpkg --purge ed\n" },
		{ "not there × purged",
		  { ED, "ensure", "absent", "purge", "true" },
		  NULL,
		  { { 0 } },
		  "",
		  NULL,
		  NULL },
	};
	(void)state;
	RUN(cells, "package");
}

static void package__holds(void **state)
{
	static const struct cell cells[] = {
		{ "there × hold",
		  { ED, "hold", "true" },
		  IS("ii ", "1.0"),
		  { { 0 } },
		  "update hold=false->true",
		  NULL,
		  "apt-mark hold ed\n" },
		{ "held × hold", { ED, "hold", "true" }, IS("hi ", "1.0"), { { 0 } }, "", NULL, NULL },
		{ "held × no hold",
		  { ED, "hold", "false" },
		  IS("hi ", "1.0"),
		  { { 0 } },
		  "update hold=true->false",
		  NULL,
		  "apt-mark unhold ed\n" },
		{ "there × no hold", { ED, "hold", "false" }, IS("ii ", "1.0"), { { 0 } }, "", NULL, NULL },
		{ "absent × hold",
		  { ED, "hold", "true" },
		  NULL,
		  { POLICY("1.0", V1), { SIM, "" } },
		  "create ensure=absent->present version=->1.0 hold=false->true",
		  NULL,
		  "apt-get --no-remove install ed=1.0\napt-mark hold ed\n" },
		{ "held × hold at another version",
		  { ED, "hold", "true", "version", "2.0" },
		  IS("hi ", "1.0"),
		  { POLICY("2.0", V2 V1), { SIM, "" } },
		  "update version=1.0->2.0",
		  NULL,
		  "apt-get --allow-downgrades --allow-change-held-packages --no-remove install ed=2.0\n"
		  "apt-mark hold ed\n" },
		{ "held by hand × another version",
		  { ED, "version", "2.0" },
		  IS("hi ", "1.0"),
		  { POLICY("2.0", V2 V1) },
		  NULL,
		  "ed is on hold at 1.0 | hold = true keeps the hold and makes the change all the same, hold "
		  "= "
		  "false lifts it",
		  NULL },
		{ "held by hand × absent",
		  { ED, "ensure", "absent" },
		  IS("hi ", "1.0"),
		  { { 0 } },
		  NULL,
		  "ed is on hold at 1.0 | hold = true keeps the hold and makes the change all the same, hold "
		  "= false "
		  "lifts it",
		  NULL },
	};
	(void)state;
	RUN(cells, "package");
}

static void package__what_a_killed_run_left(void **state)
{
	static const struct cell cells[] = {
		{ "unpacked",
		  { ED },
		  IS("iU ", "1.0"),
		  { POLICY("2.0", V2 V1), { SIM, "Conf ed (1.0 x [amd64])\n" } },
		  "update state=unpacked->installed",
		  NULL,
		  "apt-get --no-remove install ed=1.0\n" },
		{ "half-installed",
		  { ED },
		  IS("iHR", "1.0"),
		  { POLICY("2.0", V2 V1), { SIM, "" } },
		  "update state=half-installed->installed version=1.0->2.0",
		  NULL,
		  "apt-get --reinstall --no-remove install ed=2.0\n" },
		{ "half-configured, and dpkg interrupted",
		  { ED },
		  IS("iF ", "1.0"),
		  { POLICY("2.0", V2 V1),
		    { SIM, "" },
		    { "--configure -a", "" },
		    { "install", "", "E: dpkg was interrupted, you must manually run 'dpkg --configure -a'",
		      100 } },
		  "update state=half-configured->installed",
		  "apt-get install: dpkg was interrupted, you must manually run 'dpkg --configure -a'",
		  "apt-get --no-remove install ed=1.0\ndpkg --force-confdef --force-confold --configure -a\n"
		  "apt-get --no-remove install ed=1.0\n" },
		{ "packages that do not fit together",
		  { ED },
		  NULL,
		  { POLICY("1.0", V1),
		    { "--simulate --fix-broken install", "Inst lib (1.0 x [amd64])\n" },
		    { SIM, "", "E: Unmet dependencies. Try 'apt --fix-broken install' with no packages",
		      100 },
		    { "--fix-broken install", "" },
		    { "install ed=1.0", "", "E: Unmet dependencies. Try 'apt --fix-broken install'", 100 } },
		  "create ensure=absent->present version=->1.0 installs=[]->[lib 1.0] (packages do not fit "
		  "together: "
		  "apt-get --fix-broken install goes first, and what else this brings is known then)",
		  "apt-get install: Unmet dependencies. Try 'apt --fix-broken install'",
		  "apt-get --no-remove install ed=1.0\napt-get --no-remove --fix-broken install\n"
		  "apt-get --no-remove install ed=1.0\n" },
		{ "mending that removes",
		  { ED },
		  NULL,
		  { POLICY("1.0", V1),
		    { "--simulate --fix-broken install", "Remv lib [1.0]\n" },
		    { SIM, "", "E: Unmet dependencies. Try 'apt --fix-broken install'", 100 } },
		  NULL,
		  "packages do not fit together, and to mend that apt-get would remove lib",
		  NULL },
		{ "a removal before mending",
		  { ED, "ensure", "absent" },
		  IS("ii ", "1.0"),
		  { { "--simulate --fix-broken install", "Inst lib (1.0 x [amd64])\n" },
		    { SIM, "", "E: Unmet dependencies. Try 'apt --fix-broken install'", 100 } },
		  NULL,
		  "packages do not fit together; before that is mended (apt-get --fix-broken install) "
		  "nothing is removed",
		  NULL },
	};
	(void)state;
	RUN(cells, "package");
}

static void package__what_comes_beside(void **state)
{
	static const struct cell cells[] = {
		{ "more",
		  { ED },
		  NULL,
		  { POLICY("1.0", V1),
		    { SIM, "Remv vi [0.9]\nInst lib [1.0] (2.0 x [amd64])\nInst ed (1.0 x [amd64])\nInst new "
			   "(3.0 x "
			   "[amd64])\nConf half (4.0 x [amd64])\n" } },
		  "create ensure=absent->present version=->1.0 installs=[]->[new 3.0] changes=[lib "
		  "1.0]->[lib 2.0] "
		  "removes=[vi 0.9]->[] configures=[]->[half 4.0]",
		  NULL,
		  "apt-get install ed=1.0\n" },
		{ "something on hold",
		  { ED },
		  NULL,
		  { POLICY("1.0", V1),
		    { SIM, "The following held packages will be changed:\n  lib\nInst lib [1.0] (2.0 x "
			   "[amd64])\n" } },
		  NULL,
		  "apt-get would change lib, which is on hold",
		  NULL },
		{ "the end of what another wants",
		  { ED },
		  NULL,
		  { POLICY("1.0", V1), { SIM, "Remv wanted [1.0]\n" } },
		  NULL,
		  "apt-get would remove wanted, which package[wanted] wants present",
		  NULL },
		{ "another version than another wants",
		  { ED },
		  NULL,
		  { POLICY("1.0", V1), { SIM, "Inst pinned [1.0] (2.0 x [amd64])\n" } },
		  NULL,
		  "apt-get would install pinned 2.0, of which package[pinned] wants 1.0",
		  NULL },
		{ "what another wants absent",
		  { ED },
		  NULL,
		  { POLICY("1.0", V1), { SIM, "Inst unwanted (2.0 x [amd64])\n" } },
		  NULL,
		  "apt-get would install unwanted, which package[unwanted] wants absent",
		  NULL },
		{ "a downgrade",
		  { ED },
		  NULL,
		  { POLICY("1.0", V1),
		    { SIM, "The following packages will be DOWNGRADED:\n  lib\nInst lib [2.0] (1.0 x "
			   "[amd64])\n" } },
		  NULL,
		  "apt-get would downgrade lib from 2.0 to 1.0",
		  NULL },
	};
	(void)state;
	RUN(cells, "package");
}

static void package__what_apt_cannot_do(void **state)
{
	static const struct cell cells[] = {
		{ "unknown",
		  { ED },
		  NULL,
		  { { "policy", "" } },
		  NULL,
		  "apt knows no package ed | is the name right? A repository that has it is added by "
		  "neap.apt_repository; apt-get update makes old lists new",
		  NULL },
		{ "virtual",
		  { ED },
		  NULL,
		  { POLICY("(none)", "") },
		  NULL,
		  "apt has no version of ed | it may be a virtual package: name one that provides it",
		  NULL },
		{ "pinned away",
		  { ED },
		  NULL,
		  { POLICY("(none)", V1) },
		  NULL,
		  "apt's preferences leave no version of ed to install | see apt-cache policy ed, or give a "
		  "version",
		  NULL },
		{ "no such version",
		  { ED, "version", "3" },
		  NULL,
		  { POLICY("2.0", V2 V1) },
		  NULL,
		  "apt has no version 3 of ed | it has 2.0, 1.0",
		  NULL },
		{ "policy fails",
		  { ED },
		  NULL,
		  { { "policy", "", "E: broken\n", 100 } },
		  NULL,
		  "apt-cache policy: broken",
		  NULL },
		{ "no solution",
		  { ED },
		  NULL,
		  { POLICY("2.0", V2), { SIM, "", "E: held broken packages\n", 100 } },
		  NULL,
		  "apt-get: held broken packages",
		  NULL },
		{ "no right",
		  { ED },
		  NULL,
		  { POLICY("2.0", V2),
		    { SIM, "" },
		    { "install", "", "E: Unable to lock, are you root?\n", 100 } },
		  "create ensure=absent->present version=->2.0",
		  "apt-get install: Unable to lock, are you root? | only root may change packages",
		  "apt-get --no-remove install ed=2.0\n" },
		{ "no understanding",
		  { ED },
		  "what?\n",
		  { { 0 } },
		  NULL,
		  "dpkg-query says \"what?\", which neap does not understand",
		  NULL },
	};
	(void)state;
	RUN(cells, "package");
}

/* ---- removals that were not planned ------------------------------------------------------------------- */

static unsigned asked;

static int other_mind(struct neap_machine *machine, const struct neap_process *process, void *ctx)
{
	(void)ctx;
	bool simulation = false;
	for (const char *const *word = process->argv; *word; word++)
		simulation |= strcmp(*word, "--simulate") == 0;
	if (strcmp(process->argv[0], "dpkg-query") == 0)
		neap_host_memory_say(machine, DPKG_LINE IS("ii ", "1.0"), "");
	else if (simulation)
		neap_host_memory_say(machine,
				     asked++ ? "Remv ed [1.0]\nRemv more [1.0]\n" : "Remv ed [1.0]\n", "");
	else
		fail_msg("%s is run", process->argv[0]);
	return 0;
}

static void package__other_removals_than_planned_are_refused(void **state)
{
	const struct neap_resource_type *type = driver_type("package");
	const char *const pairs[] = { ED, "ensure", "absent", NULL };
	struct driver driver;
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	(void)state;

	driver_begin(&driver, NEAP_OVERLAY_APPLY);
	neap_host_memory_on_run(driver.machine, other_mind, NULL);
	driver_open(&driver);
	struct neap_context ctx = {
		.scratch = driver.arena, .passing = driver.arena, .engine = &driver, .type = type
	};
	void *want = driver_want(driver.arena, type, pairs),
	     *have = neap_arena_alloc(driver.arena, type->have_size);
	neap_overlay_step(driver.overlay, 0, NEAP_NO_STEP);
	assert_int_equal(type->read(&driver.overlay->view, &ctx, want, have, &err), 0);
	assert_true(type->apply(driver.overlay, &ctx, want, have, &err) < 0);
	assert_string_equal(err->message,
			    "apt-get would now remove other packages than it would a moment ago");
	driver_end(&driver);
}

static void package__check_refuses_what_makes_no_sense(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	(void)state;

#define CHECK(expected, ...) assert_string_equal(DRIVER_CHECK(arena, "package", __VA_ARGS__), expected)
	CHECK("", ED, "version", "1:2.0-1");
	CHECK("\"Ed\" is no name of a Debian package", "name", "Ed");
	CHECK("\"ed=1.0\" is no name of a Debian package", "name", "ed=1.0");
	CHECK("\"--purge\" is no name of a Debian package", "name", "--purge");
	CHECK("\"1*\" is no version of a Debian package", ED, "version", "1*");
	CHECK("version has no meaning with ensure = \"latest\"", ED, "version", "1", "ensure", "latest");
	CHECK("version has no meaning with ensure = \"absent\"", ED, "version", "1", "ensure", "absent");
	CHECK("hold has no meaning with ensure = \"absent\"", ED, "hold", "true", "ensure", "absent");
	CHECK("purge has no meaning without ensure = \"absent\"", ED, "purge", "true");
#undef CHECK
}

/* ---- neap.apt_repository ------------------------------------------------------------------------------- */

#define ARMOR "-----BEGIN PGP PUBLIC KEY BLOCK-----\nx\n"
#define REPO "name", "x", "uris", "file:/srv/x", "suites", "./"

static void repository__check_refuses_what_makes_no_sense(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	(void)state;

#define CHECK(expected, ...) assert_string_equal(DRIVER_CHECK(arena, "apt_repository", __VA_ARGS__), expected)
	CHECK("", REPO);
	CHECK("", REPO, "key", ARMOR);
	CHECK("", REPO, "key", "\x99\x01");
	CHECK("", "name", "x", "ensure", "absent");
	CHECK("\"../x\" cannot be the name of a file that apt reads", "name", "../x", "uris", "a:/", "suites",
	      "./");
	CHECK("\".x\" cannot be the name of a file that apt reads", "name", ".x", "uris", "a:/", "suites",
	      "./");
	CHECK("uris is required: where is the repository?", "name", "x");
	CHECK("suites is required", "name", "x", "uris", "file:/srv/x");
	CHECK("components is required, as in components = { \"main\" }", "name", "x", "uris", "file:/x",
	      "suites", "a");
	CHECK("components has no meaning with a suite that ends in \"/\"", REPO, "components", "main");
	CHECK("uris: \"nowhere\" is no address of a repository", "name", "x", "uris", "nowhere", "suites",
	      "./");
	CHECK("uris must not hold a user or a password", "name", "x", "uris", "https://me:pw@h/x", "suites",
	      "./");
	CHECK("", "name", "x", "uris", "https://h/x@y", "suites", "./");
	CHECK("types: \"rpm\" is neither deb nor deb-src", REPO, "types", "rpm");
	CHECK("key is no public key of OpenPGP, neither armored nor binary", REPO, "key", "-----BEGIN PGP");
	CHECK("key is no public key of OpenPGP, neither armored nor binary", REPO, "key", "");
	CHECK("key, key_source and signed_by contradict each other", REPO, "key", ARMOR, "signed_by", "/x");
	CHECK("uris has no meaning with ensure = \"absent\"", "name", "x", "ensure", "absent", "uris", "a:/");
#undef CHECK
}

static void repository__cells(void **state)
{
	static const struct cell cells[] = {
		{ "made",
		  { REPO, "key", ARMOR },
		  NULL,
		  { { 0 } },
		  "create ensure=absent->present content=->Types: deb\nURIs: file:/srv/x\nSuites: "
		  "./\nSigned-By: "
		  "/etc/apt/keyrings/x.asc\n key=->" ARMOR
		  " parents=[]->[/etc/apt /etc/apt/sources.list.d /etc/apt/keyrings] (makes /etc/apt, "
		  "/etc/apt/sources.list.d; makes /etc/apt, /etc/apt/keyrings; apt-get update for this "
		  "source)",
		  NULL,
		  "apt-get -q update --error-on=any -o "
		  "Dir::Etc::sourcelist=/etc/apt/sources.list.d/x.sources -o "
		  "Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0\n" },
		{ "not there × absent",
		  { "name", "x", "ensure", "absent" },
		  NULL,
		  { { 0 } },
		  "",
		  NULL,
		  NULL },
	};
	(void)state;
	run_cell(&cells[1], "apt_repository", NEAP_OVERLAY_PLAN);
	run_cell(&cells[0], "apt_repository", NEAP_OVERLAY_PLAN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(package__cells),
		cmocka_unit_test(package__holds),
		cmocka_unit_test(package__what_a_killed_run_left),
		cmocka_unit_test(package__what_comes_beside),
		cmocka_unit_test(package__what_apt_cannot_do),
		cmocka_unit_test(package__other_removals_than_planned_are_refused),
		cmocka_unit_test(package__check_refuses_what_makes_no_sense),
		cmocka_unit_test(repository__check_refuses_what_makes_no_sense),
		cmocka_unit_test(repository__cells),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
