/* neap.unit on a machine of tables: what is there × what is wanted, in a plan and in an apply; what the
 * service manager is told. */
#include "type_driver.h"

#define REG NEAP_FILE_REGULAR
#define DIR NEAP_FILE_DIRECTORY
#define LNK NEAP_FILE_LINK
#define ETC "/etc/systemd/system"
#define TOP                                                                                                  \
	{                                                                                                    \
		ETC, DIR, 0755, 0, 0, NULL                                                                   \
	}
#define A ETC "/a.service"
#define TEXT "[Service]\nExecStart=/bin/a\n[Install]\nWantedBy=m.target\n"
#define WANTS ETC "/m.target.wants"
#define LINKED                                                                                               \
	{                                                                                                    \
		WANTS "/a.service", LNK, 0777, 0, 0, A                                                       \
	}
#define PLAIN                                                                                                \
	{                                                                                                    \
		A, REG, 0644, 0, 0, TEXT                                                                     \
	}
#define PACKAGED                                                                                             \
	{                                                                                                    \
		"/usr/lib/systemd/system/a.service", REG, 0644, 0, 0, TEXT                                   \
	}

struct unit {
	const char *name;
	enum neap_unit_load load;
	enum neap_unit_active active;
	bool stale;
};

struct cell {
	const char *name;
	struct driver_node have[8];
	struct unit units[3];
	const char *want[16];
	const char *drop_ins[6]; /* name, text; "!name" is secret, "-name" is false */
	const char *says, *error;
	const char *then; /* NULL: as before */
	const char *jobs; /* in an apply; NULL: none */
	bool tree;        /* no service manager */
	bool notified;
};

static void *want_of(struct driver *driver, const struct cell *cell)
{
	const struct neap_resource_type *type = driver_type("unit");
	struct neap_want *want = driver_want(driver->arena, type, cell->want);
	struct neap_pair pairs[3];
	struct neap_value map = { .kind = NEAP_MAP, .map = { pairs, 0 } };
	const struct neap_schema_context ctx = { .arena = driver->arena };

	for (size_t i = 0; i < 6 && cell->drop_ins[i]; i += 2) {
		bool secret = cell->drop_ins[i][0] == '!', gone = cell->drop_ins[i][0] == '-';
		const char *text = cell->drop_ins[i + 1];
		pairs[map.map.count++] = (struct neap_pair){
			neap_str(cell->drop_ins[i] + (secret || gone)),
			gone     ? (struct neap_value){ .kind = NEAP_BOOLEAN, .boolean = false }
			: secret ? neap_value_text(neap_text_secret(driver->arena, text, strlen(text)))
				 : neap_value_string(text),
		};
	}
	if (map.map.count)
		assert_int_equal(neap_schema_set(&ctx, type, (unsigned)neap_schema_find(type, "drop_ins"),
						 &map, want, NULL),
				 0);
	return want;
}

static void put_cell(struct driver *driver, const struct cell *cell)
{
	for (size_t i = 0; i < 8 && cell->have[i].path; i++)
		driver_put(driver, &cell->have[i]);
	for (size_t i = 0; i < 3 && cell->units[i].name; i++) {
		const struct unit *unit = &cell->units[i];
		const struct neap_unit_state state = { unit->load, unit->active, "", unit->stale };
		neap_host_memory_unit(driver->machine, unit->name, &state);
	}
	neap_host_memory_manager(driver->machine, !cell->tree);
}

static void run_cell(const struct cell *cell, enum neap_overlay_mode mode)
{
	const struct neap_resource_type *type = driver_type("unit");
	const struct driver_cell named = { .name = cell->name };
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct driver driver;
	const char *says;

	driver_begin(&driver, mode);
	put_cell(&driver, cell);
	const char *before = driver_dump(&driver.machine->view, driver.arena);
	driver_open(&driver);
	driver.notified = cell->notified;
	int r = driver_run(&driver, type, want_of(&driver, cell), &says, &err);
	if (r < 0) {
		const char *text = neap_arena_printf(driver.arena, "%s%s%s", err->message,
						     err->hint ? " | " : "", err->hint ? err->hint : "");
		driver_check_text(&named, mode, "the error", text, cell->error ? cell->error : "(none)");
	} else {
		driver_check_text(&named, mode, "the error", "(none)", cell->error ? cell->error : "(none)");
		driver_check_text(&named, mode, "the diff", says, cell->says ? cell->says : "");
	}
	bool done = r == 0 && cell->then;
	driver_check_text(&named, mode, "what is there then",
			  driver_dump(&driver.overlay->view, driver.arena), done ? cell->then : before);
	driver_check_text(&named, mode, "what is there on the machine",
			  driver_dump(&driver.machine->view, driver.arena),
			  done && mode == NEAP_OVERLAY_APPLY ? cell->then : before);
	driver_check_text(&named, mode, "what the manager is told", neap_host_memory_jobs(driver.machine),
			  mode == NEAP_OVERLAY_APPLY && cell->jobs ? cell->jobs : "");
	driver_end(&driver);
}

static void run_cells(const struct cell *cells, size_t count)
{
	driver_top = ETC;
	for (size_t i = 0; i < count; i++) {
		run_cell(&cells[i], NEAP_OVERLAY_PLAN);
		run_cell(&cells[i], NEAP_OVERLAY_APPLY);
	}
}
#define RUN(cells) run_cells(cells, sizeof(cells) / sizeof *(cells))

/* ---- files --------------------------------------------------------------------------------------------- */

