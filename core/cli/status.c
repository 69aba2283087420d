/* neap status: how the last run went, what is under way, what is left. Takes no lock, changes nothing. */
#include <time.h>
#include <unistd.h>

#include "cli/output.h"
#include "cli/session.h"
#include "host/confirm.h"
#include "host/notices.h"
#include "host/state.h"

/* What has been confirmed, and what was in force before the machine was started, is nothing to tell. */
static int look_at_unconfirmed(struct neap_arena *arena, struct neap_status *status, struct neap_error **err)
{
	struct neap_unconfirmed *told;
	struct neap_armed *all;
	size_t count;
	if (neap_confirm_list(status->directory, arena, &all, &count, err) < 0)
		return -1;
	status->unconfirmed = told = neap_arena_array_of(arena, struct neap_unconfirmed, count + 1);
	for (size_t i = 0; i < count; i++)
		if (all[i].phase != NEAP_ARMED_CONFIRMED && !all[i].past)
			told[status->unconfirmed_count++] =
				(struct neap_unconfirmed){ all[i].what, all[i].since,
							   neap_confirm_end(&all[i]), all[i].phase };
	return 0;
}

static int status(const struct neap_cli_options *options)
{
	struct neap_cli_session session;
	struct neap_error *err = NULL;
	struct neap_look look;
	char *directory NEAP_AUTO_FREE = neap_state_default_directory(options->root);
	struct neap_status status = {
		.directory = options->state_dir ? options->state_dir : directory,
		.now = time(NULL),
		.look = &look,
	};
	size_t damaged = 0;
	int code = neap_cli_session_open(&session, options);
	if (code == 0 &&
	    (neap_record_look(status.directory, session.root, session.arena, &look, &err) < 0 ||
	     neap_state_journal_read(status.directory, session.arena, &session.notices, &damaged, &err) < 0 ||
	     look_at_unconfirmed(session.arena, &status, &err) < 0))
		code = neap_cli_session_refuse(&session, &err, NEAP_EXIT_RECIPE);
	neap_cli_session_damaged(damaged, status.directory);
	if (code == 0) {
		status.pending = session.notices.items;
		status.pending_count = session.notices.count;
		if (options->format == NEAP_CLI_JSON)
			neap_report_status_json(stdout, &status);
		else
			neap_report_status_text(stdout, &status,
						neap_cli_output_color(options, STDOUT_FILENO));
		code = neap_cli_output_end(neap_status_is_well(&status) ? NEAP_EXIT_OK : NEAP_EXIT_FAILED,
					   NEAP_EXIT_RECIPE);
	}
	neap_cli_session_done(&session);
	return code;
}

const struct neap_cli_verb neap_cli_status = {
	.name = "status",
	.bit = NEAP_CLI_STATUS,
	.summary = "how the last run went, and what is left",
	.text = "Tells from neap's state how the last apply went, when the last success was,\n"
		"whether one is running, and what is still to be done. Exits with 4 when the\n"
		"last run failed or was killed, or notifications are pending.\n",
	.run = status,
};
