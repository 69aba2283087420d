/*
 * Whom a certificate or a request speaks of, from parameters to what differs: common_name, organization,
 * sans, usages. Knows no machine and no type.
 */
#pragma once

#include "base/x509.h"
#include "engine/resource.h"

#define NEAP_HOLDER_NAMES_MAX 500

struct neap_holder_params {
	const char *common_name; /* NULL: not given; so for the lists */
	const struct neap_strings *organization, *sans, *usages;
};

/* Refuses what cannot stand in a certificate. All of it lives in `arena`, or in the parameters. */
int neap_holder_wanted(const struct neap_holder_params *params, struct neap_arena *arena,
		       struct neap_holder *ret, struct neap_error **err);
bool neap_holder_equal(const struct neap_holder *a, const struct neap_holder *b);
/* An entry for each parameter that differs, and why in words. `before` NULL: there is none. */
void neap_holder_diff(const struct neap_holder *before, const struct neap_holder *after,
		      struct neap_diff *diff);