static void unit__files(void **state)
{
	static const struct cell cells[] = {
		{ .name = "made",
		  .have = { TOP },
		  .want = { "name", "a.service", "content", TEXT },
		  .says = "create ensure=absent->present content=->" TEXT " mode=->0644",
		  .then = "f " A " 0644 0:0 " TEXT "\n" },
		{ .name = "as wanted",
		  .have = { TOP, PLAIN },
		  .want = { "name", "a.service", "content", TEXT } },
		{ .name = "another text, mode and owner",
		  .have = { TOP, { A, REG, 0664, 33, 44, "x" } },
		  .want = { "name", "a.service", "content", TEXT },
		  .says = "update content=x->" TEXT " owner=web->root group=www->root mode=0664->0644",
		  .then = "f " A " 0644 0:0 " TEXT "\n",
		  .jobs = "reload the manager\n" },
		{ .name = "a secret closes it",
		  .have = { TOP, { A, REG, 0644, 0, 0, "[Service]\n" } },
		  .want = { "name", "a.service", "!content", TEXT },
		  .says = "update content=(hidden)->(secret) mode=0644->0600",
		  .then = "f " A " 0600 0:0 " TEXT "\n",
		  .jobs = "reload the manager\n" },
		{ .name = "another mode is nothing to the manager",
		  .have = { TOP, { A, REG, 0600, 0, 0, TEXT } },
		  .want = { "name", "a.service", "content", TEXT },
		  .says = "update mode=0600->0644",
		  .then = "f " A " 0644 0:0 " TEXT "\n" },
		{ .name = "the way to it is made",
		  .have = { { "/etc/x", REG, 0644, 0, 0, "" }, { ETC, DIR, 0755, 0, 0, NULL } },
		  .want = { "name", "a.service" },
		  .drop_ins = { "one", "[Unit]\n", "!two", "[Service]\n" },
		  .says = "update drop_ins.one=->[Unit]\n parents=[]->[" A
			  ".d] drop_ins.two=->(secret) (makes " A ".d)",
		  .then = "d " A ".d 0755 0:0\nf " A ".d/one.conf 0644 0:0 [Unit]\n\nf " A
			  ".d/two.conf 0600 0:0 [Service]\n\n" },
		{ .name = "what others drop in stays",
		  .have = { TOP,
			    { A ".d", DIR, 0755, 0, 0, NULL },
			    { A ".d/one.conf", REG, 0664, 0, 0, "[Unit]\n" },
			    { A ".d/other.conf", REG, 0644, 0, 0, "x" } },
		  .want = { "name", "a.service" },
		  .drop_ins = { "one", "[Unit]\n" },
		  .says = "update drop_ins.one.mode=0664->0644",
		  .then = "d " A ".d 0755 0:0\nf " A ".d/one.conf 0644 0:0 [Unit]\n\nf " A
			  ".d/other.conf 0644 0:0 x\n" },
		{ .name = "one that is dropped in no more goes",
		  .have = { TOP,
			    { A ".d", DIR, 0755, 0, 0, NULL },
			    { A ".d/one.conf", REG, 0644, 0, 0, "[Unit]\n" } },
		  .units = { { "a.service", NEAP_UNIT_LOADED, NEAP_UNIT_ACTIVE, false } },
		  .want = { "name", "a.service" },
		  .drop_ins = { "-one", "", "-two", "" },
		  .says = "update drop_ins.one=" A ".d/one.conf-> (removes " A ".d/one.conf; restarts it)",
		  .then = "d " A ".d 0755 0:0\n",
		  .jobs = "reload the manager\nrestart a.service\n" },
		{ .name = "nothing to remove behind a link to another directory",
		  .have = { TOP, { "/t", DIR, 0755, 0, 0, NULL }, { A ".d", LNK, 0777, 0, 0, "/t" } },
		  .want = { "name", "a.service" },
		  .drop_ins = { "-one", "" } },
		{ .name = "a link of that name goes, and others stay",
		  .have = { TOP,
			    { A ".d", DIR, 0755, 0, 0, NULL },
			    { A ".d/one.conf", LNK, 0777, 0, 0, "/x" },
			    { A ".d/other.conf", REG, 0644, 0, 0, "x" } },
		  .want = { "name", "a.service" },
		  .drop_ins = { "-one", "" },
		  .says = "update drop_ins.one=" A ".d/one.conf-> (removes " A
			  ".d/one.conf, which is a link)",
		  .then = "d " A ".d 0755 0:0\nf " A ".d/other.conf 0644 0:0 x\n" },
		{ .name = "one goes, another comes",
		  .have = { TOP,
			    { A ".d", DIR, 0755, 0, 0, NULL },
			    { A ".d/one.conf", REG, 0644, 0, 0, "[Unit]\n" } },
		  .want = { "name", "a.service" },
		  .drop_ins = { "-one", "", "two", "[Unit]\n" },
		  .says = "update drop_ins.two=->[Unit]\n drop_ins.one=" A ".d/one.conf-> (removes " A
			  ".d/one.conf)",
		  .then = "d " A ".d 0755 0:0\nf " A ".d/two.conf 0644 0:0 [Unit]\n\n" },
		{ .name = "a directory is nothing to remove",
		  .have = { TOP,
			    { A ".d", DIR, 0755, 0, 0, NULL },
			    { A ".d/one.conf", DIR, 0755, 0, 0, NULL } },
		  .want = { "name", "a.service" },
		  .drop_ins = { "-one", "" },
		  .error = A
		  ".d/one.conf is a directory | only a file or a link is removed: see what it is for" },
		{ .name = "a link is another name of something",
		  .have = { TOP, { A, LNK, 0777, 0, 0, "b.service" } },
		  .want = { "name", "a.service", "content", TEXT },
		  .error = A " is a link to b.service | a file has to be there: remove the link" },
		{ .name = "a directory",
		  .have = { TOP, { A, DIR, 0755, 0, 0, NULL } },
		  .want = { "name", "a.service", "content", TEXT },
		  .error = A " is a directory" },
		{ .name = "nothing in it",
		  .have = { TOP },
		  .want = { "name", "a.service", "content", "" },
		  .error = "an empty file masks a unit | if that is meant: masked = true" },
	};
	(void)state;
	RUN(cells);
}

