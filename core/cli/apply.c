/* neap apply: makes the machine as the recipe says. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/moment.h"
#include "cli/output.h"
#include "cli/session.h"
#include "cli/splay.h"
#include "cli/stop.h"
#include "cli/witness.h"
#include "host/confirm.h"
#include "host/machine.h"
#include "host/state.h"

/* Where this program lies, for who is to run it later; NULL: it cannot be said. */
static const char *own_path(struct neap_arena *arena)
{
	static const char gone[] = " (deleted)"; /* another has its name by now */
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof path);
	if (len <= 0 || len == sizeof path)
		return NULL;
	char *copy = neap_arena_copy(arena, path, (size_t)len);
	size_t end = sizeof gone - 1;
	if ((size_t)len > end && strcmp(copy + len - end, gone) == 0)
		copy[(size_t)len - end] = '\0';
	return copy;
}

/* Nothing of an earlier run waits for a confirmation, or is still to be taken back. 0 or an exit code. */
static int clear_unconfirmed(struct neap_cli_session *session, struct neap_machine *machine,
			     const char *directory)
{
	struct neap_buf said NEAP_AUTO_BUF = { 0 };
	struct neap_error *err = NULL;
	int r = neap_confirm_clear(machine, directory, &said, &err);
	if (said.len && !session->options->quiet)
		fprintf(stderr, "neap: %s", said.data);
	if (r == NEAP_STATE_LOCKED)
		return neap_cli_session_refuse(session, &err, NEAP_EXIT_LOCKED);
	return r < 0 ? neap_cli_session_refuse(session, &err, NEAP_EXIT_RECIPE) : 0;
}

/* Takes the lock and the machine. 0 or an exit code. */
static int open_machine(struct neap_cli_session *session, struct neap_cli_witness *witness,
			const char *directory, struct neap_state **ret_state,
			struct neap_machine **ret_machine)
{
	struct neap_error *err = NULL;
	unsigned wait = neap_cli_stop_within(session->options->lock_wait);
	time_t started = time(NULL);
	int r = strcmp(session->root, "/") == 0 ? neap_confirm_wait(directory, wait, &err) : 0;
	unsigned waited = (unsigned)(time(NULL) - started);
	if (r == 0)
		r = neap_state_open(directory, session->root, waited < wait ? wait - waited : 0, ret_state,
				    &err);
	if (r == NEAP_STATE_LOCKED && *neap_cli_stop)
		neap_error_prefix(&err, "timed out after %s",
				  neap_duration_text(session->options->timeout, session->arena));
	if (r == NEAP_STATE_LOCKED)
		return neap_cli_session_refuse(session, &err, NEAP_EXIT_LOCKED);
	if (r == 0 && neap_host_local_new(session->root, *ret_state, ret_machine, &err) == 0) {
		neap_host_local_program(*ret_machine, own_path(session->arena));
		int code = clear_unconfirmed(session, *ret_machine, directory);
		if (code)
			return code;
	}
	if (r == 0)
		neap_cli_witness_locked(witness, *ret_state);
	return *ret_machine ? 0 : neap_cli_session_refuse(session, &err, NEAP_EXIT_RECIPE);
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
