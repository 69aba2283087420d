/* neap doc: the reference of resource types and their parameters. */
#include "cli/cli.h"

#include <unistd.h>

#include "cli/output.h"
#include "modules/modules.h"

static int show_type(const struct neap_cli_options *options)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	const char *name = options->operand;
	if (strncmp(name, "neap.", 5) == 0)
		name += 5;
	if (strcmp(name, "facts") == 0) {
		neap_doc_facts_text(stdout, neap_cli_output_width(),
				    neap_cli_output_color(options, STDOUT_FILENO));
		return NEAP_EXIT_OK;
	}
	const struct neap_resource_type *type = neap_registry_find(&neap_modules, name);
	if (type) {
		neap_doc_type_text(stdout, type, neap_cli_output_width(),
				   neap_cli_output_color(options, STDOUT_FILENO));
		return NEAP_EXIT_OK;
	}
	const char *nearest = neap_registry_nearest(&neap_modules, name);
	neap_error_set(&err, "unknown resource type \"%s\"", name);
	if (nearest)
		neap_error_hint(&err, "did you mean neap doc %s?", nearest);
	else
		neap_error_hint(&err, "neap doc lists the types");
	neap_cli_complain(err);
	return NEAP_EXIT_USAGE;
}

static int doc(const struct neap_cli_options *options)
{
	int code = NEAP_EXIT_OK;
	if (options->reference + options->annotations + (options->operand != NULL) > 1) {
		struct neap_error *err NEAP_AUTO_ERROR = NULL;
		neap_error_set(&err, "neap doc takes one of TYPE, --reference and --annotations");
		neap_cli_complain(err);
		return NEAP_EXIT_USAGE;
	}
	if (options->reference)
		neap_doc_reference(stdout, &neap_modules);
	else if (options->annotations)
		neap_doc_annotations(stdout, &neap_modules);
	else if (options->operand)
		code = show_type(options);
	else
		neap_doc_list_text(stdout, &neap_modules);
	return neap_cli_output_end(code, NEAP_EXIT_RECIPE);
}

const struct neap_cli_verb neap_cli_doc = {
	.name = "doc",
	.bit = NEAP_CLI_DOC,
	.operand = "[TYPE]",
	.summary = "the reference of resource types and their parameters",
	.text = "Lists the resource types; with TYPE, shows what it promises and its parameters.\n"
		"neap doc facts shows what neap.facts holds.\n",
	.run = doc,
};
