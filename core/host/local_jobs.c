/*
 * Units of the real machine: what the service manager is told to do. It must not know plans or resources, nor
 * how a bus is spoken (bus.c); why a unit is not as it should be afterwards is local_reasons.c's.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "host/journal.h"
#include "host/local_units.h"
#include "host/units.h"

#define JOB_SECONDS 300
#define RELOAD_SECONDS 90 /* all generators run, and all files are read */

static uint64_t realtime(void)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

/* The manager takes it. *ret NULL: there is nothing to do. *ret_id: the unit's own name, where it was asked
 * for by another one; NULL: not known. */
static int begin(const struct neap_local_job *job, const char **ret, const char **ret_id,
		 struct neap_error **err)
{
	static const char *const methods[] = {
		[NEAP_UNIT_START] = "StartUnit",
		[NEAP_UNIT_STOP] = "StopUnit",
		[NEAP_UNIT_RESTART] = "RestartUnit",
		[NEAP_UNIT_RELOAD] = "ReloadOrTryRestartUnit",
	};
	const char *name = job->asked->name;
	struct neap_bus_call calls[] = {
		/* Who failed too often is not started any more: this time it may have been mended. */
		{ .method = "ResetFailedUnit", .strings = { name } },
		neap_bus_property(job->arena, neap_bus_unit_path(job->arena, name), "Unit", "Id"),
		{ .method = methods[job->asked->verb], .strings = { name, "replace" } },
	};
	bool starts = job->asked->verb == NEAP_UNIT_START || job->asked->verb == NEAP_UNIT_RESTART;
	const struct neap_unit_state *known = neap_map_get(&job->units->known, neap_str(name));

	/* One that waits until it is started again would wait on. */
	if (known && strncmp(known->sub, NEAP_LOCAL_AUTO_RESTART, strlen(NEAP_LOCAL_AUTO_RESTART)) == 0 &&
	    job->asked->verb == NEAP_UNIT_START)
		calls[2].method = methods[NEAP_UNIT_RESTART];
	neap_bus_watch_jobs(job->units->bus);
	if (neap_bus_ask(job->units->bus, starts ? calls : calls + 1, starts ? 3 : 2, job->units->seconds,
			 job->arena, err) < 0)
		return neap_error_prefix(err, "%s %s", job->verb, name);
	if (job->asked->verb == NEAP_UNIT_STOP && neap_local_is_error(&calls[2], NEAP_BUS_NAME ".NoSuchUnit"))
		return 0;
	if (calls[2].error)
		return neap_local_refused(job, &calls[2], err);
	*ret_id = neap_local_text(&calls[1]);
	*ret = neap_local_text(&calls[2]);
	if (!*ret)
		return neap_error_set(err, "%s %s: the service manager's answer makes no sense", job->verb,
				      name);
	return 0;
}

static int not_awaited(const struct neap_local_job *job, unsigned seconds, struct neap_error **failure,
		       struct neap_error **err)
{
	int errnum = *failure ? (*failure)->errnum : 0;

	if (errnum == EINTR) {
		neap_error_set(err, "%s %s: not waited for any longer, and the job goes on", job->verb,
			       job->asked->name);
		return neap_error_mark(err, EINTR);
	}
	if (errnum != ETIMEDOUT)
		return neap_error_set(err, "%s %s: %s", job->verb, job->asked->name,
				      *failure ? (*failure)->message : "failed");
	return neap_local_job_late(job, seconds, err);
}

/* The job is over: what has become of it is looked at to its end, whatever is to stop the run, else one that
 * is done would be called not done. */
static int judge(struct neap_machine_watch *watch, const struct neap_local_job *job, const char *result,
		 struct neap_error **err)
{
	const volatile sig_atomic_t *stop = watch->stop;
	int r;

	watch->stop = NULL;
	if (result && strcmp(result, "done") != 0 && strcmp(result, "skipped") != 0)
		r = neap_local_job_failed(job, result, err);
	else
		r = neap_local_job_check(job, result != NULL, err);
	watch->stop = stop;
	return r;
}

static int go(struct neap_machine_watch *watch, struct neap_local_job *job, struct neap_state *state,
	      struct neap_error **err)
{
	unsigned seconds = job->asked->timeout ? job->asked->timeout : JOB_SECONDS;
	struct neap_error *failure NEAP_AUTO_ERROR = NULL;
	struct neap_bus_job end;
	const char *path = NULL, *id;

	if (begin(job, &path, &id, err) < 0)
		return -1;
	if (!path)
		return 0;
	if (state && job->asked->verb != NEAP_UNIT_STOP)
		neap_state_starts(state, id ? id : job->asked->name);
	if (neap_bus_await(job->units->bus, path, seconds, job->arena, &end, &failure) < 0)
		return not_awaited(job, seconds, &failure, err);
	if (end.unit)
		job->name = end.unit;
	return judge(watch, job, end.result, err);
}

int neap_local_unit(struct neap_machine *machine, const struct neap_unit_job *asked, struct neap_error **err)
{
	struct neap_local *local = neap_local_of(&machine->view);
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_local_job job = {
		.units = neap_local_units(local),
		.asked = asked,
		.verb = neap_unit_verb_name(asked->verb),
		.name = asked->name,
		.since = realtime(),
		.arena = arena,
	};
	int r;

	if (!job.units->there)
		return neap_local_no_manager(job.verb, asked->name, err);
	r = go(&machine->watch, &job, local->state, err);
	if (local->state)
		neap_state_starts(local->state, NULL);
	neap_local_changed(local);
	return r;
}

int neap_local_units_reload(struct neap_machine *machine, struct neap_error **err)
{
	struct neap_local *local = neap_local_of(&machine->view);
	struct neap_local_units *units = neap_local_units(local);
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_bus_call call = { .method = "Reload" };

	if (!units->there)
		return neap_local_no_manager("reload", "the service manager", err);
	neap_local_units_drop(local);
	if (neap_bus_ask(units->bus, &call, 1, RELOAD_SECONDS, arena, err) < 0)
		return neap_error_prefix(err, "reload the service manager");
	if (neap_local_denied(&call))
		return neap_local_deny("reload", "the service manager", err);
	if (call.error)
		return neap_error_set(err, "reload the service manager: %s",
				      neap_journal_clean(neap_str(call.text), arena));
	return 0;
}
