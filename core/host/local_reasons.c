/*
 * Units of the real machine: why one is not as a job should have left it. It must not know plans or
 * resources, nor how a bus is spoken (bus.c).
 *
 * A job that is done is not yet a unit that runs: a condition may not be met, a program may end at once. So a
 * unit that was started is looked at again, and what is not there is an error here, where it can be said why.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "host/journal.h"
#include "host/local_units.h"
#include "host/units.h"

#define SETTLE_MAX 500                         /* looks at a unit that was started, 2 ms apart */
#define LOADED_LATELY ((uint64_t)60 * 1000000) /* what was said when a file was read */

/* ---- errors -------------------------------------------------------------------------------------------- */

bool neap_local_is_error(const struct neap_bus_call *call, const char *name)
{
	return call->error && strcmp(call->error, name) == 0;
}

bool neap_local_denied(const struct neap_bus_call *call)
{
	return neap_local_is_error(call, "org.freedesktop.DBus.Error.AccessDenied") ||
	       neap_local_is_error(call, "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired");
}

int neap_local_deny(const char *verb, const char *name, struct neap_error **err)
{
	neap_error_errno(err, EACCES, "%s %s", verb, name);
	return neap_error_hint(err, "only root may, unless polkit says otherwise: run neap as root");
}

/* What the journal says goes below the error: nothing of one that may quote secrets. */
static int quote(const struct neap_local_job *job, uint64_t since, struct neap_error **err)
{
	const char *lines;

	if (job->asked->secret || !err || !*err || (*err)->hint)
		return -1;
	neap_journal_sync();
	lines = neap_journal_tail(job->name, since, job->arena);
	return lines ? neap_error_quote(err, "its journal:", lines) : -1;
}

/* A sentence of the manager's inside one of ours. */
static const char *said(const struct neap_local_job *job, const char *text)
{
	char *clean = neap_arena_strdup(job->arena, neap_journal_clean(neap_str(text), job->arena));
	size_t len = strlen(clean);

	if (len && clean[len - 1] == '.')
		clean[len - 1] = '\0';
	return clean;
}

/* The manager has not taken the job. */
int neap_local_refused(const struct neap_local_job *job, const struct neap_bus_call *call,
		       struct neap_error **err)
{
	static const struct {
		const char *error;
		enum neap_unit_load load;
	} loads[] = {
		{ NEAP_BUS_NAME ".NoSuchUnit", NEAP_UNIT_NOT_FOUND },
		{ NEAP_BUS_NAME ".UnitMasked", NEAP_UNIT_MASKED },
		{ NEAP_BUS_NAME ".BadUnitSetting", NEAP_UNIT_BROKEN },
		{ NEAP_BUS_NAME ".LoadFailed", NEAP_UNIT_BROKEN },
	};
	const char *text = said(job, call->text);

	if (neap_local_denied(call))
		return neap_local_deny(job->verb, job->asked->name, err);
	for (size_t i = 0; i < sizeof(loads) / sizeof(*loads); i++) {
		if (!neap_local_is_error(call, loads[i].error))
			continue;
		/* Of another unit that it needs? Then its name is what matters. */
		if (loads[i].load != NEAP_UNIT_BROKEN && !strstr(text, job->asked->name))
			break;
		if (loads[i].load != NEAP_UNIT_BROKEN) {
			neap_unit_refuse(job->asked, loads[i].load, err);
			return -1;
		}
		neap_error_set(err, "%s %s: its file cannot be used: %s", job->verb, job->asked->name, text);
		quote(job, job->since - LOADED_LATELY, err);
		return neap_error_hint(err, "systemd-analyze verify %s says why", job->asked->name);
	}
	return neap_error_set(err, "%s %s: %s", job->verb, job->asked->name, text);
}

/* ---- how a unit is now --------------------------------------------------------------------------------- */

struct now {
	struct neap_value all; /* its properties, each a list of two */
	enum neap_unit_active active;
	const char *sub, *result;
	const char *type;     /* of a service: "simple", "oneshot" … */
	bool remains;         /* … it stays active when it is over */
	int64_t code, status; /* … how its main process ended, as waitid() says it */
	int64_t pid;          /* … that process, while it runs */
	bool tested;          /* the conditions of its file were, since it was loaded, … */
	bool condition;       /* … and are met */
};

const char *neap_local_text(const struct neap_bus_call *call)
{
	return !call->error && call->value.kind == NEAP_STRING ? call->value.text.data : NULL;
}

