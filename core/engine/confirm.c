/* See confirm.h. */
#include "engine/confirm.h"

#include "base/moment.h"

int neap_confirm_check(const struct neap_confirm_want *want, struct neap_error **err)
{
	if (!want->probe.count || want->within)
		return 0;
	return neap_error_set(err, "confirm_probe has no meaning without confirm_within");
}

void neap_confirm_diff(const struct neap_confirm_want *want, struct neap_diff *diff)
{
	const char *time;

	if (!want->within || neap_diff_empty(diff))
		return;
	time = neap_duration_text(want->within, neap_diff_arena(diff));
	if (want->probe.count)
		neap_diff_reason(diff, "taken back unless %s answers within %s", want->probe.items[0], time);
	else
		neap_diff_reason(diff, "waits for `neap confirm`, and is taken back without it after %s",
				 time);
}

struct neap_confirm neap_confirm_terms(const struct neap_confirm_want *want)
{
	return (struct neap_confirm){ (unsigned)want->within, want->probe.count ? want->probe.items : NULL };
}

int neap_confirm_changes(struct neap_host *host, const struct neap_confirm_want *want,
			 struct neap_error **err)
{
	const struct neap_confirm confirm = neap_confirm_terms(want);

	return want->within ? neap_host_confirm(host, &confirm, err) : 0;
}
