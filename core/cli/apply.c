/* neap apply: makes the machine as the recipe says. */
#include <stdlib.h>

#include "base/moment.h"
#include "cli/output.h"
#include "cli/session.h"
#include "cli/splay.h"
#include "cli/stop.h"
#include "cli/witness.h"
#include "host/machine.h"
#include "host/state.h"

/* Takes the lock and the machine. 0 or an exit code. */
static int open_machine(struct neap_cli_session *session, struct neap_cli_witness *witness,
			const char *directory, struct neap_state **ret_state,
			struct neap_machine **ret_machine)
{
	struct neap_error *err = NULL;
	unsigned wait = neap_cli_stop_within(session->options->lock_wait);
	int r = neap_state_open(directory, session->root, wait, ret_state, &err);
	if (r == NEAP_STATE_LOCKED && *neap_cli_stop)
		neap_error_prefix(&err, "timed out after %s",
				  neap_duration_text(session->options->timeout, session->arena));
	if (r == NEAP_STATE_LOCKED)
		return neap_cli_session_refuse(session, &err, NEAP_EXIT_LOCKED);
	if (r == 0)
		neap_cli_witness_locked(witness, *ret_state);
	if (r < 0 || neap_host_local_new(session->root, *ret_state, ret_machine, &err) < 0)
		return neap_cli_session_refuse(session, &err, NEAP_EXIT_RECIPE);
	return 0;
}

static int apply(const struct neap_cli_options *options)
{
	struct neap_cli_session session;
	struct neap_cli_witness witness = { 0 };
	struct neap_run *run = NULL;
	struct neap_state *state = NULL;
	struct neap_machine *machine = NULL;
	char *report NEAP_AUTO_FREE = NULL;
	size_t len = 0;
	char *directory NEAP_AUTO_FREE = neap_state_default_directory(options->root);
	const char *where = options->state_dir ? options->state_dir : directory;

	neap_cli_splay(options);
	int code = neap_cli_session_open(&session, options);
	if (code == 0)
		code = neap_cli_witness_begin(&witness, &session, NEAP_RUN_APPLY);
	if (code == 0)
		code = neap_cli_session_load(&session);
	if (code == 0)
		code = open_machine(&session, &witness, where, &state, &machine);
	if (code == 0) {
		struct neap_error *err = NULL;
		size_t damaged;

		neap_host_local_cache(machine, where);
		if (neap_state_journal_open(state, session.arena, &session.notices, &damaged, &err) < 0)
			code = neap_cli_session_refuse(&session, &err, NEAP_EXIT_RECIPE);
		neap_cli_session_damaged(damaged, where);
	}
	if (code == 0) {
		run = neap_cli_session_run(&session, machine, NEAP_RUN_APPLY,
					   neap_cli_session_state(&session, where), &witness.observer);
		neap_cli_session_report(&session, run, &report, &len);
		code = neap_run_exit_code(run, options->detailed);
	}
	neap_cli_witness_end(&witness, run, state, where, code);
	neap_run_free(run);
	neap_machine_free(machine);
	if (state)
		neap_state_close(state);
	if (report) { /* the lock is free by now, however long somebody reads */
		fwrite(report, 1, len, stdout);
		code = neap_cli_output_end(code, NEAP_EXIT_FAILED);
	}
	neap_cli_session_done(&session);
	return code;
}

const struct neap_cli_verb neap_cli_apply = {
	.name = "apply",
	.bit = NEAP_CLI_APPLY,
	.operand = "RECIPE",
	.summary = "make it so",
	.text = "Makes the machine as the recipe says, and tells what it changed. One run at a\n"
		"time: a second one waits for --lock-wait, then exits with 3.\n",
	.run = apply,
};
