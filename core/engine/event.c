/* See event.h. Keys are sorted, as in every JSON of neap's. */
#include "engine/event.h"

#include "base/moment.h"
#include "engine/report_parts.h"

#define FORMAT_VERSION 1
#define TEXT_MAX 1000

/* At a character's end. */
static void emit_cut(struct neap_emit *emit, const char *key, const char *text)
{
	size_t len = text ? strlen(text) : 0;

	neap_emit_key(emit, key);
	if (!text || len <= TEXT_MAX) {
		neap_emit_string(emit, text);
		return;
	}
	struct neap_buf cut NEAP_AUTO_BUF = { 0 };
	neap_buf_append(&cut, text, TEXT_MAX);
	size_t whole = neap_str_utf8_prefix((struct neap_str){ cut.data, cut.len });
	if (whole + 4 > cut.len) /* it was UTF-8, but for the last character */
		cut.len = whole;
	neap_buf_puts(&cut, "…");
	neap_emit_text(emit, (struct neap_str){ cut.data, cut.len });
}

static void emit_seconds(struct neap_emit *emit, double seconds)
{
	char text[32];

	snprintf(text, sizeof text, "%.6f", seconds < 0 ? 0 : seconds);
	neap_emit_key(emit, "seconds");
	neap_emit_word(emit, text);
}

static void emit_run(struct neap_emit *emit, const struct neap_event *event)
{
	neap_emit_key(emit, "run");
	neap_emit_string(emit, event->run);
}

static void emit_time(struct neap_emit *emit, const struct neap_event *event)
{
	char text[NEAP_MOMENT_SIZE];

	neap_emit_key(emit, "time");
	neap_emit_string(emit, neap_moment_rfc3339(event->time, text));
}

static void emit_name(struct neap_emit *emit, const char *name)
{
	neap_emit_key(emit, "event");
	neap_emit_string(emit, name);
}

static void emit_version(struct neap_emit *emit)
{
	neap_emit_key(emit, "format_version");
	neap_emit_integer(emit, FORMAT_VERSION);
}

static void end_line(struct neap_emit *emit)
{
	neap_emit_close(emit, '}');
	neap_buf_putc(emit->buf, '\n');
}

void neap_event_begin(struct neap_buf *buf, const struct neap_event *event,
		      const struct neap_event_begin *begin)
{
	struct neap_emit emit = { .buf = buf };

	neap_emit_open(&emit, '{');
	emit_name(&emit, "run_begin");
	emit_version(&emit);
	neap_emit_key(&emit, "mode");
	neap_emit_string(&emit, begin->mode == NEAP_RUN_PLAN ? "plan" : "apply");
	neap_emit_key(&emit, "neap_version");
	neap_emit_string(&emit, NEAP_VERSION);
	neap_emit_key(&emit, "pid");
	neap_emit_integer(&emit, begin->pid);
	emit_cut(&emit, "recipe", begin->recipe);
	emit_run(&emit, event);
	emit_cut(&emit, "tags", begin->tags);
	emit_time(&emit, event);
	end_line(&emit);
}

void neap_event_error(struct neap_buf *buf, const struct neap_event *event,
		      const struct neap_problem *problem)
{
	struct neap_emit emit = { .buf = buf };

	neap_emit_open(&emit, '{');
	emit_cut(&emit, "address", problem->address);
	emit_name(&emit, "error");
	emit_version(&emit);
	emit_cut(&emit, "hint", problem->hint);
	emit_cut(&emit, "message", problem->message);
	emit_run(&emit, event);
	neap_report_emit_source(&emit, problem->at);
	emit_time(&emit, event);
	end_line(&emit);
}

void neap_event_resource(struct neap_buf *buf, const struct neap_event *event, const struct neap_run *run,
			 uint32_t number)
{
	static const char *const maybe[] = { "false", "true", "\"unknown\"" };
	const struct neap_graph *graph = run->graph;
	const struct neap_resource *resource = &graph->resources.items[number];
	const struct neap_result *result = &run->results[number];
	const char *error = neap_report_error(run, result);
	struct neap_emit emit = { .buf = buf };
	bool plan = run->mode == NEAP_RUN_PLAN;

	neap_emit_open(&emit, '{');
	neap_emit_key(&emit, "action");
	neap_emit_string(&emit, error ? "error" : neap_action_name(result->action));
	neap_emit_key(&emit, "address");
	neap_emit_string(&emit, resource->address);
	neap_emit_key(&emit, "cause");
	neap_emit_string(&emit, result->cause < graph->resources.count
					? graph->resources.items[result->cause].address
					: NULL);
	neap_emit_key(&emit, "changes");
	neap_emit_open(&emit, '[');
	for (size_t i = 0; i < result->change_count; i++)
		neap_emit_string(&emit, result->changes[i].param);
	neap_emit_close(&emit, ']');
	emit_cut(&emit, "error", error);
	emit_name(&emit, "resource");
	emit_version(&emit);
	emit_cut(&emit, "hint", error && result->error ? result->error->hint : NULL);
	if (!plan) {
		neap_emit_key(&emit, "outcome");
		neap_emit_string(&emit, neap_outcome_name(result->outcome));
	}
	emit_cut(&emit, "reason", result->reason);
	neap_emit_key(&emit, "refresh");
	neap_emit_word(&emit, maybe[result->refresh]);
	emit_run(&emit, event);
	if (!plan)
		emit_seconds(&emit, (double)result->seconds);
	neap_report_emit_source(&emit, resource->at);
	emit_time(&emit, event);
	neap_emit_key(&emit, "type");
	neap_emit_string(&emit, resource->type->name);
	end_line(&emit);
}

void neap_event_end(struct neap_buf *buf, const struct neap_event *event, const struct neap_event_end *end)
{
	const struct neap_run none = { .timeout = end->timeout };
	struct neap_emit emit = { .buf = buf };

	neap_emit_open(&emit, '{');
	emit_name(&emit, "run_end");
	neap_emit_key(&emit, "exit_code");
	neap_emit_integer(&emit, end->exit_code);
	emit_version(&emit);
	emit_run(&emit, event);
	emit_seconds(&emit, end->seconds);
	neap_report_emit_stopped(&emit, end->run ? end->run : &none);
	if (end->run) {
		neap_report_emit_summary(&emit, &end->run->summary);
	} else {
		neap_emit_key(&emit, "summary");
		neap_emit_word(&emit, "null");
	}
	emit_time(&emit, event);
	end_line(&emit);
}