/* NIL: it has no such property. */
static const struct neap_value *property(const struct neap_value *all, const char *name)
{
	static const struct neap_value none = { .kind = NEAP_NIL };

	for (size_t i = 0; all->kind == NEAP_LIST && i < all->list.count; i++) {
		const struct neap_value *pair = &all->list.items[i];

		if (pair->kind == NEAP_LIST && pair->list.count == 2 &&
		    strcmp(neap_local_cell(pair, 0), name) == 0)
			return &pair->list.items[1];
	}
	return &none;
}

static const char *text_of(const struct neap_value *all, const char *name, const char *otherwise)
{
	const struct neap_value *value = property(all, name);

	return value->kind == NEAP_STRING ? value->text.data : otherwise;
}

static int64_t number_of(const struct neap_value *all, const char *name)
{
	const struct neap_value *value = property(all, name);

	return value->kind == NEAP_INTEGER ? value->integer : 0;
}

static bool truth_of(const struct neap_value *all, const char *name)
{
	const struct neap_value *value = property(all, name);

	return value->kind == NEAP_BOOLEAN && value->boolean;
}

/* All properties by one call, of all its interfaces: asked for one by one they could be of two moments. */
static int look(const struct neap_local_job *job, struct now *ret, struct neap_error **err)
{
	struct neap_bus_call call = {
		.path = neap_bus_unit_path(job->arena, job->name),
		.interface = NEAP_BUS_PROPERTIES,
		.method = "GetAll",
		.strings = { "" },
	};
	const struct neap_value *all = &ret->all;

	if (neap_bus_ask(job->units->bus, &call, 1, job->units->seconds, job->arena, err) < 0)
		return neap_error_prefix(err, "%s %s", job->verb, job->asked->name);
	ret->all = call.value;
	ret->active = neap_local_active(text_of(all, "ActiveState", "inactive"));
	ret->sub = text_of(all, "SubState", "");
	ret->tested = number_of(all, "ConditionTimestampMonotonic") > 0;
	ret->condition = truth_of(all, "ConditionResult");
	ret->result = text_of(all, "Result", "success");
	ret->code = number_of(all, "ExecMainCode");
	ret->status = number_of(all, "ExecMainStatus");
	ret->pid = number_of(all, "MainPID");
	ret->type = text_of(all, "Type", "");
	ret->remains = truth_of(all, "RemainAfterExit");
	if (strcmp(ret->result, "success") == 0 && job->asked->verb == NEAP_UNIT_RELOAD)
		ret->result = text_of(all, "ReloadResult", "success");
	return 0;
}

/* What has become of a process that is to be a service's program. */
enum child {
	CHILD_SYSTEMD, /* it is still systemd's */
	CHILD_PROGRAM,
	CHILD_GONE,
};

static enum child child_of(int64_t pid)
{
	static const char executor[] = "/systemd-executor"; /* of newer ones, on the way */
	char link[64], target[PATH_MAX] = "";
	struct stat own, managers;
	size_t len;

	snprintf(link, sizeof(link), "/proc/%" PRId64 "/exe", pid);
	if (stat(link, &own) < 0)
		return errno == ENOENT || errno == ESRCH ? CHILD_GONE : CHILD_PROGRAM;
	if (stat("/proc/1/exe", &managers) == 0 && own.st_dev == managers.st_dev &&
	    own.st_ino == managers.st_ino)
		return CHILD_SYSTEMD;
	len = readlink(link, target, sizeof(target) - 1) < 0 ? 0 : strlen(target);
	return len >= sizeof(executor) && strcmp(target + len - sizeof(executor) + 1, executor) == 0
		       ? CHILD_SYSTEMD
		       : CHILD_PROGRAM;
}

/* Whether a unit that has been started may show in a moment that it is not there. */
static bool is_unsettled(const struct now *now)
{
	if (now->active == NEAP_UNIT_DEACTIVATING)
		return true;
	return now->active == NEAP_UNIT_ACTIVE && now->pid > 0 && strcmp(now->type, "simple") == 0 &&
	       child_of(now->pid) != CHILD_PROGRAM;
}

/*
 * To the manager a service of Type=simple runs as soon as there is a process, which may not find its program,
 * user or directories. That shows within milliseconds, so it is waited for: until the program runs, or the
 * manager knows that the process has ended and is done with it.
 */
