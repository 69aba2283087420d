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
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "host/journal.h"
#include "host/local_units.h"
#include "host/units.h"

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

/* What the journal says goes below the error: nothing of one that may quote secrets. `ended`: its last words
 * may not have come there yet. */
static int quote(const struct neap_local_job *job, const char *invocation, uint64_t since, bool ended,
		 struct neap_error **err)
{
	const char *lines = NULL;

	if (job->asked->secret || !err || !*err || (*err)->hint)
		return -1;
	if (invocation && *invocation)
		lines = neap_journal_tail(job->name, invocation, since, ended, job->arena);
	if (!lines)
		lines = neap_journal_tail(job->name, NULL, since, false, job->arena);
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
		quote(job, NULL, job->since - LOADED_LATELY, false, err);
		return neap_error_hint(err, "systemd-analyze verify %s says why", job->asked->name);
	}
	return neap_error_set(err, "%s %s: %s", job->verb, job->asked->name, text);
}

/* ---- how a unit is now --------------------------------------------------------------------------------- */

struct now {
	enum neap_unit_active active;
	const char *sub, *result, *invocation;
	const char *type;     /* of a service: "simple", "oneshot" … */
	bool remains;         /* … it stays active when it is over */
	int64_t code, status; /* … how its main process ended, as waitid() says it */
	int64_t pid;          /* … that process, while it runs */
	bool tested;          /* the conditions of its file were, since it was loaded, … */
	bool condition;       /* … and are met */
};

/* The interface of its kind of unit, where that says how it ended. */
static const char *kind_of(const char *name)
{
	static const char *const kinds[] = { "Service",   "Socket", "Mount", "Swap",
					     "Automount", "Timer",  "Path",  "Scope" };
	const char *suffix = strrchr(name, '.');

	for (size_t i = 0; suffix && i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strcasecmp(suffix + 1, kinds[i]) == 0)
			return kinds[i];
	return NULL;
}

static bool is_service(const struct neap_local_job *job)
{
	const char *kind = kind_of(job->name);

	return kind && strcmp(kind, "Service") == 0;
}

const char *neap_local_text(const struct neap_bus_call *call)
{
	return !call->error && call->value.kind == NEAP_STRING ? call->value.text.data : NULL;
}

static const char *text_of(const struct neap_bus_call *call, const char *otherwise)
{
	const char *text = neap_local_text(call);

	return text ? text : otherwise;
}

static int64_t number_of(const struct neap_bus_call *call)
{
	return !call->error && call->value.kind == NEAP_INTEGER ? call->value.integer : 0;
}

static bool truth_of(const struct neap_bus_call *call)
{
	return !call->error && call->value.kind == NEAP_BOOLEAN && call->value.boolean;
}

/* Of every unit; of those that end somehow; of services. */
#define PROPERTIES(X)                                                                                        \
	X(ActiveState)                                                                                       \
	X(SubState)                                                                                          \
	X(InvocationID)                                                                                      \
	X(ConditionTimestampMonotonic)                                                                       \
	X(ConditionResult)                                                                                   \
	X(Result)                                                                                            \
	X(ReloadResult)                                                                                      \
	X(ExecMainCode)                                                                                      \
	X(ExecMainStatus)                                                                                    \
	X(MainPID)                                                                                           \
	X(Type)                                                                                              \
	X(RemainAfterExit)
enum {
#define X(name) name,
	PROPERTIES(X)
#undef X
		COUNT
};

static int look(const struct neap_local_job *job, struct now *ret, struct neap_error **err)
{
	static const char *const names[COUNT] = {
#define X(name) #name,
		PROPERTIES(X)
#undef X
	};
	const char *path = neap_bus_unit_path(job->arena, job->name), *kind = kind_of(job->name);
	size_t count = !kind ? Result : is_service(job) ? COUNT : ReloadResult;
	struct neap_bus_call calls[COUNT];

	for (size_t i = 0; i < COUNT; i++)
		calls[i] = neap_bus_property(job->arena, path, i < Result || !kind ? "Unit" : kind, names[i]);
	if (neap_bus_ask(job->units->bus, calls, count, job->units->seconds, job->arena, err) < 0)
		return neap_error_prefix(err, "%s %s", job->verb, job->asked->name);
	*ret = (struct now){
		.active = neap_local_active(text_of(&calls[ActiveState], "inactive")),
		.sub = text_of(&calls[SubState], ""),
		.invocation = text_of(&calls[InvocationID], ""),
		.tested = number_of(&calls[ConditionTimestampMonotonic]) > 0,
		.condition = truth_of(&calls[ConditionResult]),
		.result = text_of(&calls[Result], "success"),
		.code = number_of(&calls[ExecMainCode]),
		.status = number_of(&calls[ExecMainStatus]),
		.pid = number_of(&calls[MainPID]),
		.type = text_of(&calls[Type], ""),
		.remains = truth_of(&calls[RemainAfterExit]),
	};
	if (strcmp(ret->result, "success") == 0 && job->asked->verb == NEAP_UNIT_RELOAD)
		ret->result = text_of(&calls[ReloadResult], "success");
	return 0;
}

/* Whether a process of systemd's has become the program that it is to be, or is gone. */
static bool is_program(int64_t pid)
{
	static const char executor[] = "/systemd-executor";
	char link[64], target[PATH_MAX] = "";
	struct stat own, managers;
	size_t len;

	snprintf(link, sizeof(link), "/proc/%" PRId64 "/exe", pid);
	if (stat(link, &own) < 0 || stat("/proc/1/exe", &managers) < 0)
		return true;
	if (own.st_dev == managers.st_dev && own.st_ino == managers.st_ino)
		return false;
	len = readlink(link, target, sizeof(target) - 1) < 0 ? 0 : strlen(target);
	return len < sizeof(executor) || strcmp(target + len - sizeof(executor) + 1, executor) != 0;
}

