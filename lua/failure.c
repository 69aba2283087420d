/*
 * What ended a protected call, told to people: the place, the message and a hint, from whatever value Lua
 * left on its stack. Knows nothing of who called.
 */
#include <string.h>

#include "lua/state.h"

#define SHOWN_MAX (LUA_IDSIZE - 1) /* Lua cuts longer names of files in its messages */

int neap_lua_note_trace(lua_State *L)
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

/* "site.lua:12: message" → its parts, when it begins with a file that is known; the longest name wins. */
static bool split(const struct neap_lua *lua, const char *text, struct neap_lua_failure *ret)
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

struct neap_lua_failure neap_lua_failure(struct neap_lua *lua, lua_State *L)
{
	struct neap_lua_failure failure = { .at = { neap_sources_main(lua->sources), 0 } };
	const char *raised = "", *from;

	if (lua->trace_count > 0)
		failure.at = neap_lua_position(lua->trace[0]);
	switch (lua_type(L, -1)) {
	case LUA_TSTRING:
		raised = lua_tostring(L, -1);
		if (!split(lua, raised, &failure))
			failure.message = raised;
		break;
	case LUA_TNIL:
		failure.message = "error() was called without a message";
		break;
	default:
		failure.message = neap_arena_printf(
			lua->texts, "error() was called with a %s instead of a message",
			neap_lua_tag(L, -1) == NEAP_LUA_TEXT ? "secret" : luaL_typename(L, -1));
	}
	failure.hint = hint_of(lua, raised, failure.message);
	from = called_from(lua, failure.at);
	if (!failure.hint && from)
		failure.hint = neap_arena_printf(lua->texts, "called from %s", from);
	return failure;
}
