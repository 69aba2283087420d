/*
 * Guards: only_if and not_if. Asked only when there is something to do, so a converged machine pays for none.
 */
#include "engine/run_private.h"

#define GUARD_TIMEOUT 60 /* seconds */

/* 0 with the exit status, negative, NEAP_UNKNOWN. */
static int ask(const struct run *run, const char *name, const struct neap_strings *argv, int *ret,
	       struct neap_error **err)
{
	struct neap_process process = { .argv = argv->items, .timeout = GUARD_TIMEOUT, .anything = true };
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_process_result result;
	int r = neap_view_query(&run->overlay->view, &process, arena, &result, err);

	if (r < 0)
		return neap_error_prefix(err, "%s", name);
	if (r == 0)
		*ret = result.status;
	return r;
}

int neap_guards(const struct run *run, const struct neap_resource *resource, const char **ret_reason,
		struct neap_error **err)
{
	const struct neap_meta *meta = resource->meta;
	int status = 0, r = 0;

	if (!meta)
		return 1;
	if (meta->only_if.items)
		r = ask(run, "only_if", &meta->only_if, &status, err);
	if (r == 0 && status != 0) {
		*ret_reason = "only_if does not hold";
		return 0;
	}
	status = 1;
	if (r == 0 && meta->not_if.items)
		r = ask(run, "not_if", &meta->not_if, &status, err);
	if (r == 0 && status == 0) {
		*ret_reason = "not_if holds";
		return 0;
	}
	return r < 0 ? r : r == NEAP_UNKNOWN ? NEAP_GUARD_UNKNOWN : 1;
}
