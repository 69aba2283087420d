/*
 * What a person reads: the plan before it is done, the report after, and what is wrong with a recipe.
 *
 * Verdict and counts first and, below a long body, last; unchanged resources hidden; a change a line. What a
 * file or a recipe says never reaches the terminal unescaped, and a secret never at all. Looks at nothing but
 * the run.
 */
#include "engine/report_page.h"
#include "engine/report_parts.h"

#define BODY_SHORT 10 /* lines below which the verdict is not said twice */
#define WORD_WIDTH 9

static void flush(struct neap_page *page)
{
	if (page->buf.len > 0)
		fwrite(page->buf.data, 1, page->buf.len, page->out);
	page->buf.len = 0;
}

/* A line below a resource, dim: reasons, causes. */
void neap_page_note(struct neap_page *page, const char *format, const char *text)
{
	struct neap_buf safe NEAP_AUTO_BUF = { 0 };
	neap_emit_safes(&safe, text);
	neap_buf_puts(&page->buf, "    ");
	neap_page_paint(page, DIM);
	neap_buf_puts(&page->buf, neap_arena_printf(page->scratch, format, safe.len ? safe.data : ""));
	neap_page_paint(page, RESET);
	neap_page_end_line(page);
}

void neap_page_notes(struct neap_page *page, const char *indent, const char *text)
{
	const char *format = neap_arena_printf(page->scratch, "%s%%s", indent);

	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");

		neap_page_note(page, format, neap_arena_copy(page->scratch, line, len));
		line += len + (line[len] == '\n');
	}
}

static void put_place(struct neap_buf *buf, struct neap_position at)
{
	if (!at.file)
		return;
	neap_emit_safes(buf, at.file);
	if (at.line > 0)
		neap_buf_printf(buf, ":%d", at.line);
}

/* ---- resources ---------------------------------------------------------------------------------------- */

struct look {
	char symbol;
	const char *color, *plan, *apply;
};

static const struct look action_looks[] = {
	[NEAP_ACTION_NONE] = { '=', DIM, "unchanged", "unchanged" },
	[NEAP_ACTION_UNKNOWN] = { '?', MAGENTA, "unknown", "changed" },
	[NEAP_ACTION_REFRESH] = { '@', CYAN, "refresh", "refreshed" },
	[NEAP_ACTION_RUN] = { '!', CYAN, "run", "ran" },
	[NEAP_ACTION_UPDATE] = { '~', YELLOW, "update", "updated" },
	[NEAP_ACTION_CREATE] = { '+', GREEN, "create", "created" },
	[NEAP_ACTION_DELETE] = { '-', RED, "delete", "deleted" },
};
static const struct look failed_look = { 'x', BOLD RED, "failed", "failed" };
static const struct look skipped_look = { '/', YELLOW, "skipped", "skipped" };
static const struct look not_done_look = { '/', YELLOW, "not done", "not done" };

static const struct look *look_of(const struct neap_result *result)
{
	switch (result->outcome) {
	case NEAP_OUTCOME_FAILED:
		return &failed_look;
	case NEAP_OUTCOME_SKIPPED:
		return &skipped_look;
	case NEAP_OUTCOME_NOT_DONE:
		return &not_done_look;
	default:
		return &action_looks[result->action];
	}
}

/* Whether its change makes others refresh: `maybe` or for sure. */
static bool is_changed(const struct neap_run *run, uint32_t node, bool maybe)
{
	return node < run->graph->resources.count && run->results[node].action != NEAP_ACTION_NONE &&
	       (run->results[node].action == NEAP_ACTION_UNKNOWN) == maybe &&
	       run->results[node].outcome != NEAP_OUTCOME_FAILED;
}

/* Whose change makes `resource` refresh: the first one found. NULL: none to name. */
static const char *notifier(const struct neap_run *run, uint32_t resource, bool maybe)
{
	const struct neap_graph *graph = run->graph;
	for (uint32_t i = graph->in_first[resource]; i < graph->in_first[resource + 1]; i++) {
		const struct neap_edge *edge = &graph->edges.items[i];
		if (!edge->refresh)
			continue;
		if (is_changed(run, edge->from, maybe))
			return graph->resources.items[edge->from].address;
		for (uint32_t j = graph->in_first[edge->from];
		     edge->from >= graph->resources.count && j < graph->in_first[edge->from + 1]; j++)
			if (is_changed(run, graph->edges.items[j].from, maybe))
				return graph->resources.items[graph->edges.items[j].from].address;
	}
	return NULL;
}

static void put_refresh(struct neap_page *page, const struct neap_result *result, uint32_t number)
{
	bool plan = page->run->mode == NEAP_RUN_PLAN;
	bool only = result->action == NEAP_ACTION_REFRESH;
	const char *by = notifier(page->run, number, result->refresh == NEAP_MAYBE);
	if (result->refresh == NEAP_NO)
		return;
	const char *what = result->refresh == NEAP_MAYBE ? "may refresh"
			   : plan                        ? "then refreshes"
							 : "refreshed";
	if (by)
		neap_page_note(
			page,
			neap_arena_printf(page->scratch, "%s%s%%s %s", only ? "" : what,
					  only ? "because " : ": ",
					  plan ? (result->refresh == NEAP_MAYBE ? "may change" : "changes")
					       : "changed"),
			by);
	else if (!only && !result->reason) /* else that says it: "restarts it" */
		neap_page_note(page, plan ? "%s, for its own change" : "%s for its own change", what);
}