/*
 * To the manager a service of Type=simple runs as soon as there is a process, which may not find its program,
 * user or directories. That shows within milliseconds, so it is waited for.
 */
static int look_settled(const struct neap_local_job *job, struct now *ret, struct neap_error **err)
{
	const struct timespec moment = { .tv_nsec = 2000000 };

	if (look(job, ret, err) < 0)
		return -1;
	if (ret->active != NEAP_UNIT_ACTIVE || strcmp(ret->type, "simple") != 0 || ret->pid <= 0)
		return 0;
	for (unsigned i = 0; i < 500 && !is_program(ret->pid); i++)
		nanosleep(&moment, NULL);
	return look(job, ret, err);
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
static const char *unmet(const struct neap_local_job *job, bool tested)
{
	struct neap_bus_call call = neap_bus_property(job->arena, neap_bus_unit_path(job->arena, job->name),
						      "Unit", "Conditions");
	const struct neap_value *list = &call.value;

	if (neap_bus_ask(job->units->bus, &call, 1, job->units->seconds, job->arena, NULL) < 0 ||
	    list->kind != NEAP_LIST || !list->list.count)
		return NULL;
	for (size_t i = 0; i < list->list.count; i++) {
		/* Its name, whether it triggers, whether it is negated, what it is about, how it ended. */
		const struct neap_value *row = &list->list.items[i];
		const struct neap_value *cells = row->list.items;

		if (row->kind == NEAP_LIST && row->list.count == 5 && cells[0].kind == NEAP_STRING &&
		    cells[3].kind == NEAP_STRING && cells[4].kind == NEAP_INTEGER &&
		    (tested ? cells[4].integer < 0 : list->list.count == 1))
			return neap_arena_printf(
				job->arena, "%s=%s%s", cells[0].text.data, cells[2].boolean ? "!" : "",
				neap_journal_clean(neap_str(cells[3].text.data), job->arena));
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
	const char *path = neap_bus_unit_path(job->arena, job->name);
	NEAP_VEC(const char *) required = { 0 };
	struct neap_bus_call calls[3];
	const char *failed;

	for (size_t i = 0; i < 3; i++)
		calls[i] = neap_bus_property(job->arena, path, "Unit", names[i]);
	if (neap_bus_ask(job->units->bus, calls, 3, job->units->seconds, job->arena, NULL) < 0)
		return "";
	for (size_t i = 0; i < 3; i++)
		for (size_t j = 0; calls[i].value.kind == NEAP_LIST && j < calls[i].value.list.count; j++)
			if (calls[i].value.list.items[j].kind == NEAP_STRING)
				neap_vec_push(&required, calls[i].value.list.items[j].text.data);
	failed = failed_of(job, required.items, required.count);
	neap_vec_done(&required);
	return failed;
}

static int say(const struct neap_local_job *job, const struct now *now, struct neap_error **err,
	       const char *what, const char *more)
{
	neap_error_set(err, "%s %s: %s%s", job->verb, job->asked->name, what, more);
	return quote(job, now ? now->invocation : NULL, job->since, true, err);
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
		return say(job, NULL, err, "its job has ended as ", result);
	if (look(job, &now, err) < 0)
		return -1;
	return say(job, &now, err, "failed", reason_of(job, &now));
}

/* It was started, and is not there. A manager that forgot it since does not know whether its conditions were
 * met. */
static int missing(const struct neap_local_job *job, const struct now *now, struct neap_error **err)
{
	const char *condition = now->tested && now->condition ? NULL : unmet(job, now->tested);
	bool once = strcmp(now->type, "oneshot") == 0 && !now->remains;

	if (condition && job->asked->secret)
		condition = ""; /* it is of the file too */
	if (condition && (now->tested || !once)) {
		neap_error_set(err, "%s %s: a condition of its file is not met%s%s", job->verb,
			       job->asked->name, *condition ? ": " : "", condition);
		return *condition ? -1 : quote(job, NULL, job->since, false, err);
	}
	neap_error_set(err, "%s %s: it has run and is over%s%s", job->verb, job->asked->name,
		       reason_of(job, now), condition ? ", or a condition of its file is not met" : "");
	if (once)
		return neap_error_hint(err, "one of Type=oneshot stays active with RemainAfterExit=yes");
	return quote(job, now->invocation, job->since, false, err);
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
		return say(job, &now, err, "failed", reason_of(job, &now));
	if (strncmp(now.sub, NEAP_LOCAL_AUTO_RESTART, strlen(NEAP_LOCAL_AUTO_RESTART)) == 0)
		return say(job, &now, err, "failed at once, and is started again and again",
			   reason_of(job, &now));
	if (now.active == NEAP_UNIT_INACTIVE && job->asked->verb != NEAP_UNIT_RELOAD)
		return missing(job, &now, err);
	return 0;
}

int neap_local_job_late(const struct neap_local_job *job, unsigned seconds, struct neap_error **err)
{
	neap_error_set(err, "%s %s: not done after %u s, and the job goes on", job->verb, job->asked->name,
		       seconds);
	neap_error_mark(err, ETIMEDOUT);
	return quote(job, NULL, job->since, false, err);
}
