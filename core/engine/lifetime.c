#include "engine/lifetime.h"

#include <stddef.h>

#include "base/moment.h"

struct neap_dates neap_lifetime_from(const struct neap_lifetime *lifetime, int64_t now, int64_t latest)
{
	int64_t ends = now + lifetime->valid_for;

	return (struct neap_dates){ now - NEAP_BACKDATED, ends < latest ? ends : latest };
}

const char *neap_lifetime_over(const struct neap_lifetime *lifetime, struct neap_dates dates, int64_t now,
			       int64_t latest, struct neap_arena *arena)
{
	int64_t left = dates.ends - now;

	if (neap_lifetime_from(lifetime, now, latest).ends <= dates.ends)
		return NULL;
	if (left <= 0)
		return neap_arena_printf(arena, "expired %s ago", neap_span_text(-left, arena));
	if (left > lifetime->renew_before)
		return NULL;
	return neap_arena_printf(arena, "expires in %s: renew_before is %s", neap_span_text(left, arena),
				 neap_span_text(lifetime->renew_before, arena));
}

bool neap_lifetime_other(const struct neap_lifetime *lifetime, struct neap_dates dates)
{
	int64_t has = dates.ends - dates.begins;

	/* Others do not backdate. */
	return lifetime->chosen && has != lifetime->valid_for && has != lifetime->valid_for + NEAP_BACKDATED;
}

const char *neap_lifetime_text(struct neap_dates dates, struct neap_arena *arena)
{
	int64_t has = dates.ends - dates.begins;

	return neap_span_text(has % 3600 == NEAP_BACKDATED ? has - NEAP_BACKDATED : has, arena);
}
