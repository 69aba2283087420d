/* neap graph: the resources and why they stand in their order. */
#include "cli/output.h"
#include "cli/session.h"

static int graph(const struct neap_cli_options *options)
{
	struct neap_cli_session session;
	int code = neap_cli_session_open(&session, options);
	if (code == 0)
		code = neap_cli_session_load(&session);
	if (code == 0) {
		neap_report_graph(stdout, session.graph, options->format);
		code = neap_cli_output_end(code, NEAP_EXIT_RECIPE);
	}
	neap_cli_session_done(&session);
	return code;
}

const struct neap_cli_verb neap_cli_graph = {
	.name = "graph",
	.bit = NEAP_CLI_GRAPH,
	.operand = "RECIPE",
	.summary = "the resources and why they stand in their order",
	.text = "Draws the resources of a recipe, with the reason on each arrow. An arrow goes\n"
		"from what runs first. For a picture: neap graph RECIPE | dot -Tsvg >graph.svg\n",
	.run = graph,
};
