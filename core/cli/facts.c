/* neap facts: what recipes know of the machine. */
#include "cli/output.h"
#include "cli/session.h"

static int facts(const struct neap_cli_options *options)
{
	struct neap_cli_session session;
	int code = neap_cli_session_open(&session, options);
	if (code == 0)
		code = neap_cli_session_facts(&session);
	if (code == 0) {
		if (options->format == NEAP_CLI_JSON)
			neap_report_facts_json(stdout, session.facts, &session.problems);
		else
			neap_report_facts_text(stdout, session.facts, &session.problems);
		neap_cli_session_problems(&session);
		code = session.problems.errors.count ? NEAP_EXIT_RECIPE : NEAP_EXIT_OK;
		code = neap_cli_output_end(code, NEAP_EXIT_RECIPE);
	}
	neap_cli_session_done(&session);
	return code;
}

const struct neap_cli_verb neap_cli_facts = {
	.name = "facts",
	.bit = NEAP_CLI_FACTS,
	.summary = "what recipes know of the machine: neap.facts",
	.text = "Lists the facts of the machine, and why it has not the others. As JSON they are\n"
		"a file for --facts; neap doc facts says what they mean.\n",
	.run = facts,
};
