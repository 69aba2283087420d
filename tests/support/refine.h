/* Law 4: what an apply did to one resource refines what the plan said of it. */
#pragma once

#include "engine/run.h"

/* NULL, or what is wrong. An apply that skipped the resource is for the caller to judge. */
const char *neap_test_refines(const struct neap_result *plan, const struct neap_result *apply);