/* ---- enabled ------------------------------------------------------------------------------------------- */

static void unit__enabled(void **state)
{
	static const struct cell cells[] = {
		{ .name = "made and enabled",
		  .have = { TOP },
		  .want = { "name", "a.service", "content", TEXT, "enabled", "true" },
		  .says = "create ensure=absent->present content=->" TEXT
			  " mode=->0644 enabled=[]->[m.target.wants/a.service] parents=[]->[" WANTS
			  "] (makes " WANTS ")",
		  .then = "f " A " 0644 0:0 " TEXT "\nd " WANTS " 0755 0:0\nl " WANTS "/a.service " A "\n" },
		{ .name = "of a package",
		  .have = { TOP, PACKAGED },
		  .want = { "name", "a.service", "enabled", "true" },
		  .says = "update enabled=[]->[m.target.wants/a.service] parents=[]->[" WANTS
			  "] (makes " WANTS ")",
		  .then = "d " WANTS " 0755 0:0\nl " WANTS "/a.service /usr/lib/systemd/system/a.service\n" },
		{ .name = "enabled already",
		  .have = { TOP, PLAIN, LINKED },
		  .want = { "name", "a.service", "enabled", "true" } },
		{ .name = "[Install] is another now",
		  .have = { TOP, PLAIN, LINKED },
		  .want = { "name", "a.service", "content", "[Install]\nRequiredBy=m.target\n", "enabled",
			    "true" },
		  .says = "update content=" TEXT "->[Install]\nRequiredBy=m.target\n "
			  "enabled=[m.target.wants/a.service]->[m.target.requires/a.service] "
			  "parents=[]->[" ETC "/m.target.requires] (makes " ETC "/m.target.requires)",
		  .then = "f " A " 0644 0:0 [Install]\nRequiredBy=m.target\n\nd " ETC
			  "/m.target.requires 0755 0:0\nl " ETC "/m.target.requires/a.service " A "\n",
		  .jobs = "reload the manager\n" },
		{ .name = "disabled",
		  .have = { TOP, PLAIN, LINKED, { ETC "/z.service", LNK, 0777, 0, 0, "a.service" } },
		  .want = { "name", "a.service", "enabled", "false" },
		  .says = "update enabled=[m.target.wants/a.service z.service]->[]",
		  .then = "f " A " 0644 0:0 " TEXT "\n" },
		{ .name = "disabled, and something else in the directory",
		  .have = { TOP, PLAIN, LINKED, { WANTS "/b.service", LNK, 0777, 0, 0, "x" } },
		  .want = { "name", "a.service", "enabled", "false" },
		  .says = "update enabled=[m.target.wants/a.service]->[]",
		  .then = "f " A " 0644 0:0 " TEXT "\nd " WANTS " 0755 0:0\nl " WANTS "/b.service x\n" },
		{ .name = "what is dropped in asks for more",
		  .have = { TOP, PLAIN, LINKED },
		  .want = { "name", "a.service", "enabled", "true" },
		  .drop_ins = { "also", "[Install]\nAlias=z.service\n" },
		  .says = "update drop_ins.also=->[Install]\nAlias=z.service\n parents=[]->[" A
			  ".d] enabled=[m.target.wants/a.service]->[m.target.wants/a.service z.service] "
			  "(makes " A ".d)",
		  .then = "f " A " 0644 0:0 " TEXT "\nd " A ".d 0755 0:0\nf " A
			  ".d/also.conf 0644 0:0 [Install]\nAlias=z.service\n\nd " WANTS " 0755 0:0\nl " WANTS
			  "/a.service " A "\nl " ETC "/z.service " A "\n",
		  .jobs = "reload the manager\n" },
		{ .name = "what is dropped in no more asks for nothing, and what it hid does",
		  .have = { TOP,
			    PLAIN,
			    LINKED,
			    { A ".d", DIR, 0755, 0, 0, NULL },
			    { A ".d/also.conf", REG, 0644, 0, 0, "[Install]\nAlias=z.service\n" },
			    { ETC "/z.service", LNK, 0777, 0, 0, A },
			    { "/usr/lib/systemd/system/a.service.d/also.conf", REG, 0644, 0, 0,
			      "[Install]\nAlias=y.service\n" } },
		  .want = { "name", "a.service", "enabled", "true" },
		  .drop_ins = { "-also", "" },
		  .says = "update drop_ins.also=" A ".d/also.conf-> enabled=[m.target.wants/a.service "
			  "z.service]->[m.target.wants/a.service y.service] (removes " A ".d/also.conf)",
		  .then = "f " A " 0644 0:0 " TEXT "\nd " A ".d 0755 0:0\nd " WANTS " 0755 0:0\nl " WANTS
			  "/a.service " A "\nl " ETC "/y.service " A "\n",
		  .jobs = "reload the manager\n" },
		{ .name = "a link that leads elsewhere is turned",
		  .have = { TOP, PLAIN, { WANTS "/a.service", LNK, 0777, 0, 0, "/x/a.service" } },
		  .want = { "name", "a.service", "enabled", "true" },
		  .says = "update enabled=[m.target.wants/a.service (to "
			  "/x/a.service)]->[m.target.wants/a.service]",
		  .then = "f " A " 0644 0:0 " TEXT "\nd " WANTS " 0755 0:0\nl " WANTS "/a.service " A "\n" },
		{ .name = "what is hidden is not dropped in",
		  .have = { TOP,
			    PLAIN,
			    LINKED,
			    { A ".d", DIR, 0755, 0, 0, NULL },
			    { A ".d/.also.conf", REG, 0644, 0, 0, "[Install]\nAlias=z.service\n" } },
		  .want = { "name", "a.service", "enabled", "true" } },
		{ .name = "an alias is somebody's",
		  .have = { TOP,
			    { A, REG, 0644, 0, 0, "[Install]\nAlias=z.service\n" },
			    { ETC "/z.service", LNK, 0777, 0, 0, "/x/b.service" } },
		  .want = { "name", "a.service", "enabled", "true" },
		  .error = ETC "/z.service is to be another name of a.service and is a link to /x/b.service "
			       "| remove it, or "
			       "the Alias= in [Install]" },
		{ .name = "nothing would start it",
		  .have = { TOP, { A, REG, 0644, 0, 0, "[Service]\nExecStart=/bin/a\n" } },
		  .want = { "name", "a.service", "enabled", "true" },
		  .error = "enabled = true: nothing in [Install] of a.service says what would start it | "
			   "give it "
			   "WantedBy=multi-user.target there, or leave enabled out: a unit that others start "
			   "needs not be "
			   "enabled" },
		{ .name = "it is not there",
		  .have = { TOP },
		  .want = { "name", "a.service", "enabled", "true" },
		  .error = "a.service does not exist | give its content, or let the resource that brings it "
			   "come first: "
			   "require" },
		{ .name = "it is another's name",
		  .have = { TOP,
			    PACKAGED,
			    { ETC "/z.service", LNK, 0777, 0, 0, "/usr/lib/systemd/system/a.service" } },
		  .want = { "name", "z.service", "enabled", "true" },
		  .error = "enabled = true: z.service is another name of a.service | name = \"a.service\"" },
		{ .name = "of a generator",
		  .have = { TOP },
		  .units = { { "d.mount", NEAP_UNIT_LOADED, NEAP_UNIT_ACTIVE, false } },
		  .want = { "name", "d.mount", "enabled", "true" },
		  .error = "enabled = true: d.mount was made by a program, and cannot be enabled | such "
			   "units lie below /run "
			   "and last until the next boot" },
		{ .name = "a template by its instance",
		  .have = { TOP, { ETC "/t@.service", REG, 0644, 0, 0, "[Install]\nWantedBy=m.target\n" } },
		  .want = { "name", "t@x.service", "enabled", "true" },
		  .says = "update enabled=[]->[m.target.wants/t@x.service] parents=[]->[" WANTS
			  "] (makes " WANTS ")",
		  .then = "d " WANTS " 0755 0:0\nl " WANTS "/t@x.service " ETC "/t@.service\nf " ETC
			  "/t@.service 0644 0:0 [Install]\nWantedBy=m.target\n\n" },
		{ .name = "Also= takes another along, that a package has brought",
		  .have = { TOP,
			    { A, REG, 0644, 0, 0, "[Install]\nAlso=a.socket none.service\n" },
			    { "/usr/lib/systemd/system/a.socket", REG, 0644, 0, 0,
			      "[Install]\nWantedBy=m.target\n" } },
		  .want = { "name", "a.service", "enabled", "true" },
		  .says = "update enabled=[]->[m.target.wants/a.socket] parents=[]->[" WANTS "] (makes " WANTS
			  ")",
		  .then = "f " A " 0644 0:0 [Install]\nAlso=a.socket none.service\n\nd " WANTS
			  " 0755 0:0\nl " WANTS "/a.socket /usr/lib/systemd/system/a.socket\n" },
	};
	(void)state;
	RUN(cells);
}

