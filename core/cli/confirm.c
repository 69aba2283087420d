/* neap confirm: the changes that wait for it stay. Takes no lock: who waits holds it. */
#include <stdlib.h>

#include "base/moment.h"
#include "cli/output.h"
#include "cli/session.h"
#include "engine/emit.h"
#include "host/confirm.h"
#include "host/state.h"

static void say(struct neap_arena *arena, const struct neap_armed *armed)
{
	struct neap_buf line NEAP_AUTO_BUF = { 0 };
	int64_t left = (armed->until - neap_confirm_clock()) / 1000;

	neap_buf_puts(&line, "confirmed: ");
	neap_emit_safes(&line, armed->what);
	neap_buf_printf(&line, ", changed %s; %s were left\n", neap_moment_text(armed->since, arena),
			neap_span_text(left > 0 ? left : 0, arena));
	fputs(line.data, stdout);
}

/* How many. Negative: with an error. */
static int accept_all(struct neap_cli_session *session, const char *directory, struct neap_error **err)
{
	struct neap_armed *all;
	size_t count;
	int confirmed = 0;

	if (neap_confirm_list(directory, session->arena, &all, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		int r = all[i].phase == NEAP_ARMED_WAITS && !all[i].past
				? neap_confirm_accept(directory, all[i].id, err)
				: 0;

		if (r < 0)
			return r;
		if (r > 0)
			say(session->arena, &all[i]);
		confirmed += r;
	}
	return confirmed;
}

static int confirm(const struct neap_cli_options *options)
{
	struct neap_cli_session session;
	struct neap_error *err = NULL;
	char *usual NEAP_AUTO_FREE = neap_state_default_directory(options->root);
	const char *directory = options->state_dir ? options->state_dir : usual;
	int code = neap_cli_session_open(&session, options);

	if (code == 0) {
		int count = accept_all(&session, directory, &err);

		if (count < 0)
			code = neap_cli_session_refuse(&session, &err, NEAP_EXIT_RECIPE);
		else if (count == 0) {
			neap_error_set(&err, "nothing waits for a confirmation (%s)", directory);
			neap_error_hint(
				&err,
				"what was confirmed stays; what was not in its time has been taken back");
			code = neap_cli_session_refuse(&session, &err, NEAP_EXIT_FAILED);
		} else {
			code = neap_cli_output_end(NEAP_EXIT_OK, NEAP_EXIT_RECIPE);
		}
	}
	neap_cli_session_done(&session);
	return code;
}

const struct neap_cli_verb neap_cli_confirm = {
	.name = "confirm",
	.bit = NEAP_CLI_CONFIRM,
	.summary = "a change that waits for it stays",
	.text = "A resource with confirm_within takes back what it changed unless this is said in\n"
		"time, from a new session: that it can be said is the proof. Exits with 4 when\n"
		"nothing waits.\n",
	.run = confirm,
};
