/*
 * The functions of host.h about units: names are looked at here, once for all hosts. Knows no particular
 * host.
 */
#include "host/units.h"

#include "base/unit.h"

const char *neap_unit_verb_name(enum neap_unit_verb verb)
{
	switch (verb) {
	case NEAP_UNIT_START:
		return "start";
	case NEAP_UNIT_STOP:
		return "stop";
	case NEAP_UNIT_RESTART:
		return "restart";
	case NEAP_UNIT_RELOAD:
		break;
	}
	return "reload";
}

int neap_unit_refuse(const struct neap_unit_job *job, enum neap_unit_load load, struct neap_error **err)
{
	const char *verb = neap_unit_verb_name(job->verb);

	if (load == NEAP_UNIT_LOADED || job->verb == NEAP_UNIT_STOP)
		return 0;
	if (load == NEAP_UNIT_MASKED)
		return neap_error_set(err, "%s %s: it is masked", verb, job->name);
	if (load == NEAP_UNIT_NOT_FOUND)
		return neap_error_set(err, "%s %s: the service manager knows no such unit", verb, job->name);
	neap_error_set(err, "%s %s: its file cannot be used", verb, job->name);
	return neap_error_hint(err, "systemd-analyze verify %s says why", job->name);
}

static int check_name(const char *operation, const char *name, struct neap_error **err)
{
	switch (neap_unit_name(name)) {
	case NEAP_UNIT_NAME_PLAIN:
	case NEAP_UNIT_NAME_INSTANCE:
		return 0;
	case NEAP_UNIT_NAME_TEMPLATE:
		return neap_error_set(err, "%s %s: it is a template, only its instances can run", operation,
				      name);
	case NEAP_UNIT_NAME_WRONG:
		break;
	}
	return neap_error_set(err, "%s %s: that is no name of a unit", operation, name);
}

bool neap_view_manager(const struct neap_view *view)
{
	return view->reads->manager(view);
}

int neap_view_unit(const struct neap_view *view, const char *name, struct neap_arena *arena,
		   struct neap_unit_state *ret, struct neap_error **err)
{
	if (check_name("look at", name, err) < 0)
		return -1;
	return view->reads->unit(view, name, arena, ret, err);
}

void neap_view_units_expected(const struct neap_view *view, const char *const *names, size_t count)
{
	NEAP_AUTO_FREE const char **good = neap_alloc((count + 1) * sizeof(*good));
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (check_name("", names[i], NULL) == 0)
			good[kept++] = names[i];
	if (kept)
		view->reads->units_expected(view, good, kept);
}

int neap_host_unit(struct neap_host *host, const struct neap_unit_job *job, struct neap_error **err)
{
	if (check_name(neap_unit_verb_name(job->verb), job->name, err) < 0)
		return -1;
	return host->changes->unit(host, job, err);
}

int neap_host_units_reload(struct neap_host *host, struct neap_error **err)
{
	return host->changes->units_reload(host, err);
}

void neap_host_units_unsettle(struct neap_host *host)
{
	host->changes->units_unsettle(host);
}