/* ---- state --------------------------------------------------------------------------------------------- */

static void unit__state(void **state)
{
	static const struct cell cells[] = {
		{ .name = "runs already",
		  .have = { TOP, PLAIN },
		  .units = { { "a.service", NEAP_UNIT_LOADED, NEAP_UNIT_ACTIVE, false } },
		  .want = { "name", "a.service", "content", TEXT, "state", "running" } },
		{ .name = "is started",
		  .have = { TOP, PLAIN },
		  .want = { "name", "a.service", "state", "running" },
		  .says = "update state=stopped->running",
		  .jobs = "start a.service\n" },
		{ .name = "has failed",
		  .have = { TOP, PLAIN },
		  .units = { { "a.service", NEAP_UNIT_LOADED, NEAP_UNIT_FAILED, false } },
		  .want = { "name", "a.service", "state", "running" },
		  .says = "update state=failed->running",
		  .jobs = "start a.service\n" },
		{ .name = "has failed, and is to be stopped",
		  .have = { TOP, PLAIN },
		  .units = { { "a.service", NEAP_UNIT_LOADED, NEAP_UNIT_FAILED, false } },
		  .want = { "name", "a.service", "state", "stopped" } },
		{ .name = "is stopped",
		  .have = { TOP, PLAIN },
		  .units = { { "a.service", NEAP_UNIT_LOADED, NEAP_UNIT_ACTIVE, false } },
		  .want = { "name", "a.service", "state", "stopped" },
		  .says = "update state=running->stopped",
		  .jobs = "stop a.service\n" },
		{ .name = "is on its way",
		  .have = { TOP, PLAIN },
		  .units = { { "a.service", NEAP_UNIT_LOADED, NEAP_UNIT_ACTIVATING, false } },
		  .want = { "name", "a.service", "state", "running" },
		  .says = "update state=starting->running",
		  .jobs = "start a.service\n" },
		{ .name = "is on its way by an older file",
		  .have = { TOP, { A, REG, 0644, 0, 0, "x" } },
		  .units = { { "a.service", NEAP_UNIT_LOADED, NEAP_UNIT_ACTIVATING, false } },
		  .want = { "name", "a.service", "content", TEXT, "state", "running" },
		  .says = "update content=x->" TEXT " (restarts it)",
		  .then = "f " A " 0644 0:0 " TEXT "\n",
		  .jobs = "reload the manager\nrestart a.service\n" },
		{ .name = "is on its way, and somebody says that it has to read something anew",
		  .have = { TOP, PLAIN },
		  .units = { { "a.service", NEAP_UNIT_LOADED, NEAP_UNIT_ACTIVATING, false } },
		  .want = { "name", "a.service", "state", "running" },
		  .notified = true,
		  .jobs = "restart a.service\n" },
		{ .name = "is on its way, and would not hear that it is to reload",
		  .have = { TOP, PLAIN },
		  .units = { { "a.service", NEAP_UNIT_LOADED, NEAP_UNIT_ACTIVATING, false } },
		  .want = { "name", "a.service", "state", "running", "reload", "true" },
		  .notified = true,
		  .jobs = "restart a.service\n" },
		{ .name = "reloads what it is told of",
		  .have = { TOP, PLAIN },
		  .units = { { "a.service", NEAP_UNIT_LOADED, NEAP_UNIT_ACTIVE, false } },
		  .want = { "name", "a.service", "state", "running", "reload", "true" },
		  .notified = true,
		  .jobs = "reload a.service\n" },
		{ .name = "is on its way, and goes on by its older file",
		  .have = { TOP, { A, REG, 0644, 0, 0, "x" } },
		  .units = { { "a.service", NEAP_UNIT_LOADED, NEAP_UNIT_ACTIVATING, false } },
		  .want = { "name", "a.service", "content", TEXT, "state", "running", "restart", "false" },
		  .says = "update content=x->" TEXT " state=starting->running",
		  .then = "f " A " 0644 0:0 " TEXT "\n",
		  .jobs = "reload the manager\nstart a.service\n" },
		{ .name = "all of it",
		  .have = { TOP },
		  .want = { "name", "a.service", "content", TEXT, "enabled", "true", "state", "running" },
		  .says = "create ensure=absent->present content=->" TEXT
			  " mode=->0644 enabled=[]->[m.target.wants/a.service] parents=[]->[" WANTS
			  "] state=stopped->running (makes " WANTS ")",
		  .then = "f " A " 0644 0:0 " TEXT "\nd " WANTS " 0755 0:0\nl " WANTS "/a.service " A "\n",
		  .jobs = "start a.service\n" },
		{ .name = "of older files",
		  .have = { TOP, PLAIN },
		  .units = { { "a.service", NEAP_UNIT_LOADED, NEAP_UNIT_ACTIVE, true } },
		  .want = { "name", "a.service", "state", "running" },
		  .says = "update loaded=stale->current",
		  .jobs = "reload the manager\n" },
		{ .name = "started by its files as they are now",
		  .have = { TOP, PLAIN },
		  .units = { { "a.service", NEAP_UNIT_LOADED, NEAP_UNIT_INACTIVE, true } },
		  .want = { "name", "a.service", "content", TEXT, "state", "running" },
		  .says = "update state=stopped->running loaded=stale->current",
		  .jobs = "reload the manager\nstart a.service\n" },
		{ .name = "it is not there",
		  .have = { TOP },
		  .want = { "name", "a.service", "state", "running" },
		  .error = "a.service does not exist | give its content, or let the resource that brings it "
			   "come first: "
			   "require" },
		{ .name = "what is not there is stopped",
		  .have = { TOP },
		  .want = { "name", "a.service", "state", "stopped" } },
		{ .name = "of a generator",
		  .have = { TOP },
		  .units = { { "d.mount", NEAP_UNIT_LOADED, NEAP_UNIT_INACTIVE, false } },
		  .want = { "name", "d.mount", "state", "running" },
		  .says = "update state=stopped->running",
		  .jobs = "start d.mount\n" },
		{ .name = "masked by somebody",
		  .have = { TOP, { A, LNK, 0777, 0, 0, "/dev/null" } },
		  .want = { "name", "a.service", "state", "running" },
		  .error = "a.service is masked, by " A " | masked = false takes away a link in " ETC },
		{ .name = "never runs",
		  .have = { TOP, { A, REG, 0644, 0, 0, "[Service]\nType=oneshot\nExecStart=/bin/a\n" } },
		  .want = { "name", "a.service", "state", "running" },
		  .error = "state = \"running\": a.service is Type=oneshot without RemainAfterExit=yes, so "
			   "it never is | give "
			   "it RemainAfterExit=yes, or leave state out and let a timer or another unit start "
			   "it; for a command "
			   "in a recipe there is neap.exec" },
		{ .name = "no manager",
		  .have = { TOP, PLAIN },
		  .want = { "name", "a.service", "content", TEXT, "state", "running" },
		  .tree = true },
		{ .name = "no manager, and another file",
		  .have = { TOP, { A, REG, 0644, 0, 0, "x" } },
		  .want = { "name", "a.service", "content", TEXT, "state", "running" },
		  .says = "update content=x->" TEXT " (state is left: no service manager runs here)",
		  .then = "f " A " 0644 0:0 " TEXT "\n",
		  .tree = true },
		{ .name = "a running one restarts",
		  .have = { TOP, { A, REG, 0644, 0, 0, "x" } },
		  .units = { { "a.service", NEAP_UNIT_LOADED, NEAP_UNIT_ACTIVE, false } },
		  .want = { "name", "a.service", "content", TEXT, "state", "running" },
		  .says = "update content=x->" TEXT " (restarts it)",
		  .then = "f " A " 0644 0:0 " TEXT "\n",
		  .jobs = "reload the manager\nrestart a.service\n" },
		{ .name = "a running one goes on",
		  .have = { TOP, { A, REG, 0644, 0, 0, "x" } },
		  .units = { { "a.service", NEAP_UNIT_LOADED, NEAP_UNIT_ACTIVE, false } },
		  .want = { "name", "a.service", "content", TEXT, "restart", "false" },
		  .says = "update content=x->" TEXT " (it goes on as it was started, as restart = false)",
		  .then = "f " A " 0644 0:0 " TEXT "\n",
		  .jobs = "reload the manager\n" },
	};
	(void)state;
	RUN(cells);
}

