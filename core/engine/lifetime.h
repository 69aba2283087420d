/*
 * When a certificate begins and ends, and whether the one that is there will do. Numbers only: knows no clock
 * and no certificate.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

/* A certificate begins a little in the past: the clocks of those who look at it are not this one. */
#define NEAP_BACKDATED ((int64_t)300)

struct neap_lifetime {
	int64_t valid_for, renew_before; /* seconds */
	bool chosen;                     /* one that is there has to have this lifetime */
};
struct neap_dates {
	int64_t begins, ends;
};

/* Those of a certificate that is made now. `latest`: its issuer's end, or INT64_MAX. */
struct neap_dates neap_lifetime_from(const struct neap_lifetime *lifetime, int64_t now, int64_t latest);

/* Why these dates will not do, in words; NULL: they will. One that ends with its issuer is left: another
 * would end with it, too. */
const char *neap_lifetime_over(const struct neap_lifetime *lifetime, struct neap_dates dates, int64_t now,
			       int64_t latest, struct neap_arena *arena);
/* Whether another lifetime was chosen than the one it was made with. */
bool neap_lifetime_other(const struct neap_lifetime *lifetime, struct neap_dates dates);
/* "365 days": the one it was made with. */
const char *neap_lifetime_text(struct neap_dates dates, struct neap_arena *arena);
