/*
 * Evaluating: makes the state, runs the recipe in one protected call under the watchdog, and turns what ended
 * it into a problem. See recipe.h.
 */
#include "lua/recipe.h"

#include <stdio.h>
#include <string.h>

#include "engine/watchdog.h"
#include "lua/state.h"

#define TIMEOUT 5
#define MEMORY ((size_t)512 << 20)
#define SHOWN_MAX (LUA_IDSIZE - 1) /* Lua cuts longer names of files in its messages */

static void push_library(lua_State *L)
{
	int library;

	neap_lua_text_open(L);
	neap_lua_handle_open(L);
	neap_lua_value_open(L);
	lua_newtable(L);
	library = lua_gettop(L);
	neap_lua_library_open(L, library);
	neap_lua_encode_open(L, library);
	neap_lua_template_open(L, library);
	if (neap_lua_of(L)->options->facts)
		neap_lua_facts_open(L, library);
	neap_lua_declare_open(L, library);
	lua_setfield(L, LUA_REGISTRYINDEX, "neap.library");
}

/* All of the evaluation, protected. */
static int evaluate(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);

	neap_lua_sandbox_open(L);
	push_library(L);
	neap_lua_load(L, neap_lua_file(lua, neap_sources_main(lua->sources)));
	lua_call(L, 0, 0);
	return 0;
}

/* Where an error that nobody caught was raised, and from where that was called. */
static int note_trace(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_lua_place place;
	lua_Debug ar;

	lua->trace_count = 0;
	for (int level = 1; lua->trace_count < NEAP_LUA_TRACE && lua_getstack(L, level, &ar); level++) {
		lua_getinfo(L, "l", &ar);
		if (ar.currentline > 0 && neap_lua_where(lua, L, level, &place))
			lua->trace[lua->trace_count++] = place;
	}
	return 1;
}

/* ---- what went wrong
 * ------------------------------------------------------------------------------------------ */

struct place {
	struct neap_position at;
	const char *message;
};

/* "site.lua:12: message" → its parts, when it begins with a file that is known; the longest name wins. */
static bool split(const struct neap_lua *lua, const char *text, struct place *ret)
{
	size_t best = 0;

	for (size_t i = 0; i < lua->files.count; i++) {
		const struct neap_lua_file *file = lua->files.entries[i].value;
		size_t len = file ? strlen(file->shown) : 0, cut = len > SHOWN_MAX ? SHOWN_MAX : len;
		const char *at;
		int line = 0;

		if (!file)
			continue;
		if (strncmp(text, file->shown, len) == 0 && text[len] == ':')
			at = text + len + 1;
		else if (strncmp(text, file->shown, cut) == 0 && text[cut] == ':')
			at = text + cut + 1;
		else
			continue;
		while (*at >= '0' && *at <= '9' && line < 100000000)
			line = line * 10 + (*at++ - '0');
		if (line == 0 || strncmp(at, ": ", 2) != 0 || len < best)
			continue;
		best = len;
		ret->at = (struct neap_position){ file->shown, line };
		ret->message = at + 2;
		if (file->written.file) {
			ret->at = file->written;
			ret->message =
				neap_arena_printf(lua->texts, "line %d of the template: %s", line, at + 2);
		}
	}
	return best > 0;
}

static const char *called_from(const struct neap_lua *lua, struct neap_position at)
{
	const char *text = NULL;
	struct neap_position last = at;

	for (unsigned i = 0; i < lua->trace_count; i++) {
		struct neap_position from = neap_lua_position(lua->trace[i]);

		if (from.line == last.line && strcmp(from.file, last.file) == 0)
			continue;
		last = from;
		text = neap_arena_printf(lua->texts, "%s%s:%d",
					 text ? neap_arena_printf(lua->texts, "%s, ", text) : "", from.file,
					 from.line);
	}
	return text;
}

static const char *hint_of(const struct neap_lua *lua, const char *raised, const char *message)
{
	if (lua->hint_for && strcmp(raised, lua->hint_for) == 0)
		return lua->hint;
	if (strncmp(message, "stack overflow", 14) == 0)
		return "does a function call itself without end?";
	if (strncmp(message, "C stack overflow", 16) == 0)
		return "something is nested too deeply: calls, parentheses, modules";
	return NULL;
}

static void add_problem(struct neap_lua *lua, struct neap_position at, const char *message, const char *hint)
{
	struct neap_problems *problems = lua->graph->problems;

	neap_problem_add(problems, at, NULL, "%s", message);
	if (hint)
		neap_problem_hint(problems, "%s", hint);
}

static void report_limit(struct neap_lua *lua, const char *message, const char *hint)
{
	struct neap_position at = { lua->sources ? neap_sources_main(lua->sources) : NULL, 0 };

	if (lua->stopped_at.file)
		at = neap_lua_position(lua->stopped_at);
	add_problem(lua, at, message, hint);
}

