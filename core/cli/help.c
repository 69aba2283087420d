/* neap help: the screens, all of them made from the tables of verbs and options. */
#include "cli/cli.h"

#include "cli/output.h"

void neap_cli_print_help(FILE *out)
{
	fputs("neap plans what would make a machine as a recipe says, and makes it so.\n\n", out);
	for (size_t i = 0; neap_cli_verbs[i]; i++) {
		const struct neap_cli_verb *verb = neap_cli_verbs[i];
		char left[40];
		if (verb->hidden)
			continue;
		snprintf(left, sizeof left, "%s %s", verb->name, verb->operand ? verb->operand : "");
		fprintf(out, "  neap %-14s  %s\n", left, verb->summary);
	}
	fputs("\nRECIPE is a Lua file, a directory with an init.lua, or @name: one inside neap.\n"
	      "neap VERB --help shows its options. They and the recipe come in any order.\n\n"
	      "Exit codes\n"
	      "    0  nothing to do, or converged\n"
	      "    1  the recipe is wrong; nothing was applied\n"
	      "    2  plan: something would change; apply --detailed-exitcode: something did\n"
	      "    3  another run holds the lock, or a change waits for neap confirm\n"
	      "    4  some resources failed, or could not be planned\n"
	      "    6  apply --detailed-exitcode: some changed and some failed\n"
	      "   64  the command line is wrong\n"
	      "128+N  stopped by signal N\n",
	      out);
}

void neap_cli_print_verb_help(FILE *out, const struct neap_cli_verb *verb)
{
	fprintf(out, "neap %s%s%s [options]\n\n%s\n", verb->name, verb->operand ? " " : "",
		verb->operand ? verb->operand : "", verb->text);
	neap_cli_print_options(out, verb->bit);
}

static int help(const struct neap_cli_options *options)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	if (!options->operand) {
		neap_cli_print_help(stdout);
		return neap_cli_output_end(NEAP_EXIT_OK, NEAP_EXIT_RECIPE);
	}
	const struct neap_cli_verb *verb = neap_cli_verb_find(options->operand);
	if (!verb) {
		neap_cli_verb_unknown(options->operand, &err);
		neap_cli_complain(err);
		return NEAP_EXIT_USAGE;
	}
	neap_cli_print_verb_help(stdout, verb);
	return neap_cli_output_end(NEAP_EXIT_OK, NEAP_EXIT_RECIPE);
}

const struct neap_cli_verb neap_cli_help = {
	.name = "help",
	.bit = NEAP_CLI_HELP,
	.operand = "[VERB]",
	.summary = "this screen, or that of a verb",
	.text = "Says what neap does, or what a verb does.\n",
	.run = help,
};
