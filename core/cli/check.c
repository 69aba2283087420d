/* neap check: whether the recipe is right. Looks at no resource. */
#include "cli/output.h"
#include "cli/session.h"

static int check(const struct neap_cli_options *options)
{
	struct neap_cli_session session;
	int code = neap_cli_session_open(&session, options);
	if (code == 0)
		code = neap_cli_session_load(&session);
	if (code == 0) {
		size_t count = session.graph->resources.count;
		if (options->format == NEAP_CLI_JSON)
			neap_report_problems_json(stdout, &session.problems);
		else if (!options->quiet)
			printf("the recipe is right: %zu resource%s\n", count, count == 1 ? "" : "s");
		code = neap_cli_output_end(code, NEAP_EXIT_RECIPE);
	}
	neap_cli_session_done(&session);
	return code;
}

const struct neap_cli_verb neap_cli_check = {
	.name = "check",
	.bit = NEAP_CLI_CHECK,
	.operand = "RECIPE",
	.summary = "whether the recipe is right; looks at no resource",
	.text = "Evaluates the recipe and finds all that is wrong with it. Looks at no resource.\n",
	.run = check,
};
