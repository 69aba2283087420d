/* See unit_running.h. Must not change a machine but through the host, nor read a unit's files. */
#include "engine/unit_running.h"

#include <string.h>

int neap_unit_running_read(const struct neap_view *view, const struct neap_context *ctx,
			   const struct neap_unit_running *running, struct neap_unit_running_state *ret,
			   struct neap_error **err)
{
	ret->notified = ctx->notified && !ctx->again;
	ret->manager = neap_view_manager(view);
	if (!ret->manager || running->is_template)
		return 0;
	return neap_view_unit(view, running->name, ctx->scratch, &ret->is, err);
}

bool neap_unit_running_active(const struct neap_unit_running_state *state)
{
	return state->manager && state->is.active == NEAP_UNIT_ACTIVE;
}

/* One that is simply there says by that that it is, unless it has been started by another file, or is a
 * oneshot that once was to stay. */
bool neap_unit_running_may_pass(const struct neap_context *ctx, const struct neap_unit_running_state *state)
{
	if (state->is.active == NEAP_UNIT_ACTIVE)
		return ctx->again || ctx->notified || state->changes || state->is.stale ||
		       strcmp(state->is.sub, "exited") == 0;
	return state->is.active == NEAP_UNIT_ACTIVATING || state->is.active == NEAP_UNIT_FAILED;
}

/* ---- what is to be done -------------------------------------------------------------------------------- */

enum job { JOB_NONE, JOB_START, JOB_STOP };

/* It is there, or was meant to be when it failed. */
static bool runs(const struct neap_unit_running_state *state)
{
	return state->manager &&
	       (state->is.active == NEAP_UNIT_ACTIVE || state->is.active == NEAP_UNIT_ACTIVATING ||
		state->is.active == NEAP_UNIT_FAILED);
}

static bool is_stopped(const struct neap_unit_running_state *state)
{
	return state->is.active == NEAP_UNIT_INACTIVE || state->is.active == NEAP_UNIT_FAILED;
}

static enum job job_of(const struct neap_unit_running *running, const struct neap_unit_running_state *state)
{
	if (!state->manager || running->is_template || state->is.ours)
		return JOB_NONE;
	if (running->wanted == NEAP_UNIT_STOPPED)
		return is_stopped(state) ? JOB_NONE : JOB_STOP;
	if (running->wanted != NEAP_UNIT_RUNNING || neap_unit_running_active(state))
		return JOB_NONE;
	/* What is on its way up may have read its files as they were: the refresh restarts it and waits. */
	if (state->is.active == NEAP_UNIT_ACTIVATING &&
	    (state->notified || (state->changes && running->restarts)))
		return JOB_NONE;
	return JOB_START;
}

bool neap_unit_running_differs(const struct neap_unit_running *running,
			       const struct neap_unit_running_state *state)
{
	return job_of(running, state) != JOB_NONE;
}

/* The manager finds new files by itself, but not that those it knows have changed. */
static bool is_to_reload(const struct neap_unit_running *running, const struct neap_unit_running_state *state)
{
	if (!state->manager)
		return false;
	if (running->is_template)
		return state->others && state->changes;
	return state->is.stale || (state->changes && state->is.load != NEAP_UNIT_NOT_FOUND);
}

bool neap_unit_running_can_restart(const struct neap_unit_running *running,
				   const struct neap_unit_running_state *state)
{
	return !running->is_template && runs(state) && !state->passes && !state->is.ours &&
	       job_of(running, state) == JOB_NONE && running->wanted != NEAP_UNIT_STOPPED && !state->masked;
}

/* ---- diff ---------------------------------------------------------------------------------------------- */

static const char *active_name(enum neap_unit_active active)
{
	switch (active) {
	case NEAP_UNIT_INACTIVE:
		return "stopped";
	case NEAP_UNIT_ACTIVE:
		return "running";
	case NEAP_UNIT_ACTIVATING:
		return "starting";
	case NEAP_UNIT_DEACTIVATING:
		return "stopping";
	case NEAP_UNIT_FAILED:
		break;
	}
	return "failed";
}