static void put_error(struct neap_page *page, const struct neap_resource *resource,
		      const struct neap_error *error)
{
	neap_emit_safes(&page->buf, resource->address);
	if (resource->at.file) {
		neap_buf_puts(&page->buf, " (");
		put_place(&page->buf, resource->at);
		neap_buf_putc(&page->buf, ')');
	}
	neap_buf_puts(&page->buf, ": ");
	neap_emit_safes(&page->buf, error ? error->message : "failed");
	neap_page_end_line(page);
	if (error && error->hint)
		neap_page_notes(page, "", error->hint);
}

/* Bytes of `file` that name the directory of an embedded recipe, which goes without saying. */
static size_t recipe_directory(const struct neap_page *page, const char *file)
{
	const char *main = page->options->sources ? neap_sources_main(page->options->sources) : "";
	const char *slash = strrchr(main, '/');
	size_t len = slash && main[0] == '@' ? (size_t)(slash - main) + 1 : 0;
	return strncmp(file, main, len) == 0 ? len : 0;
}

static void put_resource(struct neap_page *page, uint32_t number)
{
	const struct neap_resource *resource = &page->run->graph->resources.items[number];
	const struct neap_result *result = &page->run->results[number];
	const struct look *look = look_of(result);
	bool plan = page->run->mode == NEAP_RUN_PLAN;
	const char *cause = result->cause < page->run->graph->resources.count
				    ? page->run->graph->resources.items[result->cause].address
				    : NULL;
	struct neap_buf *buf = &page->buf;

	neap_page_paint(page, look->color);
	neap_buf_printf(buf, "%c %-*s ", look->symbol, WORD_WIDTH, plan ? look->plan : look->apply);
	if (look == &failed_look) {
		neap_page_paint(page, RESET);
		put_error(page, resource, result->error);
		return;
	}
	struct neap_buf address NEAP_AUTO_BUF = { 0 }, place NEAP_AUTO_BUF = { 0 };
	neap_emit_safes(&address, resource->address);
	put_place(&place, resource->at);
	neap_buf_append(buf, address.data, address.len);
	neap_page_paint(page, RESET);
	if (place.len > 0) {
		size_t used = 2 + WORD_WIDTH + 1 + neap_emit_columns(address.data, address.len) + 2;
		size_t room = page->options->width > used ? page->options->width - used : 0;
		const char *shown = place.data + recipe_directory(page, place.data);
		size_t columns = neap_emit_columns(shown, strlen(shown));
		neap_buf_printf(buf, "%*s", (int)(columns < room ? 2 + room - columns : 2), "");
		neap_page_paint(page, DIM);
		neap_buf_puts(buf, shown);
		neap_page_paint(page, RESET);
	}
	neap_page_end_line(page);
	if (look == &not_done_look)
		return;
	if (look == &skipped_look) {
		if (cause)
			neap_page_note(page, plan ? "because %s could not be planned" : "because %s failed",
				       cause);
		return;
	}
	neap_page_changes(page, resource, result);
	if (result->action == NEAP_ACTION_UNKNOWN && cause)
		neap_page_note(page, "not known until %s has been applied", cause);
	if (result->reason)
		neap_page_note(page, "(%s)", result->reason);
	put_refresh(page, result, number);
}

/* ---- verdict ------------------------------------------------------------------------------------------ */

static void put_selection(struct neap_page *page)
{
	const struct neap_report_options *options = page->options;
	neap_buf_puts(&page->buf, "only ");
	for (size_t i = 0; i < options->tag_count; i++) {
		neap_buf_puts(&page->buf, i ? ", " : "");
		neap_emit_safes(&page->buf, options->tags[i]);
	}
	neap_buf_printf(&page->buf, ": %zu of %zu resources", options->chosen,
			page->run->graph->resources.count);
	if (options->needed > 0)
		neap_buf_printf(&page->buf, ", and %zu that %s on or %s", options->needed,
				options->chosen == 1 ? "it stands" : "they stand",
				options->chosen == 1 ? "notifies" : "notify");
	neap_page_end_line(page);
}

static void put_verdict(struct neap_page *page)
{
	neap_page_paint(page, neap_run_is_well(page->run) ? BOLD : BOLD RED);
	neap_report_verdict(&page->buf, page->run);
	neap_page_paint(page, RESET);
	neap_page_end_line(page);
}

