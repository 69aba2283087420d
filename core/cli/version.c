/* neap version. */
#include "cli/cli.h"

#include "cli/output.h"

static int version(const struct neap_cli_options *options)
{
	printf("neap %s\n", NEAP_VERSION);
	if (options->verbose > 0)
		fputs("built with\n" NEAP_LIBRARIES, stdout);
	return neap_cli_output_end(NEAP_EXIT_OK, NEAP_EXIT_RECIPE);
}

const struct neap_cli_verb neap_cli_version = {
	.name = "version",
	.bit = NEAP_CLI_VERSION,
	.summary = "which neap this is",
	.text = "Says which neap this is; with -v, which libraries it was built with.\n",
	.run = version,
};
