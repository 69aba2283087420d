/* The verbs there are, and the names of those to come. */
#include "cli/cli.h"

const struct neap_cli_verb *const neap_cli_verbs[] = {
	&neap_cli_plan,    &neap_cli_apply, &neap_cli_status, &neap_cli_confirm,
	&neap_cli_check,   &neap_cli_graph, &neap_cli_doc,    &neap_cli_facts,
	&neap_cli_version, &neap_cli_help,  &neap_cli_revert, NULL,
};

/* Promised by docs/contract.md for later; refused by name until then. */
static const char *const later[] = { "show", "key", NULL };

const struct neap_cli_verb *neap_cli_verb_find(const char *name)
{
	for (size_t i = 0; neap_cli_verbs[i]; i++)
		if (strcmp(neap_cli_verbs[i]->name, name) == 0)
			return neap_cli_verbs[i];
	return NULL;
}

int neap_cli_verb_unknown(const char *name, struct neap_error **err)
{
	const char *names[sizeof neap_cli_verbs / sizeof *neap_cli_verbs];
	size_t count = 0;
	for (size_t i = 0; later[i]; i++)
		if (strcmp(later[i], name) == 0)
			return neap_error_set(err, "neap %s does not exist yet in neap %s", name,
					      NEAP_VERSION);
	for (size_t i = 0; neap_cli_verbs[i]; i++)
		if (!neap_cli_verbs[i]->hidden)
			names[count++] = neap_cli_verbs[i]->name;
	names[count] = NULL;
	const char *nearest = neap_str_nearest(name, names);
	neap_error_set(err, "unknown verb \"%s\"", name);
	if (nearest)
		return neap_error_hint(err, "did you mean neap %s?", nearest);
	return neap_error_hint(err, "neap help lists the verbs");
}
