/* The events of --events: each written as it happens, so that those of a run that is killed are there. */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cli/stop.h"
#include "cli/witness.h"
#include "engine/event.h"
#include "host/feed.h"

static struct neap_event event_of(const struct neap_cli_witness *witness)
{
	return (struct neap_event){ .run = witness->id, .time = neap_cli_witness_now() };
}

static void put(struct neap_cli_witness *witness, const struct neap_buf *line)
{
	struct neap_error *err = NULL;
	if (neap_feed_line(witness->events, line->data, line->len, &err) < 0 && err)
		neap_cli_witness_warn(&err);
}

int neap_cli_events_begin(struct neap_cli_witness *witness, struct neap_error **err)
{
	const struct neap_cli_options *options = witness->session->options;
	struct neap_buf line NEAP_AUTO_BUF = { 0 };
	struct neap_event event = event_of(witness);
	if (!options->events)
		return 0;
	if (neap_feed_open(options->events, &witness->events, err) < 0)
		return neap_error_prefix(err, "--events");
	const struct neap_event_begin begin = {
		.mode = witness->mode,
		.recipe = options->operand,
		.tags = options->tags,
		.pid = getpid(),
	};
	event.time = witness->started;
	neap_event_begin(&line, &event, &begin);
	put(witness, &line);
	return 0;
}

/* What an event says of a resource, as one number that is not 0. */
static uint8_t told_of(const struct neap_result *result)
{
	return (uint8_t)(1 + result->outcome * 16 + (uint8_t)result->action);
}

static void tell(struct neap_cli_witness *witness, const struct neap_run *run, uint32_t number)
{
	struct neap_buf line NEAP_AUTO_BUF = { 0 };
	const struct neap_event event = event_of(witness);
	witness->told[number] = told_of(&run->results[number]);
	neap_event_resource(&line, &event, run, number);
	put(witness, &line);
}

static void prepare(struct neap_cli_witness *witness, const struct neap_run *run)
{
	size_t count = run->graph->resources.count;
	if (witness->told)
		return;
	witness->told = neap_alloc(count + 1);
	memset(witness->told, 0, count + 1);
}

void neap_cli_events_done(struct neap_cli_witness *witness, const struct neap_run *run, uint32_t number)
{
	if (!witness->events)
		return;
	prepare(witness, run);
	tell(witness, run, number);
}

/* Those whose turn never came, and those of which a later look has shown something else. */
static void tell_rest(struct neap_cli_witness *witness, const struct neap_run *run)
{
	const struct neap_graph *graph = run->graph;
	prepare(witness, run);
	for (size_t i = 0; i < graph->node_count; i++) {
		uint32_t number = graph->order[i];
		if (number < graph->resources.count && neap_run_selected(run, number) &&
		    witness->told[number] != told_of(&run->results[number]))
			tell(witness, run, number);
	}
}

void neap_cli_events_end(struct neap_cli_witness *witness, const struct neap_run *run, int code)
{
	const struct neap_problems *problems = &witness->session->problems;
	struct neap_buf line NEAP_AUTO_BUF = { 0 };
	if (!witness->events)
		return;
	for (size_t i = 0; i < problems->errors.count; i++) {
		const struct neap_event event = event_of(witness);
		line.len = 0;
		neap_event_error(&line, &event, &problems->errors.items[i]);
		put(witness, &line);
	}
	if (run)
		tell_rest(witness, run);
	const struct neap_event event = event_of(witness);
	const struct neap_event_end end = {
		.run = run,
		.timeout = *neap_cli_stop ? witness->session->options->timeout : 0,
		.exit_code = code,
		.seconds = neap_cli_witness_seconds() - witness->began,
	};
	line.len = 0;
	neap_event_end(&line, &event, &end);
	put(witness, &line);
	neap_feed_close(witness->events);
	witness->events = NULL;
	free(witness->told);
	witness->told = NULL;
}
