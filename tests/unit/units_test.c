/* Units: the memory machine's service manager, and what the overlay makes of units in a plan and an apply. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "host/overlay.h"

#define ok(call) assert_int_equal(call, 0)
#define UNITS "/etc/systemd/system/"

struct fixture {
	struct neap_machine *machine;
	struct neap_host *plan, *apply;
	struct neap_arena *arena;
	struct neap_commit commit;
	uint32_t refused; /* this step may not go on */
	unsigned landings;
};

static bool may(void *ctx, uint32_t step)
{
	return step != ((struct fixture *)ctx)->refused;
}

static void failed(void *ctx, uint32_t step, struct neap_error *err)
{
	((struct fixture *)ctx)->refused = step;
	neap_error_free(err);
}

static void landed(void *ctx, const struct neap_error *err)
{
	(void)err;
	((struct fixture *)ctx)->landings++;
}

static void put_unit(struct fixture *f, const char *name, enum neap_unit_active active)
{
	const struct neap_unit_state state = { .load = NEAP_UNIT_LOADED, .active = active, .sub = "x" };

	neap_host_memory_unit(f->machine, name, &state);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	neap_host_memory_new(&f->machine);
	f->plan = neap_overlay_new(f->machine, NEAP_OVERLAY_PLAN);
	f->apply = neap_overlay_new(f->machine, NEAP_OVERLAY_APPLY);
	f->arena = neap_arena_new();
	f->commit = (struct neap_commit){ .ctx = f, .may = may, .failed = failed, .landed = landed };
	f->refused = UINT32_MAX;
	neap_overlay_commit(f->apply, &f->commit);
	neap_host_memory_put(f->machine, "/etc/systemd/system", NEAP_FILE_DIRECTORY, 0755, 0, 0, NULL, 0);
	neap_host_memory_put(f->machine, "/usr/lib/systemd/system/tool.service", NEAP_FILE_REGULAR, 0644, 0,
			     0, "[Service]", 9);
	put_unit(f, "run.service", NEAP_UNIT_ACTIVE);
	put_unit(f, "idle.service", NEAP_UNIT_INACTIVE);
	neap_overlay_step(f->plan, 0, NEAP_NO_STEP);
	neap_overlay_step(f->apply, 0, NEAP_NO_STEP);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	neap_overlay_free(f->plan);
	neap_overlay_free(f->apply);
	neap_machine_free(f->machine);
	neap_arena_free(f->arena);
	free(f);
	return 0;
}

/* "loaded active running, stale"; "?" and the cause; "!" and the message. */
static const char *unit_of(struct fixture *f, const struct neap_view *view, const char *name)
{
	static const char *const loads[] = { "missing", "loaded", "masked", "broken" };
	static const char *const actives[] = { "inactive", "active", "activating", "deactivating", "failed" };
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_unit_state state = { .sub = "" };
	int r = neap_view_unit(view, name, f->arena, &state, &err);

	if (r == NEAP_UNKNOWN)
		return neap_arena_printf(f->arena, "?%u", neap_view_cause(view));
	if (r < 0)
		return neap_arena_printf(f->arena, "!%s", err->message);
	return neap_arena_printf(f->arena, "%s %s %s%s", loads[state.load], actives[state.active], state.sub,
				 state.stale ? ", stale" : "");
}
#define assert_unit(host, name, text) assert_string_equal(unit_of(f, &(host)->view, name), text)
#define assert_jobs(text) assert_string_equal(neap_host_memory_jobs(f->machine), text)

static int job(struct neap_host *host, enum neap_unit_verb verb, const char *name, struct neap_error **err)
{
	return neap_host_unit(host, &(struct neap_unit_job){ .name = name, .verb = verb }, err);
}
static int start(struct neap_host *host, const char *name)
{
	return job(host, NEAP_UNIT_START, name, NULL);
}
static int stop(struct neap_host *host, const char *name)
{
	return job(host, NEAP_UNIT_STOP, name, NULL);
}
static int reload(struct neap_host *host)
{
	return neap_host_units_reload(host, NULL);
}
#define assert_refused(host, verb, name, text)                                                               \
	do {                                                                                                 \
		struct neap_error *refusal NEAP_AUTO_ERROR = NULL;                                           \
		assert_true(job(host, verb, name, &refusal) < 0);                                            \
		assert_string_equal(refusal->message, text);                                                 \
	} while (0)

