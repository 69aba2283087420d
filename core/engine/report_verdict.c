/* How a run went, in one line, and its counts. */
#include <signal.h>

#include "base/moment.h"
#include "engine/report.h"
#include "engine/report_parts.h"

#define PART(name, member)                                                                                   \
	{                                                                                                    \
		name, offsetof(struct neap_summary, member)                                                  \
	}
const struct neap_summary_part neap_summary_parts[NEAP_SUMMARY_PARTS] = {
	PART("create", create),     PART("delete", remove),       PART("failed", failed),
	PART("not_done", not_done), PART("refresh", refresh),     PART("run", run),
	PART("skipped", skipped),   PART("unchanged", unchanged), PART("unknown", unknown),
	PART("update", update),
};

void neap_report_emit_summary(struct neap_emit *emit, const struct neap_summary *summary)
{
	neap_emit_key(emit, "summary");
	neap_emit_open(emit, '{');
	for (size_t i = 0; i < NEAP_SUMMARY_PARTS; i++) {
		neap_emit_key(emit, neap_summary_parts[i].name);
		neap_emit_integer(emit, neap_summary_get(summary, i));
	}
	neap_emit_close(emit, '}');
}

void neap_report_emit_stopped(struct neap_emit *emit, const struct neap_run *run)
{
	neap_emit_key(emit, "stopped");
	if (!run->signal && !run->timeout) {
		neap_emit_word(emit, "null");
		return;
	}
	neap_emit_open(emit, '{');
	neap_emit_key(emit, "signal");
	neap_emit_string(emit, run->signal ? sigabbrev_np(run->signal) : NULL);
	neap_emit_key(emit, "timeout");
	if (run->timeout)
		neap_emit_integer(emit, run->timeout);
	else
		neap_emit_word(emit, "null");
	neap_emit_close(emit, '}');
}

bool neap_report_put_counts(struct neap_buf *buf, const struct neap_summary *s, bool plan)
{
	const struct {
		unsigned count;
		const char *plan, *apply;
	} parts[] = {
		{ s->failed, "could not be planned", "failed" },
		{ s->skipped, "skipped", "skipped" },
		{ s->not_done, "not done", "not done" },
		{ s->create, "to create", "created" },
		{ s->update, "to update", "updated" },
		{ s->remove, "to delete", "deleted" },
		{ s->run, "to run", "ran" },
		{ s->refresh, "to refresh", "refreshed" },
		{ s->unknown, "unknown", "changed" },
		{ s->unchanged, "unchanged", "unchanged" },
	};
	bool any = false;

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		if (parts[i].count == 0)
			continue;
		neap_buf_printf(buf, "%s%u %s", any ? ", " : "", parts[i].count,
				plan ? parts[i].plan : parts[i].apply);
		any = true;
	}
	return any;
}

static size_t total_of(const struct neap_run *run)
{
	size_t total = 0;
	for (uint32_t i = 0; i < run->graph->resources.count; i++)
		total += neap_run_selected(run, i);
	return total;
}

bool neap_run_is_well(const struct neap_run *run)
{
	return !run->summary.failed && !run->summary.skipped && !run->summary.not_done && !run->signal &&
	       !run->timeout;
}

bool neap_run_is_empty(const struct neap_run *run)
{
	return neap_run_is_well(run) && run->summary.unchanged == total_of(run);
}

bool neap_report_put_stop(struct neap_buf *buf, const struct neap_run *run)
{
	struct neap_arena *scratch NEAP_AUTO_ARENA = NULL;

	if (run->signal) {
		const char *name = sigabbrev_np(run->signal);

		neap_buf_printf(buf, "stopped by SIG%s", name ? name : "?");
	} else if (run->timeout) {
		scratch = neap_arena_new();
		neap_buf_printf(buf, "timed out after %s", neap_duration_text(run->timeout, scratch));
	}
	return run->signal || run->timeout;
}

/* So many have a reason that begins so: "noop", "will wait". */
static size_t with_reason(const struct neap_run *run, const char *reason)
{
	size_t count = 0;

	for (uint32_t i = 0; i < run->graph->resources.count; i++)
		count += neap_run_selected(run, i) && run->results[i].reason &&
			 strncmp(run->results[i].reason, reason, strlen(reason)) == 0;
	return count;
}

/* What would be changed, or is to be waited for, is not as wanted. */
static void put_nothing(struct neap_buf *buf, const struct neap_run *run, size_t total)
{
	size_t noop = with_reason(run, "noop"), waits = with_reason(run, "will wait");
	size_t wanted = total - noop - waits;

	neap_buf_puts(buf, "nothing to change: ");
	if (wanted)
		neap_buf_printf(buf, "%zu resource%s as wanted", wanted, wanted == 1 ? "" : "s");
	if (noop)
		neap_buf_printf(buf, "%s%zu noop", wanted ? ", " : "", noop);
	if (waits)
		neap_buf_printf(buf, "%s%zu to wait for", wanted || noop ? ", " : "", waits);
}

void neap_report_verdict(struct neap_buf *buf, const struct neap_run *run)
{
	bool plan = run->mode == NEAP_RUN_PLAN, bad = !neap_run_is_well(run);
	size_t total = total_of(run);

	if (neap_run_is_empty(run)) {
		if (total == 0)
			neap_buf_puts(buf, "nothing to change: the recipe declares no resource");
		else
			put_nothing(buf, run, total);
		return;
	}
	if (neap_report_put_stop(buf, run))
		neap_buf_puts(buf, ": ");
	else
		neap_buf_puts(buf, plan ? (bad ? "plan failed: " : "plan: ")
					: (bad ? "apply failed: " : "applied: "));
	if (!neap_report_put_counts(buf, &run->summary, plan))
		neap_buf_puts(buf, "no resource was looked at");
}