static void report_error(struct neap_lua *lua, lua_State *L)
{
	struct place place = { { neap_sources_main(lua->sources), 0 }, NULL };
	const char *raised = "", *hint, *from;

	if (lua->trace_count > 0)
		place.at = neap_lua_position(lua->trace[0]);
	switch (lua_type(L, -1)) {
	case LUA_TSTRING:
		raised = lua_tostring(L, -1);
		if (!split(lua, raised, &place))
			place.message = raised;
		break;
	case LUA_TNIL:
		place.message = "error() was called without a message";
		break;
	default:
		place.message = neap_arena_printf(
			lua->texts, "error() was called with a %s instead of a message",
			neap_lua_tag(L, -1) == NEAP_LUA_TEXT ? "secret" : luaL_typename(L, -1));
	}
	hint = hint_of(lua, raised, place.message);
	from = called_from(lua, place.at);
	if (!hint && from)
		hint = neap_arena_printf(lua->texts, "called from %s", from);
	add_problem(lua, place.at, place.message, hint);
}

/* -D names that nobody asked for. */
static void report_params(struct neap_lua *lua)
{
	const struct neap_recipe_options *options = lua->options;
	const char **read = neap_arena_array_of(lua->texts, const char *, lua->params_read.count + 1);
	size_t count = 0;

	for (size_t i = 0; i < lua->params_read.count; i++)
		if (lua->params_read.entries[i].value)
			read[count++] = lua->params_read.entries[i].value;
	for (size_t i = 0; i < options->param_count; i++) {
		const char *name = options->params[i].name, *nearest;

		if (neap_map_get(&lua->params_read, neap_str(name)))
			continue;
		nearest = neap_str_nearest(name, read);
		neap_problem_warn(lua->graph->problems, (struct neap_position){ NULL, 0 },
				  nearest ? "-D %s is never read by the recipe; it reads \"%s\""
					  : "-D %s is never read by the recipe",
				  name, nearest);
	}
}

/* ---- the run
 * --------------------------------------------------------------------------------------------------- */

static lua_State *state_new(struct neap_lua *lua)
{
	lua_State *L = lua_newstate(neap_lua_heap_realloc, &lua->heap);

	if (!L)
		return NULL;
	*(struct neap_lua **)lua_getextraspace(L) = lua;
	/* A recipe makes much and drops little: a collection at every doubling would be for nothing. At the
	 * limit Lua collects anyway. */
	lua_gc(L, LUA_GCINC, 400, 0, 0);
	return L;
}

/* 0: it ran to its end. */
static int run(struct neap_lua *lua)
{
	struct neap_lua_thread thread = { 0 };
	unsigned timeout = lua->options->timeout ? lua->options->timeout : TIMEOUT;
	struct neap_error *err = NULL;
	int status;

	snprintf(lua->timeout_message, sizeof(lua->timeout_message),
		 "evaluation took more than %u s of CPU (--eval-timeout)", timeout);
	thread.L = state_new(lua);
	if (!thread.L) {
		report_limit(lua, neap_lua_memory_message(lua), NULL);
		return -1;
	}
	lua->thread = &thread;
	if (neap_watchdog_start(timeout, neap_lua_expired, lua, &err) < 0)
		return neap_problem_take(lua->graph->problems, (struct neap_position){ NULL, 0 }, NULL, &err);
	lua_pushcfunction(thread.L, note_trace);
	lua_pushcfunction(thread.L, evaluate);
	status = lua_pcall(thread.L, 0, 0, 1);
	neap_watchdog_stop();
	if (lua->expired)
		report_limit(lua, lua->timeout_message, NEAP_LUA_TIMEOUT_HINT);
	else if (lua->heap.over || status == LUA_ERRMEM)
		report_limit(lua, neap_lua_memory_message(lua), NULL);
	else if (status != LUA_OK)
		report_error(lua, thread.L);
	else
		return 0;
	return -1;
}

int neap_recipe_evaluate(const struct neap_recipe_options *options, struct neap_graph *graph)
{
	struct neap_lua lua = {
		.heap = { .limit = options->memory ? options->memory : MEMORY, .refused = neap_lua_refused },
		.options = options,
		.graph = graph,
		.sources = options->sources,
		.scratch = neap_arena_new(),
		.texts = neap_arena_new(),
	};
	int r;

	lua.heap.ctx = &lua;
	r = run(&lua);
	if (r == 0)
		report_params(&lua);
	/* No lua_close(): there are no finalizers, and the heap goes as a whole. */
	neap_lua_heap_done(&lua.heap);
	neap_text_builder_done(&lua.join.text);
	neap_vec_done(&lua.join.parts);
	neap_vec_done(&lua.join.pending);
	neap_map_done(&lua.files);
	neap_map_done(&lua.params_read);
	neap_map_done(&lua.commands);
	neap_error_free(lua.error);
	neap_arena_free(lua.scratch);
	neap_arena_free(lua.texts);
	if (r == 0)
		return neap_graph_finish(graph);
	/* What was named but not declared yet is no error of its own: the graph stays unfinished. */
	neap_problems_sort(graph->problems);
	return -1;
}
