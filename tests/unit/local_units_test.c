/* Units of the real machine, with a manager made for the tests at the other end: how it is asked, what
 * becomes of its answers, and that nothing it does hangs or confuses anybody. What systemd itself does is for
 * tests/hosts. */
#include "manager_fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>

#include "host/journal.h"
#include "host/local_units.h"

#define ok(call) assert_int_equal(call, 0)

const struct peer_unit peer_units[] = {
	{ "idle.service", "loaded", "inactive", "dead", .then = "active", .then_sub = "running" },
	{ "early.service", "loaded", "inactive", "dead", PEER_EARLY, .then = "active" },
	{ "never.service", "loaded", "inactive", "dead", PEER_NEVER },
	{ "hang.service", "loaded", "inactive", "dead", PEER_HANG },
	{ "lost.service", "loaded", "inactive", "dead", PEER_LOST, .then = "active" },
	{ "shut.service", "loaded", "inactive", "dead", PEER_SHUT },
	{ "away.service", "loaded", "inactive", "dead", .error = SD_BUS_ERROR_NO_REPLY, .text = "no reply" },
	{ "cut.service", "loaded", "inactive", "dead", PEER_CUT, .then = "active" },
	{ "gone.service", "loaded", "inactive", "dead", PEER_GONE, .then = "active" },
	{ "race.service", "loaded", "inactive", "dead", PEER_RACE, .result = "canceled", .then = "active" },
	{ "gone-failed.service", "loaded", "inactive", "dead", PEER_GONE, .then = "failed" },
	{ "silent.service", "loaded", "inactive", "dead" },

	{ "masked.service", "masked", "inactive", "dead", .error = PEER_NAME ".UnitMasked",
	  .text = "Unit masked.service is masked." },
	{ "missing.service", "not-found", "inactive", "dead", .error = PEER_NAME ".NoSuchUnit",
	  .text = "Unit missing.service not found." },
	{ "needy.service", "loaded", "inactive", "dead", .error = PEER_NAME ".NoSuchUnit",
	  .text = "Unit other.service not found." },
	{ "bad.service", "bad-setting", "inactive", "dead", .error = PEER_NAME ".BadUnitSetting",
	  .text = "Unit bad.service has a bad unit file setting." },
	{ "denied.service", "loaded", "inactive", "dead", .error = SD_BUS_ERROR_ACCESS_DENIED, .text = "no" },
	{ "asks.service", "loaded", "inactive", "dead",
	  .error = SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, .text = "who are you" },
	{ "manual.service", "loaded", "inactive", "dead", .error = PEER_NAME ".OnlyByDependency",
	  .text = "Operation refused,\n unit \x1b[31mmanual.service." },

	{ "exits.service", "loaded", "inactive", "dead", .result = "failed", .then = "failed",
	  .properties = { { "Result", "exit-code" }, { "ExecMainCode", "#1" }, { "ExecMainStatus", "#3" } } },
	{ "no-program.service", "loaded", "inactive", "dead", .then = "failed",
	  .properties = { { "Result", "exit-code" },
			  { "ExecMainCode", "#1" },
			  { "ExecMainStatus", "#203" } } },
	{ "crashes.service", "loaded", "inactive", "dead", .result = "failed", .then = "failed",
	  .properties = { { "Result", "signal" }, { "ExecMainCode", "#2" }, { "ExecMainStatus", "#11" } } },
	{ "slow.service", "loaded", "inactive", "dead", .result = "failed", .then = "failed",
	  .properties = { { "Result", "timeout" }, { "ExecMainCode", "#2" }, { "ExecMainStatus", "#15" } } },
	{ "again.service", "loaded", "activating", "auto-restart", .then = "activating",
	  .properties = { { "Result", "exit-code" }, { "ExecMainCode", "#1" }, { "ExecMainStatus", "#4" } } },
	{ "unknown.service", "loaded", "inactive", "dead", .result = "failed" },
	{ "x.mount", "loaded", "inactive", "dead", .result = "failed",
	  .properties = { { "Result", "resources" } } },
	{ "x.target", "loaded", "inactive", "dead", .result = "failed" },
	{ "once.service", "loaded", "inactive", "dead",
	  .properties = { { "Type", "oneshot" }, { "RemainAfterExit", "?" } } },
	{ "over.service", "loaded", "inactive", "dead",
	  .properties = { { "Type", "oneshot" }, { "RemainAfterExit", "!" } } },
	{ "unmet.service", "loaded", "inactive", "dead", .conditioned = true,
	  .properties = { { "ConditionTimestampMonotonic", "#5" }, { "ConditionResult", "?" } } },
	{ "forgotten.service", "loaded", "inactive", "dead", .conditioned = true,
	  .properties = { { "ConditionTimestampMonotonic", "#0" }, { "ConditionResult", "?" } } },
	{ "rarely.service", "loaded", "inactive", "dead", .conditioned = true,
	  .properties = { { "Type", "oneshot" }, { "RemainAfterExit", "?" } } },
	{ "reload-fails.service", "loaded", "active", "running", .result = "failed",
	  .properties = { { "Result", "success" }, { "ReloadResult", "exit-code" } } },
	{ "depends.service", "loaded", "inactive", "dead", .result = "dependency",
	  .requires = (const char *const[]){ "exits.service", "idle.service", "missing.service", NULL } },
	{ "canceled.service", "loaded", "inactive", "dead", .result = "canceled" },
	{ "asserts.service", "loaded", "inactive", "dead", .result = "assert" },
	{ "strange.service", "loaded", "inactive", "dead", .result = "frozen" },
	{ "skips.service", "loaded", "inactive", "dead", .result = "skipped" },

	{ "error.service", "error", "inactive", "dead" },
	{ "merged.service", "merged", "reloading", "reload" },
	{ "leaving.service", "loaded", "deactivating", "stop-sigterm" },
	{ "failed.service", "loaded", "failed", "failed" },
	{ "kept.service", "loaded", "maintenance", "cleaning" },
	{ "stale.service", "loaded", "active", "running", .properties = { { "NeedDaemonReload", "!" } } },
	{ "fresh.service", "loaded", "active", "running", .properties = { { "NeedDaemonReload", "?" } } },
	{ "fragment.service", "loaded", "active", "running",
	  .properties = { { "FragmentPath", "/etc/passwd" } } },
	{ "fragment@a.service", "loaded", "active", "running",
	  .properties = { { "FragmentPath", "/etc/passwd" } } },
	{ "fragment@b.service", "loaded", "active", "running",
	  .properties = { { "FragmentPath", "/run/systemd/transient/fragment@b.service" } } },
	{ "drop-in-s.service", "loaded", "active", "running",
	  .drop_ins =
		  (const char *const[]){ "/files/drop-in-s.service.d/old.conf",
					 "/run/systemd/transient/drop-in-s.service.d/above.conf",
					 "/usr/lib/systemd/system/drop-in-s.service.d/package.conf", NULL } },
	{ "stops.service", "loaded", "active", "running", .stops = true },
	{ "stops-fails.service", "loaded", "failed", "failed", .result = "failed", .stops = true,
	  .properties = { { "Result", "protocol" } } },
	{ "gone-file.service", "not-found", "inactive", "dead",
	  .properties = { { "NeedDaemonReload", "!" } } },
};
const size_t peer_unit_count = sizeof(peer_units) / sizeof(*peer_units);
_Static_assert(sizeof(peer_units) / sizeof(*peer_units) < 63, "the peer has room for them");

