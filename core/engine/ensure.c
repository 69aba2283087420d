/* What every type says that can make something absent. */
#include "engine/resource.h"

#include <string.h>

const char *const neap_ensure_choices[] = { [NEAP_PRESENT] = "present", [NEAP_ABSENT] = "absent", NULL };

int neap_absent_check(const void *wanted, unsigned first, unsigned last, struct neap_error **err)
{
	const struct neap_want *want = wanted;

	for (unsigned i = first; i <= last; i++) {
		const struct neap_param *param = &want->type->params[i];

		if ((want->given >> i & 1) && !(param->flags & NEAP_PARAM_KEY) &&
		    strcmp(param->name, "ensure") != 0)
			return neap_error_set(err, "%s has no meaning with ensure = \"absent\"", param->name);
	}
	return 0;
}

void neap_diff_ensure(struct neap_diff *diff, unsigned ensure)
{
	neap_diff_action(diff, ensure == NEAP_ABSENT ? NEAP_ACTION_DELETE : NEAP_ACTION_CREATE);
	neap_diff_string(diff, "ensure", neap_ensure_choices[!ensure], neap_ensure_choices[ensure]);
}
