/* See witness.h. */
#include "cli/witness.h"

#include <time.h>
#include <unistd.h>

#include "cli/stop.h"
#include "engine/report_parts.h"
#include "host/state.h"

int64_t neap_cli_witness_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

double neap_cli_witness_seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void neap_cli_witness_warn(struct neap_error **err)
{
	neap_error_prefix(err, "warning");
	neap_cli_complain(*err);
	neap_error_free(*err);
	*err = NULL;
}

static void done(void *ctx, const struct neap_run *run, uint32_t number)
{
	neap_cli_events_done(ctx, run, number);
	neap_cli_log_done(ctx, run, number);
}

static void measured(void *ctx, const struct neap_run *run, uint32_t number, const char *label, double value)
{
	neap_cli_metrics_measured(ctx, run, number, label, value);
}

int neap_cli_witness_begin(struct neap_cli_witness *witness, struct neap_cli_session *session,
			   enum neap_run_mode mode)
{
	struct neap_error *err = NULL;
	*witness = (struct neap_cli_witness){
		.session = session,
		.mode = mode,
		.started = neap_cli_witness_now(),
		.began = neap_cli_witness_seconds(),
		.observer = { .ctx = witness, .done = done },
	};
	if (mode == NEAP_RUN_APPLY || session->options->events)
		neap_random_id(witness->id);
	if (session->options->metrics)
		witness->observer.measured = measured;
	if (neap_cli_metrics_begin(witness, &err) < 0 || neap_cli_log_begin(witness, &err) < 0 ||
	    neap_cli_events_begin(witness, &err) < 0)
		return neap_cli_session_refuse(session, &err, NEAP_EXIT_RECIPE);
	return 0;
}

void neap_cli_witness_locked(struct neap_cli_witness *witness, struct neap_state *state)
{
	neap_record_begin(state, witness->id, witness->session->options->operand);
}

/* ---- the record ---------------------------------------------------------------------------------------- */

struct failures {
	NEAP_VEC(struct neap_record_failure) kept;
	size_t all;
};

static void add_failure(struct failures *failures, struct neap_record_failure failure)
{
	failures->all++;
	if (failures->kept.count < NEAP_RECORD_FAILURES)
		neap_vec_push(&failures->kept, failure);
}

static void failures_of_run(struct failures *failures, const struct neap_run *run)
{
	const struct neap_graph *graph = run->graph;
	for (size_t i = 0; i < graph->node_count; i++) {
		uint32_t number = graph->order[i];
		if (number >= graph->resources.count || run->results[number].outcome != NEAP_OUTCOME_FAILED)
			continue;
		const struct neap_resource *resource = &graph->resources.items[number];
		const struct neap_error *error = run->results[number].error;
		add_failure(failures, (struct neap_record_failure){
					      .address = resource->address,
					      .file = resource->at.file,
					      .line = resource->at.line,
					      .message = error ? error->message : "failed",
					      .hint = error ? error->hint : NULL,
				      });
	}
}

static void failures_of_problems(struct failures *failures, const struct neap_problems *problems)
{
	for (size_t i = 0; i < problems->errors.count; i++) {
		const struct neap_problem *problem = &problems->errors.items[i];
		add_failure(failures, (struct neap_record_failure){
					      .address = problem->address,
					      .file = problem->at.file,
					      .line = problem->at.line,
					      .message = problem->message,
					      .hint = problem->hint,
				      });
	}
}

static int record(const struct neap_cli_witness *witness, const struct neap_run *run,
		  struct neap_state *state, const char *where, int code, struct neap_error **err)
{
	const struct neap_cli_session *session = witness->session;
	const struct neap_cli_options *options = session->options;
	struct neap_record_count counts[NEAP_SUMMARY_PARTS];
	struct failures failures = { 0 };
	struct neap_record record = {
		.recipe = options->operand,
		.version = NEAP_VERSION,
		.tags = options->tags,
		.pid = getpid(),
		.started = witness->started,
		.ended = witness->ended,
		.exit_code = code,
		.signal = run ? run->signal : 0,
		.timeout = run              ? run->timeout
			   : *neap_cli_stop ? options->timeout
					    : 0,
		.counts = counts,
	};
	memcpy(record.id, witness->id, sizeof record.id);
	for (size_t i = 0; run && i < NEAP_SUMMARY_PARTS; i++)
		counts[record.count_count++] =
			(struct neap_record_count){ neap_summary_parts[i].name,
						    neap_summary_get(&run->summary, i) };
	if (run)
		failures_of_run(&failures, run);
	else
		failures_of_problems(&failures, &session->problems);
	record.failures = failures.kept.items;
	record.failure_count = failures.kept.count;
	record.failed = failures.all;
	int r = state ? neap_record_end(state, &record, err)
		      : neap_record_refused(where, session->root, &record, err);
	neap_vec_done(&failures.kept);
	return r;
}

void neap_cli_witness_end(struct neap_cli_witness *witness, const struct neap_run *run,
			  struct neap_state *state, const char *where, int code)
{
	struct neap_error *err = NULL;
	/* Who typed something wrong sees it; another run tells of itself. */
	bool counts = code != NEAP_EXIT_USAGE && code != NEAP_EXIT_LOCKED;
	if (!witness->session)
		return;
	witness->ended = neap_cli_witness_now();
	if (witness->mode == NEAP_RUN_APPLY && counts && record(witness, run, state, where, code, &err) < 0)
		neap_cli_witness_warn(&err);
	neap_cli_metrics_end(witness, run, where, code);
	neap_cli_events_end(witness, run, code);
	neap_cli_log_end(witness, run, code);
}