/* ---- masks, and what goes ------------------------------------------------------------------------------ */

static void unit__masked(void **state)
{
	static const struct cell cells[] = {
		{ .name = "masked",
		  .have = { TOP, PACKAGED },
		  .want = { "name", "a.service", "masked", "true" },
		  .says = "update masked=false->true",
		  .then = "l " A " /dev/null\n",
		  .jobs = "reload the manager\n" },
		{ .name = "masked already",
		  .have = { TOP, { A, LNK, 0777, 0, 0, "/dev/null" } },
		  .want = { "name", "a.service", "masked", "true" } },
		{ .name = "masked and stopped",
		  .have = { TOP, PACKAGED },
		  .units = { { "a.service", NEAP_UNIT_LOADED, NEAP_UNIT_ACTIVE, false } },
		  .want = { "name", "a.service", "masked", "true", "state", "stopped" },
		  .says = "update masked=false->true state=running->stopped",
		  .then = "l " A " /dev/null\n",
		  .jobs = "reload the manager\nstop a.service\n" },
		{ .name = "a file is in the way",
		  .have = { TOP, PLAIN },
		  .want = { "name", "a.service", "masked", "true" },
		  .error = "a.service cannot be masked: " A
			   " is a file | remove it first: the link that masks a unit lies in its place" },
		{ .name = "unmasked and started",
		  .have = { TOP, PACKAGED, { A, LNK, 0777, 0, 0, "/dev/null" } },
		  .want = { "name", "a.service", "masked", "false", "state", "running" },
		  .says = "update masked=true->false state=stopped->running",
		  .then = "",
		  .jobs = "reload the manager\nstart a.service\n" },
		{ .name = "not masked",
		  .have = { TOP, PACKAGED },
		  .want = { "name", "a.service", "masked", "false" } },
		{ .name = "a file instead of a mask",
		  .have = { TOP, { A, LNK, 0777, 0, 0, "/dev/null" } },
		  .want = { "name", "a.service", "content", TEXT },
		  .error = "a.service is masked: " A
			   " is a link to /dev/null | with masked = false the link goes" },
		{ .name = "a file instead of a mask, said",
		  .have = { TOP, { A, LNK, 0777, 0, 0, "/dev/null" } },
		  .want = { "name", "a.service", "content", TEXT, "masked", "false" },
		  .says = "update masked=true->false content=->" TEXT " mode=->0644",
		  .then = "f " A " 0644 0:0 " TEXT "\n",
		  .jobs = "reload the manager\n" },
	};
	(void)state;
	RUN(cells);
}

