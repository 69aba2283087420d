/* See metrics.h. A file with one wrong line is taken by nobody, so every byte of a label is made fit. */
#include "engine/metrics.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/map.h"
#include "engine/report_parts.h"

/* Help and type of a metric, whose lines follow. */
static void put_head(struct neap_buf *buf, const char *name, const char *help)
{
	neap_buf_printf(buf, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

static void put_number(struct neap_buf *buf, const char *name, const char *help, double value)
{
	put_head(buf, name, help);
	neap_buf_printf(buf, "%s %.15g\n", name, value);
}

/* Milliseconds as seconds. */
static void put_moment(struct neap_buf *buf, const char *name, const char *help, int64_t milliseconds)
{
	put_head(buf, name, help);
	neap_buf_printf(buf, "%s %" PRId64 ".%03d\n", name, milliseconds / 1000, (int)(milliseconds % 1000));
}

/* The inside of the quotes: backslash, quote and newline escaped, bytes that are not UTF-8 as the text \xNN.
 */
static void put_label(struct neap_buf *buf, const char *value)
{
	struct neap_str rest = neap_str(value);

	while (rest.len) {
		size_t whole = neap_str_utf8_prefix(rest);

		for (size_t i = 0; i < whole; i++) {
			if (rest.data[i] == '\\' || rest.data[i] == '"')
				neap_buf_putc(buf, '\\');
			if (rest.data[i] == '\n')
				neap_buf_puts(buf, "\\n");
			else
				neap_buf_putc(buf, rest.data[i]);
		}
		rest.data += whole;
		rest.len -= whole;
		if (!rest.len)
			break;
		neap_buf_printf(buf, "\\\\x%02x", (unsigned char)*rest.data);
		rest.data++;
		rest.len--;
	}
}

static void put_resources(struct neap_buf *buf, const struct neap_summary *s)
{
	unsigned drift = s->create + s->update + s->remove + s->run + s->refresh + s->unknown;

	put_head(buf, "neap_resources",
		 "Resources of the last run by what became of them; of a plan, what would.");
	for (size_t i = 0; i < NEAP_SUMMARY_PARTS; i++)
		neap_buf_printf(buf, "neap_resources{state=\"%s\"} %u\n", neap_summary_parts[i].name,
				neap_summary_get(s, i));
	put_number(buf, "neap_drift_resources",
		   "Resources that the last run found other than wanted, without those that failed.", drift);
}

/* ---- what types measure -------------------------------------------------------------------------------- */

static int by_metric(const void *left, const void *right)
{
	const struct neap_metric *a = left, *b = right;
	int order = strcmp(a->measure->metric, b->measure->metric);

	return order ? order : strcmp(a->label, b->label);
}

static void put_measured(struct neap_buf *buf, const struct neap_metrics *metrics)
{
	size_t count = metrics->measured_count;
	struct neap_metric *sorted NEAP_AUTO_FREE = neap_alloc(sizeof *sorted * (count + 1));
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_map seen = { 0 }; /* two values of one series, and the file is nobody's */

	for (size_t i = 0; i < count; i++)
		sorted[i] = metrics->measured[i];
	if (count)
		qsort(sorted, count, sizeof *sorted, by_metric);
	for (size_t i = 0; i < count; i++) {
		const struct neap_measure *measure = sorted[i].measure;
		struct neap_buf series NEAP_AUTO_BUF = { 0 };

		if (i == 0 || strcmp(measure->metric, sorted[i - 1].measure->metric) != 0)
			put_head(buf, measure->metric, measure->help);
		neap_buf_printf(&series, "%s{%s=\"", measure->metric, measure->label);
		put_label(&series, sorted[i].label);
		neap_buf_puts(&series, "\"}");
		const char *key = neap_arena_copy(arena, series.data, series.len);
		if (!neap_map_put(&seen, neap_str(key), &sorted[i]))
			neap_buf_printf(buf, "%s %.15g\n", key, sorted[i].value);
	}
	neap_map_done(&seen);
}

void neap_report_metrics(struct neap_buf *buf, const struct neap_metrics *metrics)
{
	put_head(buf, "neap_build_info", "A metric that is always 1, labelled with the version of neap.");
	neap_buf_puts(buf, "neap_build_info{version=\"" NEAP_VERSION "\"} 1\n");
	put_moment(buf, "neap_last_run_timestamp_seconds", "When the last run ended, however it went.",
		   metrics->ended);
	if (metrics->last_success >= 0)
		put_moment(buf, "neap_last_success_timestamp_seconds",
			   "When the last apply ended in which nothing failed; 0 if there was none.",
			   metrics->last_success);
	put_number(buf, "neap_run_duration_seconds", "How long the last run took.",
		   (double)(int64_t)(metrics->seconds * 1000 + 0.5) / 1000);
	put_number(buf, "neap_run_exit_code", "The exit code of the last run.", metrics->exit_code);
	if (metrics->pending >= 0)
		put_number(buf, "neap_pending_notifications",
			   "Resources that are still to be refreshed because of what earlier runs changed.",
			   (double)metrics->pending);
	if (metrics->run) {
		put_resources(buf, &metrics->run->summary);
		put_measured(buf, metrics);
	}
}
