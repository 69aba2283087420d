/*
 * neap revert ID: what the clock of a change runs that waits for its confirmation. It waits until the time is
 * over, and takes the change back unless it was confirmed. Nobody else needs it: help does not show it.
 */
#include "cli/output.h"
#include "cli/session.h"
#include "host/confirm.h"
#include "host/machine.h"
#include "host/state.h"

static int revert(const struct neap_cli_options *options)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_machine *machine = NULL;
	char *usual NEAP_AUTO_FREE = neap_state_default_directory(NULL);
	const char *directory = options->state_dir ? options->state_dir : usual;
	int code = NEAP_EXIT_OK;

	if (neap_host_local_new("/", NULL, &machine, &err) < 0 ||
	    neap_confirm_revert(machine, directory, options->operand, &err) < 0) {
		neap_cli_complain(err);
		code = NEAP_EXIT_FAILED;
	}
	neap_machine_free(machine);
	return code;
}

const struct neap_cli_verb neap_cli_revert = {
	.name = "revert",
	.bit = NEAP_CLI_REVERT,
	.operand = "ID",
	.summary = "takes back a change that was not confirmed",
	.text = "Waits until the time of the change is over and takes it back unless it was\n"
		"confirmed. neap apply starts this by itself.\n",
	.hidden = true,
	.run = revert,
};