static void write_file(struct neap_host *host, const char *path, const char *data)
{
	const struct neap_file_write file = { .content = { .data = data, .size = strlen(data) },
					      .mode = NEAP_KEEP,
					      .uid = NEAP_KEEP,
					      .gid = NEAP_KEEP };

	ok(neap_host_mkdir_parents(host, path, NULL));
	ok(neap_host_write(host, path, &file, NULL));
}

/* The next step of a plan. */
static void step(struct fixture *f, uint32_t number, uint32_t pending)
{
	neap_overlay_step(f->plan, number, pending);
}

static void run_something(struct fixture *f, struct neap_host *host)
{
	const char *argv[] = { "make", NULL };
	const struct neap_process process = { .argv = argv };
	struct neap_process_result result;

	ok(neap_host_run(host, &process, f->arena, &result, NULL));
}

/* ---- names --------------------------------------------------------------------------------------------- */

static void units__only_whole_names_are_asked_for(void **state)
{
	struct fixture *f = *state;
	const char *const names[] = { "a", "a.service", "a@.service", "", "a@b.service", "a/b.service" };

	assert_unit(f->plan, "a", "!look at a: that is no name of a unit");
	assert_unit(f->plan, "a@.service",
		    "!look at a@.service: it is a template, only its instances can run");
	assert_refused(f->plan, NEAP_UNIT_STOP, "../x.service",
		       "stop ../x.service: that is no name of a unit");
	neap_view_units_expected(&f->plan->view, names, 6);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(neap_host_memory_expects(f->machine, names[i]), i == 1 || i == 4);
}

/* ---- the memory machine -------------------------------------------------------------------------------- */

static void memory__a_file_of_a_package_is_a_unit_once_it_is_asked_for(void **state)
{
	struct fixture *f = *state;

	assert_unit(f->machine, "tool.service", "loaded inactive dead");
	assert_unit(f->machine, "none.service", "missing inactive dead");
	neap_host_memory_put(f->machine, UNITS "m.service", NEAP_FILE_LINK, 0777, 0, 0, "/dev/null", 9);
	neap_host_memory_put(f->machine, UNITS "e.service", NEAP_FILE_REGULAR, 0644, 0, 0, "", 0);
	neap_host_memory_put(f->machine, UNITS "t@.service", NEAP_FILE_REGULAR, 0644, 0, 0, "x", 1);
	assert_unit(f->machine, "m.service", "masked inactive dead");
	assert_unit(f->machine, "e.service", "masked inactive dead");
	assert_unit(f->machine, "t@a.service", "loaded inactive dead");
	neap_host_memory_manager(f->machine, false);
	assert_false(neap_view_manager(&f->plan->view));
	assert_unit(f->machine, "tool.service", "!look at tool.service: no service manager runs here");
}

static void memory__jobs_change_what_it_says(void **state)
{
	struct fixture *f = *state;

	ok(start(f->apply, "idle.service"));
	assert_unit(f->apply, "idle.service", "loaded active running");
	ok(stop(f->apply, "idle.service"));
	assert_unit(f->apply, "idle.service", "loaded inactive dead");
	ok(job(f->apply, NEAP_UNIT_RELOAD, "idle.service", NULL));
	assert_unit(f->apply, "idle.service", "loaded inactive dead"); /* a reload starts nothing */
	ok(job(f->apply, NEAP_UNIT_RESTART, "idle.service", NULL));
	assert_unit(f->apply, "idle.service", "loaded active running");
	ok(stop(f->apply, "none.service"));
	assert_jobs("start idle.service\nstop idle.service\nreload idle.service\nrestart idle.service\n"
		    "stop none.service\n");
	assert_jobs("");
}