struct fixture {
	char directory[64], socket[96], address[128], log[96], files[96];
	pid_t peer;
	struct neap_machine *machine;
	struct neap_arena *arena;
};

static volatile sig_atomic_t stop;

static void connect_to(struct fixture *f, unsigned seconds)
{
	neap_local_units_at(f->machine, f->address, f->files, seconds);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->directory, sizeof(f->directory), "/tmp/neap-units-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	snprintf(f->socket, sizeof(f->socket), "%s/private", f->directory);
	snprintf(f->address, sizeof(f->address), "unix:path=%s", f->socket);
	snprintf(f->log, sizeof(f->log), "%s/log", f->directory);
	snprintf(f->files, sizeof(f->files), "%s/system", f->directory);
	ok(mkdir(f->files, 0755));
	close(open(f->log, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	f->peer = peer_start(f->socket, f->log, f->files);
	f->arena = neap_arena_new();
	ok(neap_host_local_new("/", NULL, &f->machine, NULL));
	connect_to(f, 5);
	stop = 0;
	f->machine->watch.stop = &stop;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char command[128];

	neap_machine_free(f->machine);
	neap_arena_free(f->arena);
	peer_stop(f->peer);
	snprintf(command, sizeof(command), "rm -rf %s", f->directory);
	ok(system(command));
	free(f);
	return 0;
}

/* What the manager was told since the last time, a line a call. */
static const char *told(struct fixture *f)
{
	FILE *file = fopen(f->log, "r+e");
	char *text = neap_arena_alloc(f->arena, 65536);

	text[fread(text, 1, 65535, file)] = '\0';
	ok(ftruncate(fileno(file), 0));
	fclose(file);
	return text;
}
#define assert_told(text) assert_string_equal(told(f), text)

static const char *unit_of(struct fixture *f, const char *name)
{
	static const char *const loads[] = { "missing", "loaded", "masked", "broken" };
	static const char *const actives[] = { "inactive", "active", "activating", "deactivating", "failed" };
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_unit_state state;

	if (neap_view_unit(&f->machine->view, name, f->arena, &state, &err) < 0)
		return neap_arena_printf(f->arena, "!%s", err->message);
	return neap_arena_printf(f->arena, "%s %s %s%s", loads[state.load], actives[state.active], state.sub,
				 state.stale ? ", stale" : "");
}
#define assert_unit(name, text) assert_string_equal(unit_of(f, name), text)

/* "" when all is well, else the message, and the hint behind " | ". */
static const char *go_as(struct fixture *f, const struct neap_unit_job *job)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;

	if (f->machine->ops->unit(f->machine, job, &err) == 0)
		return "";
	return neap_arena_printf(
		f->arena, "%s%s%s%s", err->message,
		err->errnum ? neap_arena_printf(f->arena, " [%s]", strerrorname_np(err->errnum)) : "",
		err->hint ? " | " : "", err->hint ? err->hint : "");
}

static const char *go(struct fixture *f, enum neap_unit_verb verb, const char *name, unsigned timeout)
{
	return go_as(f, &(struct neap_unit_job){ .name = name, .verb = verb, .timeout = timeout });
}

static const char *go_secretly(struct fixture *f, enum neap_unit_verb verb, const char *name)
{
	return go_as(f, &(struct neap_unit_job){ .name = name, .verb = verb, .secret = true });
}
#define assert_go(verb, name, text) assert_string_equal(go(f, NEAP_UNIT_##verb, name, 0), text)

static double seconds_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* ---- reads --------------------------------------------------------------------------------------------- */

static void read__words_of_the_manager_become_states(void **state)
{
	struct fixture *f = *state;

	assert_true(neap_view_manager(&f->machine->view));
	assert_unit("idle.service", "loaded inactive dead");
	assert_unit("plain.service", "loaded active running");
	assert_unit("missing.service", "missing inactive dead");
	assert_unit("masked.service", "masked inactive dead");
	assert_unit("bad.service", "broken inactive dead");
	assert_unit("error.service", "broken inactive dead");
	assert_unit("merged.service", "loaded active reload");
	assert_unit("again.service", "loaded activating auto-restart");
	assert_unit("leaving.service", "loaded deactivating stop-sigterm");
	assert_unit("failed.service", "loaded failed failed");
	assert_unit("kept.service", "loaded inactive cleaning");
	assert_unit("stale.service", "loaded active running, stale");
	assert_unit("fresh.service", "loaded active running");
	assert_unit("gone-file.service", "missing inactive dead"); /* nothing of it can be stale */
}

static const char **expect(struct fixture *f, const char *first, size_t count)
{
	const char **names = neap_arena_array_of(f->arena, const char *, count);

	for (size_t i = 0; i < count; i++)
		names[i] = i == 0 ? first : neap_arena_printf(f->arena, "n%zu.service", i);
	neap_view_units_expected(&f->machine->view, names, count);
	return names;
}

static void read__two_hundred_that_are_expected_are_one_round_trip(void **state)
{
	struct fixture *f = *state;
	/* It answers nothing before all the questions are there. */
	const char **names = expect(f, "hold-200.service", 200);

	assert_told("");
	for (size_t i = 0; i < 200; i++)
		assert_unit(names[i], "loaded active running");
	assert_told("connected\nListUnitsByNames 200\n");
	for (size_t i = 0; i < 200; i++)
		assert_unit(names[i], "loaded active running");
	assert_told("");
}

static void read__what_was_answered_counts_until_something_changes(void **state)
{
	struct fixture *f = *state;
	const char **names = expect(f, "n0.service", 20);
	const char *argv[] = { "true", NULL };
	const struct neap_process process = { .argv = argv };
	struct neap_process_result result;

	assert_unit(names[0], "loaded active running");
	assert_unit(names[19], "loaded active running");
	assert_told("connected\nListUnitsByNames 20\n");
	assert_go(STOP, names[3], "");
	told(f);
	/* then questions begin small again */
	for (size_t i = 0; i < 20; i++)
		assert_unit(names[i], "loaded active running");
	assert_told("ListUnitsByNames 1\nListUnitsByNames 2\nListUnitsByNames 4\nListUnitsByNames 8\n"
		    "ListUnitsByNames 5\n");
	/* and pass over what is known */
	assert_go(STOP, names[3], "");
	told(f);
	assert_unit(names[5], "loaded active running");
	assert_unit(names[0], "loaded active running");
	assert_unit(names[2], "loaded active running");
	assert_unit(names[6], "loaded active running");
	assert_told("ListUnitsByNames 1\nListUnitsByNames 2\nListUnitsByNames 4\n");
	ok(f->machine->ops->run(f->machine, &process, f->arena, &result, NULL));
	assert_unit(names[19], "loaded active running");
	assert_told("connected\nListUnitsByNames 1\n"); /* nobody has listened meanwhile */
	ok(f->machine->ops->units_reload(f->machine, NULL));
	assert_unit(names[19], "loaded active running");
	assert_unit("unexpected.service", "loaded active running");
	assert_told("Reload\nListUnitsByNames 1\nListUnitsByNames 1\n");
}

static void read__one_that_spoils_the_question_spoils_it_for_itself_alone(void **state)
{
	static const char *const names[] = { "idle.service", "spoils.service", "skipped.service",
					     "nonsense.service" };
	struct fixture *f = *state;

	for (size_t i = 1; i < 4; i++) {
		connect_to(f, 5);
		neap_view_units_expected(&f->machine->view, names, 1);
		neap_view_units_expected(&f->machine->view, names + i, 1);
		assert_unit("idle.service", "loaded inactive dead");
	}
	assert_unit("spoils.service", "!look at spoils.service: the service manager says: it spoils all");
	assert_unit("skipped.service",
		    "!look at skipped.service: the service manager takes that for no name");
	assert_unit("nonsense.service",
		    "!look at nonsense.service: the service manager takes that for no name");
}

static void read__a_connection_that_broke_meanwhile_is_made_again(void **state)
{
	struct fixture *f = *state;

	assert_unit("idle.service", "loaded inactive dead");
	peer_stop(f->peer);
	unlink(f->socket);
	f->peer = peer_start(f->socket, f->log, f->files);
	assert_unit("failed.service", "loaded failed failed");
	assert_told("connected\nListUnitsByNames 1\nconnected\nListUnitsByNames 1\n");
}

static void read__a_manager_that_does_not_answer_is_not_waited_for_long(void **state)
{
	struct fixture *f = *state;
	double began = seconds_now();

	connect_to(f, 1);
	assert_unit("hold-5.service", "!look at hold-5.service: ask the service manager: no answer in time");
	assert_true(seconds_now() - began < 3);
	/* and the next question is a new one */
	assert_unit("idle.service", "loaded inactive dead");
}

static void read__nobody_there_is_an_error(void **state)
{
	struct fixture *f = *state;
	double began = seconds_now();

	peer_stop(f->peer);
	connect_to(f, 5);
	assert_unit("idle.service",
		    "!look at idle.service: connect to the service manager: Connection refused");
	assert_true(seconds_now() - began < 4);
	f->peer = 0;
	unlink(f->socket);
	f->peer = peer_start(f->socket, f->log, f->files);
}

static void read__a_tree_of_files_has_no_manager(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *tree;
	struct neap_unit_state unit;
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_unit_job job = { .name = "a.service", .verb = NEAP_UNIT_START };

	ok(neap_host_local_new(f->directory, NULL, &tree, NULL));
	assert_false(neap_view_manager(&tree->view));
	assert_true(neap_view_unit(&tree->view, "a.service", f->arena, &unit, &err) < 0);
	assert_string_equal(err->message, "look at a.service: no service manager runs here");
	neap_error_auto(&err);
	assert_true(tree->ops->unit(tree, &job, &err) < 0);
	assert_string_equal(err->message, "start a.service: no service manager runs here");
	neap_error_auto(&err);
	assert_true(tree->ops->units_reload(tree, &err) < 0);
	assert_string_equal(err->message, "reload the service manager: no service manager runs here");
	neap_machine_free(tree);
}

/* ---- files that the manager has not read --------------------------------------------------------------- */

static void put(struct fixture *f, const char *path, const char *target)
{
	char whole[200], *slash;

	snprintf(whole, sizeof(whole), "%s/%s", f->files, path);
	slash = strrchr(whole, '/');
	*slash = '\0';
	mkdir(whole, 0755);
	*slash = '/';
	unlink(whole);
	if (target)
		ok(symlink(target, whole));
	else
		close(open(whole, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}

static void stale__a_file_that_goes_before_the_one_that_was_read(void **state)
{
	struct fixture *f = *state;

	/* The manager has read /etc/passwd for it, as `fragment.service` below says. */
	assert_unit("fragment.service", "loaded active running");
	put(f, "fragment.service", NULL);
	connect_to(f, 5);
	assert_unit("fragment.service", "loaded active running, stale");
	put(f, "fragment.service", "/dev/null");
	connect_to(f, 5);
	assert_unit("fragment.service", "loaded active running, stale");
	put(f, "fragment.service", "/etc/../etc/passwd"); /* what it has read, by another name */
	connect_to(f, 5);
	assert_unit("fragment.service", "loaded active running");
	put(f, "fragment.service", "/no/such/file"); /* which it passes over */
	connect_to(f, 5);
	assert_unit("fragment.service", "loaded active running");
	put(f, "fragment@.service", NULL);
	connect_to(f, 5);
	assert_unit("fragment@a.service", "loaded active running, stale");
	assert_unit("fragment@b.service", "loaded active running"); /* made at run time: goes before */
}

static void stale__a_file_dropped_in_that_was_not_read(void **state)
{
	static const char *const paths[] = { "drop-in-s.service.d/new.conf", "drop-in-.service.d/new.conf",
					     "drop-.service.d/new.conf", "service.d/new.conf" };
	static const char *const others[] = { "drop-in-s.service.d/.new.conf",
					      "drop-in-s.service.d/new",
					      "drop-in-s.service.d/old.conf",
					      "drop-in-s.service.d/above.conf",
					      "drop-in-s.socket.d/new.conf",
					      "drop-in.service.d/new.conf",
					      "socket.d/new.conf" };
	struct fixture *f = *state;
	char path[200];

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		put(f, others[i], NULL);
	snprintf(path, sizeof(path), "%s/drop-in-s.service.d/directory.conf", f->files);
	ok(mkdir(path, 0755));
	assert_unit("drop-in-s.service", "loaded active running");
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		put(f, paths[i], NULL);
		connect_to(f, 5);
		assert_unit("drop-in-s.service", "loaded active running, stale");
		snprintf(path, sizeof(path), "%s/%s", f->files, paths[i]);
		ok(unlink(path));
	}
	/* a package's that ours hides */
	put(f, "drop-in-s.service.d/package.conf", NULL);
	connect_to(f, 5);
	assert_unit("drop-in-s.service", "loaded active running, stale");
	put(f, "drop-in@.service.d/new.conf", NULL);
	assert_unit("drop-in@a.service", "loaded active running, stale");
}

/* ---- jobs ---------------------------------------------------------------------------------------------- */

static void job__each_verb_is_a_call_and_what_starts_is_forgiven_first(void **state)
{
	struct fixture *f = *state;

	assert_go(START, "idle.service", "");
	assert_told("connected\nResetFailedUnit idle.service\nStartUnit idle.service replace\n");
	assert_unit("idle.service", "loaded active running");
	told(f);
	assert_go(STOP, "idle.service", "");
	assert_go(RESTART, "idle.service", "");
	assert_go(RELOAD, "idle.service", "");
	assert_told("StopUnit idle.service replace\n"
		    "ResetFailedUnit idle.service\nRestartUnit idle.service replace\n"
		    "ReloadOrTryRestartUnit idle.service replace\n");
	assert_go(RELOAD, "skips.service", "");
}

static void job__one_that_waits_to_be_started_again_is_not_waited_for(void **state)
{
	struct fixture *f = *state;

	assert_unit("again.service", "loaded activating auto-restart");
	told(f);
	go(f, NEAP_UNIT_START, "again.service", 0);
	assert_told("ResetFailedUnit again.service\nRestartUnit again.service replace\n");
	assert_unit("again.service", "loaded activating auto-restart");
	told(f);
	go(f, NEAP_UNIT_STOP, "again.service", 0);
	assert_told("StopUnit again.service replace\n");
}

static void job__its_end_may_come_before_its_name(void **state)
{
	struct fixture *f = *state;

	assert_go(START, "early.service", "");
	/* and is not taken for the end of a later one */
	assert_string_equal(go(f, NEAP_UNIT_START, "never.service", 1),
			    "start never.service: not done after 1 s, and the job goes on [ETIMEDOUT]");
}

static void job__what_the_manager_refuses_is_said(void **state)
{
	struct fixture *f = *state;

	assert_go(START, "masked.service", "start masked.service: it is masked");
	assert_go(RESTART, "missing.service",
		  "restart missing.service: the service manager knows no such unit");
	assert_go(STOP, "missing.service", "");
	assert_go(START, "needy.service", "start needy.service: Unit other.service not found");
	assert_go(
		RELOAD, "bad.service",
		"reload bad.service: its file cannot be used: Unit bad.service has a bad unit file setting | "
		"systemd-analyze verify bad.service says why");
	assert_go(STOP, "denied.service",
		  "stop denied.service: Permission denied [EACCES] | "
		  "only root may, unless polkit says otherwise: run neap as root");
	assert_go(START, "asks.service",
		  "start asks.service: Permission denied [EACCES] | "
		  "only root may, unless polkit says otherwise: run neap as root");
	assert_go(START, "manual.service", "start manual.service: Operation refused,  unit manual.service");
	assert_go(START, "silent.service",
		  "start silent.service: the service manager's answer makes no sense");
}

static void job__how_it_failed_is_said(void **state)
{
	struct fixture *f = *state;

	assert_go(START, "exits.service", "start exits.service: failed (exit-code, status 3)");
	assert_go(START, "no-program.service",
		  "start no-program.service: failed (exit-code, status 203: its program cannot be started)");
	assert_go(RESTART, "crashes.service", "restart crashes.service: failed (signal, SIGSEGV)");
	assert_go(START, "slow.service", "start slow.service: failed (timeout)");
	assert_go(
		START, "again.service",
		"start again.service: failed at once, and is started again and again (exit-code, status 4)");
	assert_go(START, "unknown.service", "start unknown.service: failed");
	assert_go(START, "x.mount", "start x.mount: failed (resources)");
	assert_go(START, "x.target", "start x.target: failed");
	assert_go(RELOAD, "reload-fails.service", "reload reload-fails.service: failed (exit-code)");
	assert_go(
		START, "depends.service",
		"start depends.service: a unit that it requires has failed: exits.service, missing.service");
	assert_go(START, "canceled.service",
		  "start canceled.service: its job was canceled, by another one or by hand");
	assert_go(START, "asserts.service", "start asserts.service: an assertion of its file is not met");
	assert_go(START, "strange.service", "start strange.service: its job has ended as frozen");
}

static void job__one_that_was_started_and_is_not_there_says_why(void **state)
{
	struct fixture *f = *state;

	assert_go(START, "once.service",
		  "start once.service: it has run and is over | "
		  "one of Type=oneshot stays active with RemainAfterExit=yes");
	assert_go(START, "over.service", "start over.service: it has run and is over");
	assert_go(START, "unmet.service",
		  "start unmet.service: a condition of its file is not met: ConditionPathExists=!/not");
	assert_string_equal(go_secretly(f, NEAP_UNIT_START, "unmet.service"),
			    "start unmet.service: a condition of its file is not met");
	assert_go(START, "forgotten.service", "start forgotten.service: a condition of its file is not met");
	assert_go(START, "rarely.service",
		  "start rarely.service: it has run and is over, or a condition of its file is not met | "
		  "one of Type=oneshot stays active with RemainAfterExit=yes");
	assert_go(RELOAD, "once.service", "");
	assert_go(STOP, "once.service", "");
}

static void job__a_manager_that_is_replaced_meanwhile_is_asked_again(void **state)
{
	struct fixture *f = *state;

	assert_go(START, "lost.service", "");
	assert_told("connected\nResetFailedUnit lost.service\nStartUnit lost.service replace\n"
		    "connected\nResetFailedUnit lost.service\nStartUnit lost.service replace\n");
	assert_go(START, "cut.service", "");
	assert_told("ResetFailedUnit cut.service\nStartUnit cut.service replace\nconnected\nJob of "
		    "cut.service\n");
	assert_go(START, "gone.service", "");
	assert_go(START, "gone-failed.service", "start gone-failed.service: failed");
	assert_go(STOP, "gone.service", "stop gone.service: its job is over, and it is still there");
	assert_go(STOP, "gone-failed.service", "");
	assert_go(START, "race.service",
		  "start race.service: its job was canceled, by another one or by hand");
}

static void job__a_manager_that_says_nothing_is_not_waited_for_long(void **state)
{
	struct fixture *f = *state;

	connect_to(f, 1);
	assert_go(START, "hang.service",
		  "start hang.service: ask the service manager: no answer in time [ETIMEDOUT]");
	assert_go(START, "idle.service", "");
}

static void job__a_manager_that_shuts_every_door_is_given_up(void **state)
{
	struct fixture *f = *state;
	double began = seconds_now();

	assert_go(
		START, "shut.service",
		"start shut.service: connect to the service manager: Connection reset by peer [ECONNRESET]");
	assert_true(seconds_now() - began < 2);
	/* one that is away is waited for */
	connect_to(f, 1);
	assert_go(STOP, "away.service",
		  "stop away.service: ask the service manager: no answer in time [ETIMEDOUT]");
	assert_go(START, "idle.service", "");
}

static void on_alarm(int signal)
{
	stop = signal;
}

static void job__a_signal_ends_the_wait_and_not_the_job(void **state)
{
	struct fixture *f = *state;
	struct sigaction action = { .sa_handler = on_alarm };
	double began = seconds_now();

	sigaction(SIGALRM, &action, NULL);
	alarm(1);
	assert_go(START, "never.service",
		  "start never.service: not waited for any longer, and the job goes on [EINTR]");
	assert_true(seconds_now() - began < 1.5);
	/* and what would be waited for later is not begun */
	assert_go(START, "idle.service",
		  "start idle.service: ask the service manager: Interrupted system call [EINTR]");
	assert_unit("idle.service",
		    "!look at idle.service: ask the service manager: Interrupted system call");
	assert_null(strstr(told(f), "idle"));
}

static void *set_stop(void *nothing)
{
	const struct timespec moment = { .tv_nsec = 300000000 };

	nanosleep(&moment, NULL);
	stop = SIGTERM;
	return nothing;
}

static void job__a_signal_that_came_just_before_the_wait_ends_it_too(void **state)
{
	struct fixture *f = *state;
	double began = seconds_now();
	pthread_t thread;

	ok(pthread_create(&thread, NULL, set_stop, NULL)); /* nothing is interrupted by it */
	assert_go(START, "never.service",
		  "start never.service: not waited for any longer, and the job goes on [EINTR]");
	assert_true(seconds_now() - began < 1);
	ok(pthread_join(thread, NULL));
}

/* The job is over by then: it is done or has failed, and nothing is in between. */
static void job__a_signal_while_its_end_is_looked_at_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct sigaction action = { .sa_handler = on_alarm };

	sigaction(SIGALRM, &action, NULL);
	assert_go(START, "stops.service", "");
	assert_int_equal(stop, SIGALRM);
	assert_told("connected\nResetFailedUnit stops.service\nStartUnit stops.service replace\n");
	stop = 0;
	assert_go(START, "stops-fails.service", "start stops-fails.service: failed (protocol)");
	assert_int_equal(stop, SIGALRM);
	assert_ptr_equal(f->machine->watch.stop, &stop); /* what comes next is stopped */
}

/* ---- the journal --------------------------------------------------------------------------------------- */

static void journal__lines_are_short_and_tame(void **state)
{
	struct fixture *f = *state;
	char long_line[3000];
	const char *clean;

#define assert_clean(bytes, text)                                                                            \
	assert_string_equal(neap_journal_clean((struct neap_str){ bytes, sizeof(bytes) - 1 }, f->arena), text)
	assert_clean("", "");
	assert_clean("plain ä", "plain ä");
	assert_clean("a\tb\nc  ", "a b c");
	assert_clean("\x1b[1;31mred\x1b[0m \x1b]0;title\x07 \x7f \x00 end", "red ?]0;title? ? ? end");
	assert_clean("\x1b[31", "");
	assert_clean("\xc2\x9b"
		     "31m \xff\xfe \xc3",
		     "?31m ?? ?");
	memset(long_line, 'x', sizeof(long_line));
	clean = neap_journal_clean((struct neap_str){ long_line, 301 }, f->arena);
	assert_int_equal(strlen(clean), 303);
	assert_string_equal(clean + 297, "xxx…");
	assert_int_equal(strlen(neap_journal_clean((struct neap_str){ long_line, 300 }, f->arena)), 300);
	memcpy(long_line + 299, "ä", 2); /* is not cut in two */
	clean = neap_journal_clean((struct neap_str){ long_line, 3000 }, f->arena);
	assert_string_equal(clean + 296, "xxx…");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(read__words_of_the_manager_become_states),
		TEST(read__two_hundred_that_are_expected_are_one_round_trip),
		TEST(read__what_was_answered_counts_until_something_changes),
		TEST(read__one_that_spoils_the_question_spoils_it_for_itself_alone),
		TEST(read__a_connection_that_broke_meanwhile_is_made_again),
		TEST(read__a_manager_that_does_not_answer_is_not_waited_for_long),
		TEST(read__nobody_there_is_an_error),
		TEST(read__a_tree_of_files_has_no_manager),
		TEST(stale__a_file_that_goes_before_the_one_that_was_read),
		TEST(stale__a_file_dropped_in_that_was_not_read),
		TEST(job__each_verb_is_a_call_and_what_starts_is_forgiven_first),
		TEST(job__one_that_waits_to_be_started_again_is_not_waited_for),
		TEST(job__its_end_may_come_before_its_name),
		TEST(job__what_the_manager_refuses_is_said),
		TEST(job__how_it_failed_is_said),
		TEST(job__one_that_was_started_and_is_not_there_says_why),
		TEST(job__a_manager_that_is_replaced_meanwhile_is_asked_again),
		TEST(job__a_manager_that_says_nothing_is_not_waited_for_long),
		TEST(job__a_manager_that_shuts_every_door_is_given_up),
		TEST(job__a_signal_that_came_just_before_the_wait_ends_it_too),
		TEST(job__a_signal_while_its_end_is_looked_at_changes_nothing),
		TEST(job__a_signal_ends_the_wait_and_not_the_job),
		TEST(journal__lines_are_short_and_tame),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