static void unit__absent(void **state)
{
	static const struct cell cells[] = {
		{ .name = "all of it",
		  .have = { TOP,
			    PLAIN,
			    LINKED,
			    { A ".d", DIR, 0755, 0, 0, NULL },
			    { A ".d/one.conf", REG, 0644, 0, 0, "x" } },
		  .units = { { "a.service", NEAP_UNIT_LOADED, NEAP_UNIT_ACTIVE, false } },
		  .want = { "name", "a.service", "ensure", "absent" },
		  .says = "delete ensure=present->absent files=[" A " " A
			  ".d/one.conf]->[] enabled=[m.target.wants/a.service]->[] state=running->stopped",
		  .then = "",
		  .jobs = "stop a.service\nreload the manager\n" },
		{ .name = "gone already",
		  .have = { TOP },
		  .want = { "name", "a.service", "ensure", "absent" } },
		{ .name = "what is no drop-in stays",
		  .have = { TOP,
			    { A ".d", DIR, 0755, 0, 0, NULL },
			    { A ".d/one.conf", REG, 0644, 0, 0, "x" },
			    { A ".d/.one.conf", REG, 0644, 0, 0, "x" },
			    { A ".d/README", REG, 0644, 0, 0, "x" } },
		  .want = { "name", "a.service", "ensure", "absent" },
		  .says = "delete ensure=present->absent files=[" A ".d/one.conf]->[]",
		  .then = "d " A ".d 0755 0:0\nf " A ".d/.one.conf 0644 0:0 x\nf " A
			  ".d/README 0644 0:0 x\n" },
		{ .name = "of a package",
		  .have = { TOP, PACKAGED },
		  .want = { "name", "a.service", "ensure", "absent" },
		  .error = "a.service cannot be absent: its file is /usr/lib/systemd/system/a.service, which "
			   "is not neap's to "
			   "remove | masked = true keeps it from being started by anybody" },
		{ .name = "an instance has its template's file",
		  .have = { TOP,
			    { ETC "/t@.service", REG, 0644, 0, 0, "[Service]\n" },
			    { WANTS "/t@x.service", LNK, 0777, 0, 0, ETC "/t@.service" } },
		  .units = { { "t@x.service", NEAP_UNIT_LOADED, NEAP_UNIT_ACTIVE, false } },
		  .want = { "name", "t@x.service", "ensure", "absent" },
		  .says = "delete ensure=present->absent enabled=[m.target.wants/t@x.service]->[] "
			  "state=running->stopped",
		  .then = "f " ETC "/t@.service 0644 0:0 [Service]\n\n",
		  .jobs = "stop t@x.service\n" },
	};
	(void)state;
	RUN(cells);
}