static void memory__a_unit_that_fails_is_failed_and_its_journal_is_a_secret_of_secret_jobs(void **state)
{
	struct fixture *f = *state;
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_unit_job secret = { .name = "idle.service", .verb = NEAP_UNIT_START, .secret = true };

	neap_host_memory_unit_fails(f->machine, "idle.service", "failed (exit-code, status 1)");
	assert_true(job(f->apply, NEAP_UNIT_START, "idle.service", &err) < 0);
	assert_string_equal(err->message, "start idle.service: failed (exit-code, status 1)");
	assert_string_equal(err->hint, "its journal");
	neap_error_auto(&err);
	assert_unit(f->apply, "idle.service", "loaded failed failed");
	assert_true(neap_host_unit(f->apply, &secret, &err) < 0);
	assert_null(err->hint);
	neap_host_memory_unit_fails(f->machine, "idle.service", NULL);
	ok(start(f->apply, "idle.service"));
	assert_jobs("start idle.service\nstart idle.service, secret\nstart idle.service\n");
}

static void memory__files_that_change_make_stale_until_they_are_read(void **state)
{
	static const char *const paths[] = { UNITS "run.service", UNITS "run.service.d/a.conf",
					     "/usr/lib/systemd/system/run.service" };
	struct fixture *f = *state;

	for (size_t i = 0; i < 3; i++) {
		write_file(f->apply, paths[i], "x");
		ok(neap_overlay_land(f->apply, &f->commit, NULL));
		assert_unit(f->machine, "run.service", "loaded active x, stale");
		assert_unit(f->machine, "idle.service", "loaded inactive x");
		ok(reload(f->apply));
		assert_unit(f->machine, "run.service", "loaded active x");
	}
	put_unit(f, "t@a.service", NEAP_UNIT_ACTIVE);
	write_file(f->apply, UNITS "t@.service", "x");
	ok(job(f->apply, NEAP_UNIT_RESTART, "t@a.service", NULL));
	assert_jobs("reload the manager\nreload the manager\nreload the manager\n"
		    "restart t@a.service, stale\n");
	write_file(f->apply, UNITS "run.service.wants/x.service", "x");
	write_file(f->apply, UNITS "run.serviced", "x");
	ok(neap_overlay_land(f->apply, &f->commit, NULL));
	assert_unit(f->machine, "run.service", "loaded active x");
}

static void memory__a_unit_whose_file_is_gone_goes_when_it_is_stopped(void **state)
{
	struct fixture *f = *state;

	write_file(f->apply, UNITS "own.service", "x");
	ok(start(f->apply, "own.service"));
	ok(neap_host_unlink(f->apply, UNITS "own.service", NULL));
	ok(reload(f->apply));
	assert_unit(f->machine, "own.service", "missing active running");
	assert_refused(f->apply, NEAP_UNIT_RESTART, "own.service",
		       "restart own.service: the service manager knows no such unit");
	ok(stop(f->apply, "own.service"));
	assert_unit(f->machine, "own.service", "missing inactive dead");
	/* one that never had a file here stays what it is */
	write_file(f->apply, UNITS "run.service.d/a.conf", "x");
	ok(reload(f->apply));
	assert_unit(f->machine, "run.service", "loaded active x");
}

static void memory__each_call_counts_and_can_fail(void **state)
{
	struct fixture *f = *state;
	const char *const name = "idle.service";

	neap_host_memory_fail(f->machine, 0, 0);
	assert_true(neap_view_manager(&f->apply->view));
	neap_view_units_expected(&f->apply->view, &name, 1);
	assert_int_equal(neap_host_memory_calls(f->machine), 0);
	assert_unit(f->apply, name, "loaded inactive x");
	ok(start(f->apply, name));
	ok(reload(f->apply));
	assert_int_equal(neap_host_memory_calls(f->machine), 3);
	neap_host_memory_fail(f->machine, 1, EIO);
	assert_unit(f->apply, name, "!look at idle.service: Input/output error");
	neap_host_memory_fail(f->machine, 1, EIO);
	assert_refused(f->apply, NEAP_UNIT_STOP, name, "stop idle.service: Input/output error");
	neap_host_memory_fail(f->machine, 1, EIO);
	assert_true(reload(f->apply) < 0);
	assert_unit(f->apply, name, "loaded active running");
	assert_jobs("start idle.service\nreload the manager\n");
}

/* ---- a plan -------------------------------------------------------------------------------------------- */