void neap_report_text(FILE *out, const struct neap_run *run, const struct neap_report_options *options)
{
	struct neap_arena *scratch NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_report_options own = *options;
	if (own.width < 40)
		own.width = 40;
	struct neap_page page = { .out = out, .run = run, .options = &own, .scratch = scratch };
	const struct neap_graph *graph = run->graph;
	bool nothing = neap_run_is_empty(run);

	neap_arena_wipe(scratch);
	if (own.quiet && nothing)
		return;
	if (own.tag_count > 0 && !own.quiet)
		put_selection(&page);
	put_verdict(&page);
	page.lines = 0;
	for (size_t i = 0; i < graph->node_count && !own.quiet; i++) {
		uint32_t number = graph->order[i];
		if (number >= graph->resources.count || !neap_run_selected(run, number))
			continue;
		const struct neap_result *result = &run->results[number];
		if (result->outcome <= NEAP_OUTCOME_CHANGED && result->action == NEAP_ACTION_NONE &&
		    own.verbose == 0 && !(result->reason && strncmp(result->reason, "noop", 4) == 0))
			continue;
		if (page.lines == 0)
			neap_buf_putc(&page.buf, '\n');
		put_resource(&page, number);
		flush(&page);
		neap_arena_reset(scratch);
	}
	bool again = page.lines > BODY_SHORT, hint = page.folded && run->mode == NEAP_RUN_PLAN;
	if (again || hint)
		neap_buf_putc(&page.buf, '\n');
	if (again)
		put_verdict(&page);
	if (hint)
		neap_buf_puts(&page.buf, "--diff shows the texts line by line\n");
	flush(&page);
	neap_buf_done(&page.buf);
}

/* "timed out after 10m before exec[x] (site.lua:4): 3 not done" */
static void put_stop(struct neap_page *page)
{
	const struct neap_run *run = page->run;
	const struct neap_graph *graph = run->graph;
	size_t i = 0;

	if (!neap_report_put_stop(&page->buf, run))
		return;
	while (i < graph->node_count &&
	       (graph->order[i] >= graph->resources.count || !neap_run_selected(run, graph->order[i]) ||
		run->results[graph->order[i]].outcome != NEAP_OUTCOME_NOT_DONE))
		i++;
	if (i < graph->node_count) {
		const struct neap_resource *first = &graph->resources.items[graph->order[i]];

		neap_buf_puts(&page->buf, " before ");
		neap_emit_safes(&page->buf, first->address);
		neap_buf_puts(&page->buf, first->at.file ? " (" : "");
		put_place(&page->buf, first->at);
		neap_buf_puts(&page->buf, first->at.file ? ")" : "");
	}
	neap_buf_printf(&page->buf, ": %u not done", run->summary.not_done);
	neap_page_end_line(page);
}

void neap_report_failures_text(FILE *out, const struct neap_run *run, bool color)
{
	struct neap_arena *scratch NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_report_options options = { .color = color, .width = 80 };
	struct neap_page page = { .out = out, .run = run, .options = &options, .scratch = scratch };
	for (size_t i = 0; i < run->graph->node_count; i++) {
		uint32_t number = run->graph->order[i];
		if (number < run->graph->resources.count &&
		    run->results[number].outcome == NEAP_OUTCOME_FAILED)
			put_error(&page, &run->graph->resources.items[number], run->results[number].error);
	}
	put_stop(&page);
	flush(&page);
	neap_buf_done(&page.buf);
}

/* ---- problems of a recipe ----------------------------------------------------------------------------- */

static void put_problem(struct neap_page *page, const struct neap_problem *problem, const char *kind)
{
	if (problem->at.file) {
		neap_page_paint(page, BOLD);
		put_place(&page->buf, problem->at);
		neap_page_paint(page, RESET);
		neap_buf_puts(&page->buf, ": ");
	}
	neap_buf_puts(&page->buf, kind);
	if (problem->address) {
		neap_emit_safes(&page->buf, problem->address);
		neap_buf_puts(&page->buf, ": ");
	}
	/* A cycle is told in several lines: its line ends are ours. */
	const char *rest = problem->message;
	for (const char *end; (end = strchr(rest, '\n')); rest = end + 1) {
		neap_emit_safe(&page->buf, (struct neap_str){ rest, (size_t)(end - rest) }, false);
		neap_buf_puts(&page->buf, "\n    ");
	}
	neap_emit_safes(&page->buf, rest);
	neap_page_end_line(page);
	if (problem->hint)
		neap_page_note(page, "%s", problem->hint);
}

void neap_report_problems_text(FILE *out, const struct neap_problems *problems, bool color)
{
	struct neap_arena *scratch NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_report_options options = { .color = color };
	struct neap_page page = { .out = out, .options = &options, .scratch = scratch };
	for (size_t i = 0; i < problems->warnings.count; i++)
		put_problem(&page, &problems->warnings.items[i], "warning: ");
	for (size_t i = 0; i < problems->errors.count; i++)
		put_problem(&page, &problems->errors.items[i], "");
	if (problems->errors.count > 0) {
		neap_page_paint(&page, BOLD RED);
		neap_buf_printf(&page.buf, "%zu error%s; nothing was applied", problems->errors.count,
				problems->errors.count == 1 ? "" : "s");
		neap_page_paint(&page, RESET);
		neap_page_end_line(&page);
	}
	flush(&page);
	neap_buf_done(&page.buf);
}