void neap_unit_running_diff(const struct neap_unit_running *running,
			    const struct neap_unit_running_state *state, struct neap_diff *diff)
{
	enum job job = job_of(running, state);

	if (job != JOB_NONE)
		neap_diff_string(diff, "state", active_name(state->is.active),
				 job == JOB_STOP ? "stopped" : "running");
	if (state->is.stale && !state->changes)
		neap_diff_string(diff, "loaded", "stale", "current");
}

void neap_unit_running_diff_change(const struct neap_unit_running *running,
				   const struct neap_unit_running_state *state, struct neap_diff *diff)
{
	if (state->changes && neap_unit_running_can_restart(running, state)) {
		if (running->restarts)
			neap_diff_refresh(diff);
		neap_diff_reason(diff, running->restarts
					       ? "restarts it"
					       : "it goes on as it was started, as restart = false");
	}
	if (state->changes && state->is.ours)
		neap_diff_reason(diff, "neap itself runs in it: takes effect at its next start");
	else if (state->changes && state->passes)
		neap_diff_reason(diff, "takes effect at its next start, as a Type=oneshot");
	if (!neap_diff_empty(diff) && running->wanted != NEAP_UNIT_LEFT && !state->manager)
		neap_diff_reason(diff, "state is left: no service manager runs here");
}

/* ---- apply --------------------------------------------------------------------------------------------- */

static int run_job(struct neap_host *host, const struct neap_unit_running *running, enum neap_unit_verb verb,
		   struct neap_error **err)
{
	const struct neap_unit_job job = {
		.name = running->name,
		.verb = verb,
		.timeout = running->timeout,
		.secret = running->secret,
	};

	return neap_host_unit(host, &job, err);
}

int neap_unit_running_reload(struct neap_host *host, const struct neap_unit_running *running,
			     const struct neap_unit_running_state *state, struct neap_error **err)
{
	return is_to_reload(running, state) ? neap_host_units_reload(host, err) : 0;
}

/* As far as it can be said. */
static enum job job_blindly(struct neap_host *host, const struct neap_unit_running *running)
{
	if (!neap_view_manager(&host->view) || running->is_template || running->wanted == NEAP_UNIT_LEFT)
		return JOB_NONE;
	return running->wanted == NEAP_UNIT_RUNNING ? JOB_START : JOB_STOP;
}

int neap_unit_running_apply(struct neap_host *host, const struct neap_unit_running *running,
			    const struct neap_unit_running_state *state, struct neap_error **err)
{
	switch (state ? job_of(running, state) : job_blindly(host, running)) {
	case JOB_NONE:
		return 0;
	case JOB_START:
		return run_job(host, running, NEAP_UNIT_START, err);
	case JOB_STOP:
		break;
	}
	return run_job(host, running, NEAP_UNIT_STOP, err);
}

int neap_unit_running_refresh(struct neap_host *host, const struct neap_context *ctx,
			      const struct neap_unit_running *running, struct neap_error **err)
{
	bool reloads = running->reloads && !ctx->itself;
	struct neap_unit_state is;
	int r;

	if (running->is_template || !neap_view_manager(&host->view))
		return 0;
	r = neap_view_unit(&host->view, running->name, ctx->scratch, &is, err);
	if (r < 0)
		return r;
	/* It may be asked without knowing whether there is something to restart. */
	if (r == 0 && (is.load == NEAP_UNIT_NOT_FOUND || is.load == NEAP_UNIT_MASKED || is.ours))
		return 0;
	if (r == 0 && is.stale && neap_host_units_reload(host, err) < 0)
		return -1;
	/* Asked to reload what is still starting, the manager says yes and does nothing. */
	if (r == 0 && is.active == NEAP_UNIT_ACTIVATING)
		reloads = false;
	return run_job(host, running, reloads ? NEAP_UNIT_RELOAD : NEAP_UNIT_RESTART, err);
}
