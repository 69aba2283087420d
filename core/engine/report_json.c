/*
 * What a script reads: a run, or the problems of a recipe, as one JSON document by docs/schema/. A resource
 * is a line, so that two plans can be compared by diff(1).
 *
 * Keys are sorted, there is no clock in a plan, and equal inputs give equal bytes. Looks at nothing but the
 * run. A value that holds secrets, or that others may not read, is null and says so.
 */
#include "engine/report.h"
#include "engine/report_parts.h"

#define FORMAT_VERSION 1

void neap_report_emit_source(struct neap_emit *emit, struct neap_position at)
{
	neap_emit_key(emit, "source");
	neap_emit_open(emit, '{');
	neap_emit_key(emit, "file");
	neap_emit_string(emit, at.file);
	neap_emit_key(emit, "line");
	if (at.line > 0)
		neap_emit_integer(emit, at.line);
	else
		neap_emit_word(emit, "null");
	neap_emit_close(emit, '}');
}

void neap_report_emit_requires(struct neap_emit *emit, const struct neap_graph *graph, uint32_t resource)
{
	neap_emit_key(emit, "requires");
	neap_emit_open(emit, '[');
	for (uint32_t i = graph->in_first[resource]; i < graph->in_first[resource + 1]; i++) {
		const struct neap_edge *edge = &graph->edges.items[i];
		bool join = edge->from >= graph->resources.count;
		neap_emit_open(emit, '{');
		neap_emit_key(emit, join ? "group" : "address");
		neap_emit_string(emit, join ? graph->joins.items[edge->from - graph->resources.count].name
					    : graph->resources.items[edge->from].address);
		neap_emit_key(emit, "why");
		neap_emit_string(emit, neap_why_name(edge->why));
		neap_emit_close(emit, '}');
	}
	neap_emit_close(emit, ']');
}

static int compare_joins(const void *a, const void *b)
{
	return strcmp((*(const struct neap_join *const *)a)->name,
		      (*(const struct neap_join *const *)b)->name);
}

void neap_report_emit_groups(struct neap_emit *emit, const struct neap_graph *graph)
{
	size_t count = graph->joins.count;
	const struct neap_join **sorted NEAP_AUTO_FREE = neap_alloc(sizeof *sorted * (count + 1));
	for (size_t i = 0; i < count; i++)
		sorted[i] = &graph->joins.items[i];
	qsort(sorted, count, sizeof *sorted, compare_joins);

	neap_emit_key(emit, "groups");
	neap_emit_open(emit, '{');
	for (size_t i = 0; i < count; i++) {
		size_t node = graph->resources.count + (size_t)(sorted[i] - graph->joins.items);
		neap_emit_line(emit);
		neap_emit_key(emit, sorted[i]->name);
		neap_emit_open(emit, '[');
		for (uint32_t j = graph->in_first[node]; j < graph->in_first[node + 1]; j++) {
			uint32_t from = graph->edges.items[j].from;
			if (from < graph->resources.count)
				neap_emit_string(emit, graph->resources.items[from].address);
		}
		neap_emit_close(emit, ']');
	}
	neap_emit_close(emit, '}');
}

/* ---- a resource --------------------------------------------------------------------------------------- */

static void emit_side(struct neap_emit *emit, const struct neap_value *value,
		      const struct neap_content *large, bool hidden)
{
	struct neap_content content = { 0 };
	if (large)
		neap_emit_content(emit, large, hidden);
	else if (!hidden)
		neap_emit_value(emit, value);
	else if (value->kind == NEAP_STRING && value->text.len > NEAP_EMIT_MAX &&
		 !neap_value_has_secret(value)) {
		content.size = value->text.len;
		neap_emit_content(emit, &content, true);
	} else {
		neap_emit_word(emit, "null");
	}
}

static void emit_change(struct neap_emit *emit, const struct neap_change_entry *entry)
{
	bool secret_after = neap_value_has_secret(&entry->after);
	bool hide_before = entry->hide_before || neap_value_has_secret(&entry->before) ||
			   (secret_after && entry->before.kind != NEAP_NIL);

	neap_emit_open(emit, '{');
	neap_emit_key(emit, "after");
	if (entry->unknown)
		neap_emit_word(emit, "null");
	else
		emit_side(emit, &entry->after, entry->large_after, secret_after);
	neap_emit_key(emit, "before");
	emit_side(emit, &entry->before, entry->large_before, hide_before);
	neap_emit_key(emit, "param");
	neap_emit_string(emit, entry->param);
	neap_emit_key(emit, "secret");
	neap_emit_word(emit, secret_after || hide_before ? "true" : "false");
	neap_emit_key(emit, "unknown");
	neap_emit_word(emit, entry->unknown ? "true" : "false");
	neap_emit_close(emit, '}');
}

