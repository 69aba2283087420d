/* neap plan: what would change. Opens no state, takes no lock, makes nothing. */
#include "cli/output.h"
#include "cli/session.h"
#include "cli/witness.h"
#include "host/confirm.h"
#include "host/machine.h"
#include "host/state.h"

static int plan(const struct neap_cli_options *options)
{
	struct neap_cli_session session;
	struct neap_cli_witness witness = { 0 };
	struct neap_error *err = NULL;
	struct neap_machine *machine = NULL;
	struct neap_run *run = NULL;
	char *report NEAP_AUTO_FREE = NULL;
	size_t len = 0, damaged = 0;
	char *directory NEAP_AUTO_FREE = neap_state_default_directory(options->root);
	const char *where = options->state_dir ? options->state_dir : directory;

	int code = neap_cli_session_open(&session, options);
	if (code == 0)
		code = neap_cli_witness_begin(&witness, &session, NEAP_RUN_PLAN);
	if (code == 0)
		code = neap_cli_session_load(&session);
	if (code == 0 && neap_host_local_new(session.root, NULL, &machine, &err) < 0)
		code = neap_cli_session_refuse(&session, &err, NEAP_EXIT_RECIPE);
	if (code == 0 && strcmp(session.root, "/") == 0) { /* what is not confirmed is not true */
		int r = neap_confirm_look(where, &err);
		if (r < 0)
			code = neap_cli_session_refuse(
				&session, &err, r == NEAP_STATE_LOCKED ? NEAP_EXIT_LOCKED : NEAP_EXIT_RECIPE);
	}
	if (code == 0 && neap_state_journal_read(where, session.arena, &session.notices, &damaged, &err) < 0)
		code = neap_cli_session_refuse(&session, &err, NEAP_EXIT_RECIPE);
	neap_cli_session_damaged(damaged, where);
	if (code == 0) {
		neap_host_local_cache(machine, where);
		run = neap_cli_session_run(&session, machine, NEAP_RUN_PLAN,
					   neap_cli_session_state(&session, where), &witness.observer);
		neap_cli_session_report(&session, run, &report, &len);
		code = neap_run_exit_code(run, false);
	}
	neap_cli_witness_end(&witness, run, NULL, where, code);
	if (report) {
		fwrite(report, 1, len, stdout);
		code = neap_cli_output_end(code, NEAP_EXIT_RECIPE);
	}
	neap_run_free(run);
	neap_machine_free(machine);
	neap_cli_session_done(&session);
	return code;
}

const struct neap_cli_verb neap_cli_plan = {
	.name = "plan",
	.bit = NEAP_CLI_PLAN,
	.operand = "RECIPE",
	.summary = "what would change; changes nothing",
	.text = "Shows what neap apply would change. Changes nothing, takes no lock, and exits\n"
		"with 2 when there is something to do.\n",
	.run = plan,
};
