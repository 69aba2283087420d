/* See confirm.h. */
#include "engine/confirm.h"

#include "base/moment.h"

int neap_confirm_check(const struct neap_confirm_want *want, struct neap_error **err)
{
	if (!want->probe.count || want->within)
		return 0;
	return neap_error_set(err, "confirm_probe has no meaning without confirm_within");
}

void neap_confirm_claim(const struct neap_confirm_want *want, struct neap_claims *claims)
{
	if (want->probe.count && want->probe.items[0][0] == '/')
		neap_claim_after(claims, want->probe.items[0]);
}

bool neap_confirm_answerable(const struct neap_view *view, const struct neap_confirm_want *want)
{
	bool found;

	return !want->probe.count || neap_view_program(view, want->probe.items[0], &found) != 0 || found;
}

int neap_confirm_diff(const struct neap_confirm_want *want, bool answerable, struct neap_diff *diff,
		      struct neap_error **err)
{
	const char *time;

	if (!want->within || neap_diff_empty(diff))
		return 0;
	if (!answerable) {
		neap_error_set(err, "confirm_probe: there is no program %s", want->probe.items[0]);
		return neap_error_hint(err,
				       "whatever is changed would be taken back: it has to be there, and "
				       "executable, before");
	}
	time = neap_duration_text(want->within, neap_diff_arena(diff));
	if (want->probe.count)
		neap_diff_promise(diff, "confirmed", "taken back unless %s answers within %s",
				  want->probe.items[0], time);
	else
		neap_diff_promise(diff, "confirmed",
				  "waits for `neap confirm`, and is taken back without it after %s", time);
	return 0;
}

int neap_confirm_changes(struct neap_host *host, const struct neap_confirm_want *want,
			 struct neap_error **err)
{
	const struct neap_confirm confirm = {
		.within = (unsigned)want->within,
		.probe = want->probe.count ? want->probe.items : NULL,
	};

	return want->within ? neap_host_confirm(host, &confirm, err) : 0;
}