static void unit__templates(void **state)
{
	static const struct cell cells[] = {
		{ .name = "a new one is nothing to the manager",
		  .have = { TOP },
		  .want = { "name", "t@.service", "content", "[Service]\n" },
		  .says = "create ensure=absent->present content=->[Service]\n mode=->0644",
		  .then = "f " ETC "/t@.service 0644 0:0 [Service]\n\n" },
		{ .name = "its instances may be known",
		  .have = { TOP, { ETC "/t@.service", REG, 0644, 0, 0, "[Unit]\n" } },
		  .want = { "name", "t@.service", "content", "[Service]\n" },
		  .says = "update content=[Unit]\n->[Service]\n",
		  .then = "f " ETC "/t@.service 0644 0:0 [Service]\n\n",
		  .jobs = "reload the manager\n" },
		{ .name = "by the default instance",
		  .have = { TOP,
			    { ETC "/t@.service", REG, 0644, 0, 0,
			      "[Install]\nDefaultInstance=x\nWantedBy=m.target\n" },
			    { WANTS "/t@y.service", LNK, 0777, 0, 0, "x" } },
		  .want = { "name", "t@.service", "enabled", "true" },
		  .says = "update enabled=[]->[m.target.wants/t@x.service]",
		  .then = "d " WANTS " 0755 0:0\nl " WANTS "/t@x.service " ETC "/t@.service\nl " WANTS
			  "/t@y.service x\nf " ETC
			  "/t@.service 0644 0:0 [Install]\nDefaultInstance=x\nWantedBy=m.target\n\n" },
		{ .name = "disabled with all its instances",
		  .have = { TOP,
			    { ETC "/t@.service", REG, 0644, 0, 0, "[Unit]\n" },
			    { WANTS "/t@y.service", LNK, 0777, 0, 0, "x" } },
		  .want = { "name", "t@.service", "enabled", "false" },
		  .says = "update enabled=[m.target.wants/t@y.service]->[]",
		  .then = "f " ETC "/t@.service 0644 0:0 [Unit]\n\n" },
	};
	(void)state;
	RUN(cells);
}

/* ---- errors of a recipe -------------------------------------------------------------------------------- */

static void unit__contradictions(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	(void)state;

#define SAYS(message, ...) assert_string_equal(DRIVER_CHECK(arena, "unit", "name", __VA_ARGS__), message)
	SAYS("", "a.service");
	SAYS("\"a\" is no name of a unit", "a");
	SAYS("\"a b.service\" is no name of a unit", "a b.service");
	SAYS("sda.device: units that end in .device cannot be managed", "sda.device");
	SAYS("content and source contradict each other", "a.service", "content", "[Unit]", "source", "x");
	SAYS("masked = true and content contradict each other", "a.service", "content", "[Unit]", "masked",
	     "true");
	SAYS("masked = true and enabled = true contradict each other", "a.service", "enabled", "true",
	     "masked", "true");
	SAYS("masked = true and state = \"running\" contradict each other", "a.service", "state", "running",
	     "masked", "true");
	SAYS("", "a.service", "state", "stopped", "masked", "true", "enabled", "false");
	SAYS("state has no meaning with a template, which does not run", "a@.service", "state", "running");
	SAYS("enabled has no meaning with ensure = \"absent\"", "a.service", "ensure", "absent", "enabled",
	     "false");
	SAYS("", "a.service", "ensure", "absent", "timeout", "5s");
	SAYS("content: line 1: no section begins with \"[Unit\"", "a.service", "content", "[Unit");
	SAYS("enabled = true: nothing in [Install] of a.service says what would start it", "a.service",
	     "content", "[Unit]", "enabled", "true");
	SAYS("enabled = true: WantedBy=%H.target: what %H stands for is not known to neap", "a.service",
	     "content", "[Install]\nWantedBy=%H.target", "enabled", "true");
	SAYS("state = \"running\": a.service is Type=oneshot without RemainAfterExit=yes, so it never is",
	     "a.service", "content", "[Service]\nType=oneshot", "state", "running");
	SAYS("", "a.socket", "content", "[Service]\nType=oneshot", "state", "running");
#undef SAYS
}

