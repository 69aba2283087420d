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

/* What neap_recipe_stop() ends. */
static struct neap_lua *volatile evaluating;
static volatile sig_atomic_t stop_calls;

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
	if (neap_lua_of(L)->options.facts)
		neap_lua_facts_open(L, library);
	neap_lua_type_open(L, library);
	neap_lua_machine_open(L);
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

/* ---- what went wrong
 * ------------------------------------------------------------------------------------------ */

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
	struct neap_lua_failure failure = neap_lua_failure(lua, L);

	add_problem(lua, failure.at, failure.message, failure.hint);
}

/* -D names that nobody asked for. */
static void report_params(struct neap_lua *lua)
{
	const struct neap_recipe_options *options = &lua->options;
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
	lua_State *L = lua->main.L = state_new(lua);
	struct neap_error *err = NULL;
	int status;

	snprintf(lua->timeout_message, sizeof(lua->timeout_message),
		 "evaluation took more than %u s of CPU (--eval-timeout)", lua->options.timeout);
	if (!L) {
		report_limit(lua, neap_lua_memory_message(lua), NULL);
		return -1;
	}
	lua->thread = &lua->main;
	if (neap_watchdog_start(lua->options.timeout, neap_lua_expired, lua, &err) < 0)
		return neap_problem_take(lua->graph->problems, (struct neap_position){ NULL, 0 }, NULL, &err);
	lua_pushcfunction(L, neap_lua_note_trace);
	lua_pushcfunction(L, evaluate);
	stop_calls = 0;
	evaluating = lua;
	/* It may have come just before. */
	if (lua->options.stop && *lua->options.stop)
		neap_recipe_stop();
	status = lua_pcall(L, 0, 0, 1);
	evaluating = NULL;
	neap_watchdog_stop();
	if (lua->ended == NEAP_LUA_STOPPED)
		report_limit(lua, lua->options.stop_message, NULL);
	else if (lua->ended == NEAP_LUA_TIME)
		report_limit(lua, lua->timeout_message, NEAP_LUA_TIMEOUT_HINT);
	else if (lua->ended || lua->heap.over || status == LUA_ERRMEM)
		report_limit(lua, neap_lua_memory_message(lua), NULL);
	else if (status != LUA_OK)
		report_error(lua, L);
	lua_settop(L, 0);
	return lua->ended || lua->heap.over || status != LUA_OK ? -1 : 0;
}

bool neap_recipe_stop(void)
{
	struct neap_lua *lua = evaluating;

	if (!lua)
		return false;
	stop_calls = stop_calls + 1;
	neap_lua_stop(lua, (unsigned)stop_calls);
	return true;
}

void neap_lua_free(void *ctx)
{
	struct neap_lua *lua = ctx;

	if (lua->ticking)
		neap_watchdog_stop();
	/* No lua_close(): there are no finalizers, and the heap goes as a whole. */
	neap_lua_heap_done(&lua->heap);
	neap_text_builder_done(&lua->join.text);
	neap_vec_done(&lua->join.parts);
	neap_vec_done(&lua->join.pending);
	neap_map_done(&lua->files);
	neap_map_done(&lua->params_read);
	neap_map_done(&lua->commands);
	neap_map_done(&lua->types);
	neap_error_free(lua->error);
	neap_arena_free(lua->scratch);
	neap_arena_free(lua->texts);
	neap_free_auto(&lua);
}

int neap_recipe_evaluate(const struct neap_recipe_options *options, struct neap_graph *graph)
{
	struct neap_lua *lua = neap_alloc(sizeof(*lua));
	int r;

	*lua = (struct neap_lua){
		.heap = { .limit = options->memory ? options->memory : MEMORY,
			  .refused = neap_lua_refused,
			  .ctx = lua },
		.options = *options,
		.graph = graph,
		.sources = options->sources,
		.scratch = neap_arena_new(),
		.texts = neap_arena_new(),
	};
	if (!lua->options.timeout)
		lua->options.timeout = TIMEOUT;
	r = run(lua);
	if (r == 0)
		report_params(lua);
	if (r == 0 && lua->types.count > 0) { /* the run calls them */
		graph->loader = lua;
		graph->loader_free = neap_lua_free;
	} else {
		neap_lua_free(lua);
	}
	if (r == 0)
		return neap_graph_finish(graph);
	/* What was named but not declared yet is no error of its own: the graph stays unfinished. */
	neap_problems_sort(graph->problems);
	return -1;
}
