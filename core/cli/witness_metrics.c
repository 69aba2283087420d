/* The numbers of --metrics: gathered while the run goes on, written at its end, however it went. */
#include <stdlib.h>

#include "cli/witness.h"
#include "engine/metrics.h"
#include "host/notices.h"
#include "host/record.h"
#include "host/swap.h"

int neap_cli_metrics_begin(struct neap_cli_witness *witness, struct neap_error **err)
{
	const char *path = witness->session->options->metrics;
	if (!path)
		return 0;
	if (neap_swap_check(path, err) < 0)
		return neap_error_prefix(err, "--metrics");
	witness->metrics = path;
	return 0;
}

/* The last look counts: in an apply the one that comes after the change. */
void neap_cli_metrics_measured(struct neap_cli_witness *witness, const struct neap_run *run, uint32_t number,
			       const char *label, double value)
{
	struct neap_arena *arena = witness->session->arena;
	size_t count = run->graph->resources.count;
	if (!witness->measured)
		witness->measured = neap_arena_array_of(arena, struct neap_metric, count + 1);
	witness->measured[number] = (struct neap_metric){ 0 };
	if (label)
		witness->measured[number] = (struct neap_metric){
			.measure = run->graph->resources.items[number].type->measure,
			.label = neap_arena_strdup(arena, label),
			.value = value,
		};
}

/* Those that are known, without the gaps. */
static size_t gather(struct neap_cli_witness *witness, const struct neap_run *run)
{
	size_t count = 0;
	for (uint32_t i = 0; run && witness->measured && i < run->graph->resources.count; i++)
		if (witness->measured[i].measure)
			witness->measured[count++] = witness->measured[i];
	return count;
}

void neap_cli_metrics_end(struct neap_cli_witness *witness, const struct neap_run *run, const char *where,
			  int code)
{
	struct neap_cli_session *session = witness->session;
	struct neap_buf text NEAP_AUTO_BUF = { 0 };
	struct neap_error *err = NULL;
	struct neap_notices notices = { 0 };
	struct neap_look look;
	size_t damaged;
	bool well = witness->mode == NEAP_RUN_APPLY && (code == 0 || code == 2);
	struct neap_metrics metrics = {
		.run = run,
		.exit_code = code,
		.ended = witness->ended,
		.seconds = neap_cli_witness_seconds() - witness->began,
		.measured = witness->measured,
	};
	if (!witness->metrics)
		return;
	metrics.last_success = well ? metrics.ended : -1;
	if (!well && neap_record_look(where, session->root, session->arena, &look, NULL) == 0)
		metrics.last_success = look.recorded ? look.record.last_success : 0;
	metrics.pending = neap_state_journal_read(where, session->arena, &notices, &damaged, NULL) < 0
				  ? -1
				  : (int64_t)neap_status_pending(notices.items, notices.count);
	metrics.measured_count = gather(witness, run);
	neap_report_metrics(&text, &metrics);
	if (neap_swap_write(witness->metrics, text.data, text.len, &err) < 0)
		neap_cli_witness_warn(&err);
}