static void plan__a_job_runs_nothing_and_its_end_is_foreseen(void **state)
{
	struct fixture *f = *state;

	assert_false(neap_overlay_opaque(f->plan));
	ok(start(f->plan, "idle.service"));
	assert_true(neap_overlay_opaque(f->plan));
	assert_unit(f->plan, "idle.service", "loaded active ");
	step(f, 1, NEAP_NO_STEP);
	ok(stop(f->plan, "run.service"));
	assert_unit(f->plan, "run.service", "loaded inactive ");
	ok(job(f->plan, NEAP_UNIT_RESTART, "run.service", NULL));
	assert_unit(f->plan, "run.service", "loaded active ");
	assert_unit(f->plan, "idle.service", "loaded active ");
	assert_jobs("");
	assert_unit(f->machine, "run.service", "loaded active x");
	assert_unit(f->machine, "idle.service", "loaded inactive x");
}

static void plan__a_reload_leaves_a_unit_as_it_was_and_is_opaque(void **state)
{
	struct fixture *f = *state;

	ok(job(f->plan, NEAP_UNIT_RELOAD, "run.service", NULL));
	assert_true(neap_overlay_opaque(f->plan));
	assert_unit(f->plan, "run.service", "loaded active x");
	ok(job(f->plan, NEAP_UNIT_RELOAD, "idle.service", NULL));
	assert_unit(f->plan, "idle.service", "loaded inactive x");
}

static void plan__a_step_that_failed_takes_back_what_it_foresaw(void **state)
{
	struct fixture *f = *state;

	ok(start(f->plan, "idle.service"));
	step(f, 1, NEAP_NO_STEP);
	ok(stop(f->plan, "idle.service"));
	ok(start(f->plan, "idle.service"));
	ok(stop(f->plan, "idle.service"));
	ok(stop(f->plan, "run.service"));
	write_file(f->plan, UNITS "run.service", "x");
	ok(reload(f->plan));
	neap_overlay_undo(f->plan);
	assert_false(neap_overlay_opaque(f->plan));
	assert_unit(f->plan, "idle.service", "loaded active ");
	assert_unit(f->plan, "run.service", "loaded active x");
	/* the reload is taken back too */
	step(f, 2, NEAP_NO_STEP);
	write_file(f->plan, UNITS "run.service.d/a.conf", "x");
	assert_unit(f->plan, "run.service", "loaded active x, stale");
}

static void plan__a_reload_is_taken_back_with_its_step(void **state)
{
	struct fixture *f = *state;
	const struct neap_unit_state stale = {
		.load = NEAP_UNIT_LOADED, .active = NEAP_UNIT_ACTIVE, .sub = "x", .stale = true
	};

	neap_host_memory_unit(f->machine, "idle.service", &stale);
	write_file(f->plan, UNITS "run.service", "x");
	step(f, 1, NEAP_NO_STEP);
	ok(reload(f->plan));
	assert_unit(f->plan, "run.service", "loaded active x");
	assert_unit(f->plan, "idle.service", "loaded active x");
	neap_overlay_undo(f->plan);
	assert_unit(f->plan, "run.service", "loaded active x, stale");
	assert_unit(f->plan, "idle.service", "loaded active x, stale");
}

static void plan__a_step_that_failed_is_not_the_cause_of_what_is_unknown(void **state)
{
	struct fixture *f = *state;

	write_file(f->plan, UNITS "run.service", "x");
	step(f, 1, NEAP_NO_STEP);
	neap_host_units_unsettle(f->plan);
	assert_unit(f->plan, "run.service", "?1");
	step(f, 2, NEAP_NO_STEP);
	neap_host_units_unsettle(f->plan);
	neap_overlay_undo(f->plan);
	step(f, 3, NEAP_NO_STEP);
	assert_unit(f->plan, "run.service", "?1");
}

static void plan__a_file_that_was_taken_back_is_no_file(void **state)
{
	struct fixture *f = *state;

	write_file(f->plan, UNITS "run.service", "x");
	assert_unit(f->plan, "run.service", "loaded active x, stale");
	neap_overlay_undo(f->plan);
	step(f, 1, NEAP_NO_STEP);
	write_file(f->plan, UNITS "idle.service", "x"); /* takes its number */
	step(f, 2, NEAP_NO_STEP);
	assert_unit(f->plan, "run.service", "loaded active x");
	assert_unit(f->plan, "idle.service", "loaded inactive x, stale");
}

