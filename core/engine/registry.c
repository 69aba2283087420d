/* Look-up of resource types by name. Knows no type itself. */
#include "engine/registry.h"

#include <stdlib.h>
#include <string.h>

const struct neap_resource_type *neap_registry_find(const struct neap_registry *registry, const char *name)
{
	size_t i;

	/* A few dozen types, asked once for each name in a recipe: a walk is enough. */
	for (i = 0; registry->types[i]; i++)
		if (strcmp(registry->types[i]->name, name) == 0)
			return registry->types[i];
	return NULL;
}

const char *neap_registry_nearest(const struct neap_registry *registry, const char *name)
{
	const char **names, *nearest;
	size_t count = 0, i;

	while (registry->types[count])
		count++;
	names = neap_alloc((count + 1) * sizeof *names);
	for (i = 0; i < count; i++)
		names[i] = registry->types[i]->name;
	names[count] = NULL;
	nearest = neap_str_nearest(name, names);
	free(names);
	return nearest;
}
