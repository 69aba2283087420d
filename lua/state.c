/*
 * What the C functions share: positions, raising, scratch memory, and the two limits. Knows nothing of what a
 * recipe can say.
 */
#include "lua/state.h"

#include <string.h>

#include "engine/watchdog.h"
#include "lua/type.h"

#define STOP_CALLS 10

/* In the memory of the problems: they and the resources point to the names. */
static const struct neap_lua_file *file_add(struct neap_lua *lua, const char *shown, const char *directory)
{
	struct neap_arena *arena = lua->graph->problems->arena;
	struct neap_lua_file *file = neap_arena_new_of(arena, struct neap_lua_file);

	file->source = neap_arena_printf(arena, "=%s", shown);
	file->shown = file->source + 1;
	file->directory = neap_arena_strdup(arena, directory);
	neap_map_put(&lua->files, neap_str(file->source), file);
	return file;
}

static const struct neap_lua_file *file_find(const struct neap_lua *lua, const char *source)
{
	if (lua->last_file && strcmp(source, lua->last_file->source) == 0)
		return lua->last_file;
	return neap_map_get(&lua->files, neap_str(source));
}

const struct neap_lua_file *neap_lua_file(struct neap_lua *lua, const char *shown)
{
	char *source = neap_arena_printf(lua->graph->problems->arena, "=%s", shown);
	const struct neap_lua_file *file = file_find(lua, source);

	return file ? file : file_add(lua, shown, neap_sources_directory(lua->sources, shown));
}

const struct neap_lua_file *neap_lua_file_inline(struct neap_lua *lua, struct neap_position written)
{
	char *shown = neap_arena_printf(lua->graph->problems->arena, "template in %s:%d", written.file,
					written.line);
	const struct neap_lua_file *file = neap_map_get(
		&lua->files, neap_str(neap_arena_printf(lua->graph->problems->arena, "=%s", shown)));

	if (!file) {
		struct neap_lua_file *new_file = (struct neap_lua_file *)file_add(
			lua, shown, neap_sources_directory(lua->sources, written.file));

		new_file->written = written;
		file = new_file;
	}
	return file;
}

static bool where_in(const struct neap_lua *lua, lua_State *L, int level, struct neap_lua_place *ret)
{
	lua_Debug ar;

	for (; lua_getstack(L, level, &ar); level++) {
		const struct neap_lua_file *file;

		if (!lua_getinfo(L, "Sl", &ar) || ar.currentline < 0)
			continue; /* a C function */
		file = file_find(lua, ar.source);
		if (file) {
			*ret = (struct neap_lua_place){ file, ar.currentline };
			return true;
		}
	}
	return false;
}

bool neap_lua_where(const struct neap_lua *lua, lua_State *L, int level, struct neap_lua_place *ret)
{
	const struct neap_lua_thread *thread = lua->thread;

	if (where_in(lua, L, level, ret))
		return true;
	while (thread && thread->L != L)
		thread = thread->up;
	for (thread = thread ? thread->up : NULL; thread; thread = thread->up)
		if (where_in(lua, thread->L, 0, ret))
			return true;
	return false;
}

struct neap_lua_place neap_lua_caller(struct neap_lua *lua, lua_State *L)
{
	struct neap_lua_place place;

	if (!neap_lua_where(lua, L, 1, &place))
		place = (struct neap_lua_place){ neap_lua_file(lua, neap_sources_main(lua->sources)), 0 };
	lua->last_file = place.file;
	return place;
}

struct neap_position neap_lua_position(struct neap_lua_place place)
{
	if (place.file->written.file)
		return place.file->written;
	return (struct neap_position){ place.file->shown, place.line };
}

struct neap_arena *neap_lua_scratch(struct neap_lua *lua)
{
	if (neap_arena_used(lua->scratch))
		neap_arena_reset(lua->scratch);
	return lua->scratch;
}

void neap_lua_wipe(struct neap_lua *lua)
{
	neap_arena_wipe(lua->scratch);
	neap_arena_wipe(lua->texts);
	neap_arena_wipe(lua->graph->arena);
}

void neap_lua_evaluating(lua_State *L, const char *function)
{
	struct neap_lua *lua = neap_lua_of(L);

	if (!lua->call)
		return;
	neap_error_set(&lua->error, "%s is for evaluation, not for a function of a type", function);
	neap_error_hint(&lua->error, "use it at the top of the module and keep what it gives in a local");
	neap_lua_raise(L);
}

int neap_lua_raise(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_lua_place place = neap_lua_caller(lua, L);

	if (place.line > 0)
		lua_pushfstring(L, "%s:%d: %s", place.file->shown, place.line, lua->error->message);
	else
		lua_pushstring(L, lua->error->message);
	lua->hint_for = lua->hint = NULL;
	if (lua->error->hint) {
		lua->hint_for = neap_arena_strdup(lua->texts, lua_tostring(L, -1));
		lua->hint = neap_arena_strdup(lua->texts, lua->error->hint);
	}
	neap_error_free(lua->error);
	lua->error = NULL;
	lua_error(L);
	__builtin_unreachable();
}