static int look_settled(const struct neap_local_job *job, struct now *ret, struct neap_error **err)
{
	const struct timespec moment = { .tv_nsec = 2000000 };
	int r = look(job, ret, err);

	for (unsigned i = 0; i < SETTLE_MAX && r == 0 && is_unsettled(ret); i++) {
		nanosleep(&moment, NULL);
		if (ret->active != NEAP_UNIT_ACTIVE || child_of(ret->pid) == CHILD_GONE)
			r = look(job, ret, err);
	}
	return r;
}

/* What systemd ends a service's process with that it could not turn into the program. */
static const char *status_name(int64_t status)
{
	static const struct {
		int64_t status;
		const char *name;
	} names[] = {
		{ 200, "its working directory cannot be entered" },
		{ 203, "its program cannot be started" },
		{ 208, "its standard input cannot be had" },
		{ 209, "its standard output cannot be had" },
		{ 216, "its group cannot be had" },
		{ 217, "its user cannot be had" },
		{ 226, "its view of the file system cannot be made" },
		{ 233, "its RuntimeDirectory cannot be made" },
		{ 238, "its StateDirectory cannot be made" },
		{ 239, "its CacheDirectory cannot be made" },
		{ 240, "its LogsDirectory cannot be made" },
		{ 241, "its ConfigurationDirectory cannot be made" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i].status == status)
			return names[i].name;
	return NULL;
}

/* " (exit-code, status 1)"; "" when nothing is known. */
static const char *reason_of(const struct neap_local_job *job, const struct now *now)
{
	const char *name = status_name(now->status);

	if (strcmp(now->result, "success") == 0)
		return "";
	if (now->code == CLD_EXITED && strcmp(now->result, "exit-code") == 0)
		return neap_arena_printf(job->arena, " (exit-code, status %d%s%s)", (int)now->status,
					 name ? ": " : "", name ? name : "");
	if (strcmp(now->result, "timeout") != 0 && (now->code == CLD_KILLED || now->code == CLD_DUMPED)) {
		name = sigabbrev_np((int)now->status);
		if (name)
			return neap_arena_printf(job->arena, " (%s, SIG%s)", now->result, name);
	}
	return neap_arena_printf(job->arena, " (%s)", now->result);
}

/* ---- why it is not as it should be --------------------------------------------------------------------- */

/* The condition that is not met, as its file says it; "": one of several; NULL: it has none. */
static const char *unmet(const struct neap_local_job *job, const struct now *now)
{
	const struct neap_value *list = property(&now->all, "Conditions");

	if (list->kind != NEAP_LIST || !list->list.count)
		return NULL;
	for (size_t i = 0; i < list->list.count; i++) {
		/* Its name, whether it triggers, whether it is negated, what it is about, how it ended. */
		const struct neap_value *row = &list->list.items[i];
		const struct neap_value *cells = row->list.items;

		if (row->kind == NEAP_LIST && row->list.count == 5 && cells[2].kind == NEAP_BOOLEAN &&
		    cells[4].kind == NEAP_INTEGER &&
		    (now->tested ? cells[4].integer < 0 : list->list.count == 1))
			return neap_arena_printf(
				job->arena, "%s=%s%s", neap_local_cell(row, 0), cells[2].boolean ? "!" : "",
				neap_journal_clean(neap_str(neap_local_cell(row, 3)), job->arena));
	}
	return "";
}

/* Those of a list of units that have failed or cannot be loaded, with ", " between. */
static const char *failed_of(const struct neap_local_job *job, const char *const *names, size_t count)
{
	struct neap_bus_call call = { .method = "ListUnitsByNames", .list = names, .list_count = count };
	NEAP_AUTO_BUF struct neap_buf text = { 0 };

	if (!count || neap_bus_ask(job->units->bus, &call, 1, job->units->seconds, job->arena, NULL) < 0 ||
	    call.value.kind != NEAP_LIST)
		return "";
	for (size_t i = 0; i < call.value.list.count && text.len < 200; i++) {
		const char *load = neap_local_cell(&call.value.list.items[i], 2);
		const char *active = neap_local_cell(&call.value.list.items[i], 3);

		if (strcmp(active, "failed") == 0 || strcmp(load, "loaded") != 0)
			neap_buf_printf(&text, "%s%s", text.len ? ", " : "",
					neap_local_cell(&call.value.list.items[i], 0));
	}
	return neap_arena_copy(job->arena, text.len ? text.data : "", text.len);
}

static const char *failed_requirements(const struct neap_local_job *job)
{
	static const char *const names[] = { "Requires", "BindsTo", "Requisite" };
	NEAP_VEC(const char *) required = { 0 };
	const char *failed;
	struct now now;

	if (look(job, &now, NULL) < 0)
		return "";
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const struct neap_value *list = property(&now.all, names[i]);

		for (size_t j = 0; list->kind == NEAP_LIST && j < list->list.count; j++)
			neap_vec_push(&required, neap_local_cell(list, j));
	}
	failed = failed_of(job, required.items, required.count);
	neap_vec_done(&required);
	return failed;
}