const char *neap_report_error(const struct neap_run *run, const struct neap_result *result)
{
	switch (result->outcome) {
	case NEAP_OUTCOME_FAILED:
		return result->error ? result->error->message : "failed";
	case NEAP_OUTCOME_SKIPPED:
		return run->mode == NEAP_RUN_PLAN ? "what it stands on could not be planned" : NULL;
	case NEAP_OUTCOME_NOT_DONE:
		return run->mode == NEAP_RUN_PLAN ? "stopped before it was planned" : NULL;
	default:
		return NULL;
	}
}

static void emit_resource(struct neap_emit *emit, const struct neap_run *run, uint32_t number)
{
	static const char *const maybe[] = { "false", "true", "\"unknown\"" };
	const struct neap_graph *graph = run->graph;
	const struct neap_resource *resource = &graph->resources.items[number];
	const struct neap_result *result = &run->results[number];
	bool plan = run->mode == NEAP_RUN_PLAN;
	const char *error = neap_report_error(run, result);

	neap_emit_line(emit);
	neap_emit_open(emit, '{');
	neap_emit_key(emit, "action");
	neap_emit_string(emit, error ? "error" : neap_action_name(result->action));
	neap_emit_key(emit, "address");
	neap_emit_string(emit, resource->address);
	if (result->cause < graph->resources.count) {
		neap_emit_key(emit, "cause");
		neap_emit_string(emit, graph->resources.items[result->cause].address);
	}
	neap_emit_key(emit, "changes");
	neap_emit_open(emit, '[');
	for (size_t i = 0; i < result->change_count; i++)
		emit_change(emit, &result->changes[i]);
	neap_emit_close(emit, ']');
	if (error) {
		neap_emit_key(emit, "error");
		neap_emit_string(emit, error);
	}
	if (error && result->error && result->error->hint) {
		neap_emit_key(emit, "hint");
		neap_emit_string(emit, result->error->hint);
	}
	neap_emit_key(emit, "host");
	neap_emit_string(emit, "local");
	neap_emit_key(emit, "name");
	neap_emit_string(emit, resource->name);
	if (!plan) {
		neap_emit_key(emit, "outcome");
		neap_emit_string(emit, neap_outcome_name(result->outcome));
	}
	neap_emit_key(emit, "reason");
	neap_emit_string(emit, result->reason);
	neap_emit_key(emit, "refresh");
	neap_emit_word(emit, maybe[result->refresh]);
	neap_report_emit_requires(emit, graph, number);
	if (!plan) {
		char seconds[32];
		snprintf(seconds, sizeof seconds, "%.6f", (double)result->seconds);
		neap_emit_key(emit, "seconds");
		neap_emit_word(emit, seconds);
	}
	neap_report_emit_source(emit, resource->at);
	neap_emit_key(emit, "type");
	neap_emit_string(emit, resource->type->name);
	neap_emit_close(emit, '}');
}

/* ---- the document ------------------------------------------------------------------------------------- */

static void emit_recipe(struct neap_emit *emit, const struct neap_report_options *options)
{
	char digest[NEAP_DIGEST_HEX_SIZE] = "";
	if (options->sources)
		neap_sources_digest(options->sources, digest);
	neap_emit_line(emit);
	neap_emit_key(emit, "recipe");
	neap_emit_open(emit, '{');
	neap_emit_key(emit, "digest");
	neap_emit_string(emit, digest[0] ? digest : NULL);
	neap_emit_key(emit, "path");
	neap_emit_string(emit, options->recipe);
	neap_emit_close(emit, '}');
}

/* Those that the recipe has read. */
static void emit_facts(struct neap_emit *emit, const struct neap_report_options *options)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_value used = { .kind = NEAP_MAP };
	if (options->facts)
		used = neap_facts_used(options->facts, arena);
	neap_emit_line(emit);
	neap_emit_key(emit, "facts");
	neap_emit_value(emit, &used);
}

static void emit_params(struct neap_emit *emit, const struct neap_report_options *options)
{
	neap_emit_line(emit);
	neap_emit_key(emit, "params");
	neap_emit_open(emit, '{');
	for (size_t i = 0; i < options->param_count; i++) {
		neap_emit_key(emit, options->params[i].name);
		neap_emit_string(emit, options->params[i].value);
	}
	neap_emit_close(emit, '}');
}

