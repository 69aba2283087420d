/* The entries of --log: one for each resource that was changed or has failed, one for the run's end. */
#include <stdlib.h>

#include "cli/witness.h"
#include "engine/emit.h"
#include "host/log.h"

int neap_cli_log_begin(struct neap_cli_witness *witness, struct neap_error **err)
{
	const struct neap_cli_options *options = witness->session->options;
	if (options->log == NEAP_LOG_NONE)
		return 0;
	return neap_log_open(options->log, &witness->log, err) < 0 ? neap_error_prefix(err, "--log") : 0;
}

/* A warning, once: the run goes on. */
static void send(struct neap_cli_witness *witness, enum neap_log_priority priority,
		 const struct neap_buf *message, const struct neap_log_field *fields, size_t count)
{
	struct neap_error *err = NULL;
	if (neap_log_send(witness->log, priority, message->data, fields, count, &err) == 0)
		return;
	if (!witness->log_failed)
		neap_cli_witness_warn(&err);
	neap_error_free(err);
	witness->log_failed = true;
}

static void put_place(struct neap_buf *buf, struct neap_position at)
{
	if (!at.file)
		return;
	neap_emit_safes(buf, at.file);
	if (at.line > 0)
		neap_buf_printf(buf, ":%d", at.line);
}

/* "updated file[/etc/motd]: content, mode" */
static void put_change(struct neap_buf *buf, const struct neap_resource *resource,
		       const struct neap_result *result)
{
	static const char *const done[] = {
		[NEAP_ACTION_NONE] = "changed",      [NEAP_ACTION_UNKNOWN] = "changed",
		[NEAP_ACTION_REFRESH] = "refreshed", [NEAP_ACTION_RUN] = "ran",
		[NEAP_ACTION_UPDATE] = "updated",    [NEAP_ACTION_CREATE] = "created",
		[NEAP_ACTION_DELETE] = "deleted",
	};
	neap_buf_printf(buf, "%s ", done[result->action]);
	neap_emit_safes(buf, resource->address);
	for (size_t i = 0; result->action == NEAP_ACTION_UPDATE && i < result->change_count; i++) {
		neap_buf_puts(buf, i ? ", " : ": ");
		neap_emit_safes(buf, result->changes[i].param);
	}
	if (result->refresh == NEAP_YES && result->action != NEAP_ACTION_REFRESH)
		neap_buf_puts(buf, ", and refreshed it");
}

/* "file[/etc/x] (site.lua:12): open /etc/x: Permission denied" */
static void put_failure(struct neap_buf *buf, const struct neap_resource *resource,
			const struct neap_error *error)
{
	neap_emit_safes(buf, resource->address);
	neap_buf_puts(buf, resource->at.file ? " (" : "");
	put_place(buf, resource->at);
	neap_buf_puts(buf, resource->at.file ? "): " : ": ");
	neap_emit_safes(buf, error ? error->message : "failed");
}

static void prepare(struct neap_cli_witness *witness, const struct neap_run *run)
{
	size_t count = run->graph->resources.count;
	if (witness->logged)
		return;
	witness->logged = neap_alloc(count + 1);
	memset(witness->logged, 0, count + 1);
}

void neap_cli_log_done(struct neap_cli_witness *witness, const struct neap_run *run, uint32_t number)
{
	const struct neap_resource *resource = &run->graph->resources.items[number];
	const struct neap_result *result = &run->results[number];
	struct neap_buf message NEAP_AUTO_BUF = { 0 };
	bool failed = result->outcome == NEAP_OUTCOME_FAILED;
	char line[24];
	if (!witness->log || (!failed && result->outcome != NEAP_OUTCOME_CHANGED))
		return;
	prepare(witness, run);
	witness->logged[number] = failed;
	if (failed)
		put_failure(&message, resource, result->error);
	else
		put_change(&message, resource, result);
	snprintf(line, sizeof line, "%d", resource->at.line);
	const struct neap_log_field fields[] = {
		{ "NEAP_RUN_ID", witness->id },
		{ "NEAP_RECIPE", witness->session->options->operand },
		{ "NEAP_ADDRESS", resource->address },
		{ "NEAP_TYPE", resource->type->name },
		{ "NEAP_ACTION", neap_action_name(result->action) },
		{ "NEAP_OUTCOME", neap_outcome_name(result->outcome) },
		{ "CODE_FILE", resource->at.file },
		{ "CODE_LINE", resource->at.line > 0 ? line : NULL },
	};
	send(witness, failed ? NEAP_LOG_ERROR : NEAP_LOG_NOTICE, &message, fields,
	     sizeof fields / sizeof *fields);
}

/* The first error of a recipe, or what else kept the run from its work. */
static void put_problems(struct neap_buf *buf, const struct neap_problems *problems)
{
	if (!problems->errors.count) {
		neap_buf_puts(buf, "it could not begin");
		return;
	}
	const struct neap_problem *first = &problems->errors.items[0];
	put_place(buf, first->at);
	neap_buf_puts(buf, first->at.file ? ": " : "");
	if (first->address) {
		neap_emit_safes(buf, first->address);
		neap_buf_puts(buf, ": ");
	}
	neap_emit_safes(buf, first->message);
	if (problems->errors.count > 1)
		neap_buf_printf(buf, ", and %zu more error%s", problems->errors.count - 1,
				problems->errors.count == 2 ? "" : "s");
}

/* That some have failed is found when all have had their turn. */
static void tell_rest(struct neap_cli_witness *witness, const struct neap_run *run)
{
	const struct neap_graph *graph = run->graph;
	prepare(witness, run);
	for (size_t i = 0; i < graph->node_count; i++) {
		uint32_t number = graph->order[i];
		if (number < graph->resources.count && !witness->logged[number] &&
		    run->results[number].outcome == NEAP_OUTCOME_FAILED)
			neap_cli_log_done(witness, run, number);
	}
}

void neap_cli_log_end(struct neap_cli_witness *witness, const struct neap_run *run, int code)
{
	struct neap_buf message NEAP_AUTO_BUF = { 0 };
	bool well = code == 0 || code == 2;
	char number[24];
	if (!witness->log)
		return;
	if (run)
		tell_rest(witness, run);
	neap_emit_safes(&message, witness->session->options->operand);
	neap_buf_puts(&message, ": ");
	if (run)
		neap_report_verdict(&message, run);
	else
		put_problems(&message, &witness->session->problems);
	snprintf(number, sizeof number, "%d", code);
	const struct neap_log_field fields[] = {
		{ "NEAP_RUN_ID", witness->id },
		{ "NEAP_RECIPE", witness->session->options->operand },
		{ "NEAP_EXIT_CODE", number },
	};
	send(witness,
	     !well                           ? NEAP_LOG_ERROR
	     : run && neap_run_is_empty(run) ? NEAP_LOG_INFO
					     : NEAP_LOG_NOTICE,
	     &message, fields, sizeof fields / sizeof *fields);
	neap_log_close(witness->log);
	witness->log = NULL;
	free(witness->logged);
	witness->logged = NULL;
}
