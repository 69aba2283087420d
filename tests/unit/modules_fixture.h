/* Resources of the types that there are, in the graph of graph_fixture.h. */
#pragma once

#include "graph_fixture.h"

#include "modules/modules.h"

static inline const struct neap_resource_type *found(const char *name)
{
	const struct neap_resource_type *type = neap_registry_find(&neap_modules, name);

	assert_non_null(type);
	return type;
}