static int say(const struct neap_local_job *job, struct neap_error **err, const char *what, const char *more)
{
	neap_error_set(err, "%s %s: %s%s", job->verb, job->asked->name, what, more);
	return quote(job, job->since, err);
}

/* A job that ended otherwise than well. */
int neap_local_job_failed(const struct neap_local_job *job, const char *result, struct neap_error **err)
{
	static const struct {
		const char *result, *words;
	} known[] = {
		{ "canceled", "its job was canceled, by another one or by hand" },
		{ "timeout", "its job took longer than its file allows (JobTimeoutSec)" },
		{ "assert", "an assertion of its file is not met" },
		{ "unsupported", "this machine cannot do that" },
		{ "once", "it starts only once, and has been started" },
		{ "invalid", "it cannot do that now" },
	};
	struct now now;
	const char *names;

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strcmp(result, known[i].result) == 0)
			return neap_error_set(err, "%s %s: %s", job->verb, job->asked->name, known[i].words);
	if (strcmp(result, "dependency") == 0) {
		names = failed_requirements(job);
		return neap_error_set(err, "%s %s: a unit that it requires has failed%s%s", job->verb,
				      job->asked->name, *names ? ": " : "", names);
	}
	if (strcmp(result, "failed") != 0)
		return say(job, err, "its job has ended as ", result);
	if (look(job, &now, err) < 0)
		return -1;
	return say(job, err, "failed", reason_of(job, &now));
}

/* It was started, and is not there. A manager that forgot it since does not know whether its conditions were
 * met. */
static int missing(const struct neap_local_job *job, const struct now *now, struct neap_error **err)
{
	const char *condition = now->tested && now->condition ? NULL : unmet(job, now);
	bool once = strcmp(now->type, "oneshot") == 0 && !now->remains;

	if (condition && job->asked->secret)
		condition = ""; /* it is of the file too */
	if (condition && (now->tested || !once)) {
		neap_error_set(err, "%s %s: a condition of its file is not met%s%s", job->verb,
			       job->asked->name, *condition ? ": " : "", condition);
		return *condition ? -1 : quote(job, job->since, err);
	}
	neap_error_set(err, "%s %s: it has run and is over%s%s", job->verb, job->asked->name,
		       reason_of(job, now), condition ? ", or a condition of its file is not met" : "");
	if (once)
		return neap_error_hint(err, "one of Type=oneshot stays active with RemainAfterExit=yes");
	return quote(job, job->since, err);
}

/* A stop whose end nobody has heard of: it shows. */
static int check_stopped(const struct neap_local_job *job, struct neap_error **err)
{
	struct now now;

	if (look(job, &now, err) < 0)
		return -1;
	if (now.active == NEAP_UNIT_INACTIVE || now.active == NEAP_UNIT_FAILED)
		return 0;
	return neap_error_set(err, "%s %s: its job is over, and it is still there", job->verb,
			      job->asked->name);
}

int neap_local_job_check(const struct neap_local_job *job, bool heard, struct neap_error **err)
{
	struct now now;

	if (job->asked->verb == NEAP_UNIT_STOP)
		return heard ? 0 : check_stopped(job, err);
	if (look_settled(job, &now, err) < 0)
		return -1;
	if (now.active == NEAP_UNIT_FAILED)
		return say(job, err, "failed", reason_of(job, &now));
	if (now.active == NEAP_UNIT_DEACTIVATING)
		return say(job, err, "it is being stopped again", reason_of(job, &now));
	if (strncmp(now.sub, NEAP_LOCAL_AUTO_RESTART, strlen(NEAP_LOCAL_AUTO_RESTART)) == 0)
		return say(job, err, "failed at once, and is started again and again", reason_of(job, &now));
	if (now.active == NEAP_UNIT_INACTIVE && job->asked->verb != NEAP_UNIT_RELOAD)
		return missing(job, &now, err);
	return 0;
}

int neap_local_job_late(const struct neap_local_job *job, unsigned seconds, struct neap_error **err)
{
	neap_error_set(err, "%s %s: not done after %u s, and the job goes on", job->verb, job->asked->name,
		       seconds);
	neap_error_mark(err, ETIMEDOUT);
	return quote(job, job->since, err);
}
