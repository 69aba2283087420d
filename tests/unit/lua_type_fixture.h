/*
 * For tests of types written in Lua: a recipe whose module site/entry.lua defines a type, run on a machine of
 * tables as a plan and as an apply. The standard type keeps "value" and "note" of a name in /t/NAME.
 */
#pragma once

#include "recipe_fixture.h"

#include "engine/run.h"
#include "host/machine.h"

/* A file whose lines are "name=value". */
#define ENTRY_PARAMS                                                                                         \
	"params = {\n"                                                                                       \
	"	path = { kind = 'path', key = true, owns = true, doc = 'Where.' },\n"                              \
	"	value = { kind = 'text', secret = true, doc = 'What.' },\n"                                        \
	"	mode = { kind = 'mode', doc = 'Bits.' },\n"                                                        \
	"	ensure = { kind = 'choice', choices = { 'present', 'absent' }, doc = 'There?' },\n"                \
	"},\n"
#define ENTRY_READ                                                                                           \
	"read = function(view, want)\n"                                                                      \
	"	local content, stat = view:file(want.path)\n"                                                      \
	"	return content and { value = content, mode = stat.mode } or nil\n"                                 \
	"end,\n"
#define ENTRY_APPLY                                                                                          \
	"apply = function(host, want)\n"                                                                     \
	"	if want.ensure == 'absent' then\n"                                                                 \
	"		host:unlink(want.path)\n"                                                                         \
	"	elseif want.value then\n"                                                                          \
	"		host:write(want.path, { content = want.value, mode = want.mode })\n"                              \
	"	end\n"                                                                                             \
	"end,\n"
#define ENTRY_HEAD "local neap = require 'neap'\nreturn neap.type { name = 'entry', summary = 's',\n"
#define ENTRY ENTRY_HEAD ENTRY_PARAMS ENTRY_READ ENTRY_APPLY "}\n"

struct site {
	struct recipe *recipe;
	struct neap_machine *machine;
	struct neap_run *run;
	char *printed;
};

static inline void site_put(struct site *site, const char *path, uint32_t mode, const char *data)
{
	neap_host_memory_put(site->machine, path, NEAP_FILE_REGULAR, mode, 0, 0, data, strlen(data));
}

static inline void site_begin(struct site *site, void **state)
{
	*site = (struct site){ .recipe = *state };
	assert_int_equal(neap_host_memory_new(&site->machine), 0);
	site_put(site, "/etc/passwd", 0644, "root:x:0:0::/root:/bin/sh\nweb:x:33:44::/:/bin/sh\n");
	site_put(site, "/etc/group", 0644, "root:x:0:\nwww:x:44:\n");
	neap_host_memory_put(site->machine, "/t", NEAP_FILE_DIRECTORY, 0755, 0, 0, NULL, 0);
}

static inline void site_end(struct site *site)
{
	neap_run_free(site->run);
	free(site->printed);
	neap_machine_free(site->machine);
}

/* Evaluates with `module` as site/entry.lua; `body` has `entry`. */
static inline void site_load(struct site *site, const char *module, const char *body)
{
	char text[4096];

	neap_run_free(site->run); /* of the graph that goes */
	site->run = NULL;
	recipe_write(site->recipe, "site/entry.lua", module);
	snprintf(text, sizeof text, "local entry = require 'site.entry'\n%s", body);
	recipe_ok(site->recipe, text);
}

static inline void site_run(struct site *site, enum neap_run_mode mode)
{
	struct neap_run_options options = { .mode = mode };
	int file, saved;

	neap_run_free(site->run);
	free(site->printed);
	saved = capture_begin(&file);
	site->run = neap_run(site->recipe->graph, site->machine, &options);
	site->printed = capture_end(saved, file);
}

static inline const char *site_value(struct neap_arena *arena, const struct neap_value *value, bool hidden)
{
	if (hidden)
		return "(hidden)";
	switch (value->kind) {
	case NEAP_NIL:
		return "";
	case NEAP_STRING:
		return neap_text_masked(arena, value->text).data;
	case NEAP_INTEGER:
		return neap_arena_printf(arena, "%lld", (long long)value->integer);
	case NEAP_BOOLEAN:
		return value->boolean ? "true" : "false";
	default:
		return neap_value_kind_name(value->kind);
	}
}

/* "create ensure=absent->present value=->a; none; failed: message | hint": all resources of the last run. */
static inline const char *site_says(struct site *site)
{
	struct neap_arena *arena = site->recipe->arena;
	const char *all = "";

	for (size_t i = 0; i < site->run->graph->resources.count; i++) {
		const struct neap_result *result = &site->run->results[i];
		const char *one = neap_action_name(result->action);

		if (result->outcome == NEAP_OUTCOME_FAILED)
			one = neap_arena_printf(arena, "failed: %s%s%s", result->error->message,
						result->error->hint ? " | " : "",
						result->error->hint ? result->error->hint : "");
		else if (result->outcome == NEAP_OUTCOME_SKIPPED)
			one = "skipped";
		for (size_t j = 0; j < result->change_count && result->outcome != NEAP_OUTCOME_FAILED; j++) {
			const struct neap_change_entry *entry = &result->changes[j];

			one = neap_arena_printf(arena, "%s %s=%s->%s", one, entry->param,
						site_value(arena, &entry->before, entry->hide_before),
						entry->unknown ? "(unknown)"
							       : site_value(arena, &entry->after, false));
		}
		if (result->reason && result->outcome != NEAP_OUTCOME_FAILED)
			one = neap_arena_printf(arena, "%s (%s)", one, result->reason);
		all = neap_arena_printf(arena, "%s%s%s", all, i ? "; " : "", one);
	}
	return all;
}

/* What the file holds, or "absent". */
static inline const char *site_file(struct site *site, const char *path)
{
	struct neap_content content = { 0 };
	struct neap_stat stat;

	assert_int_equal(
		neap_view_file(&site->machine->view, path, site->recipe->arena, &stat, &content, NULL), 0);
	if (stat.kind != NEAP_FILE_REGULAR)
		return neap_file_kind_name(stat.kind);
	return neap_arena_printf(site->recipe->arena, "%04o %.*s", stat.mode, (int)content.size,
				 content.data);
}

static inline void site_is(const char *what, const char *is, const char *expected)
{
	if (strcmp(is, expected) != 0)
		fail_msg("%s\n  is       %s\n  expected %s", what, is, expected);
}

/* The plan says it and changes nothing; the apply says the same; the next plan says nothing. */
static inline void site_goes(struct site *site, const char *module, const char *body, const char *expected)
{
	struct neap_summary summary;

	site_load(site, module, body);
	site_run(site, NEAP_RUN_PLAN);
	site_is("the plan", site_says(site), expected);
	site_run(site, NEAP_RUN_APPLY);
	site_is("the apply", site_says(site), expected);
	site_run(site, NEAP_RUN_PLAN);
	summary = site->run->summary;
	if (summary.unchanged != site->recipe->graph->resources.count)
		fail_msg("not empty after it: %s", site_says(site));
}

/* The one resource fails so, in a plan and in an apply. */
static inline void site_fails(struct site *site, const char *module, const char *body, const char *expected)
{
	const char *text;

	site_load(site, module, body);
	text = neap_arena_printf(site->recipe->arena, "failed: %s", expected);
	site_run(site, NEAP_RUN_PLAN);
	site_is("the plan", site_says(site), text);
	site_run(site, NEAP_RUN_APPLY);
	site_is("the apply", site_says(site), text);
}
