/* The resource types of this run. The engine itself knows none by name. */
#pragma once

#include "engine/resource.h"

struct neap_registry {
	const struct neap_resource_type *const *types; /* NULL-terminated, sorted by name */
};

const struct neap_resource_type *neap_registry_find(const struct neap_registry *registry, const char *name);
/* The nearest name to a wrong one, or NULL. */
const char *neap_registry_nearest(const struct neap_registry *registry, const char *name);
