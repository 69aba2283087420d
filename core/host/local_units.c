/*
 * Units of the real machine. No service manager is seen yet: units are files.
 */
#include "host/local.h"

bool neap_local_manager(const struct neap_view *view)
{
	(void)view;
	return false;
}

static int no_manager(const char *doing, const char *what, struct neap_error **err)
{
	return neap_error_set(err, "%s %s: no service manager runs here", doing, what);
}

int neap_local_unit_read(const struct neap_view *view, const char *name, struct neap_arena *arena,
			 struct neap_unit_state *ret, struct neap_error **err)
{
	(void)view, (void)arena, (void)ret;
	return no_manager("look at", name, err);
}

void neap_local_units_expected(const struct neap_view *view, const char *const *names, size_t count)
{
	(void)view, (void)names, (void)count;
}

int neap_local_unit(struct neap_machine *machine, const struct neap_unit_job *job, struct neap_error **err)
{
	(void)machine;
	return no_manager("change", job->name, err);
}

int neap_local_units_reload(struct neap_machine *machine, struct neap_error **err)
{
	(void)machine;
	return no_manager("reload", "units", err);
}