static void plan__a_unit_nobody_knows_is_unknown_behind_something_pending(void **state)
{
	struct fixture *f = *state;

	run_something(f, f->plan);
	step(f, 1, 0);
	assert_unit(f->plan, "none.service", "?0");
	assert_unit(f->plan, "idle.service", "loaded inactive x");
	neap_host_memory_fail(f->machine, 1, EIO);
	assert_unit(f->plan, "idle.service", "?0");
	neap_host_memory_fail(f->machine, 0, 0);
	ok(start(f->plan, "none.service")); /* what is wanted is then held */
	assert_unit(f->plan, "none.service", "loaded active ");
	ok(stop(f->plan, "other.service"));
	assert_unit(f->plan, "other.service", "?0");
	/* who does not stand on it sees the machine, and what was wanted */
	step(f, 2, NEAP_NO_STEP);
	assert_unit(f->plan, "third.service", "missing inactive dead");
	assert_unit(f->plan, "none.service", "loaded active ");
}

static void plan__a_job_is_an_opaque_change(void **state)
{
	struct fixture *f = *state;

	step(f, 3, NEAP_NO_STEP);
	ok(start(f->plan, "idle.service"));
	step(f, 4, 3);
	assert_unit(f->plan, "none.service", "?3");
}

static void plan__what_no_manager_would_start_is_refused(void **state)
{
	struct fixture *f = *state;
	const struct neap_unit_state masked = { .load = NEAP_UNIT_MASKED };
	const struct neap_unit_state broken = { .load = NEAP_UNIT_BROKEN };
	struct neap_error *err NEAP_AUTO_ERROR = NULL;

	neap_host_memory_unit(f->machine, "m.service", &masked);
	neap_host_memory_unit(f->machine, "b.service", &broken);
	for (int i = 0; i < 2; i++) {
		struct neap_host *host = i ? f->apply : f->plan;

		assert_refused(host, NEAP_UNIT_START, "none.service",
			       "start none.service: the service manager knows no such unit");
		assert_refused(host, NEAP_UNIT_RESTART, "m.service", "restart m.service: it is masked");
		assert_refused(host, NEAP_UNIT_RELOAD, "b.service",
			       "reload b.service: its file cannot be used");
		ok(stop(host, "m.service"));
		ok(stop(host, "none.service"));
		assert_unit(host, "none.service", i ? "missing inactive dead" : "missing inactive ");
	}
	step(f, 1, NEAP_NO_STEP);
	assert_true(start(f->plan, "none.service") < 0);
	assert_false(neap_overlay_opaque(f->plan));
	neap_host_memory_fail(f->machine, 1, EIO);
	assert_true(job(f->plan, NEAP_UNIT_START, "idle.service", &err) < 0);
	assert_int_equal(err->errnum, EIO);
	neap_host_memory_fail(f->machine, 0, 0);
	neap_host_memory_manager(f->machine, false);
	assert_refused(f->plan, NEAP_UNIT_START, "idle.service",
		       "look at idle.service: no service manager runs here");
	assert_true(reload(f->plan) < 0);
}

static void plan__files_that_are_held_make_a_unit(void **state)
{
	struct fixture *f = *state;

	write_file(f->plan, UNITS "new.service", "x");
	assert_unit(f->plan, "new.service", "loaded inactive dead");
	ok(neap_host_symlink(f->plan, UNITS "m.service", "/dev/null", NULL));
	assert_unit(f->plan, "m.service", "masked inactive dead");
	write_file(f->plan, UNITS "e.service", "");
	assert_unit(f->plan, "e.service", "masked inactive dead");
	write_file(f->plan, "/usr/lib/systemd/system/t@.service", "x");
	assert_unit(f->plan, "t@a.service", "loaded inactive dead");
	write_file(f->plan, UNITS "none.service.d/a.conf", "x");
	assert_unit(f->plan, "none.service", "missing inactive dead");
	/* and so they do for later steps, whatever is pending */
	step(f, 1, 0);
	assert_unit(f->plan, "new.service", "loaded inactive dead");
	ok(start(f->plan, "new.service"));
	assert_unit(f->plan, "new.service", "loaded active ");
	ok(neap_host_unlink(f->plan, UNITS "e.service", NULL));
	step(f, 2, NEAP_NO_STEP);
	assert_unit(f->plan, "e.service", "missing inactive dead");
}