static const char *check_drop_in(struct neap_arena *arena, const char *name, const char *text)
{
	struct driver driver = { .arena = arena };
	const struct cell cell = { .want = { "name", "a.service" }, .drop_ins = { name, text } };
	struct neap_error *err NEAP_AUTO_ERROR = NULL;

	return driver_type("unit")->check(want_of(&driver, &cell), &err) == 0
		       ? ""
		       : neap_arena_strdup(arena, err->message);
}

static void unit__names_of_drop_ins(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	(void)state;

	assert_string_equal(check_drop_in(arena, "10-limits", "[Unit]"), "");
	assert_string_equal(check_drop_in(arena, "a/b", ""),
			    "drop_ins: \"a/b\" cannot be the name of a file");
	assert_string_equal(check_drop_in(arena, ".a", ""), "drop_ins: \".a\" cannot be the name of a file");
	assert_string_equal(check_drop_in(arena, "a.conf", ""),
			    "drop_ins: a.conf: leave out the .conf, which is added");
	assert_string_equal(check_drop_in(arena, "a", "[Unit"),
			    "drop_ins: a: line 1: no section begins with \"[Unit\"");
}

/* ---- faults -------------------------------------------------------------------------------------------- */

/* Without directories: one that could not be removed with its last link is nobody's any more. */
static const char *dump_files(struct driver *driver)
{
	char *dump = neap_arena_strdup(driver->arena, driver_dump(&driver->machine->view, driver->arena)),
	     *to = dump;

	for (char *at = dump, *next; *at; at = next) {
		next = strchrnul(at, '\n');
		next += *next == '\n';
		if (strncmp(at, "d ", 2) == 0)
			continue;
		memmove(to, at, (size_t)(next - at));
		to += next - at;
	}
	*to = '\0';
	return dump;
}

/* Every call to the machine fails once: that is an error, or does not matter, and the next run ends where it
 * should have. */
static void unit__every_call_fails_once(void **state)
{
	static const struct cell cells[] = {
		{ .name = "all of it",
		  .have = { TOP, { ETC "/old.target.wants/a.service", LNK, 0777, 0, 0, A } },
		  .want = { "name", "a.service", "content", TEXT, "enabled", "true", "state", "running" },
		  .drop_ins = { "one", "[Unit]\n" } },
		{ .name = "of a package",
		  .have = { TOP, PACKAGED },
		  .units = { { "a.service", NEAP_UNIT_LOADED, NEAP_UNIT_INACTIVE, true } },
		  .want = { "name", "a.service", "enabled", "true", "state", "running" } },
		{ .name = "absent",
		  .have = { TOP, PLAIN, LINKED, { A ".d/one.conf", REG, 0644, 0, 0, "x" } },
		  .units = { { "a.service", NEAP_UNIT_LOADED, NEAP_UNIT_ACTIVE, false } },
		  .want = { "name", "a.service", "ensure", "absent" } },
		{ .name = "masked",
		  .have = { TOP, PACKAGED },
		  .units = { { "a.service", NEAP_UNIT_LOADED, NEAP_UNIT_ACTIVE, false } },
		  .want = { "name", "a.service", "masked", "true", "state", "stopped" } },
	};
	const struct neap_resource_type *type = driver_type("unit");
	(void)state;

	driver_top = ETC;
	for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
		const char *then = NULL;
		struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
		bool reached = true;
		for (uint64_t call = 0; reached; call++) { /* the first time nothing fails */
			struct driver driver;
			struct neap_error *err NEAP_AUTO_ERROR = NULL, *again NEAP_AUTO_ERROR = NULL;
			const char *says;
			driver_begin(&driver, NEAP_OVERLAY_APPLY);
			put_cell(&driver, &cells[i]);
			driver_open(&driver);
			void *want = want_of(&driver, &cells[i]);
			neap_host_memory_fail(driver.machine, call, call ? EIO : 0);
			int r = driver_run(&driver, type, want, &says, &err);
			reached = !call || neap_host_memory_calls(driver.machine) >= call;
			if (r < 0 ? !call || !reached || !err : r != 0)
				fail_msg("%s, call %llu: %d %s", cells[i].name, (unsigned long long)call, r,
					 err ? err->message : "");
			neap_host_memory_fail(driver.machine, 0, 0);
			neap_overlay_free(driver.overlay);
			driver_open(&driver);
			if (driver_run(&driver, type, want, &says, &again) != 0)
				fail_msg("%s, after call %llu: %s", cells[i].name, (unsigned long long)call,
					 again ? again->message : "?");
			const char *is = dump_files(&driver);
			if (!then)
				then = neap_arena_strdup(arena, is);
			assert_string_equal(is, then);
			driver_end(&driver);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unit__files),
		cmocka_unit_test(unit__enabled),
		cmocka_unit_test(unit__state),
		cmocka_unit_test(unit__masked),
		cmocka_unit_test(unit__absent),
		cmocka_unit_test(unit__templates),
		cmocka_unit_test(unit__contradictions),
		cmocka_unit_test(unit__names_of_drop_ins),
		cmocka_unit_test(unit__every_call_fails_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