void neap_report_json(FILE *out, const struct neap_run *run, const struct neap_report_options *options)
{
	const struct neap_graph *graph = run->graph;
	struct neap_buf head NEAP_AUTO_BUF = { 0 }, tail NEAP_AUTO_BUF = { 0 };
	struct neap_emit emit = { .buf = &head };
	char digest[NEAP_DIGEST_HEX_SIZE];

	neap_graph_digest(graph, digest);
	neap_emit_open(&emit, '{');
	emit_facts(&emit, options);
	neap_emit_line(&emit);
	neap_emit_key(&emit, "format_version");
	neap_emit_integer(&emit, FORMAT_VERSION);
	neap_emit_line(&emit);
	neap_emit_key(&emit, "graph_digest");
	neap_emit_string(&emit, digest);
	neap_emit_line(&emit);
	neap_report_emit_groups(&emit, graph);
	neap_emit_line(&emit);
	neap_emit_key(&emit, "hosts");
	neap_emit_open(&emit, '[');
	neap_emit_string(&emit, "local");
	neap_emit_close(&emit, ']');
	neap_emit_line(&emit);

	emit = (struct neap_emit){ .buf = &tail };
	neap_emit_key(&emit, "neap_version");
	neap_emit_string(&emit, NEAP_VERSION);
	emit_params(&emit, options);
	emit_recipe(&emit, options);
	neap_emit_line(&emit);
	neap_emit_key(&emit, "resources");
	neap_emit_open(&emit, '[');
	for (size_t i = 0; i < graph->node_count; i++)
		if (graph->order[i] < graph->resources.count && neap_run_selected(run, graph->order[i]))
			emit_resource(&emit, run, graph->order[i]);
	neap_emit_close(&emit, ']');
	if (run->signal || run->timeout) {
		neap_emit_line(&emit);
		neap_report_emit_stopped(&emit, run);
	}
	neap_emit_line(&emit);
	neap_report_emit_summary(&emit, &run->summary);
	if (options->tag_count > 0) {
		neap_emit_line(&emit);
		neap_emit_key(&emit, "tags");
		neap_emit_open(&emit, '[');
		for (size_t i = 0; i < options->tag_count; i++)
			neap_emit_string(&emit, options->tags[i]);
		neap_emit_close(&emit, ']');
	}
	neap_buf_puts(&tail, "\n}\n");

	/* The id is a digest over everything else. */
	uint8_t id[NEAP_DIGEST_SIZE];
	struct neap_digest_state *state = neap_digest_begin();
	neap_digest_update(state, head.data, head.len);
	neap_digest_update(state, tail.data, tail.len);
	neap_digest_end(state, id);
	neap_digest_hex(id, digest);
	fwrite(head.data, 1, head.len, out);
	fprintf(out, "\"id\":\"%s\",\n", digest);
	fwrite(tail.data, 1, tail.len, out);
}

void neap_report_problems_json(FILE *out, const struct neap_problems *problems)
{
	struct neap_buf buf NEAP_AUTO_BUF = { 0 };
	struct neap_emit emit = { .buf = &buf };
	neap_emit_open(&emit, '{');
	neap_emit_line(&emit);
	neap_emit_key(&emit, "errors");
	neap_emit_open(&emit, '[');
	for (size_t i = 0; i < problems->errors.count; i++) {
		const struct neap_problem *problem = &problems->errors.items[i];
		neap_emit_line(&emit);
		neap_emit_open(&emit, '{');
		neap_emit_key(&emit, "address");
		neap_emit_string(&emit, problem->address);
		neap_emit_key(&emit, "file");
		neap_emit_string(&emit, problem->at.file);
		neap_emit_key(&emit, "hint");
		neap_emit_string(&emit, problem->hint);
		neap_emit_key(&emit, "line");
		if (problem->at.line > 0)
			neap_emit_integer(&emit, problem->at.line);
		else
			neap_emit_word(&emit, "null");
		neap_emit_key(&emit, "message");
		neap_emit_string(&emit, problem->message);
		neap_emit_close(&emit, '}');
	}
	neap_emit_close(&emit, ']');
	neap_emit_line(&emit);
	neap_emit_key(&emit, "format_version");
	neap_emit_integer(&emit, FORMAT_VERSION);
	neap_buf_puts(&buf, "\n}\n");
	fwrite(buf.data, 1, buf.len, out);
}