/* Where /lib and /usr/lib are two directories the former goes before. */
static void plan__the_first_directory_that_has_a_file_wins(void **state)
{
	struct fixture *f = *state;

	neap_host_memory_put(f->machine, "/usr/lib/systemd/system/two.service", NEAP_FILE_REGULAR, 0644, 0, 0,
			     "[Service]", 9);
	neap_host_memory_put(f->machine, "/lib/systemd/system/two.service", NEAP_FILE_REGULAR, 0644, 0, 0, "",
			     0);
	write_file(f->plan, UNITS "two.service.d/a.conf", "x");
	ok(reload(f->plan));
	assert_unit(f->plan, "two.service", "masked inactive dead");
}

static void plan__files_that_are_held_make_stale_until_they_are_read(void **state)
{
	static const char *const paths[] = {
		UNITS "a-b-c.service",
		"/usr/lib/systemd/system/a-b-c.service",
		UNITS "a-b-c.service.d/x.conf",
		UNITS "a-b-.service.d/x.conf",
		UNITS "a-.service.d/x.conf",
		UNITS "service.d/x.conf",
		"/run/systemd/system/a-b-c.service.d/x.conf",
	};
	static const char *const others[] = {
		UNITS "a-b.service.d/x.conf", UNITS "a-b-c.socket", UNITS "a-b-c.service.wants/x.service",
		UNITS "a-b-c.service.d",      "/etc/a-b-c.service", UNITS "a-b-c.service.d/.x.conf",
		UNITS "a-b-c.service.d/note",
	};
	struct fixture *f = *state;

	put_unit(f, "a-b-c.service", NEAP_UNIT_ACTIVE);
	for (uint32_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		step(f, 3 * i, NEAP_NO_STEP);
		write_file(f->plan, paths[i], "x");
		assert_unit(f->plan, "a-b-c.service", "loaded active x, stale");
		assert_unit(f->plan, "run.service", i == 5 ? "loaded active x, stale" : "loaded active x");
		step(f, 3 * i + 1, NEAP_NO_STEP);
		assert_unit(f->plan, "a-b-c.service", "loaded active x, stale");
		ok(reload(f->plan));
		assert_unit(f->plan, "a-b-c.service", "loaded active x");
		step(f, 3 * i + 2, NEAP_NO_STEP);
		assert_unit(f->plan, "a-b-c.service", "loaded active x");
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (i == 3)
			ok(neap_host_attributes(f->plan, others[i], 0700, 0, 0, NULL));
		else
			write_file(f->plan, others[i], "x");
	assert_unit(f->plan, "a-b-c.service", "loaded active x");
	assert_false(neap_overlay_opaque(f->plan)); /* reading files is not opaque */
	assert_jobs("");
}

static void plan__an_instance_is_made_from_its_template(void **state)
{
	struct fixture *f = *state;

	put_unit(f, "t@a.service", NEAP_UNIT_ACTIVE);
	write_file(f->plan, UNITS "t@.service.d/x.conf", "x");
	assert_unit(f->plan, "t@a.service", "loaded active x, stale");
	assert_unit(f->plan, "t@b.service", "missing inactive dead");
}

static void plan__files_that_go_take_the_unit_along_once_the_manager_has_looked(void **state)
{
	struct fixture *f = *state;

	neap_host_memory_put(f->machine, UNITS "own.service", NEAP_FILE_REGULAR, 0644, 0, 0, "x", 1);
	put_unit(f, "own.service", NEAP_UNIT_ACTIVE);
	ok(stop(f->plan, "own.service"));
	ok(neap_host_unlink(f->plan, UNITS "own.service", NULL));
	assert_unit(f->plan, "own.service", "loaded inactive , stale");
	ok(reload(f->plan));
	assert_unit(f->plan, "own.service", "missing inactive ");
	/* what a package's file shows again, and what a link to nothing hides */
	neap_host_memory_put(f->machine, UNITS "tool.service", NEAP_FILE_LINK, 0777, 0, 0, "/dev/null", 9);
	assert_unit(f->plan, "tool.service", "masked inactive dead");
	ok(neap_host_unlink(f->plan, UNITS "tool.service", NULL));
	assert_unit(f->plan, "tool.service", "masked inactive dead, stale");
	ok(reload(f->plan));
	assert_unit(f->plan, "tool.service", "loaded inactive dead");
	step(f, 1, NEAP_NO_STEP);
	ok(start(f->plan, "tool.service"));
	/* one of a generator is no file's */
	write_file(f->plan, UNITS "run.service.d/a.conf", "x");
	ok(reload(f->plan));
	assert_unit(f->plan, "run.service", "loaded active x");
}

static void plan__staleness_of_the_machine_ends_with_a_reload(void **state)
{
	struct fixture *f = *state;
	const struct neap_unit_state stale = {
		.load = NEAP_UNIT_LOADED, .active = NEAP_UNIT_ACTIVE, .sub = "x", .stale = true
	};

	neap_host_memory_unit(f->machine, "run.service", &stale);
	assert_unit(f->plan, "run.service", "loaded active x, stale");
	ok(reload(f->plan));
	assert_unit(f->plan, "run.service", "loaded active x");
	assert_unit(f->machine, "run.service", "loaded active x, stale");
}

static void plan__a_file_that_is_not_known_makes_a_unit_that_is_not_known(void **state)
{
	struct fixture *f = *state;
	const char *argv[] = { "make", NULL }, *effects[] = { UNITS "new.service", NULL };
	const struct neap_process process = { .argv = argv, .effects = effects };
	struct neap_process_result result;

	write_file(f->plan, UNITS "new.service", "x");
	step(f, 7, NEAP_NO_STEP);
	ok(neap_host_run(f->plan, &process, f->arena, &result, NULL));
	step(f, 8, NEAP_NO_STEP);
	assert_unit(f->plan, "new.service", "?7");
}

/* ---- an apply ------------------------------------------------------------------------------------------ */

static void apply__everything_lands_before_a_job(void **state)
{
	struct fixture *f = *state;

	write_file(f->apply, "/etc/conf", "x");
	write_file(f->apply, UNITS "new.service", "x");
	ok(start(f->apply, "new.service"));
	assert_int_equal(f->landings, 1);
	assert_int_equal(neap_overlay_held(f->apply, NULL), 0);
	assert_unit(f->machine, "new.service", "loaded active running");
	assert_true(neap_overlay_opaque(f->apply));
	write_file(f->apply, UNITS "new.service", "y");
	ok(reload(f->apply));
	assert_int_equal(f->landings, 2);
	assert_unit(f->apply, "new.service", "loaded active running");
	/* what it did before stays said: nobody may build on it unseen */
	assert_true(neap_overlay_opaque(f->apply));
	assert_jobs("start new.service\nreload the manager\n");
}

static void apply__nothing_runs_when_a_landing_failed(void **state)
{
	struct fixture *f = *state;
	struct neap_error *err NEAP_AUTO_ERROR = NULL;

	write_file(f->apply, UNITS "new.service", "x");
	neap_host_memory_fail(f->machine, 1, EIO);
	assert_true(job(f->apply, NEAP_UNIT_START, "run.service", &err) < 0);
	assert_string_equal(err->message, "start run.service: not done, for a change before it failed");
	neap_error_auto(&err);
	f->refused = UINT32_MAX;
	write_file(f->apply, UNITS "new.service", "x");
	neap_host_memory_fail(f->machine, 1, EIO);
	assert_true(neap_host_units_reload(f->apply, &err) < 0);
	assert_string_equal(err->message,
			    "reload the service manager: not done, for a change before it failed");
	f->refused = UINT32_MAX;
	write_file(f->apply, UNITS "new.service", "x");
	neap_host_memory_fail(f->machine, 1, EIO);
	assert_unit(f->apply, "new.service", "!look at new.service: not done, for a change before it failed");
	assert_jobs("");
}

static int refuse_about(void *ctx, struct neap_error **err)
{
	(void)ctx;
	return neap_error_set(err, "not written down");
}

static void apply__what_a_job_owes_is_written_down_before_it(void **state)
{
	struct fixture *f = *state;

	f->commit.about = refuse_about;
	assert_refused(f->apply, NEAP_UNIT_STOP, "run.service", "not written down");
	assert_jobs("");
	assert_false(neap_overlay_opaque(f->apply));
}

static void apply__only_a_unit_whose_files_are_held_makes_them_land(void **state)
{
	struct fixture *f = *state;

	write_file(f->apply, UNITS "run.service", "x");
	neap_overlay_step(f->apply, 1, NEAP_NO_STEP);
	assert_unit(f->apply, "idle.service", "loaded inactive x");
	assert_int_equal(f->landings, 0);
	assert_unit(f->apply, "run.service", "loaded active x, stale");
	assert_int_equal(f->landings, 1);
	write_file(f->apply, UNITS "idle.service.d/a.conf", "x"); /* of the step itself */
	assert_unit(f->apply, "idle.service", "loaded inactive x, stale");
	assert_int_equal(f->landings, 2);
	write_file(f->apply, "/etc/conf", "x");
	neap_overlay_step(f->apply, 2, NEAP_NO_STEP);
	assert_unit(f->apply, "run.service", "loaded active x, stale");
	assert_int_equal(f->landings, 2);
}

static void apply__a_failed_step_that_is_taken_back_holds_no_file(void **state)
{
	struct fixture *f = *state;

	write_file(f->apply, UNITS "run.service", "x");
	neap_overlay_undo(f->apply);
	assert_unit(f->apply, "run.service", "loaded active x");
	assert_int_equal(f->landings, 0);
	neap_overlay_step(f->apply, 1, NEAP_NO_STEP);
	write_file(f->apply, "/etc/conf", "x"); /* takes its number */
	neap_overlay_step(f->apply, 2, NEAP_NO_STEP);
	assert_unit(f->apply, "run.service", "loaded active x");
	assert_int_equal(f->landings, 0);
}

static void units__ten_thousand_with_files_are_looked_at_in_time(void **state)
{
	struct fixture *f = *state;
	char name[64];

	for (uint32_t i = 0; i < 10000; i++) {
		step(f, i, NEAP_NO_STEP);
		snprintf(name, sizeof(name), UNITS "n%u.service", i);
		write_file(f->plan, name, "x");
	}
	for (uint32_t i = 0; i < 10000; i++) {
		step(f, 10000 + i, NEAP_NO_STEP);
		snprintf(name, sizeof(name), "n%u.service", i);
		ok(start(f->plan, name));
	}
	assert_unit(f->plan, "n0.service", "loaded active ");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(units__only_whole_names_are_asked_for),
		TEST(memory__a_file_of_a_package_is_a_unit_once_it_is_asked_for),
		TEST(memory__jobs_change_what_it_says),
		TEST(memory__a_unit_that_fails_is_failed_and_its_journal_is_a_secret_of_secret_jobs),
		TEST(memory__files_that_change_make_stale_until_they_are_read),
		TEST(memory__a_unit_whose_file_is_gone_goes_when_it_is_stopped),
		TEST(memory__each_call_counts_and_can_fail),
		TEST(plan__a_job_runs_nothing_and_its_end_is_foreseen),
		TEST(plan__a_reload_leaves_a_unit_as_it_was_and_is_opaque),
		TEST(plan__a_step_that_failed_takes_back_what_it_foresaw),
		TEST(plan__a_reload_is_taken_back_with_its_step),
		TEST(plan__a_step_that_failed_is_not_the_cause_of_what_is_unknown),
		TEST(plan__a_file_that_was_taken_back_is_no_file),
		TEST(plan__a_unit_nobody_knows_is_unknown_behind_something_pending),
		TEST(plan__a_job_is_an_opaque_change),
		TEST(plan__what_no_manager_would_start_is_refused),
		TEST(plan__files_that_are_held_make_a_unit),
		TEST(plan__the_first_directory_that_has_a_file_wins),
		TEST(plan__files_that_are_held_make_stale_until_they_are_read),
		TEST(plan__an_instance_is_made_from_its_template),
		TEST(plan__files_that_go_take_the_unit_along_once_the_manager_has_looked),
		TEST(plan__staleness_of_the_machine_ends_with_a_reload),
		TEST(plan__a_file_that_is_not_known_makes_a_unit_that_is_not_known),
		TEST(apply__everything_lands_before_a_job),
		TEST(apply__nothing_runs_when_a_landing_failed),
		TEST(apply__what_a_job_owes_is_written_down_before_it),
		TEST(apply__only_a_unit_whose_files_are_held_makes_them_land),
		TEST(apply__a_failed_step_that_is_taken_back_holds_no_file),
		TEST(units__ten_thousand_with_files_are_looked_at_in_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