int neap_lua_fail(lua_State *L, const char *format, ...)
{
	struct neap_lua *lua = neap_lua_of(L);
	va_list args;
	const char *message;

	va_start(args, format);
	message = neap_arena_vprintf(lua->scratch, format, args);
	va_end(args);
	neap_error_set(&lua->error, "%s", message);
	neap_lua_raise(L);
}

/* ---- memory ------------------------------------------------------------------------------------------ */

const char *neap_lua_memory_message(const struct neap_lua *lua)
{
	return neap_arena_printf(lua->graph->arena, "evaluation used more than %zu MB of memory",
				 lua->heap.limit >> 20);
}

void neap_lua_check_memory(lua_State *L, struct neap_lua *lua)
{
	size_t used = lua->heap.used + neap_arena_used(lua->graph->arena) + neap_arena_used(lua->texts);

	if (used > lua->heap.limit)
		neap_lua_raise_memory(L);
}

/* ---- time -------------------------------------------------------------------------------------------- */

/* The hook stays: pcall, coroutines and __close get it again at their next instruction. */
static void raise_end(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);

	if (!lua->stopped_at.file)
		neap_lua_where(lua, L, 0, &lua->stopped_at);
	lua_pushliteral(L, "this has ended");
	lua_error(L);
}

static void ended_hook(lua_State *L, lua_Debug *ar)
{
	(void)ar;
	if (neap_lua_of(L)->ended)
		raise_end(L);
	neap_lua_disarm(L); /* of a call before this one, in a coroutine that has outlived it */
}

static void arm(lua_State *L)
{
	lua_sethook(L, ended_hook, LUA_MASKCOUNT, 1);
}

void neap_lua_disarm(lua_State *L)
{
	lua_sethook(L, NULL, 0, 0);
}

void neap_lua_check_ended(lua_State *L, struct neap_lua *lua)
{
	if (!lua->ended)
		return;
	arm(L);
	raise_end(L);
}

void neap_lua_end(lua_State *L, enum neap_lua_end end)
{
	struct neap_lua *lua = neap_lua_of(L);

	if (!lua->ended)
		lua->ended = end;
	arm(L);
	raise_end(L);
	__builtin_unreachable();
}

/* Of the heap, and where memory that it does not see has become too much. The second refusal ends it. */
void neap_lua_refused(void *ctx)
{
	struct neap_lua *lua = ctx;

	if (lua->thread && !lua->stopped_at.file)
		neap_lua_where(lua, lua->thread->L, 0, &lua->stopped_at);
	if (!lua->thread || !lua->heap.over || lua->ended)
		return;
	lua->ended = NEAP_LUA_MEMORY;
	arm(lua->thread->L);
}

void neap_lua_raise_memory(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);

	lua->heap.over = true;
	neap_lua_refused(lua);
	lua_pushliteral(L, "not enough memory");
	lua_error(L);
	__builtin_unreachable();
}

/* Nothing helps: Lua is inside one C function, or runs with hooks off; its line is what it saved last. */
static void leave(struct neap_lua *lua, const char *message, const char *hint, int code)
{
	struct neap_lua_place place = { 0 };
	struct neap_problem last = { .message = message, .hint = hint };

	if (lua->stopped_at.file)
		place = lua->stopped_at;
	else if (!neap_lua_where(lua, lua->thread->L, 0, &place))
		place.file = NULL;
	if (place.file)
		last.at = neap_lua_position(place);
	neap_watchdog_exit(lua->graph->problems, &last, lua->options.json, lua->call && lua->call->view,
			   code);
}

/* In a signal handler. A permanent count hook would halve the speed of everything, so it is set here. */
void neap_lua_expired(void *ctx, unsigned expiry)
{
	struct neap_lua *lua = ctx;

	if (expiry == 1) {
		if (lua->ended != NEAP_LUA_STOPPED)
			lua->ended = NEAP_LUA_TIME;
		arm(lua->thread->L);
		return;
	}
	leave(lua, lua->timeout_message, NEAP_LUA_TIMEOUT_HINT, lua->call && lua->call->view ? 4 : 1);
}

/* Likewise. What a program is waited for is ended by whoever waits, which may take it some seconds. */
void neap_lua_stop(struct neap_lua *lua, unsigned call)
{
	if (call >= STOP_CALLS)
		leave(lua, lua->options.stop_message, NULL, 4);
	if (lua->ended)
		return;
	lua->ended = NEAP_LUA_STOPPED;
	arm(lua->thread->L);
}
