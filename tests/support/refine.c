/* See refine.h. */
#include "tests/support/refine.h"

#include <string.h>

/* That of the same parameter; where one has several (a file that goes, another that comes), the one with the
 * same turn. */
static const struct neap_change_entry *entry_of(const struct neap_result *result,
						const struct neap_result *other, size_t number)
{
	const char *param = other->changes[number].param;
	size_t turn = 0;

	for (size_t i = 0; i < number; i++)
		turn += strcmp(other->changes[i].param, param) == 0;
	for (size_t i = 0; i < result->change_count; i++)
		if (strcmp(result->changes[i].param, param) == 0 && turn-- == 0)
			return &result->changes[i];
	return NULL;
}

/* What a plan says will be waited for is confirmed in the apply. */
static bool same_reason(const char *plan, const char *apply)
{
	const char *promise = strstr(plan, "waits for `neap confirm`");
	size_t before = promise ? (size_t)(promise - plan) : 0;

	return strcmp(plan, apply) == 0 ||
	       (promise && strncmp(plan, apply, before) == 0 && strncmp(apply + before, "confirmed", 9) == 0);
}

const char *neap_test_refines(const struct neap_result *plan, const struct neap_result *apply)
{
	if (apply->outcome == NEAP_OUTCOME_SKIPPED && plan->outcome == NEAP_OUTCOME_FAILED)
		return NULL; /* the caller checks that an unknown failed above it */
	if (plan->outcome == NEAP_OUTCOME_FAILED)
		return apply->outcome == NEAP_OUTCOME_FAILED ? NULL : "failed in the plan, not in the apply";
	if (plan->outcome == NEAP_OUTCOME_SKIPPED)
		return apply->outcome == NEAP_OUTCOME_SKIPPED ? NULL
							      : "skipped in the plan, not in the apply";
	if (apply->outcome == NEAP_OUTCOME_SKIPPED)
		return NULL; /* the caller checks that an unknown failed above it */
	if (plan->action == NEAP_ACTION_UNKNOWN)
		return NULL;
	if (apply->outcome == NEAP_OUTCOME_FAILED)
		return "failed in the apply, not in the plan";
	if (plan->refresh != NEAP_MAYBE && plan->refresh != apply->refresh)
		return "refresh differs";
	if (plan->action != apply->action)
		return "action differs";
	if ((apply->action == NEAP_ACTION_NONE) != (apply->outcome == NEAP_OUTCOME_UNCHANGED))
		return "outcome and action disagree";
	for (size_t i = 0; i < apply->change_count; i++)
		if (!entry_of(plan, apply, i))
			return "a parameter changes that the plan does not name";
	for (size_t i = 0; i < plan->change_count; i++) {
		const struct neap_change_entry *p = &plan->changes[i], *a = entry_of(apply, plan, i);
		if (p->unknown)
			continue; /* it may turn out as it is */
		if (!a)
			return "a parameter does not change";
		if (!neap_value_equal(&p->before, &a->before) || !neap_value_equal(&p->after, &a->after))
			return "values differ";
	}
	if (plan->reason && strcmp(plan->reason, "will wait") == 0)
		return NULL; /* and it has */
	if ((plan->reason == NULL) != (apply->reason == NULL) ||
	    (plan->reason && !same_reason(plan->reason, apply->reason)))
		return "reason differs";
	return NULL;
}
